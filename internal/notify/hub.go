package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
)

const (
	buffer    = 32               // events that a stream may be behind
	quiet     = 30 * time.Second // without a message, after which the connection is checked
	checking  = 5 * time.Second  // how long that may take
	firstWait = 100 * time.Millisecond
	maxWait   = 15 * time.Second
)

// Hub listens on one connection of its own and hands events to streams.
type Hub struct {
	pool *pgxpool.Pool // only to connect as it does
	log  *slog.Logger

	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	streams map[id.User]map[*stream]bool
	stopped bool
}

// stream is one subscriber. Only the hub sends, and only under its lock.
type stream struct{ events chan web.Event }

var hello = web.Event{Name: Hello, Data: json.RawMessage("{}")}

// New returns a Hub for the database of pool. It uses no connection of the pool.
func New(pool *pgxpool.Pool, log *slog.Logger) *Hub {
	return &Hub{pool: pool, log: log, done: make(chan struct{}), streams: map[id.User]map[*stream]bool{}}
}

// Start begins to listen. It returns when the first connection is up, or with
// the reason why it isn't; later interruptions are mended in the background.
func (h *Hub) Start(ctx context.Context) error {
	conn, err := h.listen(ctx)
	if err != nil {
		return err
	}
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go h.run(ctx, conn)
	return nil
}

// Stop ends every stream and the connection. It may be called twice, and
// without Start.
func (h *Hub) Stop() {
	h.mu.Lock()
	if !h.stopped {
		h.stopped = true
		for _, of := range h.streams {
			for s := range of {
				close(s.events)
			}
		}
		clear(h.streams)
	}
	h.mu.Unlock()
	if h.cancel != nil {
		h.cancel()
		<-h.done
	}
}

// Subscribe returns user's events, hello first. The caller calls leave when it's
// done. The channel is closed when the hub stops. It returns ErrTooManyStreams
// if user has MaxStreams already.
func (h *Hub) Subscribe(user id.User) (events <-chan web.Event, leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &stream{events: make(chan web.Event, buffer)}
	switch {
	case h.stopped:
		close(s.events)
		return s.events, func() {}, nil
	case len(h.streams[user]) >= MaxStreams:
		return nil, nil, fault.After(ErrTooManyStreams, 30*time.Second)
	case h.streams[user] == nil:
		h.streams[user] = map[*stream]bool{}
	}
	h.streams[user][s] = true
	s.events <- hello
	return s.events, func() { h.leave(user, s) }, nil
}

func (h *Hub) leave(user id.User, s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams[user], s)
	if len(h.streams[user]) == 0 {
		delete(h.streams, user)
	}
}

// Streams returns how many streams are open, for metrics.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, of := range h.streams {
		n += len(of)
	}
	return n
}

// publish hands e to user's streams.
func (h *Hub) publish(user id.User, e web.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.streams[user] {
		s.send(e)
	}
}

// send never waits. A stream that is too far behind loses what it hasn't taken
// and gets hello instead, which stands for all of that.
func (s *stream) send(e web.Event) {
	select {
	case s.events <- e:
		return
	default:
	}
	for {
		select {
		case <-s.events:
			continue
		default:
		}
		break
	}
	s.events <- hello // there's room: nobody else sends
}

// helloAll tells every stream that something may have been missed.
func (h *Hub) helloAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, of := range h.streams {
		for s := range of {
			s.send(hello)
		}
	}
}

// listen opens the connection.
func (h *Hub) listen(ctx context.Context) (*pgx.Conn, error) {
	conn, err := postgres.Alone(ctx, h.pool, "flint live events")
	if err != nil {
		return nil, fmt.Errorf("connect for live events: %w", err)
	}
	if _, err := conn.Exec(ctx, "listen "+Channel); err != nil {
		_ = conn.Close(ctx)
		return nil, fmt.Errorf("listen for live events: %w", err)
	}
	return conn, nil
}

// run passes messages on until ctx ends, and mends the connection.
func (h *Hub) run(ctx context.Context, conn *pgx.Conn) {
	defer close(h.done)
	for {
		err := h.receive(ctx, conn)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = conn.Close(closing) // it's broken or no longer needed
		cancel()
		if ctx.Err() != nil {
			return
		}
		h.log.WarnContext(ctx, "live events are interrupted", "error", err.Error())
		if conn = h.reconnect(ctx); conn == nil {
			return
		}
		h.helloAll()
		h.log.InfoContext(ctx, "live events are back")
	}
}

// receive passes messages on until the connection breaks.
func (h *Hub) receive(ctx context.Context, conn *pgx.Conn) error {
	for {
		wait, cancel := context.WithTimeout(ctx, quiet)
		n, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			h.pass(ctx, n)
		case ctx.Err() != nil:
			return ctx.Err()
		case wait.Err() != nil && !conn.IsClosed():
			// Nothing came. A connection that was cut without a word looks the same.
			if err := ping(ctx, conn); err != nil {
				return err
			}
		default:
			return fmt.Errorf("wait for live events: %w", err)
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, checking)
	defer cancel()
	if err := conn.Ping(ctx); err != nil {
		return fmt.Errorf("check live events' connection: %w", err)
	}
	return nil
}

func (h *Hub) pass(ctx context.Context, n *pgconn.Notification) {
	user, e, err := parse(n.Payload)
	if err != nil {
		h.log.ErrorContext(ctx, "live event dropped", "error", err.Error())
		return
	}
	h.publish(user, e)
}

// reconnect tries until it succeeds, waiting longer each time, with some chance
// in it so that many nodes don't come at once. It returns nil when ctx ends.
func (h *Hub) reconnect(ctx context.Context) *pgx.Conn {
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait)):
		}
		conn, err := h.listen(ctx)
		if err == nil {
			return conn
		}
		if !errors.Is(err, context.Canceled) {
			h.log.DebugContext(ctx, "live events are still interrupted", "error", err.Error())
		}
	}
}
