package geo_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"flint/internal/geo"
)

func open(t testing.TB) *geo.Atlas {
	t.Helper()
	a, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheTableKnowsCountries(t *testing.T) {
	t.Parallel()
	a := open(t)
	for address, want := range map[string]string{
		"8.8.8.8": "US", "81.2.69.142": "GB", "2001:4860:4860::8888": "US", "::ffff:81.2.69.142": "GB",
		"193.99.144.80": "DE", "2a02:2e0:3fe:1001:302::": "DE", "133.11.0.1": "JP", "200.160.2.3": "BR", "1.1.1.1": "AU",
	} {
		p, ok := a.Place(netip.MustParseAddr(address))
		if !ok || p.Country != want {
			t.Errorf("%s is in %q, not in %s", address, p.Country, want)
		}
		if p.Name == "" || p.Reach == 0 {
			t.Errorf("%s: %+v", address, p)
		}
	}
}

func TestWhatIsNowhereIsNeverACountry(t *testing.T) {
	t.Parallel()
	a := open(t)
	for _, address := range []string{
		"127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.1.1", "fe80::1%eth0", "fd00::1", "0.0.0.0", "::",
		"224.0.0.1", "255.255.255.255", "100.64.0.1", "ff02::1", "203.0.113.9", "2001:db8::1", "::ffff:10.0.0.1",
	} {
		if p, ok := a.Place(netip.MustParseAddr(address)); ok {
			t.Errorf("%s is in %s", address, p.Name)
		}
	}
	for _, text := range []string{"", "here", "8.8.8.8:53"} {
		if p, ok := a.PlaceOf(text); ok {
			t.Errorf("%q is in %s", text, p.Name)
		}
	}
	var none *geo.Atlas
	if _, ok := none.PlaceOf("8.8.8.8"); ok || none.KnowsNetworks() {
		t.Error("no atlas knows something")
	}
}

func TestDistancesAreAtLeastWhatLiesBetween(t *testing.T) {
	t.Parallel()
	in := func(code string) geo.Place {
		p, ok := geo.ByCountry(code)
		if !ok {
			t.Fatalf("no country %s", code)
		}
		return p
	}
	for _, neighbours := range [][2]string{{"US", "CA"}, {"US", "MX"}, {"FR", "DE"}, {"GB", "IE"}, {"RU", "FI"}, {"CN", "HK"}, {"NL", "BE"}, {"FR", "FR"}, {"GB", "FR"}, {"AT", "DE"}} {
		if d := geo.Apart(in(neighbours[0]), in(neighbours[1])); d > 400 {
			t.Errorf("%s and %s are %.0f km apart", neighbours[0], neighbours[1], d)
		}
	}
	for far, least := range map[[2]string]float64{{"GB", "AU"}: 11_000, {"US", "JP"}: 6_000, {"US", "BR"}: 2_000, {"DE", "VN"}: 7_000, {"ES", "NG"}: 1_500} {
		if d := geo.Apart(in(far[0]), in(far[1])); d < least {
			t.Errorf("%s and %s are %.0f km apart, not %.0f", far[0], far[1], d, least)
		}
	}
}

func TestAnOperatorsOwnDatabaseTakesThePlaceOfTheTable(t *testing.T) {
	t.Parallel()
	if _, err := geo.Open(geo.Config{Places: filepath.Join(t.TempDir(), "none.mmdb")}); err == nil {
		t.Error("a missing database is passed over")
	}
	junk := filepath.Join(t.TempDir(), "junk.mmdb")
	if err := os.WriteFile(junk, []byte("no database"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := geo.Open(geo.Config{Networks: junk}); err == nil {
		t.Error("a damaged database is passed over")
	}
	flat := write(t, map[string]any{"country_code": "GB", "city": "London", "latitude": 51.5, "longitude": -0.1})
	nested := write(t, map[string]any{
		"country": map[string]any{"iso_code": "GB"}, "city": map[string]any{"names": map[string]any{"en": "London"}},
		"location": map[string]any{"latitude": 51.5, "longitude": -0.1, "accuracy_radius": 20.0},
	})
	for shape, path := range map[string]string{"flat": flat, "nested": nested} {
		a, err := geo.Open(geo.Config{Places: path})
		if err != nil {
			t.Fatal(err)
		}
		p, ok := a.PlaceOf("81.2.69.142")
		want := geo.Place{Country: "GB", Name: "London, the United Kingdom", City: "London", Latitude: 51.5, Longitude: -0.1, Reach: 100}
		if !ok || p != want {
			t.Errorf("%s: %+v", shape, p)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, odd := range []map[string]any{
		{"country_code": "GB"}, {"country": map[string]any{"iso_code": "GB"}}, {"country_code": "GB", "city": "", "latitude": 51.5, "longitude": -0.1},
		{"country_code": "GB", "city": "\n<>", "latitude": 51.5, "longitude": -0.1}, {"country_code": "GB", "city": "X", "latitude": 951.5, "longitude": -0.1},
	} {
		a, err := geo.Open(geo.Config{Places: write(t, odd)})
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := a.PlaceOf("81.2.69.142"); !ok || p.Name != "the United Kingdom" {
			t.Errorf("%v: %+v", odd, p)
		}
	}
	for _, odd := range []map[string]any{{}, {"country_code": "England"}, {"country_code": "QQ"}} {
		a, err := geo.Open(geo.Config{Places: write(t, odd)})
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := a.PlaceOf("81.2.69.142"); ok {
			t.Errorf("%v: %+v", odd, p)
		}
	}
	a, err := geo.Open(geo.Config{Networks: write(t, map[string]any{"autonomous_system_number": uint32(64500), "autonomous_system_organization": "Example"})})
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := a.Network(netip.MustParseAddr("81.2.69.142")); !ok || n != (geo.Network{Number: 64500, Name: "Example"}) {
		t.Errorf("%+v", n)
	}
	if _, ok := a.Network(netip.MustParseAddr("127.0.0.1")); ok {
		t.Error("this machine is in a network")
	}
}

// write makes an mmdb file in which every address has one record.
func write(t *testing.T, record map[string]any) string {
	t.Helper()
	var file []byte
	// One node, both of whose branches lead to the record: 1 node + 16 bytes of
	// zeros, 24 bits a branch.
	for range 2 {
		file = append(file, 0, 0, 1+16)
	}
	file = append(file, make([]byte, 16)...)
	file = append(file, value(t, record)...)
	file = append(file, "\xab\xcd\xefMaxMind.com"...)
	file = append(file, value(t, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(1), "database_type": "Test",
		"ip_version": uint16(4), "languages": []any{}, "node_count": uint32(1), "record_size": uint16(24), "description": map[string]any{"en": "test"},
	})...)
	path := filepath.Join(t.TempDir(), "test.mmdb")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
