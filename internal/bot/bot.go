// Package bot makes automated use of the public forms expensive, without making
// people solve puzzles.
//
// The life of a form: when it is shown, the page asks for a token (GET
// /api/auth/challenge), which says, signed, when that was, for which form and for
// which network. The form comes back with the token, with a field that people
// don't see and leave empty, and, if it was demanded, with a proof. Check weighs
// what looks odd about it (weigh.go): each reason has points, and from a
// threshold on a proof is demanded: the token's own proof of work (work.go), or
// what Turnstile or reCAPTCHA says. The odder, the more work. A client that sends
// none of this, such as an older app, is served as long as nothing is odd.
//
// Who fills the hidden field in learns nothing: the caller answers as if all had
// gone well and does nothing (ErrDecoy).
//
// A proof is good once, on any node. When the service can't be asked, the proof
// of work takes its place: never open, and never locked. The same way is open to
// those whom a service doesn't serve, at the highest price.
//
// Failed sign-ins are watched (watch.go) by each node, and by all of them together
// where they share a Redis (together.go).
//
// Nothing here depends on whether somebody has an account.
package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/platform/outbound"
	"flint/internal/platform/telemetry"
	"flint/internal/provider/captcha"
	"flint/internal/ratelimit"
)

// The faults of bot.
var (
	ErrChallenge = fault.New(fault.Forbidden, "challenge_required", "First show that this isn't an automated request.")
	ErrProof     = fault.New(fault.Forbidden, "captcha_failed", "That didn't show it. Try again.")
)

// ErrDecoy says that the form is a bot's. It is no fault: the caller answers as
// if all had gone well.
var ErrDecoy = errors.New("the hidden field was filled in")

// When proofs are demanded.
const (
	Off       = "off"
	Suspicion = "suspicion"
	Always    = "always"
)

// The forms that are guarded.
const (
	Register = "register"
	Login    = "login"
	Reset    = "reset"
	Resend   = "resend"
	Link     = "link"
	Lead     = "lead"
)

// actions lists the forms; a token holds the index.
func actions() []string { return []string{Register, Login, Reset, Resend, Link, Lead} }

// Form is what a guarded form brings along. It is part of the body.
type Form struct {
	Website   string `json:"website,omitempty" maxLength:"200" doc:"Leave it empty"`
	FormToken string `json:"formToken,omitempty" maxLength:"200" doc:"The token of /api/auth/challenge, asked for when the form was shown"`
	Proof     *Proof `json:"proof,omitempty" doc:"After challenge_required: see /api/auth/challenge"`
}

// Proof is the answer to a challenge: nonces for a proof of work, response for a
// service.
type Proof struct {
	Token    string   `json:"token" maxLength:"200" doc:"The challenge's"`
	Nonces   []uint32 `json:"nonces,omitempty" maxItems:"16" doc:"With pow: one for each piece"`
	Response string   `json:"response,omitempty" maxLength:"4096" doc:"With turnstile and recaptcha: what its script gave"`
}

// Config is what the operator decides about bots.
type Config struct {
	// When a proof is demanded: off, suspicion or always.
	When string `env:"FLINT_BOTS,default=suspicion"`
	// Origin is where the forms are: services must have seen them there.
	Origin config.Origin `env:"FLINT_ORIGIN"`

	Service Service // nil: proof of work alone

	Now func() time.Time // default: time.Now
	Log *slog.Logger     // default: slog.Default()
}

// Service is Turnstile, reCAPTCHA or what plays them.
type Service interface {
	Verify(ctx context.Context, token config.Secret, want captcha.Expect) (captcha.Verdict, error)
	Config() captcha.Config
}

// Validate reports what is wrong with the settings, by variable.
func (c Config) Validate() error {
	if !slices.Contains([]string{"", Off, Suspicion, Always}, c.When) {
		return errors.New("FLINT_BOTS: off, suspicion or always")
	}
	return nil
}

// Guard decides about forms. It is safe for use by many goroutines; a nil Guard
// lets everything through.
type Guard struct {
	cfg    Config
	keys   *envelope.Keys
	limits *ratelimit.Limiter
	watch  watch
	notes  *notes
	down   atomic.Int64 // Unix nanoseconds until which the service isn't offered
}

// New returns a Guard. pool may be nil: then nothing is put into the audit log.
func New(cfg Config, pool *pgxpool.Pool, keys *envelope.Keys, limits *ratelimit.Limiter) (*Guard, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Log, cfg.When = cmp.Or(cfg.Log, slog.Default()), cmp.Or(cfg.When, Suspicion)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	var eyes watch = newMemory(cfg.Now)
	if limits.Together() {
		eyes = newTogether(eyes, limits, keys)
	}
	return &Guard{cfg: cfg, keys: keys, limits: limits, watch: eyes, notes: &notes{pool: pool, log: cfg.Log, now: cfg.Now}}, nil
}

// Attempt is a form that came in.
type Attempt struct {
	Form   Form
	Action string
	// Known reports whether the visitor's device is known to belong to the account
	// that they named. It is asked only where it matters; nil: it isn't.
	Known func(ctx context.Context) (bool, error)
}

