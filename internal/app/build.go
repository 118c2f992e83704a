// Package app puts Flint together, from top to bottom: configuration, parts,
// operations, background work. Build tells the story of the system; Run starts
// what lives long and ends it in the opposite order.
package app

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/activity"
	"flint/internal/admin"
	"flint/internal/apikey"
	"flint/internal/audit"
	"flint/internal/audit/tlog"
	"flint/internal/bot"
	"flint/internal/compliance"
	"flint/internal/connection"
	"flint/internal/envelope"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/ingest"
	"flint/internal/market"
	"flint/internal/mfa"
	"flint/internal/notify"
	"flint/internal/platform/mail"
	"flint/internal/platform/queue"
	"flint/internal/platform/redis"
	"flint/internal/platform/web"
	"flint/internal/portfolio"
	"flint/internal/provider/snaptrade"
	"flint/internal/ratelimit"
	"flint/internal/risk"
	"flint/internal/rotation"
	"flint/internal/screening"
	"flint/internal/session"
	"flint/internal/siem"
	"flint/internal/webhook"
	frontend "flint/web"
)

// App is Flint, put together but not started.
type App struct {
	Web      *web.Server
	Jobs     *river.Client[pgx.Tx]
	Identity *identity.Service
	Factors  *mfa.Service
	Risk     *risk.Service
	Sessions *session.Service
	Proof    *tlog.Log
	Rates    *market.Service
	Privacy  *compliance.Service
	SIEM     *siem.Exporter
	Rotation *rotation.Service
	// Screening compares people with lists. Orders and transfers ask it.
	Screening *screening.Service

	bots         *bot.Guard
	programs     *apikey.Service
	staff        *admin.Service
	wealth       *portfolio.Service
	transactions *activity.Service
	connections  *connection.Service
	syncs        *ingest.Service
	inbox        *webhook.Service
	hub          *notify.Hub
	post         *mail.Swap

	captcha asker
	broker  *snaptrade.Client // nil without SnapTrade
	redis   *redis.Client     // nil without Redis
	reload  sync.Mutex
	cfg     Config            // as it is in use; Reload changes it
	noted   map[string]string // which secrets the audit log knows to be read
	pool    *pgxpool.Pool
	log     *slog.Logger
	release []func() // what Build opened, in order
}

// ground is what every feature stands on.
type ground struct {
	cfg    Config
	pool   *pgxpool.Pool
	keys   *envelope.Keys
	jobs   queue.Inserter
	limits *ratelimit.Limiter
	atlas  *geo.Atlas
	far    far
	now    func() time.Time
	log    *slog.Logger
}

// Build makes every part from the parts above it. The schema must be up to date.
// The caller runs the App and then closes the pool.
func Build(ctx context.Context, cfg Config, pool *pgxpool.Pool, log *slog.Logger) (*App, error) {
	keys, err := OpenKeys(ctx, cfg, pool)
	if err != nil {
		return nil, err
	}
	mirror, err := auditMirror(cfg)
	if err != nil {
		keys.Close()
		return nil, err
	}
	return assemble(cfg, pool, keys, mirror, time.Now, log) //nolint:contextcheck // what it opens outlives ctx
}

func assemble(cfg Config, pool *pgxpool.Pool, keys *envelope.Keys, mirror tlog.Mirror, now func() time.Time, log *slog.Logger) (*App, error) {
	a := &App{pool: pool, log: log, cfg: cfg, noted: map[string]string{}, release: []func(){keys.Close}}
	jobs, err := queue.NewInserter(pool)
	if err != nil {
		return nil, err
	}
	limits, err := a.limiter(cfg, keys, now, log)
	if err != nil {
		return nil, err
	}
	far, err := a.providers(cfg, limits, now, log)
	if err != nil {
		return nil, err
	}
	atlas, err := geo.Open(cfg.Geo)
	if err != nil {
		return nil, err
	}
	a.release = append(a.release, func() { _ = atlas.Close() })
	g := ground{
		cfg: cfg, pool: pool, keys: keys, jobs: jobs, limits: limits,
		atlas: atlas, far: far, now: now, log: log,
	}
	a.Proof = tlog.New(tlog.Config{Pool: pool, Keys: keys, Origin: cfg.Origin.Host(), Mirror: mirror, Now: now, Log: log})
	if a.SIEM, err = siem.New(cfg.SIEM, pool, a.Proof, now, log); err != nil {
		return nil, err
	}
	a.release = append(a.release, a.SIEM.Close)
	if err := a.people(g); err != nil {
		return nil, err
	}
	a.property(g)
	if err := a.duties(g); err != nil {
		return nil, err
	}
	a.door(g)
	return a, a.work(g)
}

