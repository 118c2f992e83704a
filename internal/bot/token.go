package bot

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"time"
)

// How long tokens are good.
const (
	proofTTL = 10 * time.Minute        // for a proof
	tooFast  = 1200 * time.Millisecond // faster than people fill a form in
	tooOld   = 2 * time.Hour           // a page left open
	skew     = 5 * time.Second         // between the clocks of nodes
)

// The parts of a token: version, action, time in milliseconds, difficulty,
// pieces, id, network, signature.
const (
	tokenVersion = 1
	tagLen       = 8
	macLen       = 16
	signedLen    = 1 + 1 + 8 + 1 + 1 + 16 + tagLen
	tokenLen     = signedLen + macLen
)

var errToken = errors.New("not a token of this form")

// token is what a page got with its form.
type token struct {
	issued     time.Time
	difficulty int
	pieces     int
	id         [16]byte
}

// issue signs a token for a form of action that is shown to from.
func (g *Guard) issue(action string, from netip.Addr, difficulty int) (string, error) {
	index := slices.Index(actions(), action)
	if index < 0 {
		return "", errors.New("issue a form's token: no such form")
	}
	b := make([]byte, 0, tokenLen)
	b = append(b, tokenVersion, byte(index))
	b = binary.BigEndian.AppendUint64(b, uint64(g.cfg.Now().UnixMilli()))
	b = append(b, byte(difficulty), pieces)
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	b = append(b, id[:]...)
	b = append(b, g.tag(from)...)
	b = append(b, g.sign(b)...)
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// open reads a token. One that wasn't made here, or for another form or network,
// is errToken.
func (g *Guard) open(text, action string, from netip.Addr) (token, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != tokenLen || b[0] != tokenVersion {
		return token{}, errToken
	}
	if subtle.ConstantTimeCompare(g.sign(b[:signedLen]), b[signedLen:]) != 1 {
		return token{}, errToken
	}
	index := slices.Index(actions(), action)
	if index < 0 || int(b[1]) != index || subtle.ConstantTimeCompare(g.tag(from), b[28:28+tagLen]) != 1 {
		return token{}, errToken
	}
	t := token{
		issued:     time.UnixMilli(int64(binary.BigEndian.Uint64(b[2:10]))),
		difficulty: int(b[10]), pieces: int(b[11]), id: [16]byte(b[12:28]),
	}
	return t, nil
}

func (g *Guard) sign(b []byte) []byte { return g.keys.Mac("bot.token", b)[:macLen] }

// tag stands for a network in a token, without telling which.
func (g *Guard) tag(from netip.Addr) []byte {
	a := network(from).As16()
	return g.keys.Mac("bot.network", a[:])[:tagLen]
}

// network is the part of an address that is one household: all of IPv4, a /64 of
// IPv6. An unknown address is one network, too.
func network(a netip.Addr) netip.Addr {
	if a = a.Unmap(); !a.IsValid() {
		return netip.IPv6Unspecified()
	}
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
