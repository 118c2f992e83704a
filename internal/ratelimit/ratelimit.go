// Package ratelimit says how often something may be done.
//
// What is allowed is a table (policy.go): a name, what it protects, the
// numbers, whom they count, and why; configuration can change the numbers
// (config.go). How it's counted is arithmetic over values and a time
// (arithmetic.go): exact sliding windows, several at once, and a token bucket
// for short bursts. Where the counts live is a Store: in memory on one node
// (store.go), in Redis for many (redis.go, take.lua). In front of Redis stands
// Shared (shared.go), which always answers in time and knows what to do when
// Redis doesn't.
//
// A Limiter decides all limits of one call together: it is counted against
// each of them, or, if one refuses, against none. Counting comes after the
// caller is known, so that an office behind one address isn't one person; only
// the coarse shield of addresses stands before that.
package ratelimit

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// Limiter applies policies. Its Allow is what package web asks.
type Limiter struct {
	store  Store
	own    Store // for what each node counts by itself
	rules  map[string]*rule
	order  []string // of the table
	pepper []byte   // keeps identifiers from being readable in the store
	log    *slog.Logger
	close  []func()
}

// rule is a policy, worked out.
type rule struct {
	Policy
	limits map[access.Tier]*numbers
	tally  tally
}

// numbers are a limit and how stores name it. Every change of the numbers makes
// another name, so that a new tier or table never misreads old counts.
type numbers struct {
	limit  Limit
	name   string      // "login:5a1f09c2"
	quotas []web.Quota // as they look untouched: what is said of them in every answer is written once
}

// quota is q, the i-th of n's, in the words of package web.
func (n *numbers) quota(i int, q Quota) web.Quota {
	say := n.quotas[i]
	if say.Limit != q.Limit || say.Window != q.Per { // a part of it: this node is on its own
		say.Limit, say.Window, say.Policy = q.Limit, q.Per, ""
	}
	say.Remaining, say.Reset = q.Remaining, q.Reset
	return say
}

// New returns a Limiter over store. With no policies given it uses Policies().
// It panics if a policy is incomplete: a mistake in the table, found at start.
func New(store Store, policies ...Policy) *Limiter {
	if len(policies) == 0 {
		policies = Policies()
	}
	l := &Limiter{store: store, own: store, rules: map[string]*rule{}, pepper: make([]byte, 32), log: slog.Default()}
	_, _ = rand.Read(l.pepper) // never fails, as of Go 1.24
	for _, p := range policies {
		if err := p.check(); err != nil {
			panic("ratelimit: " + err.Error())
		}
		if l.rules[p.Name] != nil {
			panic("ratelimit: " + p.Name + " is declared twice")
		}
		l.rules[p.Name] = newRule(p)
		l.order = append(l.order, p.Name)
	}
	return l
}

func newRule(p Policy) *rule {
	r := &rule{Policy: p, limits: map[access.Tier]*numbers{}}
	for _, t := range tiers {
		limit := p.Limit(t)
		sum := sha256.Sum256(fmt.Append(nil, limit.Windows, limit.Bucket)) // every digit; String rounds
		n := &numbers{limit: limit, name: p.Name + ":" + hex.EncodeToString(sum[:4])}
		for _, q := range (&state{}).quotas(limit, 0) {
			n.quotas = append(n.quotas, web.Quota{Name: quotaName(p.Name, q), Limit: q.Limit, Window: q.Per}.Prepared())
		}
		r.limits[t] = n
	}
	return r
}

// limit returns the numbers for tier; one that nobody knows counts as Free.
func (r *rule) limit(tier access.Tier) *numbers {
	if n, ok := r.limits[tier]; ok {
		return n
	}
	return r.limits[access.Free]
}

// Close ends what the Limiter has begun.
func (l *Limiter) Close() {
	for _, end := range slices.Backward(l.close) {
		end()
	}
}

// Names lists the policies, for web.Config.Policies.
func (l *Limiter) Names() []string {
	return slices.Clone(l.order)
}

