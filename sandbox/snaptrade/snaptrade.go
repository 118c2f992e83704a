// Package snaptrade is the sandbox's SnapTrade: brokers and crypto exchanges
// behind the wire protocol of api.snaptrade.com, so exact that the official
// SDK works against it. It holds no real data and protects nothing.
//
// Three handlers make it up. Handler is what a client program talks to: signed
// requests, SnapTrade's error envelopes, its rate-limit headers. Pages is the
// Connection Portal a person clicks through in a browser. Control is the hidden
// door for tests and the demo: connect somebody without clicking, break a
// login, buy something, and list the truth to compare with.
//
// What a connection goes through:
//
//	portal or Control connect   CONNECTION_ADDED, NEW_ACCOUNT_AVAILABLE,
//	                            ACCOUNT_HOLDINGS_UPDATED; holdings as of now
//	Config.Delay later          ACCOUNT_TRANSACTIONS_INITIAL_UPDATE; until
//	                            then activities answer 425
//	every day at 06:00 UTC      holdings as of that moment, activities up to
//	                            the end of the day before
//	refresh                     holdings as of now, ACCOUNT_HOLDINGS_UPDATED
//	disable                     CONNECTION_BROKEN; every GET goes on answering
//	                            200 with what was known at that moment
//	portal with reconnect       CONNECTION_FIXED
//	delete                      CONNECTION_DELETED
//
// What an account holds is not stored but played: each day since its opening
// draws the deposits, purchases and dividends of that day from the seed, the
// broker and the login name (never from the SnapTrade user: the same login is
// the same brokerage account). Only what a person or a test did is state.
// Positions are the sum of the activities and cash is the sum of their
// amounts, always; a test holds that.
package snaptrade

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/shopspring/decimal"

	"flint/sandbox/hook"
	"flint/sandbox/prices"
	"flint/sandbox/world"
)

// Provider is the name this far end goes by at the misbehave desk, the
// hook.Sender and in logs.
const Provider = "snaptrade"

// The credentials that Config falls back to.
const (
	DefaultClientID    = "FLINT-SANDBOX"
	DefaultConsumerKey = "flint-sandbox-consumer-key-not-a-secret"
)

// Config is what an API needs. State, Market, SiteURL and Clock.Now must be set.
type Config struct {
	Seed   uint64
	Clock  world.Clock
	State  *world.State
	Market *prices.Market
	Hooks  *hook.Sender // nil: no webhooks
	Log    *slog.Logger // nil: none

	ClientID    string // default DefaultClientID
	ConsumerKey string // default DefaultConsumerKey

	// SiteURL returns where Pages is served, "http://127.0.0.1:4010", for links.
	SiteURL func() string

	// Rate returns how much of quote one unit of base buys on a day; false when
	// unknown. Nil: one euro is 1.10 dollars.
	Rate func(base, quote string, on world.Day) (decimal.Decimal, bool)

	PerMinute    int           // requests in 60 s for one client id; default 250
	Delay        time.Duration // how long background work takes: first activities, refresh, deletion; 0: none
	RefreshEvery time.Duration // a refresh sooner than this after the last is refused with 429; 0: never
}

// API is a SnapTrade. Make one with New, end it with Stop.
type API struct {
	cfg   Config
	log   *slog.Logger
	now   func() time.Time
	state *world.Section[records]
	meter meter

	mu      sync.Mutex
	played  map[string]played // by account key, what the last reading cost to play
	timers  map[*time.Timer]struct{}
	stopped bool
	working sync.WaitGroup
}

// New opens the state and resumes what was on its way when the last process
// ended. It fails only when the state can't be read.
func New(cfg Config) (*API, error) {
	if cfg.State == nil || cfg.Market == nil || cfg.SiteURL == nil || cfg.Clock.Now == nil {
		return nil, fmt.Errorf("snaptrade sandbox: State, Market, SiteURL and Clock are needed")
	}
	if cfg.ClientID == "" {
		cfg.ClientID = DefaultClientID
	}
	if cfg.ConsumerKey == "" {
		cfg.ConsumerKey = DefaultConsumerKey
	}
	if cfg.PerMinute == 0 {
		cfg.PerMinute = 250
	}
	if cfg.Rate == nil {
		cfg.Rate = fixedRate
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &API{
		cfg: cfg, log: cfg.Log, now: cfg.Clock.Now,
		meter:  meter{limit: cfg.PerMinute, now: cfg.Clock.Now, hits: map[string][]time.Time{}},
		played: map[string]played{}, timers: map[*time.Timer]struct{}{},
	}
	section, err := world.Open(cfg.State, Provider, func() records {
		opening := cfg.Clock.Start
		if opening == 0 {
			opening = world.DayOf(s.now().AddDate(-3, 0, 0))
		}
		return records{Opening: opening}
	})
	if err != nil {
		return nil, fmt.Errorf("snaptrade sandbox: %w", err)
	}
	s.state = section
	s.resume()
	return s, nil
}

// Stop drops background work; what it would have done is resumed by the next
// New on the same state.
func (s *API) Stop() {
	s.mu.Lock()
	s.stopped = true
	for t := range s.timers {
		if t.Stop() {
			s.working.Done()
		}
	}
	clear(s.timers)
	s.mu.Unlock()
	s.working.Wait()
}

// after runs fn once Config.Delay has passed, or at once when there is none.
func (s *API) after(fn func()) {
	if s.cfg.Delay <= 0 {
		fn()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	s.working.Add(1)
	var t *time.Timer
	t = time.AfterFunc(s.cfg.Delay, func() {
		defer s.working.Done()
		s.mu.Lock()
		delete(s.timers, t)
		stopped := s.stopped
		s.mu.Unlock()
		if !stopped {
			fn()
		}
	})
	s.timers[t] = struct{}{}
}

// fixedRate is the rate of a sandbox that was given none.
func fixedRate(base, quote string, _ world.Day) (decimal.Decimal, bool) {
	euro := decimal.New(110, -2)
	switch {
	case base == quote:
		return decimal.New(1, 0), true
	case base == "EUR" && quote == "USD":
		return euro, true
	case base == "USD" && quote == "EUR":
		return decimal.New(1, 0).Div(euro), true
	}
	return decimal.Zero, false
}
