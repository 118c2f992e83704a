package tlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// Report is what Verify found.
type Report struct {
	Leaves      uint64   // entries in the tree
	Checkpoints int      // signed, and fitting
	Mirrored    int      // checkpoints of the mirror that fit
	Waiting     int      // entries that nobody has signed yet
	Faults      []string // empty: nobody changed anything
	Root        []byte   // of the tree as exported
}

// maxFaults is how many are told one by one.
const maxFaults = 50

func (r *Report) fault(format string, args ...any) {
	if len(r.Faults) < maxFaults {
		r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
	}
}

// Verify reads an export and reports what doesn't fit: with the signatures of
// verifier (from `flint audit key`, kept where the database's owner can't reach;
// empty: the one that the export names, which proves less), and with the signed
// notes of a mirror (none: a log that was cut short or rewritten by the log's own
// key can't be told from a whole one). An error says that the export can't be
// read as one at all.
func Verify(export io.Reader, verifier string, mirror []string) (Report, error) {
	var r Report
	lines := bufio.NewScanner(export)
	lines.Buffer(nil, maxLine)
	head, err := nextLine(lines)
	if err != nil || head.Log == nil {
		return r, errors.Join(errors.New("not an export of an audit log"), err)
	}
	if verifier == "" {
		verifier = head.Log.Verifier
	} else if verifier != head.Log.Verifier {
		r.fault("the log names another key than yours: it was replaced, or this is another log")
	}
	v, err := note.NewVerifier(verifier)
	if err != nil {
		return r, fmt.Errorf("the verifier is no public key of a log: %w", err)
	}
	by := note.VerifierList(v)
	kept := keptBySize(mirror, by, &r)

	t := walk{Report: &r, by: by, kept: kept}
	end := false
	for {
		l, err := nextLine(lines)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r, err
		}
		if end {
			r.fault("there is more after the end of the export")
			break
		}
		end = t.line(l)
	}
	if !end {
		r.fault("the export ends in the middle")
	}
	t.finish()
	return r, nil
}

func nextLine(lines *bufio.Scanner) (exported, error) {
	var l exported
	if !lines.Scan() {
		if err := lines.Err(); err != nil {
			return l, fmt.Errorf("read the export: %w", err)
		}
		return l, io.EOF
	}
	d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, fmt.Errorf("read the export: %w", err)
	}
	return l, nil
}

// keptBySize reads the mirror's notes; one that isn't signed is a fault of the
// mirror. Two of one size and different roots are proof of a fork.
func keptBySize(mirror []string, by note.Verifiers, r *Report) map[uint64]Checkpoint {
	kept := map[uint64]Checkpoint{}
	for i, text := range mirror {
		c, err := ParseCheckpoint(text, by)
		if err != nil {
			r.fault("line %d of the mirror: %v", i+1, err)
			continue
		}
		if before, twice := kept[c.Size]; twice && !bytes.Equal(before.Root, c.Root) {
			r.fault("the log was forked: two signed checkpoints of size %d differ", c.Size)
		}
		kept[c.Size] = c
	}
	return kept
}

// walk goes through an export, growing the tree.
type walk struct {
	*Report
	by     note.Verifiers
	kept   map[uint64]Checkpoint
	tree   tree
	signed uint64 // size of the last checkpoint that fits
	latest uint64 // size of the last checkpoint
}

// line takes one line in, and reports whether it was the last.
func (t *walk) line(l exported) (end bool) {
	switch {
	case l.Index != nil:
		t.leaf(*l.Index, l.Hash, l.Entry)
	case l.Checkpoint != "":
		t.checkpoint(l.Checkpoint)
	case l.Stray != nil:
		t.fault("entry %s (%s) was added behind the log's back", l.Stray.ID, l.Stray.Verb)
	case l.End != nil:
		if l.End.Leaves != t.tree.size() {
			t.fault("the export says that it has %d leaves, and has %d", l.End.Leaves, t.tree.size())
		}
		t.Waiting = l.End.Waiting
		return true
	}
	return false
}

func (t *walk) leaf(index uint64, stored []byte, e *Entry) {
	if index != t.tree.size() {
		t.fault("leaf %d is missing: the next one is %d", t.tree.size(), index)
	}
	hash := make([]byte, rfc6962.DefaultHasher.Size())
	if e == nil {
		t.fault("the entry of leaf %d was deleted", index)
	} else if b, err := e.Leaf(); err != nil {
		t.fault("leaf %d: %v", index, err)
	} else {
		hash = rfc6962.DefaultHasher.HashLeaf(b)
		if !bytes.Equal(hash, stored) { // where to look; what proves it are the signed roots
			t.fault("entry %d (%s, %s) isn't what was hashed", index, e.ID, e.Verb)
		}
	}
	t.tree.add(hash)
	if c, ok := t.kept[t.tree.size()]; ok {
		if bytes.Equal(c.Root, t.tree.root()) {
			t.Mirrored++
		} else {
			t.fault("the first %d entries aren't those of the mirror's checkpoint: %s", c.Size, t.since())
		}
		delete(t.kept, c.Size)
	}
}

// since says where to look.
func (t *walk) since() string {
	return fmt.Sprintf("something from entry %d on was changed, added, removed or moved", t.signed)
}

func (t *walk) checkpoint(signed string) {
	c, err := ParseCheckpoint(signed, t.by)
	switch {
	case err != nil:
		t.fault("after leaf %d: %v", t.tree.size(), err)
	case c.Size <= t.latest && t.latest > 0:
		t.fault("the checkpoint of size %d comes twice", c.Size)
	case c.Size != t.tree.size():
		t.fault("a signed checkpoint knows %d entries, and the log has %d there: entries were removed, or the checkpoint is another time's", c.Size, t.tree.size())
	case !bytes.Equal(c.Root, t.tree.root()):
		t.fault("the first %d entries aren't those that were signed: %s", c.Size, t.since())
	default:
		t.Checkpoints++
		t.signed = c.Size
	}
	if err == nil {
		t.latest = max(t.latest, c.Size)
	}
}

// finish looks at what is left over.
func (t *walk) finish() {
	t.Leaves, t.Root = t.tree.size(), t.tree.root()
	if t.latest < t.tree.size() {
		t.fault("%d entries at the end aren't signed: they were added behind the log's back, or their checkpoint was removed", t.tree.size()-t.latest)
	}
	for size := range t.kept {
		t.fault("the mirror knows %d entries, and the log ends at %d: it was cut short", size, t.tree.size())
	}
}
