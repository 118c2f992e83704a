// Package tlog makes the audit log prove that nobody changed it: a Merkle tree
// over its entries (RFC 6962), whose root is signed and kept in a second place.
//
// The life of an entry: whoever does something writes it in the transaction of
// the change, with a line in audit_pending (package audit). Within a second
// Integrate gives it the next number, hashes it as a leaf and signs the new root:
// a checkpoint, in the format of transparency logs (C2SP tlog-checkpoint, signed
// note). Writers never wait for each other or for the tree; nodes take turns at
// integrating. Each checkpoint goes to a Mirror outside of the database.
//
// What that proves: whoever may do anything in the database, but doesn't hold
// the master key (package envelope), can't sign. An entry that is edited, added
// behind the log's back, removed or moved no longer fits the signed roots, and a
// log that was cut short or rewritten as a whole doesn't fit the mirror. Verify
// finds all of these in an export, offline. What nobody has signed yet, the last
// second, isn't protected.
package tlog

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"flint/internal/envelope"
	"flint/internal/fault"
	"flint/internal/platform/postgres"
)

const (
	// pause is between two looks for new entries.
	pause = 500 * time.Millisecond
	// most is how many entries one checkpoint takes in.
	most = 5000
)

// Config is what a Log needs.
type Config struct {
	Pool   *pgxpool.Pool
	Keys   *envelope.Keys
	Origin string           // names the log: the host of Flint's origin
	Mirror Mirror           // nil: there is no second place
	Now    func() time.Time // default: time.Now
	Log    *slog.Logger     // default: slog.Default()
}

// Mirror is the second place that checkpoints are kept in. It may be told of one
// twice.
type Mirror interface {
	Keep(ctx context.Context, c Checkpoint) error
}

// Checkpoint is what the tree was when it had Size leaves.
type Checkpoint struct {
	Size uint64
	Root []byte
	At   time.Time
	Note string // signed: what says the above
}

// Log numbers, hashes and signs. It is safe for use by many goroutines.
type Log struct {
	cfg     Config
	mu      sync.Mutex
	signer  note.Signer
	vkey    string
	stop    context.CancelFunc
	running sync.WaitGroup
}

// New returns a Log. Nothing is signed before Start or Integrate.
func New(cfg Config) *Log {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Log{cfg: cfg}
}

