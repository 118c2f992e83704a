package bot

import (
	"crypto/sha256"
	"math/bits"
	"strconv"
)

// The proof of work is hashcash in pieces: for each piece the client looks for a
// nonce with which SHA-256("token:piece:nonce") begins with so many zero bits.
// Eight pieces of 14 bits are 131,072 hashes on average, a few tenths of a
// second; one piece of 17 would be as much, but with far more luck in it. To
// verify is eight hashes, whatever it cost.
const (
	pieces  = 8
	easiest = 13 // bits: 65,536 hashes
	instead = 18 // 2 million, for who won't have a service: some seconds
	hardest = 19 // 4 million
)

// difficultyOf is the price of so many points of suspicion: twice as much for
// every second one.
func difficultyOf(points int) int {
	return min(easiest+max(points-threshold+2, 0)/2, hardest)
}

// worked reports whether nonces are a proof of work for token.
func worked(token string, difficulty, pieces int, nonces []uint32) bool {
	if pieces == 0 || len(nonces) != pieces || difficulty < easiest {
		return false
	}
	b := make([]byte, 0, 128)
	for i, n := range nonces {
		b = append(b[:0], token...)
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(n), 10)
		if zeros(sha256.Sum256(b)) < difficulty {
			return false
		}
	}
	return true
}

func zeros(sum [sha256.Size]byte) int {
	n := 0
	for _, b := range sum {
		n += bits.LeadingZeros8(b)
		if b != 0 {
			break
		}
	}
	return n
}

// Work solves a challenge as a client does. It is for programs and tests.
func Work(c Challenge) Proof {
	p := Proof{Token: c.Token}
	for i := range c.Pieces {
		prefix := append([]byte(c.Token), ':')
		prefix = append(strconv.AppendInt(prefix, int64(i), 10), ':')
		for n := uint32(0); ; n++ {
			if zeros(sha256.Sum256(strconv.AppendUint(prefix, uint64(n), 10))) >= c.Difficulty {
				p.Nonces = append(p.Nonces, n)
				break
			}
		}
	}
	return p
}
