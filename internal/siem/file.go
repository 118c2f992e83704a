package siem

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// file is a receiver that follows a file: lines of JSON, added at its end. It is
// opened for each batch, so whoever rotates it needn't tell Flint.
type file struct{ path string }

// send implements sink. The lines are on the disk when it returns.
func (f *file) send(_ context.Context, events []Event) (err error) {
	info, err := os.Stat(f.path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file", f.path)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("look at the file: %w", err)
	}
	fresh := err != nil
	out, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	var text bytes.Buffer
	if torn(out) { // somebody was killed while writing: that line comes again, whole
		text.WriteByte('\n')
	}
	for _, e := range events {
		text.Write(e.line())
		text.WriteByte('\n')
	}
	if _, err = out.Write(text.Bytes()); err != nil {
		return fmt.Errorf("write the file: %w", err)
	}
	if err = out.Sync(); err != nil {
		return fmt.Errorf("write the file: %w", err)
	}
	if fresh {
		return syncFolder(filepath.Dir(f.path))
	}
	return nil
}

// torn reports whether a file ends in the middle of a line.
func torn(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	last := make([]byte, 1)
	_, err = f.ReadAt(last, info.Size()-1)
	return err == nil && last[0] != '\n'
}

// syncFolder keeps a new file's name over a power cut.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("write the folder: %w", err)
	}
	return nil
}
