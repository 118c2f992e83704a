package rotation

import (
	"context"
	"fmt"
	"time"

	"flint/internal/platform/postgres"
)

// Age is how old one kind of key is, and what the table says of that.
type Age struct {
	Rule
	Made    time.Time // the oldest in use; zero if there is none, or nobody knows
	Age     time.Duration
	Due     time.Time // zero: never, or unknown
	Overdue bool
	Going   bool // it is being exchanged
}

// Ages returns a line for each rule. Of secrets that others make the settings know
// the age, not the database: their lines have none.
func (s *Service) Ages(ctx context.Context) ([]Age, error) {
	ctx = postgres.AsSystem(ctx, "keys are everybody's")
	keys, err := s.cfg.Keys.Ages(ctx)
	if err != nil {
		return nil, err
	}
	signs, err := s.cfg.SignsSince(ctx)
	if err != nil {
		return nil, err
	}
	mastered, err := lastMade(ctx, s.cfg.Pool, Master)
	if err != nil {
		return nil, fmt.Errorf("find the last rotation of the master key: %w", err)
	}
	open, err := openRotations(ctx, s.cfg.Pool)
	if err != nil {
		return nil, fmt.Errorf("list rotations: %w", err)
	}
	made := map[Layer]time.Time{Master: keys.Begun, KEK: keys.KEK, Signing: signs}
	if mastered != nil {
		made[Master] = *mastered
	}
	if keys.Data != nil {
		made[Data] = *keys.Data
	}
	now := s.cfg.Now()
	var all []Age
	for _, r := range Schedule(s.cfg.Keys.KMS()) {
		a := Age{Rule: r, Made: made[r.Layer]}
		if r.Name == "hashing key" {
			a.Made = keys.Hash
		}
		if !a.Made.IsZero() {
			a.Age = max(now.Sub(a.Made), 0)
			if r.Every > 0 {
				a.Due = a.Made.Add(r.Every)
				a.Overdue = !now.Before(a.Due)
			}
		}
		for _, o := range open {
			a.Going = a.Going || r.Layer == o.Layer
		}
		all = append(all, a)
	}
	return all, nil
}
