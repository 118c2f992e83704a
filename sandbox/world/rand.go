package world

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/shopspring/decimal"
)

// Rand returns the chance that belongs to the keys: the same seed and keys
// give the same draws in every run, and other keys give unrelated ones. Keys
// are strings, integers and Days.
func Rand(seed uint64, keys ...any) *rand.Rand {
	sum := digest(seed, keys)
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

// Code returns n (at most 32) characters of 0-9 and a-v that belong to the
// keys, for identifiers that look like a provider's. It is repeatable and so
// guessable: fine in a world whose secrets protect nothing.
func Code(seed uint64, n int, keys ...any) string {
	sum := digest(seed, keys)
	text := base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20])
	return strings.ToLower(text)[:n]
}

func digest(seed uint64, keys []any) [sha256.Size]byte {
	h := sha256.New()
	var word [8]byte
	binary.BigEndian.PutUint64(word[:], seed)
	h.Write(word[:])
	for _, k := range keys {
		var s string
		switch v := k.(type) {
		case string:
			s = v
		case Day:
			s = fmt.Sprint(int(v))
		default:
			s = fmt.Sprint(v)
		}
		binary.BigEndian.PutUint64(word[:], uint64(len(s))) // so that ("a","bc") isn't ("ab","c")
		h.Write(word[:])
		h.Write([]byte(s))
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

// Cents draws an amount between low and high (both in cents, inclusive), in
// units of the currency.
func Cents(r *rand.Rand, low, high int64) decimal.Decimal {
	return decimal.New(low+r.Int64N(high-low+1), -2)
}

// Pick draws one of the choices.
func Pick[T any](r *rand.Rand, choices []T) T {
	return choices[r.IntN(len(choices))]
}

// Chance reports true in p of all draws; p is 0 to 1.
func Chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

// Times draws how often a thing that happens mean times on average happens
// (Poisson); it is meant for small means and never returns more than 12.
func Times(r *rand.Rand, mean float64) int {
	n, p := 0, r.Float64()
	term := math.Exp(-mean)
	for sum := term; p > sum && n < 12; sum += term {
		n++
		term *= mean / float64(n)
	}
	return n
}
