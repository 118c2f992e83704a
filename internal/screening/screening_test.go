package screening_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/ratelimit"
	"flint/internal/screening"
)

// house is screening with people, and a list that is a file.
type house struct {
	*screening.Service
	t      *testing.T
	people *identity.Service
	list   *screening.List
	path   string
	pool   *pgxpool.Pool
	ctx    context.Context
	log    *strings.Builder

	mu   sync.Mutex
	time time.Time
	n    int
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.time
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

const heading = "id,list,name,aliases,born,countries\n"

func setup(t *testing.T, rows string) *house {
	t.Helper()
	h := &house{t: t, pool: pgtest.New(t), time: time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC), path: filepath.Join(t.TempDir(), "list.csv"), log: &strings.Builder{}}
	h.ctx = postgres.AsSystem(t.Context(), "a test")
	h.write(rows)
	origin, err := config.ParseOrigin("https://flint.example")
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := queue.NewInserter(h.pool)
	if err != nil {
		t.Fatal(err)
	}
	keys := envelopetest.New(t, h.pool)
	if h.people, err = identity.New(identity.Config{Origin: origin, Now: h.now}, h.pool, jobs, ratelimit.New(ratelimit.NewMemory(1000, h.now))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.people.Close)
	log := slog.New(slog.NewTextHandler(h.log, nil))
	if h.list, err = screening.OpenList(screening.Settings{List: h.path, Threshold: 0.88}, h.now, log); err != nil {
		t.Fatal(err)
	}
	h.Service = screening.New(screening.Config{Pool: h.pool, Keys: keys, Jobs: jobs, People: h.people, Screener: h.list, Now: h.now, Log: log})
	return h
}

