package identity

import (
	"time"

	"github.com/alexedwards/argon2id"
)

// Lighten makes hashes cheap, so that a test of times sees what else takes time
// and doesn't take minutes. It returns the hash of a password that nobody has.
func (s *Service) Lighten() (string, error) {
	h, err := newHasher(1, &argon2id.Params{Memory: 512, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}, nil)
	if err != nil {
		return "", err
	}
	s.hasher, s.beat = h, time.Millisecond
	return argon2id.CreateHash("whatever it was", h.params)
}

// Crowd fills the line of those who wait to have a password hashed, until leave.
func (s *Service) Crowd() (leave func()) {
	n := cap(s.hasher.line)
	for range n {
		s.hasher.line <- struct{}{}
	}
	return func() {
		for range n {
			<-s.hasher.line
		}
	}
}
