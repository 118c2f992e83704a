package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

// maxRing is far above what a ring of many keys takes, in bytes.
const maxRing = 1 << 20

// ring is the file: a version and two Tink keysets in Tink's own JSON.
type ring struct {
	Version int             `json:"version"`
	Seal    json.RawMessage `json:"seal"`
	Mac     json.RawMessage `json:"mac"`
}

// OpenRing returns the keys in the ring file at path. If there is no such file
// it makes one, readable by its owner alone and flushed to disk before anything
// is sealed under it; when several processes start at once, one of them makes
// it and all use it. A file that others can read is refused: its keys may
// already have been copied.
func OpenRing(path string) (*Keys, error) {
	b, err := readRing(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeRing(path); err != nil {
			return nil, fmt.Errorf("make the key ring %s: %w", path, err)
		}
		b, err = readRing(path)
	}
	if err != nil {
		return nil, err
	}
	k, err := parseRing(b)
	if err != nil {
		return nil, fmt.Errorf("key ring %s: %w", path, err)
	}
	return k, nil
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

// makeRing writes a fresh ring beside path and links it into place: the name
// appears with the whole content or not at all, and never replaces another.
func makeRing(path string) error {
	b, err := freshRing()
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make its folder: %w", err)
	}
	f, err := os.CreateTemp(dir, ".ring-*") // 0600 from the start
	if err != nil {
		return fmt.Errorf("make a file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write it: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
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
	b, err := json.MarshalIndent(ring{Version: 1, Seal: seal, Mac: mac}, "", "  ")
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
	var b bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b)); err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return b.Bytes(), nil
}

// parseRing reads the content of a ring file. Its errors never quote it.
func parseRing(b []byte) (*Keys, error) {
	var r ring
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return nil, errors.New("not a key ring, or a damaged one")
	}
	if r.Version != 1 {
		return nil, fmt.Errorf("version %d is newer than this program", r.Version)
	}
	seal, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(r.Seal)))
	if err != nil {
		return nil, errors.New("its sealing keys can't be read")
	}
	mac, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(r.Mac)))
	if err != nil {
		return nil, errors.New("its hashing keys can't be read")
	}
	primitive, err := aead.New(seal)
	if err != nil {
		return nil, fmt.Errorf("its sealing keys don't seal: %w", err)
	}
	set, err := prf.NewPRFSet(mac)
	if err != nil {
		return nil, fmt.Errorf("its hashing keys don't hash: %w", err)
	}
	// One derived key, so that Mac has nothing left that could fail.
	derived, err := set.ComputePrimaryPRF([]byte("flint.mac"), 32)
	if err != nil {
		return nil, fmt.Errorf("derive the hashing key: %w", err)
	}
	return &Keys{aead: primitive, mac: derived}, nil
}
