// Package app puts Flint together, from top to bottom: configuration, parts,
// operations, background work. Build tells the story of the system; Run starts
// what lives long and ends it in the opposite order.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/activity"
	"flint/internal/apikey"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/ingest"
	"flint/internal/market"
	"flint/internal/mfa"
	"flint/internal/notify"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
	"flint/internal/platform/web"
	"flint/internal/portfolio"
	"flint/internal/provider/hibp"
	"flint/internal/provider/marketdata"
	"flint/internal/provider/snaptrade"
	"flint/internal/provider/teller"
	"flint/internal/ratelimit"
	"flint/internal/session"
	"flint/internal/webhook"
	frontend "flint/web"
)

// limitedKeys is how many callers the memory store of rate limits remembers.
const limitedKeys = 100_000

// App is Flint, put together but not started.
type App struct {
	Web      *web.Server
	Jobs     *river.Client[pgx.Tx]
	Identity *identity.Service
	Factors  *mfa.Service
	Sessions *session.Service
	Rates    *market.Service

	hub     *notify.Hub
	log     *slog.Logger
	release []func() // what New opened, in order
}

// Build makes every part from the parts above it. The schema must be up to date.
// The caller runs the App and then closes the pool.
func Build(cfg Config, pool *pgxpool.Pool, log *slog.Logger) (*App, error) {
	ringFile, err := cfg.keyRing()
	if err != nil {
		return nil, err
	}
	keys, err := envelope.OpenRing(ringFile)
	if err != nil {
		return nil, err
	}
	return assemble(cfg, pool, keys, time.Now, log)
}

func assemble(cfg Config, pool *pgxpool.Pool, keys *envelope.Keys, now func() time.Time, log *slog.Logger) (*App, error) {
	a := &App{log: log, hub: notify.New(pool, log)}

	// What everything stands on.
	jobs, err := queue.NewInserter(pool)
	if err != nil {
		return nil, err
	}
	limits := ratelimit.New(ratelimit.NewMemory(limitedKeys, now))
	post, err := mail.New(cfg.Mail)
	if err != nil {
		return nil, err
	}

	// Other people's APIs.
	far, err := a.providers(cfg, now, log)
	if err != nil {
		return nil, err
	}

	// Features, each from those above it.
	cfg.Identity.Now, cfg.Session.Now, cfg.Session.Log = now, now, log
	var programs *apikey.Service // made below
	cfg.Identity.EndSessions = func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error) {
		if err := programs.EndAll(ctx, tx, actor, user); err != nil {
			return 0, err
		}
		return a.Sessions.EndAll(ctx, tx, actor, user, except, reason)
	}
	cfg.Identity.ForgetFactors = func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, since time.Time) error {
		return a.Factors.ForgetSince(ctx, tx, actor, user, since)
	}
	cfg.Identity.Breaches, cfg.Identity.Log = far.breaches(), log
	if a.Identity, err = identity.New(cfg.Identity, pool, jobs, limits); err != nil {
		return nil, err
	}
	a.release = append(a.release, a.Identity.Settle)
	a.Factors = mfa.New(mfa.Config{
		Pool: pool, Keys: keys, People: a.Identity, Limits: limits, Origin: cfg.Origin, Now: now,
		Changed: func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, left, proven bool) error {
			return a.Sessions.FactorsChanged(ctx, tx, actor, user, left, proven)
		},
	})
	cfg.Session.Factors = a.Factors
	if a.Sessions, err = session.New(cfg.Session, pool, keys, a.Identity); err != nil {
		return nil, err
	}
	programs = apikey.New(apikey.Config{Pool: pool, People: a.Identity, Now: now})
	wealth := portfolio.New(portfolio.Config{Pool: pool, Now: now})
	a.Rates = market.New(market.Config{
		Pool: pool, Source: far.rates(), Now: now, Log: log,
		Changed: func(ctx context.Context, tx pgx.Tx) error {
			_, err := jobs.InsertTx(ctx, tx, portfolio.Revalue(now()), nil)
			return err
		},
	})
	transactions := activity.New(activity.Config{Pool: pool, Keys: keys, Portfolio: wealth, Now: now})
	var syncs *ingest.Service // made below, since it reads through connections
	connections := connection.New(pool, keys, jobs, connection.Config{
		Origin: cfg.Origin.String(), Teller: far.teller, TellerConfig: cfg.Teller, SnapTrade: far.snaptrade,
		TierOf: func(ctx context.Context, db postgres.DB, user id.User) (access.Tier, error) {
			p, err := a.Identity.PersonIn(ctx, db, user)
			return p.Tier, err
		},
		Removed: func(ctx context.Context, tx pgx.Tx, owner id.User, c id.Connection, keep bool) error {
			return syncs.Removed(ctx, tx, owner, c, keep)
		},
		Now: now, Log: log,
	})
	syncs = ingest.New(ingest.Config{
		Pool: pool, Queue: jobs, Feeds: far.feeds(pool, connections, now), Portfolio: wealth, Activity: transactions, Now: now, Log: log,
	})
	inbox := webhook.New(pool, keys, jobs, webhook.Config{
		Teller: cfg.Teller.WebhookSecrets, SnapTrade: cfg.Snaptrade.WebhookKeys(), Now: now, Log: log,
	})

	// The door.
	cfg.Web.Origin, cfg.Web.Version, cfg.Web.Policies = cfg.Origin.String(), Version(), limits.Names()
	cfg.Web.Authenticate, cfg.Web.Proofs, cfg.Web.Limit = authenticate(a.Sessions, programs), a.Sessions.Proofs, limits.Allow
	cfg.Web.Log, cfg.Web.Now, cfg.Web.Site = log, now, frontend.Dist()
	cfg.Web.ConnectScripts, cfg.Web.ConnectFrames = connectOrigins(cfg)
	a.Web = web.New(cfg.Web)
	mountOwn(a.Web, cfg, pool)
	for _, feature := range []interface{ Operations(*web.Server) }{
		audit.NewLog(pool), programs, a.Identity, a.Factors, a.Sessions, connections, wealth, transactions, a.hub, inbox,
	} {
		feature.Operations(a.Web)
	}

	// The work in the background.
	workers := river.NewWorkers()
	river.AddWorker(workers, &identity.ConfirmWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.NoticeWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.ResetWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.SetupWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.EmailChangeWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.LinkWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.TellWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &session.SweepWorker{Service: a.Sessions})
	river.AddWorker(workers, &market.FXWorker{Service: a.Rates})
	river.AddWorker(workers, portfolio.NewDayWorker(wealth, log))
	river.AddWorker(workers, &connection.RevokeWorker{Service: connections})
	river.AddWorker(workers, &connection.AdoptWorker{Service: connections})
	river.AddWorker(workers, &connection.SweepWorker{Service: connections})
	river.AddWorker(workers, &webhook.SweepWorker{Service: inbox})
	river.AddWorker(workers, ingest.NewSyncWorker(syncs))
	river.AddWorker(workers, ingest.NewDueWorker(syncs))
	a.Jobs, err = queue.New(pool, cfg.Queue, workers, []*river.PeriodicJob{
		market.Periodic(), portfolio.Daily(now), ingest.Periodic(), session.Periodic(), connection.Daily(), webhook.Daily(),
	}, log)
	return a, err
}

