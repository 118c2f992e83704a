package siem_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/audit/tlog"
	"flint/internal/config"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/siem"
)

// book is a log of as many entries as a test wants.
type book struct {
	mu sync.Mutex
	n  uint64
}

func (b *book) Name() string { return "flint.example:8443/audit" }

func (b *book) Leaves(_ context.Context, from uint64, limit int) (leaves []tlog.Leaf, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := from; i < b.n && len(leaves) < limit; i++ {
		leaves = append(leaves, tlog.Leaf{Index: i, Hash: []byte{1, 2}, Entry: &tlog.Entry{
			ID: id.New[id.Entry](), At: time.Date(2026, 1, 1, 0, 0, int(i), 0, time.UTC), ActorKind: "system", ActorName: "test",
			Verb: "session.start", Object: fmt.Sprint("object ", i), Detail: []byte(`{"how":"password","device":"Firefox of Ada"}`),
		}})
	}
	return leaves, nil
}

func (b *book) Behind(_ context.Context, next uint64) (tlog.Backlog, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	oldest := time.Date(2026, 1, 1, 0, 0, int(next), 0, time.UTC)
	return tlog.Backlog{Entries: int(b.n - next), Oldest: &oldest}, nil
}

// clock is one that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// desk is a log, a database and a clock, from which exporters work.
type desk struct {
	t     testing.TB
	pool  *pgxpool.Pool
	book  *book
	clock *clock
	mu    sync.Mutex
	said  bytes.Buffer
}

func newDesk(t testing.TB, entries uint64) *desk {
	t.Helper()
	return &desk{t: t, pool: pgtest.New(t), book: &book{n: entries}, clock: &clock{at: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}}
}

// Write implements io.Writer: the log.
func (d *desk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.Write(p)
}

func (d *desk) log() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.said.String()
}

func (d *desk) node(cfg siem.Config) *siem.Exporter {
	d.t.Helper()
	x, err := siem.New(cfg, d.pool, d.book, d.clock.now, slog.New(slog.NewJSONHandler(d, nil)))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(x.Close)
	return x
}

