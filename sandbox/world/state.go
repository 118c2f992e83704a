package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// State is the folder of what the world remembers. Its files are private to
// the user who runs the sandbox.
type State struct {
	dir string // empty: nothing outlives the process
}

// OpenState uses dir, which is made when it is missing. An empty dir keeps the
// world in memory.
func OpenState(dir string) (*State, error) {
	if dir == "" {
		return &State{}, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the world's folder: %w", err)
	}
	return &State{dir: dir}, nil
}

// Dir is the folder, or empty for a world in memory.
func (s *State) Dir() string { return s.dir }

// Section is one typed part of the state, safe for several goroutines.
type Section[T any] struct {
	mu    sync.Mutex
	path  string // empty: memory only
	value T
	saved []byte
}

// Open reads a section, or begins it with fresh. A file that can't be read is
// an error: silently beginning anew would lose what people did.
func Open[T any](s *State, name string, fresh func() T) (*Section[T], error) {
	section := &Section[T]{value: fresh()}
	if s.dir != "" {
		section.path = filepath.Join(s.dir, name+".json")
		data, err := os.ReadFile(section.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, fmt.Errorf("read section %s: %w", name, err)
		default:
			if err := json.Unmarshal(data, &section.value); err != nil {
				return nil, fmt.Errorf("read section %s (start anew by removing %s): %w", name, section.path, err)
			}
		}
	}
	if err := section.save(); err != nil {
		return nil, err
	}
	return section, nil
}

// Read lends the value to fn, which must not keep or change any of it.
func (s *Section[T]) Read(fn func(*T)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.value)
}

// Write lends the value to fn to change it, and stores it. When fn or the
// storing fails, the value is what it was before.
func (s *Section[T]) Write(fn func(*T) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := fn(&s.value)
	if err == nil {
		err = s.save()
	}
	if err != nil {
		var before T
		if undo := json.Unmarshal(s.saved, &before); undo != nil {
			return errors.Join(err, undo)
		}
		s.value = before
	}
	return err
}

// save replaces the file in one step, so that a killed sandbox finds the old
// or the new one. It doesn't sync to the disk: this world may lose a second
// to a power cut.
func (s *Section[T]) save() error {
	data, err := json.Marshal(&s.value)
	if err != nil {
		return fmt.Errorf("write section: %w", err)
	}
	if s.path != "" {
		if err := WriteFile(s.path, data); err != nil {
			return fmt.Errorf("write section: %w", err)
		}
	}
	s.saved = data
	return nil
}

// WriteFile replaces a file in one step; the new one is readable by its owner
// only.
func WriteFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // a leftover is harmless, the first error counts
	}
	return err
}
