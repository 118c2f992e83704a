package sandbox

import (
	"fmt"
	"log/slog"
	"net"
	"time"

	"flint/sandbox/world"
)

// DefaultSeed is the seed of the demo's world.
const DefaultSeed = 42

// historyMonths is how old a new world is.
const historyMonths = 36

// Config says which world to play and where. Every zero value is usable.
type Config struct {
	Seed  uint64    // default DefaultSeed; another seed is another world
	Start world.Day // first day; default: the first of the month, 36 months before the first start
	// Dir keeps the world, private to its user. Empty: everything is forgotten
	// at Stop.
	Dir    string
	Listen Listen
	Now    func() time.Time // default time.Now
	Log    *slog.Logger     // default none
	// TellerWebhookURL and SnapTradeWebhookURL are where the product listens;
	// SetWebhooks changes them.
	TellerWebhookURL    string
	SnapTradeWebhookURL string
	TellerSecrets       []string // webhook signing secrets, newest first; default two made at the first start
	// Retries are the waits between attempts at a webhook; default those of
	// package hook.
	Retries []time.Duration
	// SnapTradePerMinute is the rate limit of a client; default 250.
	SnapTradePerMinute int
	// SnapTradeDelay is how long SnapTrade's background work takes; default none.
	SnapTradeDelay time.Duration
}

// Listen holds loopback addresses "host:port"; default "127.0.0.1:0", a free
// port.
type Listen struct {
	Site      string
	Teller    string
	SnapTrade string
	SMTP      string
}

func (c Config) withDefaults() (Config, error) {
	if c.Seed == 0 {
		c.Seed = DefaultSeed
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, address := range []*string{&c.Listen.Site, &c.Listen.Teller, &c.Listen.SnapTrade, &c.Listen.SMTP} {
		if *address == "" {
			*address = "127.0.0.1:0"
		}
		host, _, err := net.SplitHostPort(*address)
		if err != nil {
			return c, fmt.Errorf("sandbox address %q: %w", *address, err)
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return c, fmt.Errorf("sandbox address %q: it has no lock on its doors and listens on loopback only", *address)
		}
	}
	return c, nil
}

// origin is what the first start fixes for good.
type origin struct {
	Seed  uint64
	Start world.Day
}

// remember returns the world's seed and first day: those of its folder, or of
// the configuration at the first start. A folder of another seed is refused.
func remember(state *world.State, c Config) (origin, error) {
	first := c.Start
	if first == 0 {
		now := c.Now().UTC()
		first = world.Date(now.Year(), now.Month()-historyMonths, 1)
	}
	section, err := world.Open(state, "world", func() origin { return origin{c.Seed, first} })
	if err != nil {
		return origin{}, err
	}
	var o origin
	section.Read(func(kept *origin) { o = *kept })
	if o.Seed != c.Seed {
		return o, fmt.Errorf("the world in %s was made from seed %d, not %d: use another folder", state.Dir(), o.Seed, c.Seed)
	}
	return o, nil
}