var ranges = &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// Start integrates new entries until Stop.
func (l *Log) Start(ctx context.Context) {
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.running.Go(func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for failing := false; ; {
			err := l.Integrate(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && !failing:
				l.cfg.Log.ErrorContext(ctx, "the audit log isn't being signed", "error", err)
			case err == nil && failing:
				l.cfg.Log.InfoContext(ctx, "the audit log is being signed again")
			}
			failing = err != nil
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// Stop ends what Start began, after a last look for entries.
func (l *Log) Stop(ctx context.Context) error {
	if l.stop != nil {
		l.stop()
		l.running.Wait()
	}
	return l.Integrate(ctx)
}

// Integrate takes all waiting entries into the tree and mirrors what isn't yet.
// Where another node is at it, it does nothing.
func (l *Log) Integrate(ctx context.Context) error {
	ctx = postgres.AsSystem(ctx, "the audit log is everybody's")
	for {
		n, err := l.integrateSome(ctx)
		if err != nil {
			return err
		}
		if n < most {
			break
		}
	}
	return l.mirror(ctx)
}

func (l *Log) integrateSome(ctx context.Context) (n int, err error) {
	waiting, err := anyPending(ctx, l.cfg.Pool)
	if err != nil || !waiting {
		return 0, err
	}
	if err := l.openSigner(ctx); err != nil {
		return 0, err
	}
	err = postgres.InTx(ctx, l.cfg.Pool, func(tx pgx.Tx) error {
		n = 0
		mine, err := tryTurn(ctx, tx)
		if err != nil || !mine {
			return err
		}
		entries, err := takePending(ctx, tx, most)
		if err != nil || len(entries) == 0 {
			return err
		}
		n = len(entries)
		return l.grow(ctx, tx, entries)
	})
	if err != nil {
		return 0, fmt.Errorf("integrate audit entries: %w", err)
	}
	return n, nil
}

// grow appends entries to the tree and signs what it has become.
func (l *Log) grow(ctx context.Context, tx pgx.Tx, entries []Entry) error {
	last, err := lastCheckpoint(ctx, tx)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	size := uint64(last.Size)
	tree, err := l.rangeAt(ctx, tx, size)
	if err != nil {
		return err
	}
	var grown growth
	for _, e := range entries {
		leaf, err := e.Leaf()
		if err != nil {
			return err
		}
		hash := rfc6962.DefaultHasher.HashLeaf(leaf)
		grown.leaf(tree.End(), e.ID, hash)
		if err := tree.Append(hash, grown.node); err != nil {
			return fmt.Errorf("append to the tree: %w", err)
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return fmt.Errorf("compute the root: %w", err)
	}
	if err := grown.store(ctx, tx); err != nil {
		return err
	}
	now := l.cfg.Now().UTC()
	signed, err := l.sign(tree.End(), root, now)
	if err != nil {
		return err
	}
	return insertCheckpoint(ctx, tx, checkpointRow{Size: int64(tree.End()), Root: root, Note: signed, At: now})
}

// rangeAt returns the tree of size leaves as its few highest hashes.
func (l *Log) rangeAt(ctx context.Context, db postgres.DB, size uint64) (*compact.Range, error) {
	if size == 0 {
		return ranges.NewEmptyRange(0), nil
	}
	hashes, err := hashesOf(ctx, db, compact.RangeNodes(0, size, nil))
	if err != nil {
		return nil, err
	}
	r, err := ranges.NewRange(0, size, hashes)
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	return r, nil
}

// sign returns a checkpoint's note.
func (l *Log) sign(size uint64, root []byte, at time.Time) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\ntime %s\n", l.cfg.Origin+"/audit", size, base64.StdEncoding.EncodeToString(root), at.Format(time.RFC3339Nano))
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		return "", fmt.Errorf("sign a checkpoint: %w", err)
	}
	return string(signed), nil
}

// ParseCheckpoint reads a note that one of the verifiers vouches for.
func ParseCheckpoint(signed string, by note.Verifiers) (Checkpoint, error) {
	n, err := note.Open([]byte(signed), by)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("a checkpoint that isn't signed by the log's key: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 {
		return Checkpoint{}, errors.New("a signed text that is no checkpoint")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	root, err2 := base64.StdEncoding.DecodeString(lines[2])
	if err = errors.Join(err, err2); err != nil || len(root) != rfc6962.DefaultHasher.Size() {
		return Checkpoint{}, errors.New("a signed text that is no checkpoint")
	}
	c := Checkpoint{Size: size, Root: root, Note: signed}
	if at, ok := strings.CutPrefix(lines[3], "time "); ok {
		c.At, _ = time.Parse(time.RFC3339Nano, at)
	}
	return c, nil
}

const keyPlace = "audit_keys.sealed"

// Places are where the log keeps sealed values.
func Places() []envelope.Place {
	return []envelope.Place{{Table: "audit_keys", Column: "sealed", Row: "verifier"}}
}

// openSigner reads the key that signs, and makes it the first time.
func (l *Log) openSigner(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.signer != nil {
		return nil
	}
	row, err := findKey(ctx, l.cfg.Pool)
	if fault.KindOf(err) == fault.NotFound {
		row, err = l.makeKey(ctx)
	}
	if err != nil {
		return fmt.Errorf("find the audit log's key: %w", err)
	}
	private, err := l.cfg.Keys.Open(ctx, envelope.Ref{Place: keyPlace, Row: row.Verifier}, row.Sealed)
	if err != nil {
		return fmt.Errorf("open the audit log's key: %w", err)
	}
	signer, err := note.NewSigner(string(private))
	if err != nil {
		return fmt.Errorf("read the audit log's key: %w", err)
	}
	l.signer, l.vkey = signer, row.Verifier
	return nil
}

func (l *Log) makeKey(ctx context.Context) (keyRow, error) {
	private, public, err := note.GenerateKey(rand.Reader, l.cfg.Origin+"/audit")
	if err != nil {
		return keyRow{}, fmt.Errorf("make a key: %w", err)
	}
	sealed, err := l.cfg.Keys.Seal(ctx, envelope.Ref{Place: keyPlace, Row: public}, []byte(private))
	if err != nil {
		return keyRow{}, err
	}
	if err := insertKey(ctx, l.cfg.Pool, keyRow{Verifier: public, Sealed: sealed}, l.cfg.Now().UTC()); err != nil {
		return keyRow{}, err
	}
	return findKey(ctx, l.cfg.Pool)
}

// Verifier returns the public key, to be kept where the database's owner can't
// change it.
func (l *Log) Verifier(ctx context.Context) (string, error) {
	ctx = postgres.AsSystem(ctx, "the audit log is everybody's")
	if err := l.openSigner(ctx); err != nil {
		return "", err
	}
	return l.vkey, nil
}

// mirror tells the second place what it wasn't told yet, in order.
func (l *Log) mirror(ctx context.Context) error {
	if l.cfg.Mirror == nil {
		return nil
	}
	rows, err := unmirrored(ctx, l.cfg.Pool, 100)
	if err != nil {
		return fmt.Errorf("find checkpoints to mirror: %w", err)
	}
	for _, row := range rows {
		if err := l.cfg.Mirror.Keep(ctx, row.checkpoint()); err != nil {
			return fmt.Errorf("mirror a checkpoint: %w", err)
		}
		if err := markMirrored(ctx, l.cfg.Pool, row.Size, l.cfg.Now().UTC()); err != nil {
			return fmt.Errorf("note a mirrored checkpoint: %w", err)
		}
	}
	return nil
}
