package ingest

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/activity"
	"flint/internal/connection"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/portfolio"
)

// apply stores what was fetched, whole or not at all, in one transaction.
func (s *Service) apply(ctx context.Context, lease connection.Lease, r run, plan Plan, f Fetched, p Progress) error {
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		a := application{Service: s, tx: tx, lease: lease, run: r, plan: plan, fetched: f, progress: p}
		return a.do(ctx)
	})
	if err != nil {
		return fmt.Errorf("apply sync: %w", err)
	}
	return s.cfg.Step(ctx, "committed")
}

// application is one attempt to apply a sync.
type application struct {
	*Service
	tx       pgx.Tx
	lease    connection.Lease
	run      run
	plan     Plan
	fetched  Fetched
	progress Progress

	held     connection.Connection
	accounts []portfolio.Account // in the order of fetched.Accounts
	outcomes []Outcome
	counts   counts
	marks    []portfolio.Mark
}

func (a *application) do(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"hold the lease", a.hold},
		{"store accounts", a.absorb},
		{"reconcile", a.reconcile},
		{"watermarks", a.remark},
		{"rebuild totals", a.rebuild},
		{"finish", a.finish},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if err := a.cfg.Step(ctx, step.name); err != nil {
			return err
		}
	}
	return nil
}

// hold makes sure that nobody has overtaken this sync, and keeps it so.
func (a *application) hold(ctx context.Context) (err error) {
	if a.held, err = a.lease.Hold(ctx, a.tx); err != nil {
		return err
	}
	return portfolio.Lock(ctx, a.tx, a.run.owner)
}

func (a *application) absorb(ctx context.Context) (err error) {
	told := make([]portfolio.Told, len(a.fetched.Accounts))
	for i, f := range a.fetched.Accounts {
		told[i] = f.Told
	}
	a.accounts, err = a.cfg.Portfolio.Absorb(ctx, a.tx, a.run.owner, a.run.connection, told, a.cfg.Now())
	return err
}

// reconcile decides account by account and stores all decisions together.
func (a *application) reconcile(ctx context.Context) error {
	var wants []activity.Want
	for i, f := range a.fetched.Accounts {
		if f.Window == nil {
			continue
		}
		w := activity.Want{Account: a.accounts[i].ID, From: f.Window.From}
		for _, rec := range f.Records {
			w.IDs = append(w.IDs, rec.ID)
		}
		wants = append(wants, w)
	}
	mirror, rows, err := a.cfg.Activity.Load(ctx, a.tx, a.run.owner, wants)
	if err != nil {
		return err
	}
	ofMirror, ofRows := map[id.Account][]activity.Mirrored{}, map[id.Account][]activity.Row{}
	for _, m := range mirror {
		ofMirror[m.Account] = append(ofMirror[m.Account], m)
	}
	for _, r := range rows {
		ofRows[r.Account] = append(ofRows[r.Account], r)
	}
	a.outcomes = make([]Outcome, len(a.accounts))
	var changedMirror []activity.Mirrored
	var changedRows []activity.Row
	for i, f := range a.fetched.Accounts {
		if f.Window == nil {
			continue
		}
		of := a.accounts[i].ID
		out := Reconcile(Input{Account: of, Window: *f.Window, Fetched: f.Records, Mirror: ofMirror[of], Rows: ofRows[of],
			Today: portfolio.BusinessDay(a.lease.Started), NewID: id.New[id.Transaction]})
		a.outcomes[i] = out
		changedMirror, changedRows = append(changedMirror, out.Mirror...), append(changedRows, out.Rows...)
		a.counts.Added += out.Added
		a.counts.Updated += out.Updated
		a.counts.Superseded += out.Superseded
		a.counts.Removed += out.Removed
		if out.Reused > 0 {
			a.cfg.Log.WarnContext(ctx, "provider reused ids of transactions", "connection", a.run.connection, "account", of, "ids", out.Reused)
		}
	}
	return a.cfg.Activity.Save(ctx, a.tx, a.run.owner, changedMirror, changedRows, a.cfg.Now())
}

