package tlog

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// File is a Mirror in a file that only grows: one line of JSON for each
// checkpoint. It belongs on another machine than the database's, or on one that
// is written once.
type File struct {
	path string
	mu   sync.Mutex
}

// line is a checkpoint in a file or an export.
type line struct {
	Checkpoint string `json:"checkpoint"` // the signed note
}

// NewFile returns the mirror at path. Its folder is made if it isn't there.
func NewFile(path string) (*File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the audit mirror: %w", err)
	}
	return &File{path: path}, nil
}

// Keep implements Mirror. The line is on the disk when it returns.
func (f *File) Keep(_ context.Context, c Checkpoint) error {
	b, err := json.Marshal(line{c.Note})
	if err != nil {
		return fmt.Errorf("encode a checkpoint: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit mirror: %w", err)
	}
	_, err = out.Write(append(b, '\n')) // one write, so that lines of two nodes don't mix
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("write the audit mirror: %w", err)
	}
	return nil
}

// maxLine is the longest line of an export or a mirror, in bytes.
const maxLine = 1 << 20

// ReadMirror returns the signed notes in a mirror, in its order.
func ReadMirror(r io.Reader) ([]string, error) {
	var notes []string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil || l.Checkpoint == "" {
			return nil, fmt.Errorf("line %d of the mirror is no checkpoint", len(notes)+1)
		}
		notes = append(notes, l.Checkpoint)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the mirror: %w", err)
	}
	return notes, nil
}
