package screening

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Bounds of a list.
const (
	mostBytes   = 256 << 20
	mostEntries = 1_000_000
	mostLine    = 1 << 20
	mostText    = 300 // characters of a name or another text
	mostMany    = 500 // aliases, countries
)

// method is part of a list's version: other ways to compare find others.
const method = "1"

// reload is how often the file is looked at for changes.
const reload = time.Minute

// List is a Screener that reads a file. It is safe for use by many goroutines.
type List struct {
	path      string
	threshold float64
	now       func() time.Time
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed time.Time // of the file that was read, or tried
	size    int64
	index   *index
	version string
}

// OpenList reads the file that is set, and keeps to it while it changes. It
// returns nil if none is set. The error of a file that can't be read names the
// line.
func OpenList(set Settings, now func() time.Time, log *slog.Logger) (*List, error) {
	if set.List == "" {
		return nil, nil //nolint:nilnil // no list is no Screener
	}
	l := &List{path: set.List, threshold: set.Threshold, now: now, log: log, looked: now()}
	if err := l.read(); err != nil {
		return nil, fmt.Errorf("FLINT_SCREENING_LIST: %w", err)
	}
	return l, nil
}

// Screen implements Screener.
func (l *List) Screen(_ context.Context, who Subject) ([]Match, error) {
	index, _ := l.current()
	return index.find(who.Name, l.threshold), nil
}

// Version implements Screener.
func (l *List) Version(context.Context) (string, error) {
	_, version := l.current()
	return version, nil
}

// Len returns how many entries there are.
func (l *List) Len() int {
	index, _ := l.current()
	return len(index.entries)
}

// current returns the list, read again if the file is another than before. A file
// that can't be read is reported once, and the earlier list stays in force.
func (l *List) current() (*index, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.looked) >= reload {
		l.looked = now
		if err := l.read(); err != nil {
			l.log.Error("read the screening list again; the earlier one stays in force", "file", l.path, "error", err)
		}
	}
	return l.index, l.version
}

func (l *List) read() error {
	info, err := os.Stat(l.path)
	if err != nil {
		return err
	}
	if info.ModTime().Equal(l.changed) && info.Size() == l.size {
		return nil
	}
	if info.Size() > mostBytes {
		return fmt.Errorf("%s is larger than %d MiB", l.path, mostBytes>>20)
	}
	text, err := os.ReadFile(l.path)
	if err != nil {
		return err
	}
	l.changed, l.size = info.ModTime(), info.Size()
	entries, err := ReadList(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	sum := sha256.Sum256(text)
	l.index = newIndex(entries)
	l.version = method + "-" + strconv.FormatFloat(l.threshold, 'g', -1, 64) + "-" + hex.EncodeToString(sum[:])
	return nil
}

// ReadList reads a list: JSON lines, or CSV with a heading. The fields are id,
// list and name, and as far as they are known aliases, born (YYYY, YYYY-MM or
// YYYY-MM-DD) and countries (two letters); in CSV several are divided by
// semicolons. Empty lines, and in JSON those that begin with #, are passed over.
// The error names the line.
func ReadList(r io.Reader) ([]Entry, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		_, _ = in.Discard(3)
	}
	read := readCSV
	if first, _ := in.Peek(1); len(first) > 0 && (first[0] == '{' || first[0] == '#') {
		read = readJSON
	}
	var entries []Entry
	seen := map[string]int{}
	err := read(in, func(line int, e Entry) error {
		if err := e.check(); err != nil {
			return wrong(line, "%w", err)
		}
		key := e.List + "\x00" + e.ID
		if before, ok := seen[key]; ok {
			return wrong(line, "%s of %s stands in line %d already", strconv.Quote(e.ID), strconv.Quote(e.List), before)
		}
		if len(entries) == mostEntries {
			return wrong(line, "more than %d entries", mostEntries)
		}
		seen[key] = line
		entries = append(entries, e)
		return nil
	})
	if err == nil && len(entries) == 0 {
		err = errors.New("there is nobody in it")
	}
	return entries, err
}

var born = regexp.MustCompile(`^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$`)

var country = regexp.MustCompile(`^[A-Z]{2}$`)

// check says what an entry lacks.
func (e Entry) check() error {
	for name, text := range map[string]string{"id": e.ID, "list": e.List, "name": e.Name} {
		if strings.TrimSpace(text) == "" || utf8.RuneCountInString(text) > mostText || !utf8.ValidString(text) {
			return fmt.Errorf("%s must have 1 to %d characters", name, mostText)
		}
	}
	if len(e.Aliases) > mostMany || len(e.Countries) > mostMany {
		return fmt.Errorf("more than %d aliases or countries", mostMany)
	}
	for _, name := range append([]string{e.Name}, e.Aliases...) {
		if !utf8.ValidString(name) || utf8.RuneCountInString(name) > mostText || len(tokens(name)) == 0 {
			return fmt.Errorf("%.40q is no name", name)
		}
	}
	if e.Born != "" && !born.MatchString(e.Born) {
		return errors.New("born must be YYYY, YYYY-MM or YYYY-MM-DD")
	}
	if i := slices.IndexFunc(e.Countries, func(c string) bool { return !country.MatchString(c) }); i >= 0 {
		return fmt.Errorf("%.10q is no country of two capital letters", e.Countries[i])
	}
	return nil
}

func readJSON(r io.Reader, add func(int, Entry) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	n := 0
	for lines.Scan() {
		n++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		var e Entry
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			return wrong(n, "%w", err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return wrong(n, "more than one object")
		}
		if err := add(n, e); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return wrong(n+1, "%w", err)
	}
	return nil
}

func readCSV(r io.Reader, add func(int, Entry) error) error {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	head, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the heading: %w", err)
	}
	columns := slices.Clone(head)
	known := []string{"id", "list", "name", "aliases", "born", "countries"}
	for i, c := range columns {
		if !slices.Contains(known, c) || slices.Index(columns, c) != i {
			return wrong(1, "column %.40q: the columns are %s", c, strings.Join(known, ", "))
		}
	}
	for _, must := range known[:3] {
		if !slices.Contains(columns, must) {
			return wrong(1, "there is no column %s", must)
		}
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err // names the line
		}
		line, _ := rows.FieldPos(0)
		var e Entry
		for i, cell := range row {
			switch cell = strings.Clone(strings.TrimSpace(cell)); columns[i] {
			case "id":
				e.ID = cell
			case "list":
				e.List = cell
			case "name":
				e.Name = cell
			case "aliases":
				e.Aliases = several(cell)
			case "born":
				e.Born = cell
			case "countries":
				e.Countries = several(cell)
			}
		}
		if err := add(line, e); err != nil {
			return err
		}
	}
}

// several divides a cell at its semicolons.
func several(cell string) []string {
	var list []string
	for part := range strings.SplitSeq(cell, ";") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