// authenticate asks the keeper of keys about what looks like a key, and that of
// sessions about everything else.
func authenticate(sessions *session.Service, programs *apikey.Service) func(*http.Request) (access.Actor, error) {
	return func(r *http.Request) (access.Actor, error) {
		if apikey.Is(r) {
			return programs.Authenticate(r)
		}
		return sessions.Authenticate(r)
	}
}

// far holds the clients of the providers; nil where one is switched off.
type far struct {
	teller    *teller.Client
	snaptrade *snaptrade.Client
	ecb       *marketdata.ECB
	hibp      *hibp.Client
}

// rates avoids a nil client inside a non-nil interface.
func (f far) rates() market.Source {
	if f.ecb == nil {
		return nil
	}
	return f.ecb
}

// breaches is as rates.
func (f far) breaches() identity.Breaches {
	if f.hibp == nil {
		return nil
	}
	return f.hibp
}

// feeds returns how each provider is read.
func (f far) feeds(pool *pgxpool.Pool, connections *connection.Service, now func() time.Time) map[string]ingest.Feed {
	feeds := map[string]ingest.Feed{}
	if f.teller != nil {
		feeds[connection.Teller] = ingest.NewTellerFeed(f.teller, func(ctx context.Context, c connection.Connection) (config.Secret, error) {
			credential, err := connections.Credential(ctx, pool, c)
			return credential.Token, err
		}, now)
	}
	if f.snaptrade != nil {
		feeds[connection.SnapTrade] = ingest.NewSnapTradeFeed(f.snaptrade, func(ctx context.Context, c connection.Connection) (snaptrade.User, error) {
			credential, err := connections.Credential(ctx, pool, c)
			return credential.User, err
		}, now)
	}
	return feeds
}

func (a *App) providers(cfg Config, now func() time.Time, log *slog.Logger) (far, error) {
	var f far
	var err error
	if cfg.Teller.Enabled() {
		if f.teller, err = teller.New(cfg.Teller, now, log, nil); err != nil {
			return f, fmt.Errorf("set up Teller: %w", err)
		}
		a.release = append(a.release, f.teller.Close)
	}
	if cfg.Snaptrade.Enabled() {
		if f.snaptrade, err = snaptrade.New(cfg.Snaptrade, now, log, nil); err != nil {
			return f, fmt.Errorf("set up SnapTrade: %w", err)
		}
		a.release = append(a.release, f.snaptrade.Close)
	}
	if cfg.MarketData.Enabled() {
		if f.ecb, err = marketdata.New(cfg.MarketData, now, log, nil); err != nil {
			return f, fmt.Errorf("set up exchange rates: %w", err)
		}
		a.release = append(a.release, f.ecb.Close)
	}
	if cfg.Breaches.Enabled() {
		if f.hibp, err = hibp.New(cfg.Breaches, now, log, nil); err != nil {
			return f, fmt.Errorf("set up the check for breached passwords: %w", err)
		}
		a.release = append(a.release, f.hibp.Close)
	}
	return f, nil
}
