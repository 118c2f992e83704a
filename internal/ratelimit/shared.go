package ratelimit

import (
	"context"
	"crypto/rand"
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"flint/internal/fault"
	"flint/internal/platform/redis"
)

// ErrUncounted is answered when the shared counts can't be reached and the
// policy would rather refuse than guess.
var ErrUncounted = fault.New(fault.Unavailable, "limits_unavailable", "We can't do that safely right now. Try again in a moment.")

const (
	budget  = 20 * time.Millisecond // for Redis to decide; then the node does
	recheck = time.Second           // between attempts to go back to Redis
	patient = time.Second           // to connect again, in the background
	believe = time.Second           // a refusal that a refund could lift
)

// Shared is a Store over Redis that always answers, and in time. Redis has
// 20 ms. If it takes longer or fails, the node decides by itself, as the policy
// says (Mode). After five failures in a row, or ten of twenty, Redis isn't asked
// any more until a trial in the background, once a second, goes well.
//
// It also remembers refusals: until the time that Redis has named nothing can
// change for that caller, whatever other nodes do, so that a flood costs Redis
// one question a window, not one a request. Where a count may be taken back a
// refusal is believed for a second at most.
type Shared struct {
	redis  *Redis
	alone  *Memory
	nodes  int
	now    func() time.Time
	log    *slog.Logger
	budget time.Duration

	denied  denials
	breaker breaker
	stop    context.CancelFunc
	ctx     context.Context // ends the trials
	trials  sync.WaitGroup
}

// SharedConfig is what NewShared may be told.
type SharedConfig struct {
	Nodes  int              // that share a limit when each is on its own; default 1
	Keys   int              // remembered by this node when it is on its own; see NewMemory
	Budget time.Duration    // for Redis; default 20 ms
	Now    func() time.Time // this node's clock; default time.Now
	Clock  func() time.Time // only tests: what Redis is told the time is
	Log    *slog.Logger
}

// NewShared returns a Store on client. Call Close.
func NewShared(client *redis.Client, cfg SharedConfig) *Shared {
	s := &Shared{redis: NewRedis(client, cfg.Clock), nodes: max(cfg.Nodes, 1), now: cfg.Now, log: cfg.Log, budget: cfg.Budget, denied: newDenials()}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.budget == 0 {
		s.budget = budget
	}
	s.alone = NewMemory(cfg.Keys, s.now)
	s.ctx, s.stop = context.WithCancel(context.Background())
	if _, err := client.Conn(); err != nil {
		s.breaker.open.Store(true) // until it's there
		s.trials.Go(s.recover)
	}
	return s
}

// Close ends the trials in the background.
func (s *Shared) Close() {
	s.stop()
	s.trials.Wait()
}

// Alone reports whether this node decides by itself at the moment.
func (s *Shared) Alone() bool { return s.breaker.open.Load() }

// Take implements Store. It fails only with ErrUncounted.
func (s *Shared) Take(ctx context.Context, takes []Take) (Outcome, error) {
	now := s.now()
	if out, ok := s.denied.look(takes, now); ok {
		return out, nil
	}
	if s.breaker.open.Load() {
		return s.decide(ctx, takes)
	}
	out, err := within(ctx, s.budget, func(ctx context.Context) (Outcome, error) { return s.redis.Take(ctx, takes) })
	s.note(err)
	if err != nil {
		return s.decide(ctx, takes)
	}
	if !out.Allowed {
		for i, t := range takes {
			if out.Waits[i] > 0 {
				s.denied.keep(t, now, out.Waits[i], out.Quotas[i], t.Refundable || s.redis.client.Clustered())
			}
		}
	}
	out.Origin = FromRedis
	return out, nil
}

// Undo implements Store.
func (s *Shared) Undo(ctx context.Context, r Receipt) error {
	s.denied.forget(r)
	switch {
	case r.alone:
		return s.alone.Undo(ctx, r)
	case s.breaker.open.Load():
		return nil // it costs the caller one call
	}
	_, err := within(ctx, s.budget, func(ctx context.Context) (Outcome, error) { return Outcome{}, s.redis.Undo(ctx, r) })
	s.note(err)
	return err
}

