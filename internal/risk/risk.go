// Package risk says how unusual a sign-in is, and what follows from it.
//
// A password that is right proves that somebody knows it, no more: it may be on
// a list that strangers pass around. So every sign-in whose first step was right
// is compared with what is known of the person (devices, networks, countries,
// hours) and of the moment (wrong passwords for this account, from this network,
// for many accounts at once). Each difference is a signal with a weight; the sum
// is the score, and the score decides:
//
//	allow         nothing much is unusual
//	step_up       unusual: the second factor decides, for those who have one
//	verify_email  unusual, and there is no second factor: a code from the mailbox
//	block         so unusual that it is refused as a wrong password is
//
// The first sign-ins of a new account have nothing to differ from, and are judged
// by the moment alone. Who comes by passkey has proven a device, who comes by
// link the mailbox; they are judged all the same, but only the very highest
// score refuses them.
//
// Every decision is kept for 90 days with its reasons, so that it can be
// explained: to the person (GET /api/security/decisions) and to operators. With
// FLINT_RISK=watch decisions are kept and nothing follows from them.
//
// The engine (engine.go, score.go) knows no database. It reads the past from a
// Book: Postgres for the product (store.go), memory for the simulator, which
// replays campaigns against this very code (simulate.go).
package risk

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"flint/internal/id"
)

// Outcome is what follows from a score.
type Outcome string

// The outcomes, the mildest first.
const (
	Allow       Outcome = "allow"
	StepUp      Outcome = "step_up"
	VerifyEmail Outcome = "verify_email"
	Block       Outcome = "block"
)

// Action is by what somebody signs in.
type Action string

// The actions.
const (
	Password Action = "password"
	Link     Action = "link"
	Passkey  Action = "passkey"
)

// Config is what an operator decides about risk.
type Config struct {
	// Mode is on, watch (decisions are kept, nothing follows) or off.
	Mode string `env:"FLINT_RISK,default=on"`
	// HoldAt is the score from which a second factor or a code from the mailbox
	// is demanded.
	HoldAt int `env:"FLINT_RISK_HOLD,default=40"`
	// BlockAt is the score from which a right password is refused.
	BlockAt int `env:"FLINT_RISK_BLOCK,default=130"`
	// BlockProvenAt is BlockAt for passkeys and links.
	BlockProvenAt int `env:"FLINT_RISK_BLOCK_PROVEN,default=160"`
	// Lists is a file of networks that deserve a closer look; see readLists.
	Lists string `env:"FLINT_RISK_LISTS"`
}

// Validate reports what is wrong with the settings, by variable.
func (c Config) Validate() error {
	var mode, scores error
	if c.Mode != "on" && c.Mode != "watch" && c.Mode != "off" {
		mode = errors.New("FLINT_RISK: on, watch or off")
	}
	if c.HoldAt < 1 || c.BlockAt <= c.HoldAt || c.BlockProvenAt < c.BlockAt {
		scores = fmt.Errorf("FLINT_RISK_HOLD, FLINT_RISK_BLOCK, FLINT_RISK_BLOCK_PROVEN: 1 or more, each above the one before")
	}
	return errors.Join(mode, scores)
}

// Standing is what is known of the device that somebody comes by.
type Standing struct {
	Known   bool   // they have signed in on it before
	Trusted bool   // and said that it is theirs alone
	Agent   string // User-Agent of its last sign-in
	Hints   []byte // what it said about itself then, hashed; see package bot. Empty: not known
}

// Attempt is a sign-in whose first step was right.
type Attempt struct {
	User     id.User
	Email    string // of the account, to find what was tried at it
	Action   Action
	Address  netip.Addr // invalid: not known
	Agent    string     // User-Agent, shortened
	Device   Standing
	Hints    []byte // as Standing's, now
	At       time.Time
	TimeZone string // of the person
	Factor   bool   // they have a second factor, which will be asked for
	Breached bool   // their password is known from a breach
	Earlier  bool   // a session of theirs has begun before, ever
}

// Reason is a signal that was seen.
type Reason struct {
	Signal string `json:"signal"`
	Weight int    `json:"weight"`
}

// Decision is what was decided, and why.
type Decision struct {
	ID       id.Decision
	Score    int
	Outcome  Outcome
	Enforced bool // false: kept, but nothing follows from it
	Reasons  []Reason
	Inputs   map[string]any
}

// Does returns what is to be done: the outcome, if it is enforced.
func (d Decision) Does() Outcome {
	if !d.Enforced || d.Outcome == "" {
		return Allow
	}
	return d.Outcome
}
