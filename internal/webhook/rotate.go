package webhook

import (
	"slices"
	"time"

	"flint/internal/config"
)

// Overlap is how long secrets that were replaced still verify deliveries: what
// was signed with them is under way, or is tried again.
const Overlap = time.Hour

// signing is what deliveries may be signed with.
type signing struct {
	teller, snapTrade []config.Secret
	before            *signing  // what this replaced
	until             time.Time // how long that still counts
}

// Rotate replaces the secrets while the Service works. Those of before count for
// another Overlap.
func (s *Service) Rotate(teller, snapTrade []config.Secret) {
	now := s.cfg.Now()
	before := *s.valid.Load()
	if equal(before.teller, teller) && equal(before.snapTrade, snapTrade) {
		return
	}
	if !now.Before(before.until) {
		before.before = nil
	}
	s.valid.Store(&signing{teller: teller, snapTrade: snapTrade, before: &before, until: now.Add(Overlap)})
}

func equal(a, b []config.Secret) bool {
	return slices.EqualFunc(a, b, config.Secret.Equal)
}

// secrets returns all that count now, the newest first.
func (s *Service) secrets(of func(*signing) []config.Secret) []config.Secret {
	var all []config.Secret
	now := s.cfg.Now()
	for v := s.valid.Load(); v != nil; v = v.before {
		all = append(all, of(v)...)
		if !now.Before(v.until) {
			break
		}
	}
	return all
}

func (s *Service) ofTeller() []config.Secret {
	return s.secrets(func(v *signing) []config.Secret { return v.teller })
}

func (s *Service) ofSnapTrade() []config.Secret {
	return s.secrets(func(v *signing) []config.Secret { return v.snapTrade })
}
