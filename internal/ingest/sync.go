package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/activity"
	"flint/internal/connection"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/portfolio"
)

// Sync reads a connection from its provider and applies what it says. It returns
// connection.ErrBusy while another sync of it runs. A provider's failure is
// recorded with the run and the connection, and is no error of Sync's; an error
// means that Flint itself couldn't do its work, and the job is repeated.
func (s *Service) Sync(ctx context.Context, of id.Connection, trigger string) error {
	lease, err := connection.TakeLease(postgres.AsSystem(ctx, "a job: the connection says whose it is"), s.cfg.Pool, of, s.cfg.Now())
	if err != nil {
		if errors.Is(err, connection.ErrBusy) {
			return err
		}
		if lost(err) {
			return nil // it was removed, or has ended: nothing to do
		}
		return err
	}
	ctx = postgres.AsUser(ctx, lease.UserID)
	if err := s.cfg.Step(ctx, "leased"); err != nil {
		return err
	}
	held, stop := s.heartbeat(ctx, lease)
	defer stop()
	err = s.sync(held, lease, trigger)
	if errors.Is(err, connection.ErrLeaseLost) || err != nil && errors.Is(context.Cause(held), connection.ErrLeaseLost) {
		s.cfg.Log.InfoContext(ctx, "sync was overtaken", "connection", of, "fence", lease.Fence)
		return nil
	}
	if err != nil {
		s.letGo(ctx, lease)
	}
	return err
}

// letGo releases the lease of a sync that couldn't end properly, also when the
// program is stopping, so that nobody waits for it to run out.
func (s *Service) letGo(ctx context.Context, lease connection.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := lease.Release(ctx, s.cfg.Pool); err != nil {
		s.cfg.Log.WarnContext(ctx, "lease isn't released", "connection", lease.ID, "err", err)
	}
}

// heartbeat renews the lease until stop is called. If it is lost, the context it
// returns ends.
func (s *Service) heartbeat(ctx context.Context, lease connection.Lease) (held context.Context, stop func()) {
	held, cancel := context.WithCancelCause(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(connection.LeaseTime / 4)
		defer tick.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-tick.C:
				if err := lease.Renew(held, s.cfg.Pool, s.cfg.Now()); errors.Is(err, connection.ErrLeaseLost) {
					cancel(err)
				}
			}
		}
	})
	return held, func() {
		cancel(nil)
		done.Wait()
	}
}

func (s *Service) sync(ctx context.Context, lease connection.Lease, trigger string) error {
	r := run{id: id.New[id.Run](), owner: lease.UserID, connection: lease.ID, trigger: trigger, fence: lease.Fence, started: lease.Started}
	plan, err := s.plan(ctx, lease, trigger)
	if err != nil {
		return err
	}
	before, err := json.Marshal(plan.Marks)
	if err != nil {
		return fmt.Errorf("encode watermarks: %w", err)
	}
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := lease.Hold(ctx, tx); err != nil {
			return err
		}
		return begin(ctx, tx, r, before)
	})
	if err != nil {
		return fmt.Errorf("begin run: %w", err)
	}
	if err := s.cfg.Step(ctx, "begun"); err != nil {
		return err
	}
	watch := &watcher{service: s, ctx: ctx, run: r, last: Progress{Phase: PhaseAccounts}}
	fetched, err := s.fetch(ctx, lease, plan, watch.see)
	if err != nil {
		return s.failed(ctx, lease, r, watch.last, err)
	}
	if err := s.cfg.Step(ctx, "fetched"); err != nil {
		return err
	}
	watch.last.Phase = PhaseApplying
	watch.see(watch.last)
	fetched.Accounts = since(portfolio.BusinessDay(lease.Started).Add(-activity.Keep), once(fetched.Accounts))
	if err = s.apply(ctx, lease, r, plan, fetched, watch.last); refused(err) {
		return s.failed(ctx, lease, r, watch.last, err)
	}
	return err
}

// once drops accounts that a provider lists twice; the last copy stays.
func once(accounts []FetchedAccount) []FetchedAccount {
	last := map[string]int{}
	for i, f := range accounts {
		last[f.Told.ProviderID] = i
	}
	var out []FetchedAccount
	for i, f := range accounts {
		if last[f.Told.ProviderID] == i {
			out = append(out, f)
		}
	}
	return out
}

