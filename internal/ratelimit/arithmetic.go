package ratelimit

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// This file is arithmetic alone: values and a time in, values out. Times are
// nanoseconds since some start.

// Limit is what is counted for one key: every window holds, and the bucket.
type Limit struct {
	Windows []Window
	Bucket  Bucket // the zero Bucket is none
}

// Bucket is a token bucket in the form that needs no timer (GCRA): a token
// comes Every so often, and a caller may be ahead of that by Tolerance. It holds
// 1 + Tolerance/Every tokens, of which the fraction counts, too.
type Bucket struct {
	Every, Tolerance time.Duration
}

// Quota is how one window or bucket stands.
type Quota struct {
	Limit     int           // calls per Per
	Per       time.Duration // of a bucket: how long it takes to fill Limit again
	Remaining int           // calls possible at this instant
	Reset     time.Duration // until all of Limit is available again
	bucket    bool
}

// String says l for people.
func (l Limit) String() string {
	var parts []string
	for _, w := range l.Windows {
		parts = append(parts, fmt.Sprintf("%d in %s", w.Calls, short(w.Per)))
	}
	if l.Bucket != (Bucket{}) {
		parts = append(parts, fmt.Sprintf("%d at once and one every %s", l.Bucket.size(), l.Bucket.Every))
	}
	return strings.Join(parts, ", ")
}

// short prints whole units only: 1m, 24h.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// calls returns how many admissions must be remembered to know l's windows.
func (l Limit) calls() int {
	most := 0
	for _, w := range l.Windows {
		most = max(most, w.Calls)
	}
	return most
}

// size returns how many whole tokens b holds.
func (b Bucket) size() int { return 1 + int(b.Tolerance/b.Every) }

// parts returns how many quotas l has.
func (l Limit) parts() int {
	if l.Bucket == (Bucket{}) {
		return len(l.Windows)
	}
	return len(l.Windows) + 1
}

// state is what is known about one key: the last admissions, and when the
// bucket will be full again (its theoretical arrival time).
type state struct {
	times ring
	full  int64
}

// wait returns how long from now until l would admit a call, in nanoseconds: 0
// if it does now. It's exact: without further admissions the call is refused
// before and admitted then.
//
// A window of N calls admits if the N-th last admission has left it. That is
// the whole of an exact sliding window: no counting, one comparison.
func (s *state) wait(l Limit, now int64) int64 {
	longest := int64(0)
	for _, w := range l.Windows {
		if t, ok := s.times.last(w.Calls); ok {
			longest = max(longest, t+int64(w.Per)-now)
		}
	}
	if l.Bucket != (Bucket{}) {
		longest = max(longest, s.full-int64(l.Bucket.Tolerance)-now)
	}
	return longest
}

// take counts a call that wait has admitted.
func (s *state) take(l Limit, now int64) {
	if n := l.calls(); n > 0 {
		s.times.push(now, n)
	}
	if l.Bucket != (Bucket{}) {
		s.full = max(s.full, now) + int64(l.Bucket.Every)
	}
}

// undo takes back the call that was counted at the time at.
func (s *state) undo(l Limit, at int64) {
	s.times.remove(at)
	if l.Bucket != (Bucket{}) {
		s.full -= int64(l.Bucket.Every)
	}
}

// until returns when nothing of s matters any more.
func (s *state) until(l Limit) int64 {
	end := s.full
	if newest, ok := s.times.last(1); ok {
		for _, w := range l.Windows {
			end = max(end, newest+int64(w.Per))
		}
	}
	return end
}

// quotas says how each part of l stands.
func (s *state) quotas(l Limit, now int64) []Quota {
	return s.appendQuotas(make([]Quota, 0, l.parts()), l, now)
}

// appendQuotas is quotas in memory that there is already.
func (s *state) appendQuotas(qs []Quota, l Limit, now int64) []Quota {
	for _, w := range l.Windows {
		used, reset := s.times.since(now-int64(w.Per), w.Calls), int64(0)
		if newest, ok := s.times.last(1); ok && used > 0 {
			reset = newest + int64(w.Per) - now
		}
		qs = append(qs, w.quota(used, time.Duration(reset)))
	}
	if l.Bucket != (Bucket{}) {
		qs = append(qs, l.Bucket.quota(time.Duration(s.full-now)))
	}
	return qs
}

// quota says how w stands when it holds used admissions, the newest of which
// leaves it after reset.
func (w Window) quota(used int, reset time.Duration) Quota {
	return Quota{Limit: w.Calls, Per: w.Per, Remaining: w.Calls - used, Reset: reset}
}

// quota says how b stands when it will be full again after full.
func (b Bucket) quota(full time.Duration) Quota {
	full = max(full, 0)
	left := 0
	if room := b.Tolerance - full; room >= 0 {
		left = 1 + int(room/b.Every)
	}
	return Quota{Limit: b.size(), Per: time.Duration(b.size()) * b.Every, Remaining: left, Reset: full, bucket: true}
}

// ring holds the last admissions, newest last, up to a maximum that only its
// pushes know. It grows by doubling: most keys see a handful of calls.
type ring struct {
	buf      []int64
	first, n int
}

// last returns the i-th last admission, counted from 1.
func (r *ring) last(i int) (int64, bool) {
	if i > r.n {
		return 0, false
	}
	at := r.first + r.n - i
	if at >= len(r.buf) { // as % would, which is many times dearer
		at -= len(r.buf)
	}
	return r.buf[at], true
}

// push adds t and forgets the oldest beyond most.
func (r *ring) push(t int64, most int) {
	if r.n == len(r.buf) && r.n < most {
		r.resize(min(max(4, 2*r.n), most))
	}
	if r.n == len(r.buf) {
		r.buf[r.first] = t
		r.first = (r.first + 1) % len(r.buf)
		return
	}
	r.buf[(r.first+r.n)%len(r.buf)] = t
	r.n++
}

func (r *ring) resize(size int) {
	buf := make([]int64, size)
	for i := range r.n {
		buf[i] = r.buf[(r.first+i)%len(r.buf)]
	}
	r.buf, r.first = buf, 0
}

// remove forgets one admission at t, if there is one.
func (r *ring) remove(t int64) {
	for i := range r.n {
		if r.buf[(r.first+i)%len(r.buf)] != t {
			continue
		}
		for j := i; j < r.n-1; j++ {
			r.buf[(r.first+j)%len(r.buf)] = r.buf[(r.first+j+1)%len(r.buf)]
		}
		r.n--
		return
	}
}

// since counts the admissions after t, up to most. They are in order, so a few
// looks find the last that counts.
func (r *ring) since(t int64, most int) int {
	return sort.Search(min(most, r.n), func(i int) bool {
		at, _ := r.last(i + 1)
		return at <= t
	})
}

// quotaName tells the quotas of one policy apart.
func quotaName(policy string, q Quota) string {
	switch {
	case q.bucket:
		return policy + "-burst"
	case q.Per == time.Minute:
		return policy + "-minute"
	case q.Per == time.Hour:
		return policy + "-hour"
	case q.Per == 24*time.Hour:
		return policy + "-day"
	}
	return policy + "-" + short(q.Per)
}
