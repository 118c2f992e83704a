//go:build ignore

// Generate writes countries.bin from an mmdb file that says in which country
// an address is:
//
//	go run generate.go geo-whois-asn-country.mmdb
//
// NOTICE names the file that the present table was made from.
package main

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"log"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
)

// column is what is known of one family of addresses: where each range begins,
// counted from where the one before did, and its country.
type column struct {
	starts    []byte
	countries []byte
	n         int
	last      uint64
	country   string
	next      uint64 // where the last range ended
}

func (c *column) add(start, end uint64, country string) {
	if c.n > 0 && start > c.next {
		c.put(c.next, "")
	}
	c.put(start, country)
	c.next = end
}

func (c *column) put(start uint64, country string) {
	if c.n > 0 && country == c.country || c.n == 0 && country == "" {
		return
	}
	c.starts = binary.AppendUvarint(c.starts, start-c.last)
	if country == "" {
		country = "\x00\x00"
	}
	c.countries = append(c.countries, country...)
	c.last, c.country = start, country
	if country == "\x00\x00" {
		c.country = ""
	}
	c.n++
}

func main() {
	db, err := maxminddb.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var v4, v6 column
	for r := range db.Networks() {
		var record struct {
			Country string `maxminddb:"country_code"`
		}
		if err := r.Decode(&record); err != nil {
			log.Fatal(err)
		}
		p := r.Prefix()
		if len(record.Country) != 2 {
			log.Fatalf("%s is in %q", p, record.Country)
		}
		if a := p.Addr(); a.Is4() || a.Is4In6() {
			bits := p.Bits()
			if a.Is4In6() {
				bits -= 96
			}
			b := a.Unmap().As4()
			start := uint64(binary.BigEndian.Uint32(b[:]))
			v4.add(start, start+1<<(32-bits), record.Country)
			continue
		}
		// Nobody is told apart within a /48, so only the first 48 bits count. Of
		// longer prefixes in one /48 the first decides.
		b := p.Masked().Addr().As16()
		start := binary.BigEndian.Uint64(b[:]) >> 16
		if start < v6.next {
			continue
		}
		v6.add(start, start+1<<max(48-p.Bits(), 0), record.Country)
	}
	if v4.next < 1<<32 {
		v4.put(v4.next, "")
	}
	v6.put(v6.next, "")
	var raw bytes.Buffer
	for _, c := range []column{v4, v6} {
		raw.Write(binary.AppendUvarint(nil, uint64(c.n)))
		raw.Write(c.countries)
		raw.Write(c.starts)
	}
	out, err := os.Create("countries.bin")
	if err != nil {
		log.Fatal(err)
	}
	w, _ := flate.NewWriter(out, flate.BestCompression)
	if _, err := w.Write(raw.Bytes()); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	if err := out.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d ranges of IPv4, %d of IPv6, %d bytes\n", v4.n, v6.n, raw.Len())
}
