// Package hook delivers the sandbox's webhooks as providers do: signed, in
// order most of the time, again when the receiver fails, and, when told so,
// twice, in the wrong order or late.
//
// A provider makes a Delivery and hands it to Send, which returns at once. One
// goroutine makes first attempts in order; retries run beside it, so one bad
// delivery holds up no other. Every attempt is signed anew, because signatures
// carry the time. The last deliveries and what became of them can be listed.
//
//	sender := hook.New(hook.Config{Now: now, Log: log})
//	sender.Target("teller", "http://127.0.0.1:8080/api/teller/webhook")
//	sender.Send(hook.Delivery{Provider: "teller", ID: "wh_…", Type: "webhook.test", Body: body, Sign: sign})
//	sender.Stop()
package hook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Limits of the sender.
const (
	maxWaiting = 1000 // deliveries that aren't done; more are dropped
	maxLog     = 200  // outcomes that are kept
)

// Delivery is one event on its way to the product.
type Delivery struct {
	Provider string // whose target it goes to
	ID       string // the event's own id; a duplicate keeps it
	Type     string // for people
	Body     []byte
	// Sign returns the headers of one attempt; nil for none.
	Sign func(now time.Time, body []byte) http.Header
}

// Outcome is what became of a delivery.
type Outcome struct {
	Provider string    `json:"provider"`
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`       // of the last attempt
	Attempts int       `json:"attempts"` //
	Status   int       `json:"status"`   // HTTP status of the last attempt; 0: no answer
	State    string    `json:"state"`    // waiting, held, delivered, retrying, failed, no target
}

// Behaviour is how the sender departs from plain delivery.
type Behaviour struct {
	Duplicate int  `json:"duplicate"` // send each event this many times more
	Reorder   bool `json:"reorder"`   // keep each event back until the next has gone
	Hold      bool `json:"hold"`      // keep all back until Flush
}

// Config is what a Sender needs; the zero value of each field is usable.
type Config struct {
	Now     func() time.Time // default time.Now
	Log     *slog.Logger     // default none
	Client  *http.Client     // default: 10 s, no redirects
	Retries []time.Duration  // waits between attempts; default 1 s, 5 s, 30 s, 2 min
}

// Sender delivers. Make one with New, end it with Stop.
type Sender struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	queue  chan *job
	wg     sync.WaitGroup

	mu        sync.Mutex
	targets   map[string]string
	behaviour Behaviour
	held      []*job // kept back by Hold or Reorder, oldest first
	log       []*job // oldest first
	open      int    // queued or retrying
	idle      chan struct{}
}

type job struct {
	Delivery
	out Outcome
}

// New starts a sender.
func New(cfg Config) *Sender {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if cfg.Retries == nil {
		cfg.Retries = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute}
	}
	s := &Sender{cfg: cfg, queue: make(chan *job, maxWaiting), targets: map[string]string{}, idle: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	close(s.idle)
	s.wg.Go(s.run)
	return s
}

// Stop ends at once: what is on its way is dropped, as when a provider dies.
func (s *Sender) Stop() {
	s.cancel()
	s.wg.Wait()
}

// Target sets where a provider's events go; an empty url stops them.
func (s *Sender) Target(provider, url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets[provider] = url
}

// Targets lists where events go.
func (s *Sender) Targets() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]string, len(s.targets))
	for k, v := range s.targets {
		out[k] = v
	}
	return out
}

// Behave changes the behaviour for the events to come. What is kept back stays
// so until Flush.
func (s *Sender) Behave(b Behaviour) error {
	if b.Duplicate < 0 || b.Duplicate > 10 {
		return fmt.Errorf("duplicate is 0 to 10")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
	return nil
}

// Behaviour returns how events are sent now.
func (s *Sender) Behaviour() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

// Send takes a delivery and returns at once.
func (s *Sender) Send(d Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 1 + s.behaviour.Duplicate {
		j := &job{Delivery: d, out: Outcome{Provider: d.Provider, ID: d.ID, Type: d.Type, At: s.cfg.Now().UTC(), State: "waiting"}}
		s.log = append(s.log, j)
		if len(s.log) > maxLog {
			s.log = slices.Delete(s.log, 0, len(s.log)-maxLog)
		}
		switch {
		case s.behaviour.Hold || (s.behaviour.Reorder && len(s.held) == 0):
			j.out.State = "held"
			s.held = append(s.held, j)
			if len(s.held) > maxWaiting {
				s.held[0].out.State = "dropped"
				s.held = slices.Delete(s.held, 0, 1)
			}
		case s.behaviour.Reorder:
			s.enqueue(j) // the later one first
			s.release(false)
		default:
			s.enqueue(j)
		}
	}
}

// Flush lets go what is kept back: in order, or the last first when reordering.
// It returns how many that were.
func (s *Sender) Flush() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release(s.behaviour.Reorder)
}

func (s *Sender) release(backwards bool) int {
	held := s.held
	s.held = nil
	if backwards {
		slices.Reverse(held)
	}
	for _, j := range held {
		s.enqueue(j)
	}
	return len(held)
}

// enqueue hands a job to the worker; s.mu is held.
func (s *Sender) enqueue(j *job) {
	j.out.State = "waiting"
	select {
	case s.queue <- j:
		s.begin()
	default:
		j.out.State = "dropped"
	}
}

func (s *Sender) begin() {
	if s.open == 0 {
		s.idle = make(chan struct{})
	}
	s.open++
}

func (s *Sender) done() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.open == 0 {
		close(s.idle)
	}
}

// Wait returns when nothing is on its way any more (what is kept back isn't),
// or with the context's error.
func (s *Sender) Wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		idle, open := s.idle, s.open
		s.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Outcomes lists the last deliveries, newest first.
func (s *Sender) Outcomes() []Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Outcome, 0, len(s.log))
	for _, j := range slices.Backward(s.log) {
		out = append(out, j.out)
	}
	return out
}

func (s *Sender) run() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case j := <-s.queue:
			if s.attempt(j) {
				s.done()
				continue
			}
			s.wg.Go(func() { s.retry(j) })
		}
	}
}

func (s *Sender) retry(j *job) {
	defer s.done()
	for _, wait := range s.cfg.Retries {
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
			return
		}
		if s.attempt(j) {
			return
		}
	}
	s.mu.Lock()
	j.out.State = "failed"
	s.mu.Unlock()
	s.cfg.Log.Warn("webhook given up", "provider", j.Provider, "event", j.ID, "type", j.Type)
}

// attempt makes one try and reports whether the job is over.
func (s *Sender) attempt(j *job) bool {
	s.mu.Lock()
	target := s.targets[j.Provider]
	s.mu.Unlock()
	if target == "" {
		s.record(j, 0, "no target")
		return true
	}
	status, err := s.post(target, j)
	if err != nil {
		s.cfg.Log.Info("webhook attempt", "provider", j.Provider, "event", j.ID, "err", err)
	}
	if status >= 200 && status < 300 {
		s.record(j, status, "delivered")
		return true
	}
	s.record(j, status, "retrying")
	return false
}

func (s *Sender) record(j *job, status int, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j.out.At = s.cfg.Now().UTC()
	j.out.Attempts++
	j.out.Status = status
	j.out.State = state
}

func (s *Sender) post(target string, j *job) (int, error) {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, target, bytes.NewReader(j.Body))
	if err != nil {
		return 0, fmt.Errorf("post webhook: %w", err)
	}
	if j.Sign != nil {
		for k, v := range j.Sign(s.cfg.Now(), j.Body) {
			req.Header[k] = v
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "flint-sandbox/1 ("+j.Provider+")")
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post webhook: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // only to reuse the connection
	return resp.StatusCode, nil
}
