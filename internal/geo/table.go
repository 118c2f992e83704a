package geo

import (
	"bytes"
	"cmp"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

//go:generate go run generate.go geo-whois-asn-country.mmdb

//go:embed countries.bin
var packed []byte

//go:embed countries.txt
var described string

// mostRanges bounds what a table may make us allocate.
const mostRanges = 4 << 20

// embedded unpacks the table that comes with Flint, once (about 20 ms and 4 MB).
var embedded = sync.OnceValues(func() (*table, error) {
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), 64<<20))
	if err != nil {
		return nil, fmt.Errorf("unpack the table of countries: %w", err)
	}
	return readTable(raw)
})

// table says for ranges of addresses where they are. Range i goes from start i
// to the start after it. 0 is nowhere.
type table struct {
	starts4    []uint32
	countries4 []uint16
	starts6    []uint64 // the first 48 bits
	countries6 []uint16
}

var errTable = errors.New("the table of countries is damaged")

// readTable reads what generate.go wrote: for IPv4 and then for IPv6 the number
// of ranges, the countries, and the distances between the starts.
func readTable(raw []byte) (*table, error) {
	t := &table{}
	starts, countries, rest, err := readColumn(raw)
	if err != nil {
		return nil, err
	}
	t.countries4, t.starts4 = countries, make([]uint32, len(starts))
	for i, s := range starts {
		if s > math.MaxUint32 {
			return nil, errTable
		}
		t.starts4[i] = uint32(s)
	}
	if t.starts6, t.countries6, rest, err = readColumn(rest); err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errTable
	}
	return t, nil
}

func readColumn(raw []byte) (starts []uint64, countries []uint16, rest []byte, err error) {
	n, used := binary.Uvarint(raw)
	if used <= 0 || n > mostRanges || uint64(len(raw)-used) < 3*n {
		return nil, nil, nil, errTable
	}
	raw = raw[used:]
	starts, countries = make([]uint64, n), make([]uint16, n)
	for i := range countries {
		countries[i] = binary.BigEndian.Uint16(raw[2*i:])
	}
	raw = raw[2*n:]
	last := uint64(0)
	for i := range starts {
		d, used := binary.Uvarint(raw)
		if used <= 0 || last+d < last || (d == 0 && i > 0) {
			return nil, nil, nil, errTable
		}
		last += d
		starts[i], raw = last, raw[used:]
	}
	return starts, countries, raw, nil
}

// country returns where addr is, 0 if nowhere.
func (t *table) country(addr netip.Addr) uint16 {
	if addr.Is4() {
		b := addr.As4()
		return last(t.starts4, t.countries4, binary.BigEndian.Uint32(b[:]))
	}
	b := addr.As16()
	return last(t.starts6, t.countries6, binary.BigEndian.Uint64(b[:])>>16)
}

// last returns the country of the last range that starts at or before at.
func last[N cmp.Ordered](starts []N, countries []uint16, at N) uint16 {
	i, found := slices.BinarySearch(starts, at)
	if !found {
		i--
	}
	if i < 0 {
		return 0
	}
	return countries[i]
}

// country is a line of countries.txt.
type country struct {
	code     uint16
	place    Place
	sentence string // the line, for tests
}

// countries is the table of countries.txt, by code.
var countries = sync.OnceValue(func() []country {
	var all []country
	for line := range strings.Lines(described) {
		head, numbers, _ := strings.Cut(strings.TrimSpace(line), "|")
		letters, name, _ := strings.Cut(head, " ")
		var n [3]float64
		for i, s := range strings.SplitN(numbers, "|", 3) {
			n[i], _ = strconv.ParseFloat(s, 64) // a test reads every line
		}
		// As if the country were round, and half as wide again because none is.
		reach := 1.5 * math.Sqrt(n[2]*1000/math.Pi)
		all = append(all, country{code(letters), Place{Country: letters, Name: name, Latitude: n[0], Longitude: n[1], Reach: math.Max(reach, 50)}, line})
	}
	slices.SortFunc(all, func(a, b country) int { return cmp.Compare(a.code, b.code) })
	return all
})

// placeOf returns the country with that code.
func placeOf(c uint16) (Place, bool) {
	all := countries()
	i, ok := slices.BinarySearchFunc(all, c, func(each country, c uint16) int { return cmp.Compare(each.code, c) })
	if !ok {
		return Place{}, false
	}
	return all[i].place, true
}

// ByCountry returns the country with an ISO 3166-1 code, as it was stored.
func ByCountry(letters string) (Place, bool) { return placeOf(code(letters)) }

// printable returns a name without what isn't a letter, a mark, a space or the
// like: it goes into mails, and its database came from elsewhere.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Letter, unicode.Mark) || strings.ContainsRune(" .,'’-()", r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(name, ""))
	if r := []rune(name); len(r) > 60 {
		name = string(r[:60])
	}
	return strings.TrimSpace(name)
}