// Allow counts one call of actor from addr against the named policy, if every
// limit of it allows. An unknown policy is an error, never a free pass.
func (l *Limiter) Allow(ctx context.Context, policy string, actor access.Actor, addr netip.Addr) (web.Decision, error) {
	return l.decide(ctx, ask{policy, caller{user: actor.User, tier: actor.Tier, addr: addr}})
}

// Shield counts one call from addr before anything else is known of it. It's a
// question of memory alone. Undo takes it back: a call that another limit
// refuses costs nothing here, either.
func (l *Limiter) Shield(ctx context.Context, addr netip.Addr) (web.Decision, error) {
	r := l.rules["shield"]
	if r == nil {
		return web.Decision{Allowed: true}, nil
	}
	d, receipt, err := l.count(ctx, l.own, []asked{r.ask(l, caller{addr: addr})})
	if d.Allowed && err == nil {
		d.Undo = func() { _ = l.own.Undo(ctx, receipt) }
	}
	return d, err
}

// AllowFor counts one call about identifier (an e-mail address, say) against a
// policy whose key is Identifier. Letter case doesn't matter, and the store sees
// only a keyed hash. If the policy counts failures only, call the decision's
// Undo once the call has turned out well.
func (l *Limiter) AllowFor(ctx context.Context, policy, identifier string) (web.Decision, error) {
	return l.decide(ctx, ask{policy, caller{identifier: identifier}})
}

// About is one policy and whom it's about, for AllowAll.
type About struct{ Policy, Identifier string }

// AllowAll is AllowFor of several policies, decided together: if one refuses,
// none has counted the call. Undo takes back what counts failures only.
func (l *Limiter) AllowAll(ctx context.Context, about ...About) (web.Decision, error) {
	asks := make([]ask, len(about))
	for i, a := range about {
		asks[i] = ask{a.Policy, caller{identifier: a.Identifier}}
	}
	return l.decide(ctx, asks...)
}

// ask is a question: may this caller, by that policy?
type ask struct {
	policy string
	caller caller
}

// caller is what the keys of limits are made from.
type caller struct {
	user       id.User
	tier       access.Tier
	addr       netip.Addr
	identifier string
}

// asked is a question as it's put to a store.
type asked struct {
	*rule
	numbers *numbers
	take    Take
}

func (r *rule) ask(l *Limiter, c caller) asked {
	n := r.limit(c.tier)
	return asked{r, n, Take{Key: l.key(r.Key, c, n.name), Limit: n.limit, Alone: r.Alone, Refundable: r.Failures}}
}

// decide puts asks to the stores they belong to: first this node's own, then the
// one that nodes share. What the first has counted is taken back if the second
// refuses. Policies in the shadow are counted apart and never refuse.
func (l *Limiter) decide(ctx context.Context, asks ...ask) (web.Decision, error) {
	var own, shared, shadow []asked
	for _, a := range asks {
		r := l.rules[a.policy]
		if r == nil {
			return web.Decision{}, fmt.Errorf("no rate limit is named %q", a.policy)
		}
		q := r.ask(l, a.caller)
		switch {
		case r.Shadow:
			shadow = append(shadow, q)
		case r.Alone == Own && l.own != l.store:
			own = append(own, q)
		default:
			shared = append(shared, q)
		}
	}
	if len(asks) == 1 && len(shadow) == 0 { // nearly every call: there is nothing to put together
		store, qs := l.store, shared
		if len(own) > 0 {
			store, qs = l.own, own
		}
		d, receipt, err := l.count(ctx, store, qs)
		if err == nil && d.Allowed {
			d.Undo = andUndo(ctx, nil, store, receipt)
		}
		return d, err
	}
	d := web.Decision{Allowed: true}
	var back []func()
	for _, part := range []struct {
		store Store
		asked []asked
	}{{l.own, own}, {l.store, shared}} {
		if len(part.asked) == 0 {
			continue
		}
		one, receipt, err := l.count(ctx, part.store, part.asked)
		d.Allowed, d.Retry, d.Quotas, d.Violated = one.Allowed, one.Retry, append(d.Quotas, one.Quotas...), one.Violated
		if err != nil || !one.Allowed {
			for _, undo := range back {
				undo()
			}
			return d, err
		}
		back = append(back, func() { _ = part.store.Undo(context.WithoutCancel(ctx), receipt) }) // should it fail: it costs the caller one call, no more
		d.Undo = andUndo(ctx, d.Undo, part.store, receipt)
	}
	for _, q := range shadow { // one by one, so that none hides another's answer
		one, receipt, err := l.count(ctx, l.store, []asked{q})
		if err != nil || !one.Allowed {
			l.log.InfoContext(ctx, "a limit in the shadow would have refused this", slog.String("policy", q.Name), slog.Duration("retry", one.Retry.Round(time.Second)))
			continue
		}
		d.Undo = andUndo(ctx, d.Undo, l.store, receipt)
	}
	return d, nil
}

