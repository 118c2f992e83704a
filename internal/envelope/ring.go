package envelope

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/tink"

	"flint/internal/config"
)

// maxRing is far above what a ring of many keys takes, in bytes.
const maxRing = 1 << 20

// Ring is a KMS in a file of this machine. The file holds a Tink keyset, of
// which the newest key wraps and all unwrap. It is readable by its owner alone;
// with a passphrase its content is sealed as well (passphrase.go). Losing it
// means losing everything: back it up, apart from the database.
type Ring struct {
	path       string
	passphrase config.Secret

	mu   sync.Mutex
	aead tink.AEAD
	mac  []byte // what keyed hashes were made with before the database kept that key
}

// ringFile is the file: a version and two Tink keysets in Tink's own JSON.
type ringFile struct {
	Version int             `json:"version"`
	Seal    json.RawMessage `json:"seal"`
	Mac     json.RawMessage `json:"mac"`
}

// OpenRing returns the ring in the file at path. If there is no such file it
// makes one, readable by its owner alone and flushed to disk before anything is
// sealed under it; when several processes start at once, one of them makes it
// and all use it. A file that others can read is refused: its keys may already
// have been copied. A ring without a passphrase gets the one that is given.
func OpenRing(path string, passphrase config.Secret) (*Ring, error) {
	r := &Ring{path: path, passphrase: passphrase}
	b, err := readRing(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = r.make(); err != nil {
			return nil, fmt.Errorf("make the key ring %s: %w", path, err)
		}
		b, err = readRing(path)
	}
	if err != nil {
		return nil, err
	}
	if err := r.parse(b); err != nil {
		return nil, fmt.Errorf("key ring %s: %w", path, err)
	}
	if !passphrase.IsZero() && !isLocked(b) {
		if err := r.change(func(content []byte) ([]byte, error) { return content, nil }); err != nil {
			return nil, fmt.Errorf("lock the key ring %s: %w", path, err)
		}
	}
	return r, nil
}

// Name implements KMS.
func (r *Ring) Name() string { return "ring" }

// Wrap implements KMS.
func (r *Ring) Wrap(_ context.Context, key, bound []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.aead.Encrypt(key, bound)
}

// Unwrap implements KMS. A key that this process doesn't know may have joined
// the file since it was read.
func (r *Ring) Unwrap(_ context.Context, wrapped, bound []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, err := r.aead.Decrypt(wrapped, bound)
	if err == nil {
		return key, nil
	}
	b, readErr := readRing(r.path)
	if readErr != nil {
		return nil, readErr
	}
	if err := r.parse(b); err != nil {
		return nil, err
	}
	if key, err = r.aead.Decrypt(wrapped, bound); err != nil {
		return nil, fmt.Errorf("not wrapped by the key ring %s, or altered: %w", r.path, err)
	}
	return key, nil
}

// Rotate implements KMS.
func (r *Ring) Rotate(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.change(func(content []byte) ([]byte, error) {
		var file ringFile
		if err := strictly(content, &file); err != nil {
			return nil, err
		}
		handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.Seal)))
		if err != nil {
			return nil, errors.New("its sealing keys can't be read")
		}
		m := keyset.NewManagerFromHandle(handle)
		newest, err := m.Add(aead.AES256GCMKeyTemplate())
		if err == nil {
			err = m.SetPrimary(newest)
		}
		if err == nil {
			handle, err = m.Handle()
		}
		if err != nil {
			return nil, fmt.Errorf("add a key: %w", err)
		}
		if file.Seal, err = encodeKeyset(handle); err != nil {
			return nil, err
		}
		return encodeRing(file)
	})
}

