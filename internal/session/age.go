package session

import (
	"context"
	"fmt"
	"time"
)

// SignsSince returns when the newest key that signs access tokens was made; zero
// if there is none yet.
func (s *Service) SignsSince(ctx context.Context) (time.Time, error) {
	rows, err := listKeys(ctx, s.pool, s.now())
	if err != nil {
		return time.Time{}, fmt.Errorf("list signing keys: %w", err)
	}
	if len(rows) == 0 {
		return time.Time{}, nil
	}
	return rows[0].CreatedAt, nil
}
