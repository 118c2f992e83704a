package ratelimit

import (
	"context"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"flint/internal/platform/redis"
)

// prefix begins every key.
const prefix = "flint:ratelimit:"

//go:embed take.lua
var takeScript string

// Redis is a Store that all nodes share. The server's clock decides, not theirs:
// a node whose clock is wrong gives nothing away. One call is one round trip.
//
// Its Take fails whenever Redis does; Shared is what stands in then.
type Redis struct {
	client *redis.Client
	script *rueidis.Lua
	now    func() time.Time // of tests; nil: the server's clock
	args   sync.Map         // Key.Rule -> []string, what the script is told about it
}

// NewRedis returns a Store on client. Only tests set now, to decide at times of
// their own.
func NewRedis(client *redis.Client, now func() time.Time) *Redis {
	return &Redis{client: client, script: rueidis.NewLuaScript(takeScript), now: now}
}

// Take implements Store. In a cluster, keys of different callers live on
// different servers: these are asked side by side, any refusal counts, and what
// the others have counted is taken back.
func (r *Redis) Take(ctx context.Context, takes []Take) (Outcome, error) {
	if !r.client.Clustered() || together(takes) {
		return r.take(ctx, takes)
	}
	parts := apart(takes)
	outs, faults := make([]Outcome, len(parts)), make([]error, len(parts))
	var wg sync.WaitGroup
	for i, part := range parts {
		wg.Go(func() { outs[i], faults[i] = r.take(ctx, pick(takes, part)) })
	}
	wg.Wait()
	all := Outcome{Allowed: errors.Join(faults...) == nil, Quotas: make([][]Quota, len(takes)), Waits: make([]time.Duration, len(takes))}
	for i, part := range parts {
		if faults[i] != nil {
			continue
		}
		all.Allowed = all.Allowed && outs[i].Allowed
		all.Retry = max(all.Retry, outs[i].Retry)
		for j, at := range part {
			all.Quotas[at], all.Waits[at] = outs[i].Quotas[j], outs[i].Waits[j]
		}
	}
	for i := range parts {
		switch {
		case faults[i] != nil || !outs[i].Allowed:
		case all.Allowed:
			all.Receipt.parts = append(all.Receipt.parts, outs[i].Receipt)
		default: // not what the caller waits for
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
				defer cancel()
				_ = r.Undo(ctx, outs[i].Receipt)
			})
		}
	}
	wg.Wait()
	return all, errors.Join(faults...)
}

// together reports whether all takes are about one caller.
func together(takes []Take) bool {
	for _, t := range takes[1:] {
		if t.Key.Kind != takes[0].Key.Kind || t.Key.ID != takes[0].Key.ID {
			return false
		}
	}
	return true
}

// apart sorts the places of takes by caller.
func apart(takes []Take) [][]int {
	var parts [][]int
	for i, t := range takes {
		at := -1
		for p, part := range parts {
			if first := takes[part[0]].Key; first.Kind == t.Key.Kind && first.ID == t.Key.ID {
				at = p
			}
		}
		if at < 0 {
			parts, at = append(parts, nil), len(parts)
		}
		parts[at] = append(parts[at], i)
	}
	return parts
}

func pick(takes []Take, places []int) []Take {
	some := make([]Take, len(places))
	for i, at := range places {
		some[i] = takes[at]
	}
	return some
}

// take asks one server about takes.
func (r *Redis) take(ctx context.Context, takes []Take) (Outcome, error) {
	answer, err := r.run(ctx, "", takes)
	if err != nil {
		return Outcome{}, fmt.Errorf("count in redis: %w", err)
	}
	if len(answer) < 2 {
		return Outcome{}, errors.New("count in redis: the script's answer is too short")
	}
	out := Outcome{Allowed: answer[0] == 1, Receipt: Receipt{Takes: takes, At: answer[1]}}
	rest := answer[2:]
	for _, t := range takes {
		want := 2 + len(t.Limit.Windows)
		if t.Limit.Bucket != (Bucket{}) {
			want++
		}
		if len(rest) < want {
			return Outcome{}, errors.New("count in redis: the script's answer is too short")
		}
		wait := time.Duration(rest[0]) * time.Microsecond
		out.Retry = max(out.Retry, wait)
		out.Waits = append(out.Waits, wait)
		out.Quotas = append(out.Quotas, told(t.Limit, rest[1:want]))
		rest = rest[want:]
	}
	return out, nil
}

