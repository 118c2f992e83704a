package ratelimit

import (
	"slices"
	"sync/atomic"

	"flint/internal/access"
)

// Origin says who decided.
type Origin string

// Those who decide.
const (
	FromMemory   Origin = ""         // this node, as it always does
	FromRedis    Origin = "redis"    // for all nodes
	FromRefusals Origin = "refusals" // this node, repeating what Redis said
	FromNode     Origin = "alone"    // this node, because Redis can't
	FromNobody   Origin = "nobody"   // refused, because Redis can't
)

var origins = [...]Origin{FromMemory, FromRedis, FromRefusals, FromNode, FromNobody}

// String is o, in words.
func (o Origin) String() string {
	if o == FromMemory {
		return "memory"
	}
	return string(o)
}

// Verdict is what became of a call.
type Verdict string

// The verdicts.
const (
	Allowed  Verdict = "allowed"
	Refused  Verdict = "refused"
	Shadowed Verdict = "shadowed" // would have been refused, if the policy were enforced
)

var verdicts = [...]Verdict{Allowed, Refused, Shadowed}

// Count is how many decisions there were of one sort since the start.
type Count struct {
	Policy  string
	Origin  Origin
	Verdict Verdict
	N       uint64
}

// tally counts the decisions about one policy.
type tally [len(origins)][len(verdicts)]atomic.Uint64

func (t *tally) add(o Origin, v Verdict) {
	if i, j := slices.Index(origins[:], o), slices.Index(verdicts[:], v); i >= 0 && j >= 0 {
		t[i][j].Add(1)
	}
}

// Stats returns how often each policy decided what, and who decided. What a node
// decides alone is worth an alert.
func (l *Limiter) Stats() []Count {
	var counts []Count
	for _, name := range l.order {
		t := &l.rules[name].tally
		for i := range t {
			for j := range t[i] {
				if n := t[i][j].Load(); n > 0 {
					counts = append(counts, Count{name, origins[i], verdicts[j], n})
				}
			}
		}
	}
	return counts
}

// tiers are those that a policy may tell apart.
var tiers = []access.Tier{access.Free, access.Basic, access.Pro, access.Premium}
