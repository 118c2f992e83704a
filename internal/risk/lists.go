package risk

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// reload is how often a file of lists is looked at for changes.
const reload = time.Minute

// mostListed bounds a file of lists.
const mostListed = 1 << 20

// lists knows networks by what an operator says of them. A nil one knows none.
type lists struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed time.Time // of the file that was read
	tags    map[netip.Prefix]string
	bits    map[int]bool // prefix lengths that occur, of IPv4 below 0
}

// openLists reads the file at path, and keeps to it while it changes. No path,
// no lists.
func openLists(path string, log *slog.Logger) (*lists, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // a nil *lists is what knows nothing
	}
	l := &lists{path: path, log: log}
	if err := l.read(); err != nil {
		return nil, fmt.Errorf("FLINT_RISK_LISTS: %w", err)
	}
	return l, nil
}

// tag returns what is said of addr, the narrowest network first; or "".
func (l *lists) tag(addr netip.Addr, now time.Time) string {
	if l == nil || !addr.IsValid() {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.looked) >= reload {
		l.looked = now
		if err := l.read(); err != nil { // the earlier ones stay in force
			l.log.Error("read the lists of networks again", "file", l.path, "error", err)
		}
	}
	for bits := addr.BitLen(); bits >= 0; bits-- {
		key := bits
		if addr.Is4() {
			key = -bits - 1
		}
		if !l.bits[key] {
			continue
		}
		if p, err := addr.Prefix(bits); err == nil && l.tags[p] != "" {
			return l.tags[p]
		}
	}
	return ""
}

// read reads the file if it is another than before.
func (l *lists) read() error {
	info, err := os.Stat(l.path)
	if err != nil || info.ModTime().Equal(l.changed) {
		return err
	}
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer f.Close()
	tags, err := readLists(f)
	if err != nil {
		return err
	}
	l.tags, l.bits, l.changed = tags, map[int]bool{}, info.ModTime()
	for p := range tags {
		if p.Addr().Is4() {
			l.bits[-p.Bits()-1] = true
		} else {
			l.bits[p.Bits()] = true
		}
	}
	return nil
}

// readLists reads a list of networks: one a line, an address or a prefix and
// then what it is: tor, hosting, vpn, or another word. What follows # is a
// remark.
//
//	198.51.100.0/24 hosting
//	2001:db8::7     tor       # an exit
func readLists(r io.Reader) (map[netip.Prefix]string, error) {
	tags := map[netip.Prefix]string{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		p, err := netip.ParsePrefix(words[0])
		if err != nil {
			a, bad := netip.ParseAddr(words[0])
			if bad != nil {
				return nil, fmt.Errorf("line %d: neither an address nor a network", n)
			}
			p = netip.PrefixFrom(a.Unmap().WithZone(""), a.Unmap().BitLen())
		}
		if len(words) != 2 {
			return nil, fmt.Errorf("line %d: one network and one word for what it is", n)
		}
		if len(tags) == mostListed {
			return nil, fmt.Errorf("line %d: more than %d networks", n, mostListed)
		}
		tags[p.Masked()] = strings.ToLower(words[1])
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read networks: %w", err)
	}
	return tags, nil
}
