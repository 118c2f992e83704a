package bot

import (
	"context"
	_ "embed"
	"encoding/hex"
	"net/netip"
	"strconv"

	"flint/internal/envelope"
	"flint/internal/ratelimit"
)

// kept is how many failures of a network, and how many accounts that failed, are
// remembered for all nodes: more than any threshold asks for.
const kept = 64

//go:embed together.lua
var togetherScript string

// together is a watch of all nodes, in the Redis that their limits are in. What
// this node sees it counts for itself as well: it goes on with that when Redis
// doesn't answer in time, and never knows less than that when Redis has forgotten.
//
// Accounts are there as 16 bits of a keyed hash, which many share.
type together struct {
	own    watch
	limits *ratelimit.Limiter
	keys   *envelope.Keys
	script *ratelimit.Script
}

func newTogether(own watch, limits *ratelimit.Limiter, keys *envelope.Keys) *together {
	return &together{own: own, limits: limits, keys: keys, script: ratelimit.NewScript(togetherScript)}
}

// note implements watch.
func (w *together) note(ctx context.Context, from netip.Addr, account string, failed bool) {
	w.own.note(ctx, from, account, failed)
	how := "well"
	if failed {
		how = "failed"
	}
	mark := hex.EncodeToString(w.keys.Mac("bot.watch", []byte(account))[:2])
	_, _ = w.run(ctx, from, how, mark) // counted by this node, at least
}

// look implements watch.
func (w *together) look(ctx context.Context, from netip.Addr) sight {
	own := w.own.look(ctx, from)
	says, err := w.run(ctx, from, "", "")
	if err != nil || len(says) != 5 {
		return own
	}
	return sight{
		failures: max(own.failures, int(says[0])), accounts: max(own.accounts, int(says[1])),
		spray: own.spray || sprayed(int(says[2]), int(says[3]), func() int { return int(says[4]) }),
	}
}

// run asks for what concerns a network. All keys are in one slot of a cluster,
// so that one question is enough; sign-ins are few.
func (w *together) run(ctx context.Context, from netip.Addr, how, account string) ([]int64, error) {
	return w.limits.Run(ctx, w.script,
		[]string{"{watch}:network:" + from.String(), "{watch}:accounts", "{watch}:minutes"},
		how, account, strconv.Itoa(kept), strconv.Itoa(int((2 * stretch).Seconds())), strconv.Itoa(int(stretch.Seconds())))
}
