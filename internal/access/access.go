// Package access says who may do what: roles, permissions, tiers and their
// limits, and the Actor on whose behalf something happens. It is pure: tables
// and functions over values, with no clock, no storage and no log. It denies
// whatever it doesn't know.
package access

import (
	"context"
	"time"

	"flint/internal/id"
)

// Need is what an operation demands of its caller. Every operation declares
// one; the zero Need can't be satisfied, so forgetting it closes the door.
type Need string

// The needs of operations.
const (
	Public    Need = "public"     // anyone, signed in or not
	SignedIn  Need = "signed-in"  // any live session, e-mail confirmed or not
	ManageOwn Need = "manage-own" // a confirmed person, on their own data
)

// Tier is what a person pays for.
type Tier string

// The tiers, from least to most.
const (
	Free    Tier = "free"
	Basic   Tier = "basic" // sold as Standard
	Pro     Tier = "pro"
	Premium Tier = "premium"
)

// Unlimited is the limit that isn't one.
const Unlimited = -1

// Connections returns how many institutions a person of this tier may link:
// 1, 3 or Unlimited. An unknown tier counts as Free.
func (t Tier) Connections() int {
	switch t {
	case Pro, Premium:
		return Unlimited
	case Basic:
		return 3
	default:
		return 1
	}
}

// HasAPI reports whether a person of this tier may have API keys (API_ACCESS).
func (t Tier) HasAPI() bool { return t == Pro || t == Premium }

// Valid reports whether t is a tier that Flint knows.
func (t Tier) Valid() bool {
	switch t {
	case Free, Basic, Pro, Premium:
		return true
	}
	return false
}

// Actor is the one on whose behalf something happens. The zero Actor is nobody
// and may do only what is Public.
type Actor struct {
	User      id.User
	Session   id.Session
	Key       id.APIKey // set if a program acts with an API key, in no session
	Tier      Tier
	Confirmed bool   // the e-mail address is confirmed
	Admin     bool   // flag in the database; never enough on its own
	System    string // name of the job, when no person acts

	Level   Level   // how surely it is them; AAL1 for any session
	Proofs  Proofs  // when they last proved it
	Factors Factors // what they could prove it with, beside the password

	Lapses time.Time // when the cookie that they came with runs out; zero for who came otherwise
}

// SystemActor is the Actor of background work named job on user's data.
func SystemActor(job string, user id.User) Actor {
	return Actor{User: user, System: job}
}

// Verdict is what access says to a caller.
type Verdict int

// The verdicts. The zero Verdict refuses.
const (
	Deny         Verdict = iota // not allowed, whoever it is
	Allow                       // go on
	SignInFirst                 // nobody is signed in
	ConfirmFirst                // the e-mail address must be confirmed first
)

// Decide says whether actor meets need. Whatever isn't known is denied.
func Decide(actor Actor, need Need) Verdict {
	switch need {
	case Public:
		return Allow
	case SignedIn:
		if actor.User.IsZero() {
			return SignInFirst
		}
		return Allow
	case ManageOwn:
		switch {
		case actor.User.IsZero():
			return SignInFirst
		case !actor.Confirmed:
			return ConfirmFirst
		}
		return Allow
	}
	return Deny
}

type key struct{}

// With returns ctx carrying actor.
func With(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, key{}, actor)
}

// From returns the Actor in ctx, or nobody.
func From(ctx context.Context) Actor {
	a, _ := ctx.Value(key{}).(Actor)
	return a
}
