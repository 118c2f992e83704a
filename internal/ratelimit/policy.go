package ratelimit

import (
	"fmt"
	"strings"
	"time"

	"flint/internal/access"
)

// Who is counted.
type Who string

// The keys of policies.
const (
	IP         Who = "address"            // an IPv4 address or an IPv6 /64
	UserOrIP   Who = "person, or address" // the address only of those who aren't signed in
	Identifier Who = "identifier"         // what was typed in, such as an e-mail address; see AllowFor
)

// Policy is one row of the table.
type Policy struct {
	Name     string // as operations name it
	What     string // what it protects, for people
	Key      Who
	Windows  []Window            // all of them hold
	Tiers    map[access.Tier]int // calls a minute by tier, instead of Windows; Free for those who aren't signed in
	Smooth   int                 // calls a minute as a bucket alone, for machines and shields
	Failures bool                // a call that turns out well isn't counted
	Alone    Mode                // without the store that nodes share
	Guards   bool                // against guessing: configuration may loosen it only by saying so
	Shadow   bool                // it counts and logs, and refuses nobody
	Why      string              // where the numbers come from
}

// Mode says what becomes of a limit when the store that nodes share fails or
// takes too long. There is none that lets everything through.
type Mode int

// The modes.
const (
	Part   Mode = iota // each node allows its part: the limit by the number of nodes
	Whole              // each node allows all of it: so many nodes, so many times the limit
	Closed             // refused with 503, until the counts are back
	Own                // never shared: each node counts for itself, always
)

// String is m, in a word or three.
func (m Mode) String() string {
	switch m {
	case Whole:
		return "whole"
	case Closed:
		return "closed"
	case Own:
		return "own always"
	}
	return "part"
}

// Window allows Calls in any stretch of time as long as Per.
type Window struct {
	Calls int
	Per   time.Duration
}

// What a window may be at most: it is remembered call by call.
const (
	mostCalls = 10_000
	longest   = 30 * 24 * time.Hour
)

// burst is for how long a caller may go at twice the rate: "2x burst for 10
// seconds, then strict". As a token bucket that is the same tolerance for
// every rate: the burst spends (2-1)*10 s worth of tokens.
const burst = 10 * time.Second

// Policies is the table. The numbers of the PRD (2.1 and 2.3) are its; whom they
// count is as it was meant there, after identity, and not as it was built, before
// it.
func Policies() []Policy {
	return []Policy{
		{Name: "login", What: "signing in with a password", Key: IP, Guards: true,
			Windows: []Window{{5, time.Minute}, {50, time.Hour}},
			Why:     "PRD 2.1: slows guessing from one address, allows a few typing errors"},
		{Name: "login-account", What: "wrong passwords for one account, from wherever", Key: Identifier, Failures: true, Guards: true,
			Windows: []Window{{10, 15 * time.Minute}, {30, 24 * time.Hour}},
			Why:     "ten thousand addresses with five tries each are no address's excess; only wrong ones count, so nobody locks others out by signing in"},
		{Name: "login-delay", What: "wrong passwords for one account from one address", Key: Identifier, Failures: true, Guards: true,
			Windows: []Window{{3, 15 * time.Second}, {5, time.Minute}, {8, 10 * time.Minute}},
			Why:     "the longer somebody guesses, the longer they wait; who mistypes twice notices nothing"},
		{Name: "login-known", What: "wrong passwords for one account on a device that it was used on", Key: Identifier, Failures: true, Guards: true,
			Windows: []Window{{10, 15 * time.Minute}, {30, 24 * time.Hour}},
			Why:     "counted apart from strangers' failures, so that nobody can lock the owner out by guessing"},
		{Name: "step-up", What: "wrong passwords given as proof in one session", Key: Identifier, Failures: true, Guards: true,
			Windows: []Window{{5, 15 * time.Minute}, {20, 24 * time.Hour}},
			Why:     "a stolen session is no place to guess from; counted apart from sign-ins, so that no stranger keeps who is in from proving it"},
		{Name: "step-up-account", What: "the same in all sessions of one person", Key: Identifier, Failures: true, Guards: true,
			Windows: []Window{{10, 15 * time.Minute}, {30, 24 * time.Hour}},
			Why:     "several stolen sessions guess no more than one stranger does"},
		{Name: "factor", What: "wrong codes of one person's second factor, from wherever", Key: Identifier, Failures: true, Guards: true,
			Windows: []Window{{5, 15 * time.Minute}, {20, 24 * time.Hour}},
			Why:     "whoever tries knows the password or has a session; three of a million codes fit at a time, so a year of tries finds one with 2 %"},
		{Name: "register", What: "opening an account", Key: IP,
			Windows: []Window{{3, time.Minute}, {10, time.Hour}},
			Why:     "PRD 2.1: each costs a password hash and a mail"},
		{Name: "auth", What: "attempts with a one-time token or another credential", Key: UserOrIP, Failures: true, Guards: true,
			Windows: []Window{{5, 15 * time.Minute}},
			Why:     "PRD 2.1, of failed attempts; never counts page loads, nor who succeeds"},
		{Name: "refresh", What: "renewing a session", Key: IP, Alone: Whole,
			Windows: []Window{{120, time.Minute}},
			Why:     "the token is 256 random bits, so guessing isn't the danger; an office behind one address must not be signed out"},
		{Name: "mail", What: "asking for a mail again", Key: UserOrIP,
			Windows: []Window{{5, 15 * time.Minute}},
			Why:     "as PRD 2.1 auth, but each counts: a mail is sent to somebody"},
		{Name: "mail-recipient", What: "mails to one address, whoever asks", Key: Identifier,
			Windows: []Window{{3, 15 * time.Minute}, {10, 24 * time.Hour}},
			Why:     "nobody's mailbox is filled from many addresses"},
		{Name: "notice", What: "mails that warn one person", Key: Identifier,
			Windows: []Window{{30, 24 * time.Hour}},
			Why:     "a password in wrong hands must not fill a mailbox; enough that nothing is hidden by using it up, and the security log has the rest"},
		{Name: "data", What: "reading one's own data", Key: UserOrIP, Alone: Whole,
			Tiers: map[access.Tier]int{access.Free: 50, access.Basic: 100, access.Pro: 200, access.Premium: 200},
			Why:   "PRD 2.3: by plan, at twice the rate for 10 seconds, and never more than the rate in any minute"},
		{Name: "trading", What: "previewing and placing orders, and the wallet", Key: UserOrIP,
			Tiers: map[access.Tier]int{access.Free: 10, access.Basic: 30, access.Pro: 60, access.Premium: 60},
			Why:   "PRD 2.3, as data"},
		{Name: "connect", What: "whatever makes us call a provider", Key: UserOrIP,
			Windows: []Window{{10, time.Minute}},
			Why:     "PRD 2.1, external API: providers limit us, and all of our customers share that"},
		{Name: "transfer", What: "moving money to or from a bank", Key: UserOrIP, Alone: Closed,
			Windows: []Window{{10, time.Minute}},
			Why:     "PRD 2.1, external API: a transfer can wait until it can be counted"},
		{Name: "checkout", What: "starting a payment", Key: IP,
			Windows: []Window{{10, 15 * time.Minute}},
			Why:     "PRD 2.1: card testing"},
		{Name: "write", What: "changing one's own data", Key: UserOrIP, Alone: Whole,
			Windows: []Window{{60, time.Minute}},
			Why:     "one a second is more than hands do, and a list worked through by keyboard stays below it"},
		{Name: "stream", What: "opening a stream of live events", Key: UserOrIP, Alone: Whole,
			Windows: []Window{{30, time.Minute}},
			Why:     "a client in a reconnect loop costs authentication each time; how many are open at once is limited apart"},
		{Name: "webhook", What: "deliveries of providers", Key: IP, Smooth: 1200, Alone: Own,
			Why: "all come from few addresses and in bursts; 200 at once, 20 a second after that"},
		{Name: "public", What: "cheap reads by anyone", Key: IP, Smooth: 1200, Alone: Own,
			Why: "200 at once, 20 a second after that"},
		{Name: "shield", What: "all calls from one address, before anything is looked at", Key: IP, Smooth: 1200, Alone: Own,
			Why: "coarse: an office is behind one address, a flood is more than that"},
	}
}

