package tlog

import (
	"context"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"flint/internal/fault"
	"flint/internal/id"
)

// ErrNotYet says that an entry is too new to be in the log.
var ErrNotYet = fault.New(fault.Conflict, "audit_not_yet", "This entry is being added to the log. Ask again in a second.")

// Inclusion is what shows that an entry is in the log as it stands.
type Inclusion struct {
	Index      uint64
	Leaf       []byte   // what is hashed
	Hash       []byte   // of the leaf
	Path       [][]byte // from the leaf to the root
	Checkpoint Checkpoint
}

// Latest returns the newest checkpoint, or fault.ErrNotFound.
func (l *Log) Latest(ctx context.Context) (Checkpoint, error) {
	row, err := lastCheckpoint(ctx, l.cfg.Pool)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("find the newest checkpoint: %w", err)
	}
	return row.checkpoint(), nil
}

// Include proves that entry is in the tree of the newest checkpoint. It returns
// ErrNotYet for an entry that isn't in it yet. Whoever asks must be allowed to
// see the entry: the leaf says all of it.
func (l *Log) Include(ctx context.Context, entry id.Entry) (Inclusion, error) {
	c, err := l.Latest(ctx)
	if err != nil {
		return Inclusion{}, fault.Because(ErrNotYet, err)
	}
	index, err := findLeaf(ctx, l.cfg.Pool, entry)
	if fault.KindOf(err) == fault.NotFound || (err == nil && uint64(index) >= c.Size) {
		return Inclusion{}, ErrNotYet
	}
	if err != nil {
		return Inclusion{}, fmt.Errorf("find the leaf: %w", err)
	}
	e, err := findEntry(ctx, l.cfg.Pool, entry)
	if err != nil {
		return Inclusion{}, fmt.Errorf("find the entry: %w", err)
	}
	in := Inclusion{Index: uint64(index), Checkpoint: c}
	if in.Leaf, err = e.Leaf(); err != nil {
		return Inclusion{}, err
	}
	in.Hash = rfc6962.DefaultHasher.HashLeaf(in.Leaf)
	nodes, err := proof.Inclusion(in.Index, c.Size)
	if err != nil {
		return Inclusion{}, fmt.Errorf("prove inclusion: %w", err)
	}
	in.Path, err = l.rehash(ctx, nodes)
	return in, err
}

// Consistent proves that the tree of size to begins with that of size from:
// nothing before from was changed. Both must be sizes of checkpoints.
func (l *Log) Consistent(ctx context.Context, from, to uint64) (path [][]byte, first, second Checkpoint, err error) {
	for size, into := range map[uint64]*Checkpoint{from: &first, to: &second} {
		row, err := findCheckpoint(ctx, l.cfg.Pool, int64(size))
		if err != nil {
			return nil, first, second, fmt.Errorf("find the checkpoint of size %d: %w", size, err)
		}
		*into = row.checkpoint()
	}
	nodes, err := proof.Consistency(from, to)
	if err != nil {
		return nil, first, second, fault.About(ErrOrder, "from", "must not be above to")
	}
	path, err = l.rehash(ctx, nodes)
	return path, first, second, err
}

// ErrOrder says that two sizes are the wrong way round.
var ErrOrder = fault.New(fault.Invalid, "audit_order", "The first size must not be above the second.")

func (l *Log) rehash(ctx context.Context, nodes proof.Nodes) ([][]byte, error) {
	hashes, err := hashesOf(ctx, l.cfg.Pool, nodes.IDs)
	if err != nil {
		return nil, err
	}
	path, err := nodes.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		return nil, fmt.Errorf("put the proof together: %w", err)
	}
	return path, nil
}