// remark leaves at each account what the next sync has to know, compares ledgers
// with transactions, and closes accounts that the provider no longer lists.
func (a *application) remark(ctx context.Context) error {
	ids := make([]id.Account, len(a.accounts))
	for i, acc := range a.accounts {
		ids[i] = acc.ID
	}
	posted, err := a.cfg.Activity.Posted(ctx, a.tx, a.run.owner, ids)
	if err != nil {
		return err
	}
	today := portfolio.BusinessDay(a.lease.Started)
	for i, f := range a.fetched.Accounts {
		acc := a.accounts[i]
		mark := portfolio.Mark{Account: acc.ID}
		w := a.plan.Marks[f.Told.ProviderID]
		w.Unlisted = 0
		if f.Window != nil {
			w = w.advance(a.outcomes[i].All, len(f.Records), *f.Window, f.Waterline, today)
		}
		ledger := f.Told.Balance != nil && f.Told.Kind != portfolio.Investment && f.Told.Kind != portfolio.Crypto && acc.SnapshotID.IsZero()
		if ledger && (acc.OpeningBalance != nil || len(f.Records) > 0) {
			opening := f.Told.Balance.Sub(posted[acc.ID])
			if acc.OpeningBalance != nil {
				opening = *acc.OpeningBalance
			}
			drift := f.Told.Balance.Sub(opening).Sub(posted[acc.ID])
			mark.Opening, mark.Drift = &opening, &drift
			if !drift.IsZero() {
				a.cfg.Log.WarnContext(ctx, "ledger and transactions differ", "account", acc.ID)
			}
		}
		if mark.Watermark, err = json.Marshal(w); err != nil {
			return fmt.Errorf("encode watermark: %w", err)
		}
		a.marks = append(a.marks, mark)
	}
	if err := a.unlisted(ctx); err != nil {
		return err
	}
	return a.cfg.Portfolio.Remark(ctx, a.tx, a.run.owner, a.marks, a.cfg.Now())
}

// unlisted marks the accounts that the provider left out. One answer may be
// wrong; after two in a row the account counts as closed. An empty list proves
// nothing.
func (a *application) unlisted(ctx context.Context) error {
	if len(a.accounts) == 0 {
		return nil
	}
	known, err := a.cfg.Portfolio.OfConnection(ctx, a.tx, a.run.owner, a.run.connection)
	if err != nil {
		return err
	}
	listed := map[id.Account]bool{}
	for _, acc := range a.accounts {
		listed[acc.ID] = true
	}
	for _, k := range known {
		if listed[k.ID] || k.Status == portfolio.Closed {
			continue
		}
		var w Watermark
		if err := json.Unmarshal(k.Watermark, &w); err != nil {
			return fmt.Errorf("read watermark: %w", err)
		}
		w.Unlisted++
		mark := portfolio.Mark{Account: k.ID, Closed: w.Unlisted >= 2}
		if mark.Watermark, err = json.Marshal(w); err != nil {
			return fmt.Errorf("encode watermark: %w", err)
		}
		a.marks = append(a.marks, mark)
	}
	return nil
}

func (a *application) rebuild(ctx context.Context) error {
	ids := make([]id.Account, len(a.accounts))
	for i, acc := range a.accounts {
		ids[i] = acc.ID
	}
	stories, err := a.cfg.Activity.Stories(ctx, a.tx, a.run.owner, ids)
	if err != nil {
		return err
	}
	return a.cfg.Portfolio.Rebuild(ctx, a.tx, a.run.owner, stories, a.cfg.Now())
}

// finish ends the run, sets the next date, queues one more sync if something
// changed meanwhile, and tells the open page.
func (a *application) finish(ctx context.Context) error {
	now := a.cfg.Now()
	after := map[id.Account]json.RawMessage{}
	for _, m := range a.marks {
		after[m.Account] = m.Watermark
	}
	encoded, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("encode watermarks: %w", err)
	}
	if err := succeed(ctx, a.tx, a.run, a.progress, a.counts, encoded, now); err != nil {
		return err
	}
	out := connection.Outcome{At: now, Succeeded: true, Full: a.plan.Full, Next: nextSync(a.run.connection, a.cfg.Interval, now),
		Status: connection.Healthy}
	if a.fetched.Early {
		out.Next = now.Add(earlyWait)
	}
	if a.held.Status != a.lease.Status {
		// Somebody said so while we fetched: the provider, which knows better than
		// an answer from its cache, or the person, who connected anew.
		out.Status, out.Reason = a.held.Status, a.held.StatusReason
	}
	dirty, err := a.lease.Finish(ctx, a.tx, out)
	if err != nil {
		return err
	}
	if dirty {
		if err := connection.Enqueue(ctx, a.tx, a.cfg.Queue, a.run.connection, a.lease.Fence, connection.TriggerRequeue); err != nil {
			return err
		}
	}
	return a.tell(ctx, a.tx, a.run, PhaseDone, a.progress, a.counts)
}
