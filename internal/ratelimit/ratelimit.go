// Package ratelimit says how often something may be done.
//
// What is allowed is a table (policy.go): a name, what it protects, the
// numbers, whom they count, and why. How it's counted is arithmetic over
// values and a time (arithmetic.go): exact sliding windows, several at once,
// and a token bucket for short bursts. Where the counts live is a Store: in
// memory on one node.
//
// A Limiter decides all limits of one call together: it is counted against
// each of them, or, if one refuses, against none. Counting comes after the
// caller is known, so that an office behind one address isn't one person.
package ratelimit

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"flint/internal/access"
	"flint/internal/platform/web"
)

// Limiter applies policies. Its Allow is what package web asks.
type Limiter struct {
	store    Store
	policies map[string]Policy
	order    []string // of the table
	pepper   []byte   // keeps identifiers from being readable in the store
}

// New returns a Limiter over store. With no policies given it uses Policies().
// It panics if a policy is incomplete: a mistake in the table, found at start.
func New(store Store, policies ...Policy) *Limiter {
	if len(policies) == 0 {
		policies = Policies()
	}
	l := &Limiter{store: store, policies: map[string]Policy{}, pepper: make([]byte, 32)}
	_, _ = rand.Read(l.pepper) // never fails, as of Go 1.24
	for _, p := range policies {
		if err := p.check(); err != nil {
			panic("ratelimit: " + err.Error())
		}
		if _, twice := l.policies[p.Name]; twice {
			panic("ratelimit: " + p.Name + " is declared twice")
		}
		l.policies[p.Name] = p
		l.order = append(l.order, p.Name)
	}
	return l
}

// Names lists the policies, for web.Config.Policies.
func (l *Limiter) Names() []string {
	return slices.Clone(l.order)
}

// Allow counts one call of actor from addr against the named policy, if every
// limit of it allows. An unknown policy is an error, never a free pass.
func (l *Limiter) Allow(ctx context.Context, policy string, actor access.Actor, addr netip.Addr) (web.Decision, error) {
	return l.decide(ctx, policy, caller{actor: actor, addr: addr})
}

// AllowFor counts one call about identifier (an e-mail address, say) against a
// policy whose key is Identifier. Letter case doesn't matter, and the store sees
// only a keyed hash. If the policy counts failures only, call the decision's
// Undo once the call has turned out well.
func (l *Limiter) AllowFor(ctx context.Context, policy, identifier string) (web.Decision, error) {
	return l.decide(ctx, policy, caller{identifier: identifier})
}

// caller is what the keys of limits are made from.
type caller struct {
	actor      access.Actor
	addr       netip.Addr
	identifier string
}

func (l *Limiter) decide(ctx context.Context, name string, c caller) (web.Decision, error) {
	p, ok := l.policies[name]
	if !ok {
		return web.Decision{}, fmt.Errorf("no rate limit is named %q", name)
	}
	limit := p.limitFor(c.actor.Tier)
	if len(limit.Windows) == 0 && limit.Bucket == (Bucket{}) {
		return web.Decision{Allowed: true}, nil
	}
	take := Take{Key: l.key(p, c, limit), Limit: limit}
	out, err := l.store.Take(ctx, []Take{take})
	if err != nil {
		return web.Decision{}, fmt.Errorf("count %s: %w", name, err)
	}
	d := web.Decision{Allowed: out.Allowed, Retry: out.Retry}
	for _, q := range out.Quotas[0] {
		d.Quotas = append(d.Quotas, web.Quota{Name: quotaName(name, q), Limit: q.Limit, Window: q.Per, Remaining: q.Remaining, Reset: q.Reset})
	}
	if p.Failures && out.Allowed {
		d.Undo = func() { _ = l.store.Undo(context.WithoutCancel(ctx), out.Receipt) } // a failure costs the caller one call, no more
	}
	return d, nil
}

// key names whom p counts. Every change of the numbers makes another key, so
// that a new tier or table never misreads old state.
func (l *Limiter) key(p Policy, c caller, limit Limit) Key {
	k := Key{Rule: p.Name + " " + limit.String()}
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
	case p.Key == Identifier:
		mac := hmac.New(sha256.New, l.pepper)
		mac.Write([]byte(strings.ToLower(strings.TrimSpace(c.identifier))))
		k.Kind, k.ID = 'i', [16]byte(mac.Sum(nil))
	case p.Key == UserOrIP && !c.actor.User.IsZero():
		k.Kind, k.ID = 'u', c.actor.User
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
		ps = append(ps, l.policies[name])
	}
	return ps
}