// Check lets a form through (nil), or is ErrChallenge, ErrProof or ErrDecoy. The
// address is the request's.
func (g *Guard) Check(ctx context.Context, a Attempt) error {
	if g == nil || g.cfg.When == Off {
		return nil
	}
	if a.Form.Website != "" {
		g.notes.count(ctx, a.Action, decoy, []Reason{Hidden})
		return ErrDecoy
	}
	from := telemetry.Address(ctx)
	reasons := g.weigh(ctx, a.Action, a.Form.FormToken, from)
	if a.Form.Proof != nil {
		why, err := g.verify(ctx, a.Action, *a.Form.Proof, from)
		switch {
		case err != nil:
			return err
		case why == "":
			g.notes.count(ctx, a.Action, passed, reasons)
			return nil
		}
		g.notes.count(ctx, a.Action, failed, []Reason{why})
		return fault.Because(ErrProof, errors.New(string(why)))
	}
	if g.cfg.When != Always {
		enough, err := g.enough(ctx, a, &reasons)
		if err != nil || !enough {
			return err
		}
	}
	g.notes.count(ctx, a.Action, challenged, reasons)
	return ErrChallenge
}

// enough reports whether reasons call for a proof. A device that isn't known is
// a reason too, but only asked about if it makes the difference.
func (g *Guard) enough(ctx context.Context, a Attempt, reasons *[]Reason) (bool, error) {
	points := total(*reasons)
	stranger := append(slices.Clone(*reasons), Stranger)
	if points >= threshold || total(stranger) < threshold {
		return points >= threshold, nil
	}
	if a.Known != nil {
		known, err := a.Known(ctx)
		if err != nil {
			return false, fmt.Errorf("ask for a known device: %w", err)
		}
		if known {
			return false, nil
		}
	}
	*reasons = stranger
	return true, nil
}

// verify says why p is no proof for action; empty: it is one, and is used up.
func (g *Guard) verify(ctx context.Context, action string, p Proof, from netip.Addr) (Reason, error) {
	t, err := g.open(p.Token, action, from)
	if err != nil {
		return Forged, nil //nolint:nilerr // the reason says it
	}
	if age := g.cfg.Now().Sub(t.issued); age > proofTTL || age < -skew {
		return Late, nil
	}
	switch {
	case p.Response != "" && g.cfg.Service != nil:
		if why := g.ask(ctx, action, p.Response, from); why != "" {
			return why, nil
		}
	case !worked(p.Token, t.difficulty, t.pieces, p.Nonces):
		return Unworked, nil
	}
	first, err := g.limits.Once(ctx, "bot", t.id, proofTTL+skew)
	if err != nil {
		return "", err
	}
	if !first {
		return Spent, nil
	}
	return "", nil
}

// ask has the service judge a response. If it can't be asked the proof fails,
// and until it answers again challenges are proofs of work.
func (g *Guard) ask(ctx context.Context, action, response string, from netip.Addr) Reason {
	v, err := g.cfg.Service.Verify(ctx, config.NewSecret(response), captcha.Expect{Action: action, Host: g.cfg.Origin.Hostname(), Address: from})
	if err != nil {
		g.down.Store(g.cfg.Now().Add(fallback).UnixNano())
		g.cfg.Log.WarnContext(ctx, "the service against bots can't be asked; proofs of work take its place", "class", string(outbound.ClassOf(err)), "error", err.Error())
		return Unasked
	}
	if !v.Good {
		return Reason("service_" + v.Reason)
	}
	return ""
}

// fallback is for how long a service isn't offered after it couldn't be asked.
const fallback = time.Minute

// Challenge is what a form needs.
type Challenge struct {
	Kind       string `json:"kind" enum:"pow,turnstile,recaptcha" doc:"What shows that a person is there"`
	Token      string `json:"token" doc:"To be sent as formToken, and as the proof's token"`
	Required   bool   `json:"required" doc:"Whether a proof is demanded, as far as can be said now"`
	Difficulty int    `json:"difficulty" doc:"With pow: how many zero bits SHA-256(token:piece:nonce) begins with"`
	Pieces     int    `json:"pieces" doc:"With pow: how many nonces, for the pieces from 0"`
	SiteKey    string `json:"siteKey,omitempty" doc:"With a service: for its script"`
	Script     string `json:"script,omitempty" doc:"With a service: the address of its script"`
	ExpiresIn  int    `json:"expiresIn" doc:"Seconds in which a proof is taken"`
}

// Challenge returns a challenge for a form of action that is shown to a visitor
// of from. A proof of work instead of what a service asks costs the most.
func (g *Guard) Challenge(ctx context.Context, action string, from netip.Addr, work bool) (Challenge, error) {
	if g == nil {
		return Challenge{Kind: captcha.None}, nil
	}
	kind, c := captcha.None, captcha.Config{}
	if g.cfg.Service != nil && g.cfg.When != Off {
		c = g.cfg.Service.Config()
		kind = c.Kind
	}
	reasons := g.watched(ctx, from)
	difficulty := difficultyOf(total(reasons))
	switch {
	case kind != captcha.None && (work || g.cfg.Now().UnixNano() < g.down.Load()):
		kind, difficulty = captcha.None, max(difficulty, instead)
	case kind != captcha.None:
		difficulty = hardest // the token of a service's challenge is no cheap proof of work
	}
	t, err := g.issue(action, from, difficulty)
	if err != nil {
		return Challenge{}, err
	}
	out := Challenge{
		Kind: kind, Token: t, Difficulty: difficulty, Pieces: pieces, ExpiresIn: int(proofTTL.Seconds()),
		Required: g.cfg.When == Always || (g.cfg.When == Suspicion && total(reasons) >= threshold),
	}
	if kind != captcha.None {
		out.SiteKey, out.Script = c.SiteKey, c.Script()
	}
	return out, nil
}