// decide is what the node says by itself.
func (s *Shared) decide(ctx context.Context, takes []Take) (Outcome, error) {
	own := make([]Take, len(takes))
	for i, t := range takes {
		if t.Alone == Closed {
			return Outcome{Origin: FromNobody}, fault.After(ErrUncounted, recheck)
		}
		if t.Alone == Part {
			t.Limit = t.Limit.part(s.nodes)
		}
		own[i] = t
	}
	out, err := s.alone.Take(ctx, own)
	out.Origin, out.Receipt.alone = FromNode, true
	return out, err
}

// part is what one of so many nodes allows when each is on its own: rounded up,
// for nothing should be impossible.
func (l Limit) part(nodes int) Limit {
	p := Limit{Windows: make([]Window, len(l.Windows)), Bucket: l.Bucket}
	for i, w := range l.Windows {
		p.Windows[i] = Window{(w.Calls + nodes - 1) / nodes, w.Per}
	}
	p.Bucket.Every *= time.Duration(nodes)
	return p
}

// within runs fn and waits no longer than d for it, whatever it does. What comes
// later is lost: at worst a call was counted twice, never less than once. The
// caller's going away doesn't end it, for that is no fault of Redis.
func within[T any](ctx context.Context, d time.Duration, fn func(context.Context) (T, error)) (T, error) {
	type result struct {
		out T
		err error
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
	done := make(chan result, 1)
	go func() {
		out, err := fn(ctx)
		done <- result{out, err}
	}()
	defer cancel()
	select {
	case r := <-done:
		return r.out, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// note tells the breaker how Redis did.
func (s *Shared) note(err error) {
	if s.breaker.note(err == nil) && s.ctx.Err() == nil {
		s.log.Warn("limits are counted by each node for itself: redis fails or is too slow", slog.String("error", err.Error()))
		s.trials.Go(s.recover)
	}
}

// recover tries Redis until it's well again.
func (s *Shared) recover() {
	for tick := time.NewTicker(recheck); ; {
		if s.well() == nil {
			s.breaker.reset()
			s.log.Info("limits are counted in redis, for all nodes")
			tick.Stop()
			return
		}
		select {
		case <-s.ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// well connects where that is needed, without hurry, and then demands what every
// call would: that Redis counts something, in time.
func (s *Shared) well() error {
	ctx, cancel := context.WithTimeout(s.ctx, patient)
	defer cancel()
	if err := s.redis.client.Ping(ctx); err != nil {
		return err
	}
	var any [16]byte // of a cluster, any server will do
	_, _ = rand.Read(any[:])
	trial := []Take{{Key: Key{Rule: "trial", Kind: 'i', ID: any}, Limit: Limit{Windows: []Window{{1, time.Millisecond}}}}}
	_, _ = s.redis.Take(ctx, trial) // the server may have to learn the script first
	_, err := within(s.ctx, s.budget, func(ctx context.Context) (Outcome, error) { return s.redis.Take(ctx, trial) })
	return err
}

// breaker decides when to stop asking.
type breaker struct {
	open  atomic.Bool
	mu    sync.Mutex
	past  uint32 // the last 20 answers, newest lowest; 1 is a failure
	inRow int
}

// note takes one answer into account, and reports whether that was the last straw.
func (b *breaker) note(ok bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.past = b.past << 1 & (1<<20 - 1)
	if ok {
		b.inRow = 0
		return false
	}
	b.past |= 1
	b.inRow++
	return (b.inRow >= 5 || bits.OnesCount32(b.past) >= 10) && b.open.CompareAndSwap(false, true)
}

// reset begins again, with a clean record.
func (b *breaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.past, b.inRow = 0, 0
	b.open.Store(false)
}
