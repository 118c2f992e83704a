package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
)

// What is known about live sessions, and how long it may be believed.
//
// The node listens for announcements of revoked sessions and changed people,
// and twice a second asks Postgres for a sign of life on the same connection.
// Each answer lets the cache be believed until 900 ms after the question: so a
// revocation reaches every node within a second, be it that the announcement
// arrives (milliseconds), that the connection breaks, or that it dies without
// a word. Whenever the cache isn't to be believed, each request reads the
// database.
const (
	pulse  = 450 * time.Millisecond
	belief = 900 * time.Millisecond
	// A cached session is read again after this long whatever happens, for
	// changes that nobody announced, such as by hand in the database.
	stale = time.Minute
)

// state is what is known about a live session.
type state struct {
	user     id.User
	who      access.Actor // without the session
	delivery Delivery
	proofs   access.Proofs
	factors  access.Factors
	ends     time.Time // of the session, at the latest
	read     time.Time // when this was read
}

// actor returns who acts in the session.
func (st state) actor(session id.Session) access.Actor {
	a := st.who
	a.Session, a.Level, a.Proofs, a.Factors = session, st.proofs.Level(), st.proofs, st.factors
	return a
}

// live caches states.
type live struct {
	now      func() time.Time
	born     time.Time    // of the process; believed is measured from it, by the clock that only runs forward
	believed atomic.Int64 // nanoseconds since born
	mu       sync.Mutex
	drops    uint64 // grows with each announcement
	states   *lru.Cache[id.Session, state]
}

func newLive(now func() time.Time) (*live, error) {
	states, err := lru.New[id.Session, state](cacheSize)
	if err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	return &live{now: now, born: time.Now(), states: states}, nil
}

// trusted reports whether every announcement has surely been heard.
func (l *live) trusted() bool { return time.Since(l.born).Nanoseconds() < l.believed.Load() }