// change rewrites the file by edit and reads it again. Programs that change it
// at once take turns, and each sees what the one before wrote.
func (r *Ring) change(edit func(content []byte) ([]byte, error)) error {
	dir, err := os.Open(filepath.Dir(r.path))
	if err != nil {
		return fmt.Errorf("open its folder: %w", err)
	}
	defer dir.Close()
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock its folder: %w", err)
	}
	b, err := readRing(r.path)
	if err != nil {
		return err
	}
	content, err := unlock(b, r.passphrase)
	if err != nil {
		return err
	}
	if content, err = edit(content); err != nil {
		return err
	}
	if b, err = lock(content, r.passphrase); err != nil {
		return err
	}
	err = writeBeside(r.path, b, func(fresh string) error { return os.Rename(fresh, r.path) })
	if err != nil {
		return err
	}
	return r.parse(b)
}

func readRing(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the key ring: %w", err)
	}
	defer f.Close()
	info, err := f.Stat() // of the open file, so that it can't be swapped in between
	switch {
	case err != nil:
		return nil, fmt.Errorf("look at the key ring: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("key ring %s: not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("key ring %s: other users of this machine may use it (mode %04o); if nobody has, run: chmod 600 %s",
			path, info.Mode().Perm(), path)
	case info.Size() > maxRing:
		return nil, fmt.Errorf("key ring %s: %d bytes is too large", path, info.Size())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxRing))
	if err != nil {
		return nil, fmt.Errorf("read the key ring: %w", err)
	}
	return b, nil
}

// make writes a fresh ring and links it into place: the name appears with the
// whole content or not at all, and never replaces another.
func (r *Ring) make() error {
	content, err := freshRing()
	if err != nil {
		return err
	}
	b, err := lock(content, r.passphrase)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	return writeBeside(r.path, b, func(fresh string) error {
		if err := os.Link(fresh, r.path); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// writeBeside writes b to a file beside path, flushed, and hands its name to
// place, which puts it where it belongs.
func writeBeside(path string, b []byte, place func(fresh string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".ring-*") // 0600 from the start
	if err != nil {
		return fmt.Errorf("make a file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write it: %w", err)
	}
	if err := place(f.Name()); err != nil {
		return fmt.Errorf("put it in place: %w", err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open its folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("flush its folder: %w", err)
	}
	return nil
}

func freshRing() ([]byte, error) {
	seal, err := freshKeyset(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, err
	}
	mac, err := freshKeyset(prf.HMACSHA256PRFKeyTemplate())
	if err != nil {
		return nil, err
	}
	return encodeRing(ringFile{Version: 1, Seal: seal, Mac: mac})
}

func encodeRing(file ringFile) ([]byte, error) {
	b, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(b, '\n'), nil
}

func freshKeyset(template *tinkpb.KeyTemplate) ([]byte, error) {
	h, err := keyset.NewHandle(template)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return encodeKeyset(h)
}

func encodeKeyset(h *keyset.Handle) ([]byte, error) {
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return b.Bytes(), nil
}

func strictly(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errors.New("not a key ring, or a damaged one")
	}
	return nil
}

// parse reads the content of a ring file into r. Its errors never quote it.
func (r *Ring) parse(b []byte) error {
	content, err := unlock(b, r.passphrase)
	if err != nil {
		return err
	}
	var file ringFile
	if err := strictly(content, &file); err != nil {
		return err
	}
	if file.Version != 1 {
		return fmt.Errorf("version %d is newer than this program", file.Version)
	}
	seal, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.Seal)))
	if err != nil {
		return errors.New("its sealing keys can't be read")
	}
	mac, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(file.Mac)))
	if err != nil {
		return errors.New("its hashing keys can't be read")
	}
	primitive, err := aead.New(seal)
	if err != nil {
		return fmt.Errorf("its sealing keys don't seal: %w", err)
	}
	set, err := prf.NewPRFSet(mac)
	if err != nil {
		return fmt.Errorf("its hashing keys don't hash: %w", err)
	}
	derived, err := set.ComputePrimaryPRF([]byte("flint.mac"), keySize)
	if err != nil {
		return fmt.Errorf("derive the hashing key: %w", err)
	}
	r.aead, r.mac = primitive, derived
	return nil
}