// people makes what knows who somebody is: each from those above it. What an
// upper feature needs of a lower one is handed to it as a func.
func (a *App) people(g ground) (err error) {
	if err := a.guard(g); err != nil {
		return err
	}
	identities, sessions := g.cfg.Identity, g.cfg.Session
	identities.Bots, sessions.Bots = a.bots, a.bots
	identities.Now, identities.Log, identities.Breaches = g.now, g.log, g.far.breaches()
	identities.EndSessions = a.endSessions
	identities.CheckTerms = compliance.CheckTerms
	identities.Joined = func(ctx context.Context, tx pgx.Tx, user id.User, terms string) error {
		if err := a.Privacy.Joined(ctx, tx, user, terms); err != nil {
			return err
		}
		return a.Screening.Queue(ctx, tx, user)
	}
	identities.ForgetFactors = func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, since time.Time) error {
		return a.Factors.ForgetSince(ctx, tx, actor, user, since)
	}
	if a.Identity, err = identity.New(identities, g.pool, g.jobs, g.limits); err != nil {
		return err
	}
	a.release = append(a.release, a.Identity.Close)
	a.Factors = mfa.New(mfa.Config{
		Pool: g.pool, Keys: g.keys, People: a.Identity, Limits: g.limits, Origin: g.cfg.Origin, Now: g.now,
		Jobs: g.jobs, EndSessions: identities.EndSessions, ResetWait: g.cfg.Factors.ResetWait,
		Changed: func(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, left, proven bool) error {
			return a.Sessions.FactorsChanged(ctx, tx, actor, user, left, proven)
		},
	})
	sessions.Now, sessions.Log, sessions.Factors, sessions.Atlas = g.now, g.log, a.Factors, g.atlas
	if a.Risk, err = risk.New(g.cfg.Risk, g.pool, g.keys, g.atlas, g.now, g.log); err != nil {
		return err
	}
	sessions.Risk, sessions.Queue, sessions.Mails = a.Risk, g.jobs, g.cfg.Mail.Enabled()
	if a.Sessions, err = session.New(sessions, g.pool, g.keys, a.Identity); err != nil {
		return err
	}
	a.programs = apikey.New(apikey.Config{Pool: g.pool, People: a.Identity, Now: g.now})
	return nil
}

// guard makes what tells people and programs apart.
func (a *App) guard(g ground) (err error) {
	bots := g.cfg.Bots
	bots.Now, bots.Log = g.now, g.log
	if g.far.captcha != nil {
		a.captcha.Store(g.far.captcha)
		bots.Service = &a.captcha
	}
	a.bots, err = bot.New(bots, g.pool, g.keys, g.limits)
	return err
}