// get returns the cached state, if it may be believed, and otherwise a mark for
// put.
func (l *live) get(s id.Session) (st state, mark uint64, ok bool) {
	if !l.trusted() {
		return state{}, 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st, ok = l.states.Get(s)
	if age := l.now().Sub(st.read); ok && (age < 0 || age > stale) {
		ok = false
	}
	return st, l.drops + 1, ok
}

// put caches what was read after get gave mark, unless something was announced
// since: what was read may be older than that.
func (l *live) put(s id.Session, st state, mark uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if mark == l.drops+1 {
		l.states.Add(s, st)
	}
}

// drop forgets the states that match; all of them if match is nil.
func (l *live) drop(match func(id.Session, state) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drops++
	if match == nil {
		l.states.Purge()
		return
	}
	for _, s := range l.states.Keys() {
		if st, ok := l.states.Peek(s); ok && match(s, st) {
			l.states.Remove(s)
		}
	}
}

// announced handles one announcement. One that can't be read drops everything.
func (l *live) announced(channel, payload string) {
	switch channel {
	case Revoked:
		if session, err := id.Parse[id.Session](payload); err == nil {
			l.drop(func(s id.Session, _ state) bool { return s == session })
			return
		}
	case identity.Changed:
		if user, err := id.Parse[id.User](payload); err == nil {
			l.drop(func(_ id.Session, st state) bool { return st.user == user })
			return
		}
	}
	l.drop(nil)
}

// state returns what is known about a session, or ErrToken if it isn't alive.
func (s *Service) state(ctx context.Context, session id.Session) (state, error) {
	st, mark, ok := s.live.get(session)
	if ok {
		if !s.now().Before(st.ends) {
			return state{}, fault.Because(ErrToken, errors.New("the session is over"))
		}
		return st, nil
	}
	st, err := s.read(ctx, session)
	if err != nil {
		return state{}, err
	}
	s.live.put(session, st, mark)
	return st, nil
}

// read asks the database.
func (s *Service) read(ctx context.Context, session id.Session) (state, error) {
	ctx = postgres.AsSystem(ctx, "authentication: the session says who it is")
	now := s.now()
	row, err := findLive(ctx, s.pool, session, now)
	if errors.Is(err, fault.ErrNotFound) {
		return state{}, fault.Because(ErrToken, errors.New("the session is over"))
	}
	if err != nil {
		return state{}, fmt.Errorf("read session: %w", err)
	}
	p, err := s.people.Person(ctx, row.UserID)
	if errors.Is(err, fault.ErrNotFound) || (err == nil && p.Banned()) {
		return state{}, fault.Because(ErrToken, errors.New("the person is gone or banned"))
	}
	if err != nil {
		return state{}, fmt.Errorf("read person: %w", err)
	}
	var factors access.Factors
	if p.SecondFactor {
		if factors, err = s.factorsOf(ctx, s.pool, p.ID); err != nil {
			return state{}, err
		}
	}
	return state{
		user: p.ID, who: s.people.Actor(p, now), delivery: row.Delivery, proofs: row.proofs(), factors: factors, ends: row.ExpiresAt, read: now,
	}, nil
}

// Start loads the signing keys (makes one at the very first start), begins
// to look for newer ones and to listen for announcements. It fails if the keys can't be opened.
func (s *Service) Start(ctx context.Context) error {
	if err := s.firstKey(ctx); err != nil {
		return fmt.Errorf("start sessions: %w", err)
	}
	if err := s.loadKeys(ctx); err != nil {
		return fmt.Errorf("start sessions: %w", err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = cancel
	s.done.Go(func() { s.listen(run) })
	s.done.Go(func() { s.keepKeys(run) })
	return nil
}

// Stop ends both and waits for it. Requests that still come are checked in
// the database.
func (s *Service) Stop() {
	if s.stop != nil {
		s.stop()
	}
	s.done.Wait()
}

// listen keeps a connection that hears announcements until ctx ends.
func (s *Service) listen(ctx context.Context) {
	for wait := 100 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		heard, err := s.hear(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard {
			wait = 100 * time.Millisecond
		}
		s.cfg.Log.WarnContext(ctx, "session announcements are lost; sessions are checked in the database until they are back", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// hear listens on one connection until it fails. It reports whether it had
// begun to hear.
func (s *Service) hear(ctx context.Context) (heard bool, err error) {
	conn, err := postgres.Alone(ctx, s.pool, "")
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, revoked := conn.Exec(ctx, "listen "+Revoked)
	_, changed := conn.Exec(ctx, "listen "+identity.Changed)
	_, keys := conn.Exec(ctx, "listen "+KeysChanged)
	if err := errors.Join(revoked, changed, keys); err != nil {
		return false, fmt.Errorf("listen: %w", err)
	}
	s.live.drop(nil) // whatever was said before wasn't heard
	if err := s.reload(ctx); err != nil {
		return false, fmt.Errorf("load signing keys: %w", err)
	}
	for {
		asked := time.Since(s.live.born)
		alive, cancel := context.WithTimeout(ctx, belief)
		err := conn.Ping(alive)
		cancel()
		if err != nil {
			return heard, fmt.Errorf("sign of life: %w", err)
		}
		s.live.believed.Store((asked + belief).Nanoseconds())
		heard = true
		if err := s.hearFor(ctx, conn, pulse); err != nil {
			return heard, err
		}
	}
}

// hearFor handles what is announced within d.
func (s *Service) hearFor(ctx context.Context, conn *pgx.Conn, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(ctx)
		if n != nil && n.Channel == KeysChanged {
			// A belief that runs out meanwhile has each request look for itself.
			if err := s.reload(context.WithoutCancel(ctx)); err != nil {
				return fmt.Errorf("load signing keys: %w", err)
			}
		} else if n != nil {
			s.live.announced(n.Channel, n.Payload)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil && !conn.IsClosed():
			return nil
		default:
			return fmt.Errorf("wait for announcements: %w", err)
		}
	}
}
