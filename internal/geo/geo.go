// Package geo says where in the world an IP address is, as far as that can be
// known without asking anybody: in which country, with an operator's own
// database also in which city, and whose network it belongs to.
//
// One binary knows countries by itself: a table of some 500,000 ranges, made by
// generate.go from a public database (NOTICE) and packed into half a megabyte.
// Operators put their own in its place by FLINT_GEO_DB (an mmdb file, in
// MaxMind's shape or the flat one of ip-location-db) and say whose networks are
// whose by FLINT_ASN_DB.
//
// It is a hint and never a proof. Tables are wrong at borders, for travelling
// phones and for networks that were sold last week, and a VPN is wherever it
// likes to be. So nothing may be allowed because of a place; that something is
// unusual may follow from it.
//
// Addresses of this machine, of a private network or of none are nowhere.
package geo

import (
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
)

// Config names the databases of an operator.
type Config struct {
	// Places is an mmdb file that says where addresses are. Empty: the table that
	// comes with Flint, which knows countries.
	Places string `env:"FLINT_GEO_DB"`
	// Networks is an mmdb file that says which autonomous system an address
	// belongs to. Empty: that stays unknown.
	Networks string `env:"FLINT_ASN_DB"`
}

// Place is where an address is.
type Place struct {
	Country   string  // ISO 3166-1, such as FR
	Name      string  // for people: "Lyon, France", or "the Netherlands"
	City      string  // empty if only the country is known
	Latitude  float64 // degrees; of the country's middle if there is no city
	Longitude float64
	Reach     float64 // km around that point within which the address may really be
}

// Network is whose an address is.
type Network struct {
	Number uint32 // of the autonomous system
	Name   string // of its owner, as they call it; not for mails
}

// Atlas knows places. A nil one knows none. It is safe for use by many
// goroutines.
type Atlas struct {
	table    *table
	places   *maxminddb.Reader
	networks *maxminddb.Reader
}

// Open returns an Atlas. A database that is named but can't be read is an error:
// an operator who wants it must not run without.
func Open(cfg Config) (*Atlas, error) {
	a := &Atlas{}
	var err error
	if cfg.Places != "" {
		if a.places, err = maxminddb.Open(cfg.Places); err != nil {
			return nil, fmt.Errorf("FLINT_GEO_DB: %w", err)
		}
	} else if a.table, err = embedded(); err != nil {
		return nil, err
	}
	if cfg.Networks != "" {
		if a.networks, err = maxminddb.Open(cfg.Networks); err != nil {
			return nil, errors.Join(fmt.Errorf("FLINT_ASN_DB: %w", err), a.Close())
		}
	}
	return a, nil
}

// Close lets go of the operator's databases.
func (a *Atlas) Close() error {
	var err error
	for _, r := range []*maxminddb.Reader{a.places, a.networks} {
		if r != nil {
			err = errors.Join(err, r.Close())
		}
	}
	return err
}

// Place returns where addr is, and false if that isn't known.
func (a *Atlas) Place(addr netip.Addr) (Place, bool) {
	addr = addr.Unmap().WithZone("")
	if a == nil || !public(addr) {
		return Place{}, false
	}
	if a.places != nil {
		return a.asked(addr)
	}
	return placeOf(a.table.country(addr))
}

// PlaceOf is Place of an address as it is stored, in text.
func (a *Atlas) PlaceOf(address string) (Place, bool) {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return Place{}, false
	}
	return a.Place(addr)
}

// KnowsNetworks reports whether Network has anything to say.
func (a *Atlas) KnowsNetworks() bool { return a != nil && a.networks != nil }

// Network returns whose addr is, and false if that isn't known.
func (a *Atlas) Network(addr netip.Addr) (Network, bool) {
	addr = addr.Unmap().WithZone("")
	if !a.KnowsNetworks() || !public(addr) {
		return Network{}, false
	}
	var r struct {
		Number uint32 `maxminddb:"autonomous_system_number"`
		Name   string `maxminddb:"autonomous_system_organization"`
	}
	if err := a.networks.Lookup(addr).Decode(&r); err != nil || r.Number == 0 {
		return Network{}, false
	}
	return Network{r.Number, r.Name}, true
}

// public reports whether addr can be somewhere.
func public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, p := range nowhere {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// nowhere are ranges in which nobody is, though they look like others: what
// carriers use between their customers and the internet (RFC 6598), what
// machines are measured with (2544), what books give as examples (5737, 3849).
var nowhere = []netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32"),
}

// asked is Place by the operator's database.
func (a *Atlas) asked(addr netip.Addr) (Place, bool) {
	var r struct {
		Code      string  `maxminddb:"country_code"` // the flat shape
		Latitude  float64 `maxminddb:"latitude"`
		Longitude float64 `maxminddb:"longitude"`
		Country   struct {
			Code string `maxminddb:"iso_code"`
		} `maxminddb:"country"`
		Location struct {
			Latitude  float64 `maxminddb:"latitude"`
			Longitude float64 `maxminddb:"longitude"`
			Radius    float64 `maxminddb:"accuracy_radius"`
		} `maxminddb:"location"`
	}
	found := a.places.Lookup(addr)
	if !found.Found() || found.Decode(&r) != nil {
		return Place{}, false
	}
	if r.Code == "" {
		r.Code, r.Latitude, r.Longitude = r.Country.Code, r.Location.Latitude, r.Location.Longitude
	}
	var city string // a word in the flat shape, names by language in MaxMind's
	if found.DecodePath(&city, "city") != nil {
		if found.DecodePath(&city, "city", "names", "en") != nil {
			city = ""
		}
	}
	p, ok := placeOf(code(r.Code))
	if !ok || !finite(r.Latitude, 90) || !finite(r.Longitude, 180) || (r.Latitude == 0 && r.Longitude == 0) {
		return p, ok
	}
	if city = printable(city); city == "" {
		return p, ok
	}
	p.City, p.Name = city, city+", "+p.Name
	p.Latitude, p.Longitude, p.Reach = r.Latitude, r.Longitude, math.Max(r.Location.Radius, 100)
	return p, true
}

func finite(degrees, most float64) bool {
	return !math.IsNaN(degrees) && math.Abs(degrees) <= most
}

// code turns the two letters of a country into a number; anything else is 0.
func code(letters string) uint16 {
	if len(letters) != 2 || letters[0] < 'A' || letters[0] > 'Z' || letters[1] < 'A' || letters[1] > 'Z' {
		return 0
	}
	return uint16(letters[0])<<8 | uint16(letters[1])
}

// Apart returns how many kilometres lie between two places at least: along the
// surface, less what either may be off.
func Apart(a, b Place) float64 {
	return math.Max(0, distance(a.Latitude, a.Longitude, b.Latitude, b.Longitude)-a.Reach-b.Reach)
}

// distance is the great circle between two points in km, by the haversine.
func distance(lat1, lon1, lat2, lon2 float64) float64 {
	const radius, degree = 6371.0, math.Pi / 180
	dLat, dLon := (lat2-lat1)*degree, (lon2-lon1)*degree
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(lat1*degree)*math.Cos(lat2*degree)*math.Pow(math.Sin(dLon/2), 2)
	return 2 * radius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// Where is a Place as lists show it.
type Where struct {
	Country string `json:"country" doc:"ISO 3166-1, such as FR"`
	Name    string `json:"name" doc:"For people, such as the Netherlands"`
}

// Where returns where an address is that was stored as text, nil if that isn't
// known.
func (a *Atlas) Where(address string) *Where {
	p, ok := a.PlaceOf(address)
	if !ok {
		return nil
	}
	return &Where{p.Country, p.Name}
}
