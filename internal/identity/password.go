package identity

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/alexedwards/argon2id"

	"flint/internal/config"
	"flint/internal/fault"
)

// The bounds of what the operator may choose for Argon2id: memory in MiB, and
// passes. OWASP's choices trade one for the other, and their product is 35 or
// more; the default is its second one, which a small machine can do for many
// people at once.
const (
	minMemory = 7
	maxMemory = 256
	maxPasses = 10
	leastWork = 35
)

// hashing returns the parameters of new hashes.
func hashing(memory, passes int) *argon2id.Params {
	return &argon2id.Params{Memory: uint32(memory) * 1024, Iterations: uint32(passes), Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// hasher hashes passwords, few at a time. Each hash takes 19 MiB and a core for
// some tens of milliseconds, so without a bound a flood of sign-ins would take
// the machine's memory and every other request's time; see also helper.
type hasher struct {
	slots chan struct{} // one token per hash at work
	line  chan struct{} // one token per caller at work or waiting
	wait  time.Duration // longest wait for a slot
	dummy string        // hash that no password fits

	params *argon2id.Params // of new hashes
	helper *helper          // who does it; nil: this process
}

// newHasher returns a hasher with that many slots. 0 is one per core for a
// helper, and one less in here, so that a core is left for everybody else.
func newHasher(slots int, params *argon2id.Params, apart *helper) (*hasher, error) {
	if slots == 0 {
		slots = runtime.GOMAXPROCS(0)
		if apart == nil {
			slots = max(1, slots-1)
		}
	}
	dummy, err := argon2id.CreateHash(newToken().Reveal(), params)
	if err != nil {
		return nil, fmt.Errorf("hash: %w", err)
	}
	return &hasher{
		slots: make(chan struct{}, slots),
		line:  make(chan struct{}, 9*slots), // eight wait for each that works
		wait:  2 * time.Second,
		dummy: dummy, params: params, helper: apart,
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

// full reports whether the next caller would be sent away at once.
func (h *hasher) full() bool { return len(h.line) == cap(h.line) }

// hash returns the PHC string of p.
func (h *hasher) hash(ctx context.Context, p config.Secret) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	var phc string
	done, err := h.helper.ask("Make", HashOrder{Password: []byte(p.Reveal()), Params: *h.params}, &phc)
	if !done {
		phc, err = argon2id.CreateHash(p.Reveal(), h.params)
	}
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return phc, nil
}

// verify reports whether p fits phc. With phc empty it does the same work on
// the dummy and reports false. (A hash made elsewhere takes a time of its own;
// that shows until its owner's next sign-in.)
func (h *hasher) verify(ctx context.Context, p config.Secret, phc string) (bool, error) {
	known := phc != ""
	if !known {
		phc = h.dummy
	}
	compare, err := read(phc)
	if err != nil {
		return false, err
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	fits := false
	done, err := h.helper.ask("Fit", HashOrder{Password: []byte(p.Reveal()), PHC: phc}, &fits)
	if !done {
		fits, err = compare([]byte(p.Reveal()))
	}
	if err != nil {
		return false, fmt.Errorf("verify password: %w", err)
	}
	return fits && known, nil
}
