package rotation_test

import (
	"bytes"
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

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/rotation"
)

var drawer = envelope.Place{Table: "drawer", Column: "value", Row: "name", Owner: "owner_id"}

// far is a master key elsewhere: a ring that says it is in Vault. Its steps may
// fail when a test says so.
type far struct {
	*envelope.Ring
	named string
	fail  func() error
	made  *int // versions
}

func (f far) Name() string { return f.named }

func (f far) Rotate(ctx context.Context) error {
	*f.made++
	if err := f.fail(); err != nil {
		return err
	}
	return f.Ring.Rotate(ctx)
}

func (f far) Wrap(ctx context.Context, key, bound []byte) ([]byte, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Ring.Wrap(ctx, key, bound)
}

// shop is a database with sealed values, at a time that the test moves.
type shop struct {
	t       *testing.T
	pool    *pgxpool.Pool
	ring    string
	kms     string
	now     time.Time
	fail    func() error
	masters int
	renewed int
	log     bytes.Buffer
	mu      sync.Mutex
	signs   time.Time
	keys    *envelope.Keys
}

func open(t *testing.T, kms string) *shop {
	t.Helper()
	pool, owner := pgtest.Owned(t)
	if _, err := owner.Exec(t.Context(), `create table drawer (name text primary key, owner_id uuid, value bytea); grant all on drawer to flint_app`); err != nil {
		t.Fatal(err)
	}
	s := &shop{
		t: t, pool: pool, ring: filepath.Join(t.TempDir(), "ring"), kms: kms, now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC),
		fail: func() error { return nil },
	}
	s.signs = s.now
	_, s.keys = s.node()
	return s
}

// Write implements io.Writer: the log.
func (s *shop) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *shop) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func (s *shop) clock() time.Time { return s.now }

