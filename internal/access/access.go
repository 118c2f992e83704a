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
	ViewOwn   Need = "view-own"   // a confirmed person, reading their own data
	ManageOwn Need = "manage-own" // a confirmed person, on their own data
)

// To is the need of a permission: a confirmed person whose role has it.
func To(p Permission) Need { return Need(p) }

// Staff reports whether only staff meet n.
func (n Need) Staff() bool {
	p := Permission(n)
	return SuperAdmin.Has(p) && !ProUser.Has(p) && !BasicUser.Has(p) && !FreeUser.Has(p)
}

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
	Admin     bool   // flag in the database; never enough on its own, see RoleOf
	Super     bool   // likewise
	Listed    bool   // the operator's list of administrators names the address
	Trader    bool   // the operator's list of traders does
	System    string // name of the job, when no person acts

	Level   Level   // how surely it is them; AAL1 for any session
	Proofs  Proofs  // when they last proved it
	Factors Factors // what they could prove it with, beside the password

	Lapses time.Time // when the cookie that they came with runs out; zero for who came otherwise

	// When support looks at somebody's data with their consent, User is that
	// person, Behind who looks, and Session the one of who looks.
	Behind   id.User
	ReadOnly bool
	Support  Support
}

// Support is a look at somebody's data with their consent.
type Support struct {
	ID    id.Support
	By    string // first name of who looks
	Until time.Time
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
	UpgradeFirst                // another plan would do
)

// Decide says whether actor meets need. Whatever isn't known is denied.
func Decide(actor Actor, need Need) Verdict {
	p := Permission(need)
	switch {
	case need == Public:
		return Allow
	case need != SignedIn && need != ViewOwn && need != ManageOwn && !SuperAdmin.Has(p):
		return Deny // there is no such need
	case actor.User.IsZero():
		return SignInFirst
	case need == SignedIn:
		return Allow
	case !actor.Confirmed:
		return ConfirmFirst
	case need == ViewOwn:
		return Allow
	case actor.ReadOnly:
		return Deny
	case need == ManageOwn || RoleOf(actor).Has(p):
		return Allow
	case !need.Staff():
		return UpgradeFirst
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
