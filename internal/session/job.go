package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// keep is how long an ended session stays to be looked at (PRD 7: 30 days).
const keep = 30 * 24 * time.Hour

// SweepArgs asks for what has expired to be removed.
type SweepArgs struct{}

// Kind names the job.
func (SweepArgs) Kind() string { return "session.sweep" }

// InsertOpts says where it runs.
func (SweepArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Default) }

// SweepWorker runs SweepArgs.
type SweepWorker struct {
	queue.Defaults[SweepArgs]
	Service *Service
}

// Work removes expired refresh tokens, sessions that ended 30 days ago, devices
// that weren't used for 180 days and expired mail tokens.
func (w *SweepWorker) Work(ctx context.Context, _ *river.Job[SweepArgs]) error {
	return w.Service.Sweep(ctx)
}

// Sweep removes what has expired.
func (s *Service) Sweep(ctx context.Context) error {
	ctx = postgres.AsSystem(ctx, "a sweep over everybody's sessions")
	_, tokens := sweepRefresh(ctx, s.pool, s.now())
	_, sessions := sweepSessions(ctx, s.pool, s.now().Add(-keep))
	_, devices := sweepDevices(ctx, s.pool, s.now().Add(-deviceTTL))
	_, challenges := sweepChallenges(ctx, s.pool, s.now())
	_, holds := sweepHolds(ctx, s.pool, s.now())
	if err := errors.Join(tokens, sessions, devices, challenges, holds, s.cfg.Risk.Sweep(ctx)); err != nil {
		return fmt.Errorf("remove expired sessions: %w", err)
	}
	if s.cfg.Factors != nil {
		if err := s.cfg.Factors.Sweep(ctx); err != nil {
			return err
		}
	}
	return s.people.Sweep(ctx)
}

// Periodic returns the job that sweeps once an hour.
func Periodic() *river.PeriodicJob {
	return queue.Every(time.Hour, SweepArgs{})
}
