package tlog

import (
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// tree grows in memory and keeps only its highest hashes. Its zero value is
// empty.
type tree struct{ r *compact.Range }

func (t *tree) add(hash []byte) {
	if t.r == nil {
		t.r = ranges.NewEmptyRange(0)
	}
	_ = t.r.Append(hash, nil) // fails for a range that doesn't begin at 0 only
}

func (t *tree) size() uint64 {
	if t.r == nil {
		return 0
	}
	return t.r.End()
}

func (t *tree) root() []byte {
	if t.r == nil {
		return rfc6962.DefaultHasher.EmptyRoot()
	}
	root, err := t.r.GetRootHash(nil)
	if err != nil {
		return nil
	}
	return root
}
