package geo

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

func TestEveryCountryOfTheTableHasANameAndAMiddle(t *testing.T) {
	t.Parallel()
	table, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	if len(table.starts4) < 100_000 || len(table.starts6) < 50_000 {
		t.Fatalf("%d and %d ranges", len(table.starts4), len(table.starts6))
	}
	seen := map[uint16]int{}
	for _, c := range append(table.countries4, table.countries6...) {
		seen[c]++
	}
	for c, n := range seen {
		if _, ok := placeOf(c); !ok && c != 0 {
			t.Errorf("%d ranges are in %c%c, which countries.txt doesn't have", n, c>>8, c&0xff)
		}
	}
	for i, c := range countries() {
		p := c.place
		if c.code == 0 || len(p.Name) < 4 || strings.Count(c.sentence, "|") != 3 || p.Latitude == 0 && p.Longitude == 0 ||
			p.Latitude < -90 || p.Latitude > 90 || p.Longitude < -180 || p.Longitude > 180 || p.Reach < 50 || p.Reach > 4000 {
			t.Errorf("%q: %+v", c.sentence, p)
		}
		if i > 0 && countries()[i-1].code == c.code {
			t.Errorf("%q is there twice", p.Country)
		}
	}
}

func FuzzATableIsReadOrRefused(f *testing.F) {
	raw, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{1, 'F', 'R', 1, 0})
	f.Add([]byte{2, 'F', 'R', 'D', 'E', 1, 5, 1, 'U', 'S', 9})
	f.Add(raw[:2000])
	f.Fuzz(func(t *testing.T, raw []byte) {
		table, err := readTable(raw)
		if err != nil {
			return
		}
		for _, a := range []string{"0.0.0.0", "255.255.255.255", "8.8.8.8", "::", "ffff:ffff::"} {
			table.country(netip.MustParseAddr(a))
		}
	})
}

func BenchmarkPlace(b *testing.B) {
	a, err := Open(Config{})
	if err != nil {
		b.Fatal(err)
	}
	var addresses [4096]netip.Addr
	r := rand.New(rand.NewPCG(1, 2))
	for i := range addresses {
		if i%2 == 0 {
			n := r.Uint32()
			addresses[i] = netip.AddrFrom4([4]byte{byte(n>>24)%223 + 1, byte(n >> 16), byte(n >> 8), byte(n)})
			continue
		}
		n := r.Uint64()
		addresses[i] = netip.AddrFrom16([16]byte{0x20, 0x01, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a.Place(addresses[i%len(addresses)])
	}
}
