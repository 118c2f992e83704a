package ratelimit

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"flint/internal/access"
	"flint/internal/platform/redis"
)

// Config is what can be set about limits, and what app plugs in.
type Config struct {
	// Adjust changes numbers of the table, policies apart by semicolons:
	// "register=5/1m,20/1h; data=free:80,pro:300; webhook=6000". A policy that
	// guards against guessing is loosened only with an exclamation mark:
	// "login!=10/1m".
	Adjust string `env:"FLINT_LIMITS"`
	// Shadow lists policies that count and log, but refuse nobody; one that guards
	// against guessing with an exclamation mark: "login!".
	Shadow []string `env:"FLINT_LIMITS_SHADOW"`
	// Nodes is how many nodes there are, for the part of a limit that each allows
	// when Redis can't be asked.
	Nodes int `env:"FLINT_NODES,default=1"`

	Redis  *redis.Client    // nil: this node counts for itself
	Pepper []byte           // 32 bytes that all nodes have; keeps identifiers from being readable in the store
	Keys   int              // remembered in memory; see NewMemory
	Now    func() time.Time // default: time.Now
	Log    *slog.Logger     // default: slog.Default()
}

// Validate says what can't be.
func (c Config) Validate() error {
	var faults []error
	if c.Nodes < 1 || c.Nodes > 1000 {
		faults = append(faults, errors.New("FLINT_NODES: between 1 and 1000"))
	}
	_, _, err := c.Table()
	return errors.Join(append(faults, err)...)
}

// Open returns a Limiter as configured. Call Close.
func Open(cfg Config) (*Limiter, error) {
	table, loosened, err := cfg.Table()
	if err != nil {
		return nil, err
	}
	log := cfg.Log
	if log == nil {
		log = slog.Default()
	}
	for _, why := range loosened {
		log.Warn("a limit that guards against guessing is weaker than Flint's own", slog.String("policy", why))
	}
	own := NewMemory(cfg.Keys, cfg.Now)
	l := New(own, table...)
	l.log = log
	if len(cfg.Pepper) > 0 {
		l.pepper = cfg.Pepper
	}
	if cfg.Redis != nil {
		shared := NewShared(cfg.Redis, SharedConfig{Nodes: cfg.Nodes, Keys: cfg.Keys, Now: cfg.Now, Log: log})
		l.store = shared
		l.close = append(l.close, shared.Close)
	}
	return l, nil
}

// Table returns the policies with what is adjusted, and the names of those that
// guard against guessing and are weaker than in the table.
func (c Config) Table() (table []Policy, loosened []string, err error) {
	table = Policies()
	var faults []error
	for entry := range strings.SplitSeq(c.Adjust, ";") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		loose, err := adjust(table, entry)
		if err != nil {
			faults = append(faults, fmt.Errorf("FLINT_LIMITS: %w", err))
		}
		loosened = append(loosened, loose...)
	}
	for _, name := range c.Shadow {
		name, sure := strings.CutSuffix(strings.TrimSpace(name), "!")
		i := slices.IndexFunc(table, func(p Policy) bool { return p.Name == name })
		switch {
		case name == "":
		case i < 0:
			faults = append(faults, fmt.Errorf("FLINT_LIMITS_SHADOW: there is no limit named %q", name))
		case table[i].Guards && !sure:
			faults = append(faults, fmt.Errorf("FLINT_LIMITS_SHADOW: without %s passwords and codes can be guessed; write %s! if that is meant", name, name))
		default:
			if table[i].Shadow = true; table[i].Guards {
				loosened = append(loosened, name)
			}
		}
	}
	return table, loosened, errors.Join(faults...)
}

// adjust changes the row of table that entry is about.
func adjust(table []Policy, entry string) (loosened []string, err error) {
	name, text, ok := strings.Cut(entry, "=")
	name, sure := strings.CutSuffix(strings.TrimSpace(name), "!")
	i := slices.IndexFunc(table, func(p Policy) bool { return p.Name == name })
	switch {
	case !ok:
		return nil, fmt.Errorf("%q isn't of the form policy=numbers", entry)
	case i < 0:
		return nil, fmt.Errorf("there is no limit named %q", name)
	}
	p := table[i]
	switch {
	case len(p.Windows) > 0:
		p.Windows, err = windows(text)
	case len(p.Tiers) > 0:
		p.Tiers, err = perTier(p.Tiers, text)
	default:
		p.Smooth, err = strconv.Atoi(strings.TrimSpace(text))
		if err != nil || p.Smooth <= 0 {
			err = errors.New("calls a minute is a number above 0")
		}
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if p.Guards && looser(p.Windows, table[i].Windows) {
		if !sure {
			return nil, fmt.Errorf("%s would let more be guessed than Flint's own limit does; write %s!=… if that is meant", name, name)
		}
		loosened = []string{name}
	}
	table[i] = p
	return loosened, nil
}

// windows reads "5/1m,50/1h".
func windows(text string) ([]Window, error) {
	var ws []Window
	for part := range strings.SplitSeq(text, ",") {
		calls, per, ok := strings.Cut(strings.TrimSpace(part), "/")
		n, err1 := strconv.Atoi(calls)
		d, err2 := time.ParseDuration(per)
		if !ok || err1 != nil || err2 != nil {
			return nil, errors.New("windows read calls/duration, such as 5/1m,50/1h")
		}
		ws = append(ws, Window{n, d})
	}
	return ws, nil
}

// perTier reads "free:50,pro:200"; tiers that aren't named keep their number.
func perTier(now map[access.Tier]int, text string) (map[access.Tier]int, error) {
	changed := map[access.Tier]int{}
	for t, n := range now {
		changed[t] = n
	}
	for part := range strings.SplitSeq(text, ",") {
		tier, calls, ok := strings.Cut(strings.TrimSpace(part), ":")
		n, err := strconv.Atoi(calls)
		if _, known := now[access.Tier(tier)]; !ok || err != nil || !known {
			return nil, errors.New("tiers read tier:calls, such as free:50,pro:200")
		}
		changed[access.Tier(tier)] = n
	}
	return changed, nil
}

// looser reports whether what is allowed by ws could exceed one of the windows
// of own: whether none of ws is at least as strict.
func looser(ws, own []Window) bool {
	for _, o := range own {
		if !slices.ContainsFunc(ws, func(w Window) bool { return w.Calls <= o.Calls && w.Per >= o.Per }) {
			return true
		}
	}
	return false
}