func (d *desk) export(x *siem.Exporter) siem.Status {
	d.t.Helper()
	if err := x.Export(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	return d.status(x)
}

func (d *desk) status(x *siem.Exporter) siem.Status {
	d.t.Helper()
	all, err := x.Status(d.t.Context())
	if err != nil || len(all) == 0 {
		d.t.Fatal(all, err)
	}
	return all[0]
}

// settle exports until nothing is left, waiting out the pauses. It returns how
// often the receiver failed.
func (d *desk) settle(x *siem.Exporter) (failures int) {
	d.t.Helper()
	for range 60 {
		s := d.export(x)
		if s.Entries == 0 {
			return failures
		}
		if s.Failures > 0 {
			failures++
		}
		d.clock.add(11 * time.Minute)
	}
	d.t.Fatalf("it never ends: %+v\n%s", d.status(x), d.log())
	return failures
}

// whole fails unless lines, repeats dropped, are the log's entries in order.
func whole(t testing.TB, lines []string, entries uint64) {
	t.Helper()
	next := uint64(0)
	for _, line := range lines {
		var e struct {
			Index uint64
			Verb  string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Verb != "session.start" {
			t.Fatalf("%q: %v", line, err)
		}
		if e.Index > next {
			t.Fatalf("%d comes after %d: something is missing", e.Index, next-1)
		}
		if e.Index == next {
			next++
		}
	}
	if next != entries {
		t.Fatalf("%d entries arrived, of %d", next, entries)
	}
}

func linesOf(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestAFileGetsEveryEntryAlsoAfterItWasRotated(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1234)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	x := d.node(siem.Config{Sinks: []string{"file://" + path}})
	if n := d.settle(x); n != 0 {
		t.Errorf("%d failures", n)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	d.book.n += 10
	d.settle(x)
	whole(t, append(linesOf(t, path+".1"), linesOf(t, path)...), 1244)
	if n := len(linesOf(t, path)); n != 10 {
		t.Errorf("%d lines in the new file", n)
	}
	// Somebody was killed in the middle of a line: what follows begins a new one.
	if err := os.WriteFile(path, []byte(`{"index":1244,"lo`), 0o600); err != nil {
		t.Fatal(err)
	}
	d.book.n += 2
	d.settle(x)
	if l := linesOf(t, path); len(l) != 3 || !strings.HasPrefix(l[1], `{"index":1244,`) {
		t.Errorf("%q", l)
	}
	// What can't be written is told, and comes later.
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	d.book.n += 5
	if s := d.export(x); s.Failures != 1 || s.Entries != 5 || !strings.Contains(s.Reason, "no regular file") {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(d.log(), `"behind_entries":5`) {
		t.Error(d.log())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.settle(x)
	if n := len(linesOf(t, path)); n != 5 {
		t.Errorf("%d lines after the failure", n)
	}
}

func TestAFailingReceiverIsAskedLessAndLessAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 3)
	dir := t.TempDir()
	x := d.node(siem.Config{Sinks: []string{"file://" + dir, "file://" + filepath.Join(dir, "good")}})
	var gaps []time.Duration
	for range 9 {
		if err := x.Export(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := d.status(x)
		if s.RetryAt == nil {
			t.Fatalf("%+v", s)
		}
		gaps = append(gaps, s.RetryAt.Sub(d.clock.now()))
		before := s.Failures
		if s = d.export(x); s.Failures != before { // too early
			t.Errorf("asked again at once: %+v", s)
		}
		d.clock.add(gaps[len(gaps)-1])
	}
	want := "[5s 10s 20s 40s 1m20s 2m40s 5m20s 10m0s 10m0s]"
	if fmt.Sprint(gaps) != want {
		t.Errorf("%v, not %s", gaps, want)
	}
	whole(t, linesOf(t, filepath.Join(dir, "good")), 3)
	all, err := d.node(siem.Config{}).Status(t.Context())
	if err != nil || len(all) != 2 || all[0].Used || all[0].Seconds < 3600 {
		t.Errorf("receivers that aren't told any more: %+v, %v", all, err)
	}
}

func TestWhatIsPersonalIsNotSent(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1)
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	d.settle(d.node(siem.Config{Sinks: []string{"file://" + path}}))
	line := linesOf(t, path)[0]
	if strings.Contains(line, "Ada") || !strings.Contains(line, `"how":"password"`) || !strings.Contains(line, `"log":"flint.example:8443/audit","hash":"0102"`) {
		t.Error(line)
	}
}

func TestSettingsThatCanNotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"hunter2", "http://siem.example/x", "file://relative/hunter2", "file:///", "file:///a/../hunter2", "syslog://host", "syslog://:514",
		"syslog+tls://host:1/hunter2", "https://", "https://u:hunter2@siem.example", "https://siem.example/?token=hunter2", "udp://a:1", "https://a/#hunter2", "%zz",
	} {
		err := siem.Config{Sinks: []string{bad}}.Validate()
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.HasPrefix(err.Error(), "FLINT_SIEM: ") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, good := range []string{"file:///var/log/flint/audit.jsonl", "syslog://10.0.0.1:514", "syslog+tls://[::1]:6514", "https://siem.example:8088/services/x"} {
		if err := (siem.Config{Sinks: []string{good}}).Validate(); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if err := (siem.Config{Sinks: []string{"file:///a", "file:///a"}}).Validate(); err == nil {
		t.Error("one receiver twice")
	}
	if err := (siem.Config{Sinks: []string{"file:///a"}, Token: config.NewSecret("t")}).Validate(); err == nil {
		t.Error("a token for nobody")
	}
}

func TestTheRealLogIsShippedAlsoWhereAnEntryWasDeleted(t *testing.T) {
	t.Parallel()
	pool, owner := pgtest.Owned(t)
	log := tlog.New(tlog.Config{Pool: pool, Keys: envelopetest.New(t, pool), Origin: "flint.example"})
	user := id.New[id.User]()
	for i := range 3 {
		err := postgres.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			return audit.Record(t.Context(), tx, time.Now().Add(-time.Hour), audit.Entry{
				Actor: access.Actor{User: user}, Subject: user, Verb: "session.start", Object: fmt.Sprint(i),
				Detail: map[string]any{"how": "password", "device": "Ada's telephone"},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	x, err := siem.New(siem.Config{Sinks: []string{"file://" + path}}, pool, log, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	status := func() siem.Status {
		t.Helper()
		all, err := x.Status(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0]
	}
	if s := status(); s.Entries != 3 || s.Seconds < 3590 || s.SentAt != nil || !s.Used {
		t.Errorf("before: %+v", s)
	}
	if err := log.Integrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := status(); s.Entries != 3 || s.Seconds < 3590 {
		t.Errorf("with numbers: %+v", s)
	}
	if _, err := owner.Exec(t.Context(), `select set_config('flint.user', 'system', false); delete from audit_entries where object = '1'`); err != nil {
		t.Fatal(err)
	}
	if err := x.Export(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := linesOf(t, path)
	if len(lines) != 3 || !strings.Contains(lines[1], `"verb":"missing"`) || !strings.Contains(lines[2], `"actor":{"kind":"person","id":"`+user.String()) {
		t.Errorf("%q", lines)
	}
	if strings.Contains(strings.Join(lines, ""), "Ada") {
		t.Errorf("personal: %q", lines)
	}
	if s := status(); s.Entries != 0 || s.Seconds != 0 || s.Next != 3 || s.SentAt == nil {
		t.Errorf("after: %+v", s)
	}
}
