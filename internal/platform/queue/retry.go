package queue

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// backoff waits exponentially longer, with full jitter: any time between now and
// the longest wait, so that what failed together doesn't return together.
type backoff struct{ now func() time.Time }

func (b backoff) NextRetry(job *rivertype.JobRow) time.Time {
	most := longestWait(PolicyOf(job.Queue), job.Attempt)
	return b.now().Add(time.Duration(rand.Int64N(int64(most) + 1)))
}

// longestWait is the wait after the failed attempt, at most an hour.
func longestWait(p Policy, attempt int) time.Duration {
	const most = time.Hour
	wait := p.Backoff
	for range attempt - 1 {
		if wait >= most {
			break
		}
		wait *= time.Duration(p.Growth)
	}
	return min(wait, most)
}

// reporter logs a failed attempt, once. This is where a job's error stops.
type reporter struct{ log *slog.Logger }

func (r reporter) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	level := slog.LevelWarn
	if job.Attempt >= job.MaxAttempts {
		level = slog.LevelError // nobody will try again
	}
	r.log.Log(ctx, level, "job failed", append(about(job), slog.Any("err", err))...)
	return nil
}

func (r reporter) HandlePanic(ctx context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	r.log.ErrorContext(ctx, "job panicked", append(about(job), slog.String("panic", fmt.Sprint(value)), slog.String("trace", trace))...)
	return nil
}

func about(job *rivertype.JobRow) []any {
	return []any{
		slog.String("kind", job.Kind), slog.Int64("job_id", job.ID), slog.String("queue", job.Queue),
		slog.Int("attempt", job.Attempt), slog.Int("attempts", job.MaxAttempts),
	}
}

// warnings lets through what is at least a warning.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