// check reports what p lacks.
func (p Policy) check() error {
	kinds := 0
	for _, set := range []bool{len(p.Windows) > 0, len(p.Tiers) > 0, p.Smooth > 0} {
		if set {
			kinds++
		}
	}
	switch {
	case p.Name == "" || p.What == "" || p.Why == "" || p.Key == "":
		return fmt.Errorf("policy %q needs a name, what, why and a key", p.Name)
	case kinds != 1:
		return fmt.Errorf("policy %s needs windows, tiers or a smooth rate: one of them", p.Name)
	case len(p.Tiers) > 0 && p.Tiers[access.Free] == 0:
		return fmt.Errorf("policy %s has no number for the free tier", p.Name)
	}
	for _, w := range p.Windows {
		if w.Calls <= 0 || w.Calls > mostCalls || w.Per < time.Millisecond || w.Per > longest || w.Per%time.Microsecond != 0 {
			return fmt.Errorf("policy %s: a window is 1 to %d calls in 1ms to 30 days", p.Name, mostCalls)
		}
	}
	for _, n := range p.Tiers {
		if n <= 0 || n > mostCalls {
			return fmt.Errorf("policy %s: a tier has 1 to %d calls a minute", p.Name, mostCalls)
		}
	}
	if p.Smooth < 0 || p.Smooth > 1_000_000 {
		return fmt.Errorf("policy %s: at most a million calls a minute", p.Name)
	}
	if p.Guards && p.Alone != Part && p.Alone != Closed {
		return fmt.Errorf("policy %s guards against guessing: without the shared counts it can only get stricter", p.Name)
	}
	return nil
}

// Limit returns what p means for somebody of tier. An unknown tier counts as
// Free.
func (p Policy) Limit(tier access.Tier) Limit {
	switch {
	case len(p.Tiers) > 0:
		calls, ok := p.Tiers[tier]
		if !ok {
			calls = p.Tiers[access.Free]
		}
		return Limit{Windows: []Window{{calls, time.Minute}}, Bucket: bucketOf(calls)}
	case p.Smooth > 0:
		return Limit{Bucket: bucketOf(p.Smooth)}
	}
	return Limit{Windows: p.Windows}
}

// bucketOf counts in whole microseconds, as stores do, rounded up.
func bucketOf(perMinute int) Bucket {
	every := (time.Minute + time.Duration(perMinute) - 1) / time.Duration(perMinute)
	return Bucket{Every: (every + time.Microsecond - 1).Truncate(time.Microsecond), Tolerance: burst}
}

// Limits says p's numbers for people: "5 in 1m, 50 in 1h".
func (p Policy) Limits() string {
	if len(p.Tiers) == 0 {
		return p.Limit("").String()
	}
	var parts []string
	for _, t := range tiers {
		parts = append(parts, fmt.Sprintf("%s %s", t, p.Limit(t)))
	}
	return strings.Join(parts, "; ")
}
