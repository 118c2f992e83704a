package vault

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Lender keeps a database user of Vault's in hand: it renews the loan, and when
// that can't go on it borrows the next user before the old one ends. Both are
// valid while connections move from one to the other.
type Lender struct {
	client      *Client
	mount, role string
	cfg         LenderConfig

	stop context.CancelFunc
	done sync.WaitGroup
}

// LenderConfig says who hears of a new user.
type LenderConfig struct {
	// Use is told as whom to connect from now on.
	Use func(Login)
	// End is told to close what is still connected as somebody of before.
	End func(Login)
	// Grace is how long connections may go on as the old user, if the loan lasts
	// that long. A transaction should end in it. Default: one minute.
	Grace time.Duration
	// Retry is the first wait after Vault didn't answer; it doubles up to a minute.
	// Default: one second.
	Retry time.Duration
	Log   *slog.Logger // default: slog.Default()
}

// Lend borrows a user of a role, tells cfg.Use, and goes on until Close.
func (c *Client) Lend(ctx context.Context, mount, role string, cfg LenderConfig) (*Lender, error) {
	if cfg.Grace <= 0 {
		cfg.Grace = time.Minute
	}
	if cfg.Retry <= 0 {
		cfg.Retry = time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	login, err := c.Borrow(ctx, mount, role)
	if err != nil {
		return nil, err
	}
	cfg.Use(login)
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &Lender{client: c, mount: mount, role: role, cfg: cfg, stop: stop}
	l.done.Go(func() { l.keep(life, login, time.Now().Add(login.Lease)) })
	return l, nil
}

// Close stops renewing and gives the users back: nobody can connect as them then.
func (l *Lender) Close() {
	l.stop()
	l.done.Wait()
}

// keep looks after the user in hand. Vault counts the loan from when it answered,
// which is before we heard of it; half of the loan is reserve enough for that.
func (l *Lender) keep(ctx context.Context, in Login, ends time.Time) {
	full, wait := in.Lease, l.cfg.Retry
	next := min(time.Until(ends), full) / 2
	for {
		if !sleep(ctx, next) {
			l.giveBack(ctx, in)
			return
		}
		if renewed, ok := l.renew(ctx, in, full); ok {
			in, ends, wait = renewed, time.Now().Add(renewed.Lease), l.cfg.Retry
			next = in.Lease / 2
			continue
		}
		fresh, err := l.client.Borrow(ctx, l.mount, l.role)
		if err != nil {
			l.cfg.Log.ErrorContext(ctx, "Vault lends no database user; no new connection will be made once the one in use has ended", "ends", ends.UTC(), "error", err)
			next, wait = wait, min(2*wait, time.Minute)
			continue
		}
		l.cfg.Use(fresh)
		l.cfg.Log.InfoContext(ctx, "the database user was exchanged for another of Vault's", "lease", fresh.Lease.String())
		old, grace := in, min(l.cfg.Grace, time.Until(ends)*3/4)
		l.done.Go(func() { l.retire(ctx, old, grace) })
		in, ends, full, wait = fresh, time.Now().Add(fresh.Lease), fresh.Lease, l.cfg.Retry
		next = full / 2
	}
}

// renew asks for the loan to go on. It reports false if another user is needed:
// Vault refused, or gives less than half of a full loan, since the longest one
// nears its end.
func (l *Lender) renew(ctx context.Context, in Login, full time.Duration) (Login, bool) {
	if in.Max {
		return in, false
	}
	next, err := l.client.Renew(ctx, in, full)
	if err != nil {
		l.cfg.Log.WarnContext(ctx, "Vault doesn't renew the database user", "error", err)
		return in, false
	}
	return next, next.Lease > full/2
}

// retire ends a user that was exchanged, once its connections had time to end.
func (l *Lender) retire(ctx context.Context, old Login, grace time.Duration) {
	sleep(ctx, grace)
	if l.cfg.End != nil {
		l.cfg.End(old)
	}
	l.giveBack(ctx, old)
}

func (l *Lender) giveBack(ctx context.Context, login Login) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.client.cfg.Timeout)
	defer cancel()
	if err := l.client.GiveBack(ctx, login); err != nil { // its loan ends by itself
		l.cfg.Log.WarnContext(ctx, "a database user wasn't given back", "error", fmt.Sprint(err))
	}
}

// sleep waits for d, and reports false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