// property makes what knows what somebody owns, and keeps it up to date.
func (a *App) property(g ground) {
	a.wealth = portfolio.New(portfolio.Config{Pool: g.pool, Keys: g.keys, Now: g.now})
	a.Rates = market.New(market.Config{
		Pool: g.pool, Source: g.far.rates(), Now: g.now, Log: g.log,
		Changed: func(ctx context.Context, tx pgx.Tx) error {
			_, err := g.jobs.InsertTx(ctx, tx, portfolio.Revalue(g.now()), nil)
			return err
		},
	})
	a.transactions = activity.New(activity.Config{Pool: g.pool, Keys: g.keys, Portfolio: a.wealth, Now: g.now})
	a.connections = connection.New(g.pool, g.keys, g.jobs, connection.Config{
		Origin: g.cfg.Origin.String(), Teller: g.far.teller, TellerConfig: g.cfg.Teller, SnapTrade: g.far.snaptrade,
		RoleOf: a.Identity.RoleIn,
		Removed: func(ctx context.Context, tx pgx.Tx, owner id.User, c id.Connection, keep bool) error {
			return a.syncs.Removed(ctx, tx, owner, c, keep)
		},
		Now: g.now, Log: g.log,
	})
	a.syncs = ingest.New(ingest.Config{
		Pool: g.pool, Queue: g.jobs, Feeds: g.far.feeds(g.pool, a.connections, g.now), Portfolio: a.wealth, Activity: a.transactions,
		Now: g.now, Log: g.log,
	})
	a.inbox = webhook.New(g.pool, g.keys, g.jobs, webhook.Config{
		Teller: g.cfg.Teller.WebhookSecrets, SnapTrade: g.cfg.Snaptrade.WebhookKeys(), Now: g.now, Log: g.log,
	})
}

// duties makes what exchanges keys, what lets go of people's data, what asks who
// people are, and what staff do about any of it.
func (a *App) duties(g ground) error {
	a.Rotation = a.rotation(g)
	a.Privacy = compliance.New(compliance.Config{
		Pool: g.pool, Keys: g.keys, Jobs: g.jobs, People: a.Identity, Origin: g.cfg.Origin, Now: g.now, Log: g.log,
		EndSessions: a.endSessions, Leave: a.connections.Leave,
		Untold: func(ctx context.Context, tx pgx.Tx, user id.User) (int, int, error) {
			return connection.Untold(ctx, tx, user)
		},
	})
	list, err := screening.OpenList(g.cfg.Screening, g.now, g.log)
	if err != nil {
		return err
	}
	who := screening.Config{Pool: g.pool, Keys: g.keys, Jobs: g.jobs, People: a.Identity, Now: g.now, Log: g.log}
	if list != nil { // a nil list inside of an interface is one
		who.Screener = list
	}
	a.Screening = screening.New(who)
	a.staff = admin.New(admin.Config{
		Pool: g.pool, People: a.Identity, Sessions: a.Sessions, Risk: a.Risk, Privacy: a.Privacy, Screening: a.Screening, Now: g.now,
	})
	return nil
}

// endSessions ends in tx whatever user is signed in with, API keys too.
func (a *App) endSessions(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, except id.Session, reason string) (int, error) {
	if err := a.programs.EndAll(ctx, tx, actor, user); err != nil {
		return 0, err
	}
	return a.Sessions.EndAll(ctx, tx, actor, user, except, reason)
}

// door declares every operation behind what guards them.
func (a *App) door(g ground) {
	a.hub = notify.New(g.pool, g.log)
	cfg := g.cfg.Web
	cfg.Origin, cfg.Version, cfg.Policies = g.cfg.Origin.String(), Version(), g.limits.Names()
	cfg.Authenticate, cfg.Proofs, cfg.Limit = authenticate(a.Sessions, a.programs, a.staff), a.Sessions.Proofs, g.limits.Allow
	cfg.Shield = g.limits.Shield
	cfg.Renew = a.Sessions.Renew
	cfg.Looked = a.staff.Looked
	cfg.Log, cfg.Now, cfg.Site = g.log, g.now, frontend.Dist()
	cfg.ConnectScripts, cfg.ConnectFrames = connectOrigins(g.cfg)
	cfg.SignInScripts, cfg.SignInFrames = g.cfg.Captcha.Sources()
	a.Web = web.New(cfg)
	mountOwn(a.Web, g.cfg, g.pool)
	log := audit.NewLog(g.pool, g.atlas, g.now)
	a.mountTogether(a.Web, log)
	a.bots.Operations(a.Web)
	for _, feature := range []interface{ Operations(*web.Server) }{
		log, a.Proof, a.programs, a.Identity, a.Factors, a.Risk, a.Sessions, a.connections, a.wealth, a.transactions, a.hub, a.inbox, a.Privacy, a.staff,
	} {
		feature.Operations(a.Web)
	}
}

