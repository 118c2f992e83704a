package mail

import (
	"context"
	"sync/atomic"
	"time"
)

// Swap is a Sender whose settings may change while it sends.
type Swap struct{ current atomic.Pointer[Sender] }

// NewSwap returns the Sender that cfg describes.
func NewSwap(cfg Config) (*Swap, error) {
	s := new(Swap)
	return s, s.Use(cfg)
}

// Use sends from now on as cfg says. What is being sent goes on as before. After
// an error everything is as it was.
func (s *Swap) Use(cfg Config) error {
	fresh, err := New(cfg)
	if err != nil {
		return err
	}
	old := s.current.Swap(&fresh)
	if old == nil {
		return nil
	}
	if open, ok := (*old).(interface{ Close() }); ok {
		time.AfterFunc(2*max(cfg.Timeout, time.Minute), open.Close) // nothing is being sent any more then
	}
	return nil
}

// Send implements Sender.
func (s *Swap) Send(ctx context.Context, m Message) error { return (*s.current.Load()).Send(ctx, m) }

// Close lets go of the Sender in use.
func (s *Swap) Close() {
	if open, ok := (*s.current.Load()).(interface{ Close() }); ok {
		open.Close()
	}
}