// since leaves out what happened before oldest: nobody keeps it that long, and
// what is missing there isn't gone.
func since(oldest time.Time, accounts []FetchedAccount) []FetchedAccount {
	for i := range accounts {
		f := &accounts[i]
		if f.Window == nil {
			continue
		}
		if f.Window.From.Before(oldest) {
			f.Window.From = oldest
		}
		f.Records = slices.DeleteFunc(f.Records, func(r activity.Record) bool { return r.Date.Before(oldest) })
	}
	return accounts
}

// plan decides how far back to read.
func (s *Service) plan(ctx context.Context, lease connection.Lease, trigger string) (Plan, error) {
	known, err := s.cfg.Portfolio.OfConnection(ctx, s.cfg.Pool, lease.UserID, lease.ID)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Marks: map[string]Watermark{}, Fresh: trigger != connection.TriggerSchedule}
	p.Full = lease.LastFullAt == nil || lease.Started.Sub(*lease.LastFullAt) > fullEvery || lease.Status == connection.Pending
	for _, a := range known {
		var w Watermark
		if err := json.Unmarshal(a.Watermark, &w); err != nil {
			return Plan{}, fmt.Errorf("read watermark: %w", err)
		}
		if a.ProviderAccountID != nil {
			p.Marks[*a.ProviderAccountID] = w
		}
	}
	return p, nil
}

func (s *Service) fetch(ctx context.Context, lease connection.Lease, plan Plan, progress func(Progress)) (Fetched, error) {
	feed, ok := s.cfg.Feeds[lease.Provider]
	if !ok {
		return Fetched{}, errSwitchedOff
	}
	return feed.Fetch(ctx, lease.Connection, plan, progress)
}

// failed records that the provider failed. What was there before stays. A wake-up
// that came meanwhile waits for the next date like everything else.
func (s *Service) failed(ctx context.Context, lease connection.Lease, r run, p Progress, cause error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("fetch: %w", context.Cause(ctx))
	}
	now := s.cfg.Now()
	v := judge(lease.Connection, cause, now)
	s.cfg.Log.WarnContext(ctx, "sync failed", "connection", lease.ID, "provider", lease.Provider, "class", string(v.class),
		"code", v.code, "failures", lease.ConsecutiveFailures+1, "err", cause)
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		held, err := lease.Hold(ctx, tx)
		if err != nil {
			return err
		}
		out := connection.Outcome{At: now, Next: v.next, Status: v.status, Reason: v.reason}
		if held.Status != lease.Status && v.class != "reauth" && v.class != "not_found" {
			out.Status, out.Reason = held.Status, held.StatusReason // a webhook knew more than we did
		}
		if err := fail(ctx, tx, r, p, v, now); err != nil {
			return err
		}
		if _, err := lease.Finish(ctx, tx, out); err != nil {
			return err
		}
		return s.tell(ctx, tx, r, PhaseFailed, p, counts{})
	})
	if err != nil {
		return fmt.Errorf("record failed run: %w", err)
	}
	return nil
}

// watcher passes a fetch's progress on: to sync_runs and to the open page.
type watcher struct {
	service *Service
	ctx     context.Context //nolint:containedctx // it lives as long as one call of Fetch
	run     run
	last    Progress
}

// see is called by the Feed, from its own goroutine. Progress that can't be
// shown is no reason to stop.
func (w *watcher) see(p Progress) {
	w.last = p
	n, err := report(w.ctx, w.service.cfg.Pool, w.run, p)
	if err == nil && n > 0 {
		err = w.service.tell(w.ctx, w.service.cfg.Pool, w.run, p.Phase, p, counts{})
	}
	if err != nil && w.ctx.Err() == nil {
		w.service.cfg.Log.WarnContext(w.ctx, "progress isn't shown", "run", w.run.id, "err", err)
	}
}

// tell sends a run's state to the person's open pages.
func (s *Service) tell(ctx context.Context, db postgres.DB, r run, phase string, p Progress, c counts) error {
	p.Phase = phase
	return portfolio.Tell(ctx, db, r.owner, "sync", struct {
		Connection id.Connection `json:"connection"`
		Run        id.Run        `json:"run"`
		Progress
		counts
	}{r.connection, r.id, p, c})
}