// told makes quotas of what the script says about one key: the age of the newest
// admission, what each window holds, the time until the bucket is full.
func told(l Limit, says []int64) []Quota {
	age, says := says[0], says[1:]
	qs := make([]Quota, 0, len(says))
	for i, w := range l.Windows {
		reset := time.Duration(0)
		if says[i] > 0 {
			reset = w.Per - time.Duration(age)*time.Microsecond
		}
		qs = append(qs, w.quota(int(says[i]), reset))
	}
	if l.Bucket != (Bucket{}) {
		qs = append(qs, l.Bucket.quota(time.Duration(says[len(l.Windows)])*time.Microsecond))
	}
	return qs
}

// Undo implements Store.
func (r *Redis) Undo(ctx context.Context, receipt Receipt) error {
	var faults []error
	for _, part := range receipt.parts {
		faults = append(faults, r.Undo(ctx, part))
	}
	if len(receipt.Takes) > 0 {
		if _, err := r.run(ctx, strconv.FormatInt(receipt.At, 10), receipt.Takes); err != nil {
			faults = append(faults, fmt.Errorf("take a count back in redis: %w", err))
		}
	}
	return errors.Join(faults...)
}

// run sends the script by its hash, and whole if the server doesn't know it. It
// is never sent again for another reason: that could count twice.
func (r *Redis) run(ctx context.Context, undo string, takes []Take) ([]int64, error) {
	conn, err := r.client.Conn()
	if err != nil {
		return nil, err
	}
	keys, args := make([]string, 0, len(takes)), make([]string, 2, 2+6*len(takes))
	args[0] = undo
	if r.now != nil {
		args[1] = strconv.FormatInt(r.now().UnixMicro(), 10)
	}
	for _, t := range takes {
		keys = append(keys, t.Key.name())
		args = append(args, r.told(t)...)
	}
	return r.script.Exec(ctx, conn, keys, args).AsIntSlice()
}

// told is what the script is told about t's numbers.
func (r *Redis) told(t Take) []string {
	if known, ok := r.args.Load(t.Key.Rule); ok {
		return known.([]string) //nolint:forcetypeassert // nothing else is in it
	}
	args := []string{strconv.Itoa(len(t.Limit.Windows))}
	for _, w := range t.Limit.Windows {
		args = append(args, strconv.Itoa(w.Calls), strconv.FormatInt(w.Per.Microseconds(), 10))
	}
	args = append(args, strconv.FormatInt(t.Limit.Bucket.Every.Microseconds(), 10), strconv.FormatInt(t.Limit.Bucket.Tolerance.Microseconds(), 10))
	r.args.Store(t.Key.Rule, args)
	return args
}

// name is k as Redis sees it. What stands in braces, the caller, decides in which
// slot of a cluster it is: all limits of one caller are in one.
func (k Key) name() string {
	b := make([]byte, 0, 96)
	b = append(b, prefix+"{"...)
	switch k.Kind {
	case 'a':
		if a := netip.AddrFrom16(k.ID); a.Is4In6() {
			b = a.Unmap().AppendTo(append(b, "ip4:"...))
		} else { // the /64
			b = hex.AppendEncode(append(b, "ip6:"...), k.ID[:8])
		}
	case 'u':
		b = hex.AppendEncode(append(b, "u:"...), k.ID[:])
	case 'i':
		b = hex.AppendEncode(append(b, "id:"...), k.ID[:])
	default:
		b = append(b, "nobody"...)
	}
	b = append(b, "}:"...)
	return string(append(b, k.Rule...))
}
