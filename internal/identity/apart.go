package identity

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/rpc"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
)

// Hashing apart: passwords are hashed by a process of its own that has a lower
// priority than this one. A hash fills a core for some tens of milliseconds. In
// here, every other request would wait for its turn behind it at each of its
// steps, since Go's scheduler knows no priorities; the system's does, and gives
// the hashes what nobody else wants, and a tenth of the processor at worst. Their
// memory is the other process's too, and so is the work of giving it back.
//
// The two speak over a pipe that nobody else can open. The process is this
// program itself, started with nothing: no environment, no files. It is started
// at the first hash and ends with its input. When it can't be had, the hash is
// made in here, as it is for every program that isn't a server.

// againAfter is how long a helper that failed is done without.
const againAfter = 5 * time.Second

// HashOrder is what the helper is asked.
type HashOrder struct {
	Password []byte
	PHC      string          // to compare with
	Params   argon2id.Params // of a new hash
}

// hands does what the helper is asked.
type hands struct{ slots chan struct{} }

// Fit reports whether a password fits a stored hash.
func (h hands) Fit(o HashOrder, fits *bool) error {
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	compare, err := read(o.PHC)
	if err != nil {
		return err
	}
	*fits, err = compare(o.Password)
	return err
}

// Make makes the hash of a password.
func (h hands) Make(o HashOrder, phc *string) (err error) {
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	*phc, err = argon2id.CreateHash(string(o.Password), &o.Params)
	return err
}

// HashFor is the helper: it answers what it is asked on in, until that ends.
func HashFor(in io.ReadCloser, out io.WriteCloser) error {
	stepBack()
	s := rpc.NewServer()
	if err := s.RegisterName("Hash", hands{make(chan struct{}, 1024)}); err != nil {
		return fmt.Errorf("hash passwords: %w", err)
	}
	s.ServeConn(pipe{in, out})
	return nil
}

// pipe is both directions of one.
type pipe struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipe) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// helper is the other process, as it is seen from here. The zero helper, and nil,
// is none.
type helper struct {
	command []string
	log     *slog.Logger
	mu      sync.Mutex
	line    *rpc.Client
	until   time.Time // when to try again, after it failed
	ended   chan error
}

// ask has the helper do one thing. It reports false if there is no helper.
func (h *helper) ask(what string, o HashOrder, answer any) (done bool, err error) {
	line := h.reach()
	if line == nil {
		return false, nil
	}
	err = line.Call("Hash."+what, o, answer)
	if said, ok := errors.AsType[rpc.ServerError](err); ok {
		return true, said
	}
	if err != nil {
		h.lose(line, err)
		return false, nil
	}
	return true, nil
}

// reach returns the line to the helper, started if need be; nil if there is none.
func (h *helper) reach() *rpc.Client {
	if h == nil || len(h.command) == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.line != nil || time.Now().Before(h.until) {
		return h.line
	}
	if err := h.start(); err != nil {
		h.until = time.Now().Add(againAfter)
		h.log.Warn("passwords are hashed in this process, where others feel it", "error", err)
	}
	return h.line
}

func (h *helper) start() error {
	cmd := exec.Command(h.command[0], h.command[1:]...) //nolint:gosec // this program itself
	cmd.Env, cmd.Stderr = []string{}, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start the process that hashes: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start the process that hashes: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the process that hashes: %w", err)
	}
	h.line, h.ended = rpc.NewClient(pipe{out, in}), make(chan error, 1)
	go func(ended chan<- error) { ended <- cmd.Wait() }(h.ended)
	return nil
}

// lose gives up the helper behind line, if that is still the one.
func (h *helper) lose(line *rpc.Client, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.line != line {
		return
	}
	_ = line.Close() // it ends when it hears no more
	h.line, h.until = nil, time.Now().Add(againAfter)
	h.log.Warn("the process that hashes passwords was lost", "error", cmp.Or(why, io.EOF))
}

// stop ends the helper and waits for it.
func (h *helper) stop() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.line == nil {
		return
	}
	_ = h.line.Close()
	<-h.ended //nolint:errcheck // how it ends is of no interest: it has been told to
	h.line, h.command = nil, nil
}