// write replaces the list, and lets the time pass after which it is read again.
func (h *house) write(rows string) {
	h.t.Helper()
	if err := os.WriteFile(h.path, []byte(heading+rows), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.n++
	when := time.Date(2026, 11, 23, 0, 0, h.n, 0, time.UTC) // files may be written within one tick of the clock
	if err := os.Chtimes(h.path, when, when); err != nil {
		h.t.Fatal(err)
	}
	h.pass(2 * time.Minute)
}

func (h *house) admit(name string) id.User {
	h.t.Helper()
	h.n++
	p, err := h.people.Invite(h.ctx, access.SystemActor("operator", id.User{}), name, fmt.Sprintf("p%d@example.com", h.n), access.Free)
	if err != nil {
		h.t.Fatal(err)
	}
	return p.ID
}

// everybody compares all, as the jobs do.
func (h *house) everybody() {
	h.t.Helper()
	if err := h.Look(h.ctx); err != nil {
		h.t.Fatal(err)
	}
	version, err := h.list.Version(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	if wait, err := h.Everybody(h.ctx, version); err != nil || wait != 0 {
		h.t.Fatalf("wait %s, %v", wait, err)
	}
}

func (h *house) found(all bool) []screening.Screening {
	h.t.Helper()
	list, err := h.List(h.ctx, access.Actor{User: id.New[id.User]()}, all, id.Screening{}, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

const (
	igor = "1,sanctions,Igor KASIMOV,Игорь Касимов,1961,RU\n"
	eva  = "2,sanctions,Eva LINDGREN-MOREAU,,1970-02-03,SE;FR\n"
)

func TestADecisionIsRememberedUntilTheEntryChanges(t *testing.T) {
	t.Parallel()
	h := setup(t, igor)
	who := h.admit("Igor Kasimow")
	h.admit("Olga Brandt")
	staff := access.Actor{User: id.New[id.User]()}
	if again, err := h.Newcomer(h.ctx, who); err != nil || again {
		t.Fatalf("again %t, %v", again, err)
	}
	list := h.found(false)
	if len(list) != 1 || list[0].User != who || list[0].Name != "Igor Kasimow" || list[0].Entry.ID != "1" || list[0].Occasion != screening.Registration || list[0].Score < 0.88 {
		t.Fatalf("found %+v", list)
	}
	if _, err := h.Decide(h.ctx, access.Actor{User: who}, list[0].ID, screening.Cleared, "I know him well"); !errors.Is(err, screening.ErrOwn) {
		t.Errorf("he decides himself: %v", err)
	}
	is, err := h.Decide(h.ctx, staff, list[0].ID, screening.Cleared, "another year of birth")
	if err != nil || is.Note != "another year of birth" {
		t.Fatal(err)
	}
	if _, err := h.Decide(h.ctx, staff, list[0].ID, screening.Cleared, "once more"); !errors.Is(err, screening.ErrDecided) {
		t.Errorf("the same again: %v", err)
	}
	if _, err := h.Decide(h.ctx, staff, id.New[id.Screening](), screening.Cleared, "nothing"); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("one that isn't there: %v", err)
	}
	for step, c := range []struct {
		rows      string
		open, all int
	}{
		{igor, 0, 1},       // the list as it was
		{igor + eva, 0, 1}, // with somebody else
		{strings.Replace(igor, "1961", "1962", 1), 1, 2}, // another entry now
		{strings.Replace(igor, "1961", "1962", 1) + eva, 1, 2},
	} {
		h.write(c.rows)
		h.everybody()
		if open, all := len(h.found(false)), len(h.found(true)); open != c.open || all != c.all {
			t.Errorf("step %d: %d open of %d, want %d of %d", step, open, all, c.open, c.all)
		}
	}
	verbs, err := postgres.Many[string](h.ctx, h.pool, `
		select verb from audit_entries where verb like 'screening.%' and verb <> 'screening.look' order by at, id`, nil)
	want := []string{"screening.match", "screening.decide", "screening.renew", "screening.renew", "screening.renew", "screening.match", "screening.renew"}
	if err != nil || !slices.Equal(verbs, want) {
		t.Errorf("the log says %q, %v", verbs, err)
	}
	told, err := postgres.Scalar[int](h.ctx, h.pool, `select count(*)::int from audit_entries where verb like 'screening.%' and subject_id is not null and subject_id <> '00000000-0000-0000-0000-000000000000'`, nil)
	if err != nil || told != 0 {
		t.Errorf("%d entries are somebody's to read, %v", told, err)
	}
	clear, err := postgres.Many[string](h.ctx, h.pool, `select s::text || encode(s.sealed, 'escape') from screenings s union all select a::text from audit_entries a`, nil)
	if text := strings.ToLower(strings.Join(clear, "\n")); err != nil || strings.Contains(text, "kasimov") || strings.Contains(text, "year of birth") || strings.Contains(text, "sanctions") {
		t.Errorf("it lies there in clear: %v", err)
	}
}

func TestTheConfirmedAreHeld(t *testing.T) {
	t.Parallel()
	h := setup(t, igor)
	who, other := h.admit("Kasimov Igor"), h.admit("Olga Brandt")
	staff := access.Actor{User: id.New[id.User]()}
	gate := func(user id.User) error { return h.Gate(postgres.AsUser(t.Context(), user), h.pool, user) }
	h.everybody()
	is := h.found(false)[0]
	if is.Occasion != screening.ListChange || gate(who) != nil {
		t.Errorf("while it is open: %s, %v", is.Occasion, gate(who))
	}
	if _, err := h.Decide(h.ctx, staff, is.ID, screening.Confirmed, "it is him"); err != nil {
		t.Fatal(err)
	}
	if err := gate(who); !errors.Is(err, screening.ErrHeld) || strings.Contains(err.Error(), "list") {
		t.Errorf("confirmed: %v", err)
	}
	if err := gate(other); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if got, err := h.Payee(h.ctx, who, screening.Subject{Name: "Anna Berg"}); got != screening.Refused || !errors.Is(err, screening.ErrHeld) {
		t.Errorf("he pays: %s, %v", got, err)
	}
	if _, err := h.Decide(h.ctx, staff, is.ID, screening.Cleared, "it isn't him after all"); err != nil {
		t.Fatal(err)
	}
	if err := gate(who); err != nil {
		t.Errorf("cleared: %v", err)
	}
}

func TestATransferWaitsUntilItsPayeeIsCleared(t *testing.T) {
	t.Parallel()
	h := setup(t, igor+eva)
	who := h.admit("Olga Brandt")
	staff := access.Actor{User: id.New[id.User]()}
	pay := func(name string, want screening.Clearance) {
		t.Helper()
		if got, err := h.Payee(h.ctx, who, screening.Subject{Name: name}); err != nil || got != want {
			t.Errorf("%s: %s, want %s, %v", name, got, want, err)
		}
	}
	pay("Anna Berg", screening.Clear)
	pay("Eva Lindgren Moreau", screening.Waiting)
	pay("Eva Lindgren Moreau", screening.Waiting) // still the one
	list := h.found(false)
	if len(list) != 1 || list[0].Occasion != screening.Transfer || list[0].Name != "Eva Lindgren Moreau" {
		t.Fatalf("found %+v", list)
	}
	if _, err := h.Decide(h.ctx, staff, list[0].ID, screening.Confirmed, "it is her"); err != nil {
		t.Fatal(err)
	}
	pay("Eva Lindgren Moreau", screening.Refused)
	pay("Anna Berg", screening.Clear) // whom somebody wanted to pay says nothing about them
	if _, err := h.Decide(h.ctx, staff, list[0].ID, screening.Cleared, "it isn't"); err != nil {
		t.Fatal(err)
	}
	pay("Eva Lindgren Moreau", screening.Clear)
	pay("Igor Kasimov", screening.Waiting)
}

// failing is a service that is down for whoever comes n-th.
type failing struct {
	screening.Screener
	n int
}

func (f *failing) Screen(ctx context.Context, who screening.Subject) ([]screening.Match, error) {
	if f.n--; f.n == 0 {
		return nil, errors.New("the service is down")
	}
	return f.Screener.Screen(ctx, who)
}

func TestEverybodyIsComparedFromWhereItStopped(t *testing.T) {
	t.Parallel()
	h := setup(t, igor)
	for i := range 230 {
		name := fmt.Sprintf("Somebody Else%d", i)
		if i%23 == 0 {
			name = "Igor Kasimov"
		}
		h.admit(name)
	}
	jobs, err := queue.NewInserter(h.pool)
	if err != nil {
		t.Fatal(err)
	}
	broken := &failing{h.list, 150}
	s := screening.New(screening.Config{Pool: h.pool, Keys: keysOf(t, h.pool), Jobs: jobs, People: h.people, Screener: broken, Now: h.now})
	for range 3 { // asked for again and again, it is one job
		if err := s.Look(h.ctx); err != nil {
			t.Fatal(err)
		}
	}
	waiting, err := postgres.Many[string](h.ctx, h.pool, `select kind from river_job where kind = 'screening.everybody'`, nil)
	if err != nil || len(waiting) != 1 {
		t.Errorf("%d jobs, %v", len(waiting), err)
	}
	version, err := h.list.Version(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	work := func() error {
		w := &screening.EverybodyWorker{Service: s}
		return w.Work(h.ctx, &river.Job[screening.EverybodyArgs]{JobRow: &rivertype.JobRow{}, Args: screening.EverybodyArgs{Version: version}})
	}
	if err := work(); err == nil {
		t.Error("nothing failed")
	}
	if err := work(); err != nil {
		t.Error(err)
	}
	if n := len(h.found(false)); n != 10 {
		t.Errorf("%d were found, want 10", n)
	}
	if err := work(); err != nil { // it is done
		t.Error(err)
	}
	h.write(igor + eva) // the job of another list is for nobody
	if err := s.Look(h.ctx); err != nil {
		t.Fatal(err)
	}
	if err := work(); err != nil {
		t.Error(err)
	}
	if n := len(h.found(false)); n != 10 {
		t.Errorf("%d were found, want 10", n)
	}
}

func TestABadListNamesItsLineAndTheEarlierOneStays(t *testing.T) {
	t.Parallel()
	h := setup(t, igor)
	who := h.admit("Igor Kasimov")
	h.write(igor + "1,sanctions,Somebody,,,\n")
	if _, err := h.Newcomer(h.ctx, who); err != nil {
		t.Fatal(err)
	}
	if len(h.found(false)) != 1 || h.list.Len() != 1 {
		t.Error("the earlier list isn't in force")
	}
	if said := h.log.String(); strings.Count(said, "line 3") != 1 || !strings.Contains(said, "earlier one stays") {
		t.Errorf("the log says %s", said)
	}
	for text, wants := range map[string]string{
		"":                                      "nobody",
		"id,list\n":                             "no column name",
		"id,list,name,passport\n":               "column \"passport\"",
		heading:                                 "nobody",
		heading + "1,l,N N\n":                   "line 2",
		heading + "1,l,,,,\n":                   "line 2: name",
		heading + "1,l,N N,;,,\n2,l,...,,,\n":   "line 3",
		heading + "1,l,N N,,1970-13,\n":         "line 2: born",
		heading + "1,l,N N,,,Russia\n":          "line 2: \"Russia\"",
		heading + igor + igor:                   "line 3: \"1\" of \"sanctions\" stands in line 2",
		heading + "1,l,\"N\nN\",,,\n1,l,M,,,\n": "line 4",
		`{"id":"1","list":"l","name":"N N"}` + "\n\n# a remark\n" + `{"id":"2","list":"l","name":"N N","x":1}`: "line 4",
		`{"id":"1","list":"l","name":"N N"} {}`: "line 1: more than one",
		`{"id":"1",`:                            "line 1",
	} {
		path := filepath.Join(t.TempDir(), "list")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := screening.OpenList(screening.Settings{List: path, Threshold: 0.9}, h.now, slog.Default())
		if err == nil || !strings.Contains(err.Error(), wants) || !strings.Contains(err.Error(), "FLINT_SCREENING_LIST") {
			t.Errorf("%q: %v, want %s", text, err, wants)
		}
	}
	entries, err := screening.ReadList(strings.NewReader("\xef\xbb\xbf" + `{"id":"1","list":"l","name":"Ann Lee","aliases":["A. Lee"],"born":"1970","countries":["US"]}`))
	if err != nil || len(entries) != 1 || entries[0].Aliases[0] != "A. Lee" {
		t.Errorf("%+v, %v", entries, err)
	}
}

func TestSettingsOfScreeningAreChecked(t *testing.T) {
	t.Parallel()
	for _, threshold := range []float64{0, 0.5, 1.01} {
		if err := (screening.Settings{Threshold: threshold}).Validate(); err == nil {
			t.Errorf("%f was taken", threshold)
		}
	}
	if l, err := screening.OpenList(screening.Settings{Threshold: 0.9}, time.Now, slog.Default()); l != nil || err != nil {
		t.Errorf("no list: %v, %v", l, err)
	}
}

func TestWithoutAListNobodyIsScreened(t *testing.T) {
	t.Parallel()
	h := setup(t, igor)
	s := screening.New(screening.Config{Pool: h.pool, Keys: keysOf(t, h.pool), People: h.people})
	if err := errors.Join(s.Queue(h.ctx, nil, id.New[id.User]()), s.Look(h.ctx)); err != nil {
		t.Error(err)
	}
	if got, err := s.Payee(h.ctx, id.New[id.User](), screening.Subject{Name: "Igor Kasimov"}); err != nil || got != screening.Clear {
		t.Errorf("%s, %v", got, err)
	}
}

// FuzzReadList: whatever a file holds, it is a list of people with names or an error.
func FuzzReadList(f *testing.F) {
	f.Add(heading + igor + eva)
	f.Add(`{"id":"1","list":"l","name":"N N"}`)
	f.Add("\xef\xbb\xbfid,list,name\n\"")
	f.Add("#\n{")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := screening.ReadList(strings.NewReader(text))
		if err != nil {
			return
		}
		if len(entries) == 0 {
			t.Fatal("a list of nobody")
		}
		for _, e := range entries {
			if strings.TrimSpace(e.ID) == "" || strings.TrimSpace(e.Name) == "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}

func keysOf(t *testing.T, pool *pgxpool.Pool) *envelope.Keys {
	t.Helper()
	keys, err := envelope.Of(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
