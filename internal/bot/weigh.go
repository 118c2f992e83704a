package bot

import (
	"context"
	"net/netip"
)

// Reason is why a form looks automated, or why a proof isn't one.
type Reason string

// What looks odd about a form.
const (
	Hidden   Reason = "hidden_field" // filled in by whoever doesn't look at the page
	NoToken  Reason = "no_token"     // an older client, or none that shows forms
	BadToken Reason = "bad_token"    // forged, of another form, or from elsewhere
	Fast     Reason = "too_fast"
	Old      Reason = "too_old"
	Failures Reason = "failures"      // some sign-ins from this network failed
	Many     Reason = "many_failures" // many did
	Accounts Reason = "many_accounts" // for many accounts
	Spray    Reason = "spray"         // for many accounts from everywhere
	Stranger Reason = "new_device"
)

// Why a proof isn't one.
const (
	Forged   Reason = "proof_token"
	Late     Reason = "proof_late"
	Unworked Reason = "proof_work"
	Spent    Reason = "proof_spent"
	Unasked  Reason = "service_down"
)

// threshold is how many points call for a proof.
const threshold = 4

// weight is how odd a reason is. None of the small ones is enough by itself; an
// old client on a new device is let in as long as there is nothing else.
func weight(r Reason) int {
	switch r {
	case NoToken, Stranger:
		return 1
	case Failures:
		return 2
	case Spray:
		return 3
	case BadToken, Fast, Old:
		return 4
	case Accounts, Many:
		return 6
	}
	return 0
}

func total(reasons []Reason) int {
	n := 0
	for _, r := range reasons {
		n += weight(r)
	}
	return n
}

// weigh lists what is odd about a form of action that from sent with a token.
func (g *Guard) weigh(ctx context.Context, action, formToken string, from netip.Addr) []Reason {
	reasons := g.watched(ctx, from)
	if formToken == "" {
		return append(reasons, NoToken)
	}
	t, err := g.open(formToken, action, from)
	if err != nil {
		return append(reasons, BadToken)
	}
	switch age := g.cfg.Now().Sub(t.issued); {
	case age < tooFast:
		reasons = append(reasons, Fast)
	case age > tooOld:
		reasons = append(reasons, Old)
	}
	return reasons
}

// watched lists what is odd about a network, and about the hour.
func (g *Guard) watched(ctx context.Context, from netip.Addr) []Reason {
	var reasons []Reason
	sees := g.watch.look(ctx, network(from))
	switch {
	case sees.failures >= 10:
		reasons = append(reasons, Many)
	case sees.failures >= 3:
		reasons = append(reasons, Failures)
	}
	if sees.accounts >= 5 {
		reasons = append(reasons, Accounts)
	}
	if sees.spray {
		reasons = append(reasons, Spray)
	}
	return reasons
}
