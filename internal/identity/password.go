package identity

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/alexedwards/argon2id"

	"flint/internal/config"
	"flint/internal/fault"
)

// hashing is OWASP's second choice of parameters for Argon2id (19 MiB, two
// passes): what a small machine can do for many people at once.
func hashing() *argon2id.Params {
	return &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// hasher hashes passwords, few at a time. Each hash takes 19 MiB and a core for
// some tens of milliseconds, so without a bound a flood of sign-ins would take
// the machine's memory and every other request's time.
type hasher struct {
	slots chan struct{} // one token per hash at work
	line  chan struct{} // one token per caller at work or waiting
	wait  time.Duration // longest wait for a slot
	dummy string        // hash that no password fits
}

func newHasher(slots int) (*hasher, error) {
	if slots == 0 {
		slots = runtime.GOMAXPROCS(0)
	}
	dummy, err := argon2id.CreateHash(newToken().Reveal(), hashing())
	if err != nil {
		return nil, fmt.Errorf("hash: %w", err)
	}
	return &hasher{
		slots: make(chan struct{}, slots),
		line:  make(chan struct{}, 9*slots), // eight wait for each that works
		wait:  2 * time.Second,
		dummy: dummy,
	}, nil
}

// enter waits for a slot and returns how to give it back, or ErrBusy if the
// line is full or doesn't move.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	busy := fault.After(ErrBusy, h.wait)
	select {
	case h.line <- struct{}{}:
	default:
		return nil, busy
	}
	late := time.NewTimer(h.wait)
	defer late.Stop()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots; <-h.line }, nil
	case <-late.C:
		err = busy
	case <-ctx.Done():
		err = fmt.Errorf("wait to hash a password: %w", ctx.Err())
	}
	<-h.line
	return nil, err
}

// hash returns the PHC string of p.
func (h *hasher) hash(ctx context.Context, p config.Secret) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	phc, err := argon2id.CreateHash(p.Reveal(), hashing())
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return phc, nil
}

// verify reports whether p fits phc. With phc empty it does the same work on
// the dummy and reports false.
func (h *hasher) verify(ctx context.Context, p config.Secret, phc string) (bool, error) {
	known := phc != ""
	if !known {
		phc = h.dummy
	}
	if err := bounded(phc); err != nil {
		return false, err
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	fits, err := argon2id.ComparePasswordAndHash(p.Reveal(), phc)
	if err != nil {
		return false, fmt.Errorf("verify password: %w", err)
	}
	return fits && known, nil
}

// bounded refuses a stored hash whose parameters would take the machine down:
// the database isn't believed about how much memory to use.
func bounded(phc string) error {
	p, _, _, err := argon2id.DecodeHash(phc)
	if err != nil {
		return fmt.Errorf("read stored hash: %w", err)
	}
	if p.Memory < 8 || p.Memory > 256*1024 || p.Iterations < 1 || p.Iterations > 10 || p.Parallelism < 1 || p.Parallelism > 8 ||
		p.SaltLength < 8 || p.SaltLength > 64 || p.KeyLength < 16 || p.KeyLength > 64 {
		return errors.New("read stored hash: its parameters are out of bounds")
	}
	return nil
}
