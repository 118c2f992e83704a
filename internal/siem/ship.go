package siem

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

const (
	batch    = 500              // events that are sent, and then counted, together
	turn     = 40 * time.Second // for one receiver; after that the next look goes on
	sending  = 15 * time.Second // for one batch
	firstGap = 5 * time.Second  // after a failure, doubled by each further one
	mostGap  = 10 * time.Minute
)

// ship tells one receiver what it wasn't told yet. It does nothing if another node
// is at it, or if it failed a moment ago.
func (x *Exporter) ship(ctx context.Context, o outlet) error {
	ctx = postgres.AsSystem(ctx, "the audit log is shipped whole")
	_, err := queue.Alone(ctx, x.pool, "siem "+o.name, turn+sending, x.now, func(ctx context.Context) error {
		c, err := findCursor(ctx, x.pool, o.name)
		if err != nil {
			return fmt.Errorf("read the cursor of %s: %w", o.name, err)
		}
		if c.RetryAt != nil && x.now().Before(*c.RetryAt) {
			return nil
		}
		for begun := time.Now(); time.Since(begun) < turn && ctx.Err() == nil; {
			more, err := x.some(ctx, o, &c)
			if err != nil || !more {
				return err
			}
		}
		return nil
	})
	return err
}

// some sends one batch and moves the cursor. It reports whether there may be more
// to do now.
func (x *Exporter) some(ctx context.Context, o outlet, c *cursor) (more bool, err error) {
	leaves, err := x.source.Leaves(ctx, uint64(c.Next), batch)
	if err != nil || len(leaves) == 0 {
		return false, err
	}
	events := make([]Event, len(leaves))
	for i, leaf := range leaves {
		if events[i], err = eventOf(x.source.Name(), leaf); err != nil {
			return false, err
		}
	}
	within, cancel := context.WithTimeout(ctx, sending)
	err = o.sink.send(within, events)
	cancel()
	if err != nil && ctx.Err() != nil {
		return false, nil //nolint:nilerr // we are told to stop: that is no fault of the receiver's
	}
	if err != nil {
		return false, x.failed(ctx, o, c, err)
	}
	next := int64(leaves[len(leaves)-1].Index) + 1
	moved, err := moveCursor(ctx, x.pool, o.name, c.Next, next, x.now().UTC())
	if err != nil {
		return false, fmt.Errorf("move the cursor of %s: %w", o.name, err)
	}
	if c.Failures > 0 {
		x.log.InfoContext(ctx, "the receiver of the audit log takes entries again", "sink", o.name, "failures", c.Failures)
	}
	c.Next, c.Failures = next, 0
	return moved, nil
}

// failed notes that a receiver couldn't be told, and says how far it is behind.
func (x *Exporter) failed(ctx context.Context, o outlet, c *cursor, why error) error {
	gap := gapAfter(c.Failures)
	now := x.now().UTC()
	if err := noteFailure(ctx, x.pool, o.name, now.Add(gap), brief(why)); err != nil {
		return fmt.Errorf("note a failure of %s: %w", o.name, err)
	}
	behind, err := x.source.Behind(ctx, uint64(c.Next))
	if err != nil {
		return err
	}
	level := slog.LevelWarn
	if c.Failures == 0 || c.Failures >= 8 { // it begins, or lasts
		level = slog.LevelError
	}
	x.log.Log(ctx, level, "a receiver of the audit log can't be told", "sink", o.name, "because", brief(why),
		"failures", c.Failures+1, "behind_entries", behind.Entries, "behind_seconds", seconds(behind.Oldest, now), "again_in", gap.String())
	return nil
}

// gapAfter is the pause after so many failures before this one.
func gapAfter(failures int) time.Duration {
	gap := firstGap
	for range failures {
		if gap *= 2; gap >= mostGap {
			return mostGap
		}
	}
	return gap
}

// brief keeps an error short enough for a row and a line.
func brief(err error) string {
	text := err.Error()
	return text[:min(len(text), 300)]
}

func seconds(since *time.Time, now time.Time) int64 {
	if since == nil {
		return 0
	}
	return max(int64(now.Sub(*since)/time.Second), 0)
}

// Status is how far one receiver is.
type Status struct {
	Sink     string
	Used     bool   // FLINT_SIEM names it now
	Next     uint64 // the first leaf that it wasn't told
	Entries  int    // behind, those included that have no number yet
	Seconds  int64  // since the oldest of those was made
	SentAt   *time.Time
	Failures int // in a row
	RetryAt  *time.Time
	Reason   string // of the last failure; empty if it took the last batch
}

// Status says how far each receiver is, those included that were told before and
// aren't any more.
func (x *Exporter) Status(ctx context.Context) ([]Status, error) {
	ctx = postgres.AsSystem(ctx, "how far receivers of the audit log are")
	rows, err := listCursors(ctx, x.pool)
	if err != nil {
		return nil, fmt.Errorf("list receivers: %w", err)
	}
	used := map[string]bool{}
	for _, o := range x.outlets {
		used[o.name] = true
	}
	for _, row := range rows {
		delete(used, row.Name)
	}
	for name := range used { // never told anything
		rows = append(rows, cursor{Name: name})
	}
	for _, o := range x.outlets {
		used[o.name] = true
	}
	all := make([]Status, 0, len(rows))
	for _, row := range rows {
		behind, err := x.source.Behind(ctx, uint64(row.Next))
		if err != nil {
			return nil, err
		}
		all = append(all, Status{
			Sink: row.Name, Used: used[row.Name], Next: uint64(row.Next), Entries: behind.Entries, Seconds: seconds(behind.Oldest, x.now()),
			SentAt: row.SentAt, Failures: row.Failures, RetryAt: row.RetryAt, Reason: row.Reason,
		})
	}
	return all, nil
}