// work lists what runs in the background: at somebody's request, and by itself.
func (a *App) work(g ground) error {
	posting := g.cfg.Mail
	posting.Log, posting.Now = g.log, g.now
	post, err := mail.NewSwap(posting)
	if err != nil {
		return err
	}
	a.post = post
	a.release = append(a.release, post.Close)
	workers := river.NewWorkers()
	river.AddWorker(workers, &identity.ConfirmWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.NoticeWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.ResetWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.SetupWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.EmailChangeWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.LinkWorker{Service: a.Identity, Sender: post})
	river.AddWorker(workers, &identity.TellWorker{Service: a.Identity, Sender: post, Atlas: g.atlas})
	river.AddWorker(workers, &mfa.RecoveryWorker{Service: a.Factors, Sender: post})
	river.AddWorker(workers, &apikey.SweepWorker{Service: a.programs})
	river.AddWorker(workers, &session.HoldWorker{Service: a.Sessions, Sender: post, Atlas: g.atlas})
	river.AddWorker(workers, &session.SweepWorker{Service: a.Sessions})
	river.AddWorker(workers, &session.KeysWorker{Service: a.Sessions})
	river.AddWorker(workers, &market.FXWorker{Service: a.Rates})
	river.AddWorker(workers, portfolio.NewDayWorker(a.wealth, g.log))
	river.AddWorker(workers, &connection.RevokeWorker{Service: a.connections})
	river.AddWorker(workers, &connection.LeaveWorker{Service: a.connections})
	river.AddWorker(workers, &compliance.LetterWorker{Service: a.Privacy, Sender: post})
	river.AddWorker(workers, &compliance.ExportWorker{Service: a.Privacy})
	river.AddWorker(workers, &compliance.RetainWorker{Service: a.Privacy})
	river.AddWorker(workers, &compliance.EraseWorker{Service: a.Privacy})
	river.AddWorker(workers, &compliance.AcceptWorker{Service: a.Privacy})
	river.AddWorker(workers, &screening.PersonWorker{Service: a.Screening})
	river.AddWorker(workers, &screening.LookWorker{Service: a.Screening})
	river.AddWorker(workers, &screening.EverybodyWorker{Service: a.Screening})
	river.AddWorker(workers, &connection.AdoptWorker{Service: a.connections})
	river.AddWorker(workers, &connection.SweepWorker{Service: a.connections})
	river.AddWorker(workers, &webhook.SweepWorker{Service: a.inbox})
	river.AddWorker(workers, ingest.NewSyncWorker(a.syncs))
	river.AddWorker(workers, ingest.NewDueWorker(a.syncs))
	river.AddWorker(workers, &rotation.TurnWorker{Service: a.Rotation})
	river.AddWorker(workers, &siem.ExportWorker{Exporter: a.SIEM})
	periodic := []*river.PeriodicJob{
		market.Periodic(), portfolio.Daily(g.now), ingest.Periodic(), session.Periodic(), session.Hourly(), apikey.Daily(), connection.Daily(), webhook.Daily(), compliance.Daily(), rotation.Daily(),
	}
	if g.cfg.SIEM.Enabled() {
		periodic = append(periodic, siem.Periodic())
	}
	if g.cfg.Screening.List != "" {
		periodic = append(periodic, screening.Periodic())
	}
	a.Jobs, err = queue.New(g.pool, g.cfg.Queue, workers, periodic, g.log)
	return err
}

// authenticate asks the keeper of keys about what looks like a key, and that of
// sessions about everything else. Who comes with the header of support is nobody
// but whom they look at, or nobody at all.
func authenticate(sessions *session.Service, programs *apikey.Service, staff *admin.Service) func(*http.Request) (access.Actor, error) {
	return func(r *http.Request) (actor access.Actor, err error) {
		if apikey.Is(r) {
			actor, err = programs.Authenticate(r)
		} else {
			actor, err = sessions.Authenticate(r)
		}
		if looks := r.Header.Values(admin.SupportHeader); err == nil && len(looks) > 0 {
			return staff.Behind(r.Context(), actor, strings.Join(looks, " "))
		}
		return actor, err
	}
}