// node is another process.
func (s *shop) node() (*rotation.Service, *envelope.Keys) {
	s.t.Helper()
	ring, err := envelope.OpenRing(s.ring, config.Secret{})
	if err != nil {
		s.t.Fatal(err)
	}
	keys, err := envelope.Open(s.t.Context(), envelope.Config{
		KMS: far{ring, s.kms, func() error { return s.fail() }, &s.masters}, Pool: s.pool, Now: s.clock,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(keys.Close)
	jobs, err := queue.NewInserter(s.pool)
	if err != nil {
		s.t.Fatal(err)
	}
	return rotation.New(rotation.Config{
		Pool: s.pool, Keys: keys, Places: []envelope.Place{drawer}, Jobs: jobs, Now: s.clock, Log: slog.New(slog.NewTextHandler(s, nil)),
		Renew: func(context.Context, access.Actor) error {
			s.renewed++
			s.signs = s.now
			return nil
		},
		SignsSince: func(context.Context) (time.Time, error) { return s.signs, nil },
	}), keys
}

// put seals a value of somebody.
func (s *shop) put(keys *envelope.Keys, name string, owner id.User) {
	s.t.Helper()
	sealed, err := keys.Seal(s.t.Context(), envelope.Ref{Owner: owner, Place: "drawer.value", Row: name}, []byte(name))
	if err == nil {
		err = postgres.Exec(s.t.Context(), s.pool, `insert into drawer (name, owner_id, value) values (@name, @owner, @value)`,
			postgres.Args{"name": name, "owner": owner, "value": sealed})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// readable fails unless a node that starts now opens all n values.
func (s *shop) readable(n int) {
	s.t.Helper()
	_, keys := s.node()
	found, err := keys.Verify(s.t.Context(), []envelope.Place{drawer})
	if err != nil || found[0].Values != n || found[0].Failed != 0 {
		s.t.Fatalf("%+v, %v", found, err)
	}
}

// history is which layers were exchanged, why, and on which day since the start.
func (s *shop) history() []string {
	s.t.Helper()
	all, err := postgres.Many[string](s.t.Context(), s.pool, `
		select layer || ' ' || cause || ' ' || extract(day from began_at - '2026-01-01 12:00Z'::timestamptz) || case when finished_at is null then ' open' else '' end
		from key_rotations order by began_at, layer`, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func (s *shop) turn(r *rotation.Service) {
	s.t.Helper()
	if left, err := r.Turn(s.t.Context(), nil); left || err != nil {
		s.t.Fatalf("day %v: left %v, %v", s.now, left, err)
	}
}

func TestTwoYearsOfDaysExchangeKeysAsTheTableSays(t *testing.T) {
	t.Parallel()
	for kms, want := range map[string][]string{
		// Who came on day 20 goes along with who came on day 0; who came on day 100
		// has their own time.
		"vault:transit/flint": {
			"data schedule 365", "kek schedule 365", "master schedule 365", "data schedule 465", "data schedule 730", "kek schedule 730", "master schedule 730",
		},
		"ring": {"data schedule 365", "kek schedule 365", "data schedule 465", "data schedule 730", "kek schedule 730"},
	} {
		t.Run(kms, func(t *testing.T) {
			t.Parallel()
			s := open(t, kms)
			nodes := make([]*rotation.Service, 2)
			nodes[0], _ = s.node()
			nodes[1], _ = s.node()
			start := s.now
			for day := range 731 {
				s.now = start.AddDate(0, 0, day)
				switch day {
				case 0, 20, 100:
					s.put(s.keys, fmt.Sprint("value of day ", day), id.New[id.User]())
				}
				s.turn(nodes[day%2])
			}
			if got := s.history(); !slices.Equal(got, want) {
				t.Errorf("%q\nnot\n%q", got, want)
			}
			s.readable(3)
			audited, err := postgres.Scalar[int](t.Context(), s.pool, `select count(*)::int from audit_entries where verb = 'key.rotate' and actor_name = 'rotation'`, nil)
			if err != nil || audited != 2*len(want) {
				t.Errorf("%d entries of %d rotations, %v", audited, len(want), err)
			}
			if reminded := strings.Contains(s.said(), `key="master key"`); reminded != (kms == "ring") {
				t.Errorf("reminded of the ring: %v", reminded)
			}
			if s.renewed > 0 {
				t.Error("keys of access tokens exchange themselves")
			}
		})
	}
}

func TestARotationThatIsKilledAnywhereGoesOn(t *testing.T) {
	t.Parallel()
	s := open(t, "vault:transit/flint")
	for i := range 600 {
		s.put(s.keys, fmt.Sprint(i), id.New[id.User]())
	}
	s.now = s.now.AddDate(1, 0, 0)
	// The key service answers ever more often before everything ends.
	killed := errors.New("killed")
	for n := 0; n < 3; n++ {
		left := n
		s.fail = func() error {
			if left--; left < 0 {
				return killed
			}
			return nil
		}
		r, _ := s.node()
		ctx, kill := context.WithTimeout(t.Context(), time.Duration(10+20*n)*time.Millisecond)
		_, err := r.Turn(ctx, nil)
		kill()
		if err == nil {
			break
		}
	}
	s.fail = func() error { return nil }
	// Or the program is killed, at any moment, and its lease stays.
	kills := 0
	for ; kills < 100; kills++ {
		s.now = s.now.Add(time.Minute)
		if err := postgres.Exec(t.Context(), s.pool, `delete from leases where until <= @now`, postgres.Args{"now": s.now}); err != nil {
			t.Fatal(err)
		}
		r, _ := s.node()
		ctx, kill := context.WithTimeout(t.Context(), time.Duration(5+7*kills)*time.Millisecond)
		left, err := r.Turn(ctx, nil)
		kill()
		if err == nil && !left {
			break
		}
	}
	t.Logf("killed %d times", kills)
	last, _ := s.node()
	s.turn(last)
	if got := fmt.Sprint(s.history()); got != "[data schedule 365 kek schedule 365 master schedule 365]" {
		t.Errorf("%s: each layer once", got)
	}
	s.readable(600)
	list, err := s.keys.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		if strings.HasPrefix(l.Name, "key-encryption key") && l.State == "retired" {
			t.Errorf("%s is left behind: %+v", l.Name, l)
		}
	}
}

func TestTwoNodesShareOneRotation(t *testing.T) {
	t.Parallel()
	s := open(t, "vault:transit/flint")
	for i := range 60 {
		s.put(s.keys, fmt.Sprint(i), id.New[id.User]())
	}
	s.now = s.now.AddDate(1, 0, 0)
	var all sync.WaitGroup
	for range 4 {
		r, _ := s.node()
		all.Go(func() {
			if _, err := r.Turn(t.Context(), nil); err != nil && !errors.Is(err, rotation.ErrBusy) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	last, _ := s.node()
	s.turn(last)
	if n := len(s.history()); n != 3 || s.masters != 1 {
		t.Errorf("%q, %d versions of the master key", s.history(), s.masters)
	}
	s.readable(60)
}

func TestAnIncidentExchangesEverythingAtOnce(t *testing.T) {
	t.Parallel()
	for _, kms := range []string{"ring", "aws:alias/flint"} {
		s := open(t, kms)
		owner := id.New[id.User]()
		s.put(s.keys, "a", owner)
		s.now = s.now.AddDate(0, 0, 3)
		r, _ := s.node()
		ref := envelope.Ref{Owner: owner, Place: "drawer.value", Row: "a"}
		before, err := postgres.Scalar[[]byte](t.Context(), s.pool, `select value from drawer`, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // who isn't sure gives the order again
			err = r.Begin(t.Context(), access.SystemActor("operator", id.User{}), rotation.Incident, "a disk of Ada's was stolen",
				rotation.Master, rotation.KEK, rotation.Data, rotation.Signing)
			if err != nil {
				t.Fatal(err)
			}
		}
		if jobs, err := postgres.Scalar[int](t.Context(), s.pool, `select count(*)::int from river_job where kind = 'rotation.turn'`, nil); err != nil || jobs == 0 {
			t.Errorf("no running node is told: %d, %v", jobs, err)
		}
		ages, err := r.Ages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range ages {
			if a.Going != (a.Layer != "") {
				t.Errorf("%s: being exchanged: %v", a.Name, a.Going)
			}
		}
		if err := r.Finish(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.history()); got != "[data incident 3 kek incident 3 master incident 3 signing incident 3]" || s.renewed != 1 || s.masters != 1 {
			t.Errorf("%s, %d %d", got, s.renewed, s.masters)
		}
		after, err := postgres.Scalar[[]byte](t.Context(), s.pool, `select value from drawer`, nil)
		if err != nil || bytes.Equal(before[1:17], after[1:17]) {
			t.Errorf("the value hangs on the old data key, %v", err)
		}
		if plain, err := s.keys.Open(t.Context(), ref, after); err != nil || string(plain) != "a" {
			t.Errorf("a node that runs can't read it: %v", err)
		}
		s.readable(1)
		told, err := postgres.Many[string](t.Context(), s.pool, `select object || ' ' || (detail->>'outcome') || ' ' || detail::text from audit_entries where verb = 'key.rotate'`, nil)
		if err != nil || len(told) != 12 || strings.Contains(strings.Join(told, ""), "Ada") {
			t.Errorf("%q, %v", told, err)
		}
		if ages, err = r.Ages(t.Context()); err != nil || ages[0].Age != 0 || ages[0].Going {
			t.Errorf("the master key is %v old, %v", ages[0].Age, err)
		}
	}
}

func TestAKeyServiceThatFailsHoldsUpNoOtherLayer(t *testing.T) {
	t.Parallel()
	s := open(t, "vault:transit/flint")
	s.put(s.keys, "a", id.New[id.User]())
	s.now = s.now.AddDate(1, 0, 0)
	r, _ := s.node()
	s.fail = func() error { return errors.New("forbidden") }
	if left, err := r.Turn(t.Context(), nil); !left || err == nil {
		t.Errorf("left %v, %v", left, err)
	}
	if got := fmt.Sprint(s.history()); got != "[data schedule 365 kek schedule 365 open master schedule 365 open]" {
		t.Error(got)
	}
	s.fail = func() error { return nil }
	s.now = s.now.AddDate(0, 0, 1)
	s.turn(r)
	s.readable(1)
}

func TestTheDocumentHasTheTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/security/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rotation.Schedule("vault:transit/flint") {
		line := fmt.Sprintf("| %s | %d days | %s |", rule.Name, int(rule.Every.Hours()/24), rule.By)
		if rule.Every == 0 {
			line = fmt.Sprintf("| %s | never | %s |", rule.Name, rule.By)
		}
		if !strings.Contains(string(text), line) {
			t.Errorf("docs/security/keys.md doesn't say %q", line)
		}
		if rule.Every == 0 && rule.Why == "" {
			t.Errorf("nobody knows why the %s stays", rule.Name)
		}
	}
}