// andUndo returns what does first and then takes back what receipt says about
// failures, or nil if that is nothing.
func andUndo(ctx context.Context, first func(), store Store, receipt Receipt) func() {
	wrong := receipt.refundable()
	if !wrong.counts() {
		return first
	}
	return func() {
		if first != nil {
			first()
		}
		_ = store.Undo(context.WithoutCancel(ctx), wrong)
	}
}

// count asks one store, and says what came of it.
func (l *Limiter) count(ctx context.Context, store Store, qs []asked) (web.Decision, Receipt, error) {
	takes, most := make([]Take, len(qs)), 1 // one more, for the shield
	for i := range qs {
		takes[i] = qs[i].take
		most += len(qs[i].numbers.quotas)
	}
	out, err := store.Take(ctx, takes)
	verdict := Allowed
	if err != nil || !out.Allowed {
		verdict = Refused
	}
	for _, q := range qs {
		if q.Shadow && verdict == Refused {
			verdict = Shadowed
		}
		q.tally.add(out.Origin, verdict)
	}
	if err != nil {
		return web.Decision{}, Receipt{}, fmt.Errorf("count %s: %w", qs[0].Name, err)
	}
	d := web.Decision{Allowed: out.Allowed, Retry: out.Retry, Quotas: make([]web.Quota, 0, most)}
	for i, q := range qs {
		for j, quota := range out.Quotas[i] {
			say := q.numbers.quota(j, quota)
			d.Quotas = append(d.Quotas, say)
			if !out.Allowed && out.Waits[i] > 0 && quota.Remaining <= 0 {
				d.Violated = append(d.Violated, say.Name)
			}
		}
	}
	return d, out.Receipt, nil
}

// key names whom a policy counts by.
func (l *Limiter) key(by Who, c caller, rule string) Key {
	k := Key{Rule: rule}
	byAddress := func() {
		a := c.addr.Unmap()
		if a.Is6() { // a household has a whole /64
			if net, err := a.Prefix(64); err == nil {
				a = net.Addr()
			}
		}
		k.Kind, k.ID = 'a', a.As16()
	}
	switch {
	case by == Identifier:
		mac := hmac.New(sha256.New, l.pepper)
		mac.Write([]byte(strings.ToLower(strings.TrimSpace(c.identifier))))
		k.Kind, k.ID = 'i', [16]byte(mac.Sum(nil))
	case by == UserOrIP && !c.user.IsZero():
		k.Kind, k.ID = 'u', c.user
	case c.addr.IsValid():
		byAddress()
	default:
		k.Kind = '?' // all who have no address share one place
	}
	return k
}

// Describe lists the policies in the order of the table, for `flint limits`.
func (l *Limiter) Describe() []Policy {
	var ps []Policy
	for _, name := range l.order {
		ps = append(ps, l.rules[name].Policy)
	}
	return ps
}
