package tlog_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/audit/tlog"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// book is a log with its database and its mirror.
type book struct {
	t    testing.TB
	pool *pgxpool.Pool
	evil *pgxpool.Pool // the database's owner
	log  *tlog.Log
	ring string
	path string // of the mirror
	user id.User
}

func open(t testing.TB) *book {
	t.Helper()
	pool, owner := pgtest.Owned(t)
	b := &book{t: t, pool: pool, evil: owner, ring: filepath.Join(t.TempDir(), "ring"), path: filepath.Join(t.TempDir(), "mirror"), user: id.New[id.User]()}
	b.log = b.node()
	return b
}

// node returns another node of the log.
func (b *book) node() *tlog.Log {
	b.t.Helper()
	mirror, err := tlog.NewFile(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	return tlog.New(tlog.Config{Pool: b.pool, Keys: envelopetest.Under(b.t, b.pool, b.ring), Origin: "flint.example", Mirror: mirror})
}

// write adds n entries, a transaction each.
func (b *book) write(n int) []id.Entry {
	b.t.Helper()
	entries := make([]id.Entry, n)
	for i := range entries {
		err := postgres.InTx(b.t.Context(), b.pool, func(tx pgx.Tx) (err error) {
			entries[i], err = audit.Write(b.t.Context(), tx, time.Now(), audit.Entry{
				Actor: access.Actor{User: b.user}, Subject: b.user, Verb: "session.start", Object: fmt.Sprint(i),
				Detail: map[string]any{"how": "password", "n": i, "nested": map[string]any{"b": 1, "a": "ü<>&"}},
			})
			return err
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	return entries
}

func (b *book) integrate() {
	b.t.Helper()
	if err := b.log.Integrate(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// export returns the log as it is, and the mirror's notes.
func (b *book) export() (string, []string) {
	b.t.Helper()
	var out bytes.Buffer
	if err := b.log.Export(b.t.Context(), &out); err != nil {
		b.t.Fatal(err)
	}
	f, err := os.Open(b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	notes, err := tlog.ReadMirror(f)
	if err != nil {
		b.t.Fatal(err)
	}
	return out.String(), notes
}

func (b *book) verify(verifier string) tlog.Report {
	b.t.Helper()
	export, notes := b.export()
	report, err := tlog.Verify(strings.NewReader(export), verifier, notes)
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

func (b *book) verifier() string {
	b.t.Helper()
	v, err := b.log.Verifier(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *book) exec(sql string) {
	b.t.Helper()
	if _, err := b.evil.Exec(b.t.Context(), "select set_config('flint.user', 'system', false); "+sql); err != nil {
		b.t.Fatal(err)
	}
}

func TestAnUntouchedLogVerifies(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, n := range []int{1, 1, 5, 30} {
		b.write(n)
		b.integrate()
	}
	b.write(2) // not signed yet
	r := b.verify(b.verifier())
	if len(r.Faults) > 0 || r.Leaves != 37 || r.Checkpoints != 4 || r.Mirrored != 4 || r.Waiting != 2 {
		t.Errorf("%+v", r)
	}
}

func TestEveryEntryCanBeProven(t *testing.T) {
	t.Parallel()
	b := open(t)
	entries := b.write(13)
	b.integrate()
	early, err := b.log.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries = append(entries, b.write(21)...)
	b.integrate()
	v, err := note.NewVerifier(b.verifier())
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		in, err := b.log.Include(t.Context(), entry)
		if err != nil {
			t.Fatal(err)
		}
		c, err := tlog.ParseCheckpoint(in.Checkpoint.Note, note.VerifierList(v))
		if err != nil {
			t.Fatal(err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, in.Index, c.Size, rfc6962.DefaultHasher.HashLeaf(in.Leaf), in.Path, c.Root); err != nil {
			t.Error(err)
		}
	}
	path, first, second, err := b.log.Consistent(t.Context(), early.Size, 34)
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, first.Size, second.Size, path, first.Root, second.Root); err != nil {
		t.Error(err)
	}
	if _, err := b.log.Include(t.Context(), b.write(1)[0]); err == nil {
		t.Error("an entry was proven before anybody signed it")
	}
}

// TestTamperingIsFound does to the log what somebody can who owns the database,
// and expects that Verify finds it.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]struct {
		sql, says string
	}{
		"an entry was edited":               {`update audit_entries set object = 'x' where object = '7'`, "something from entry 0 on was changed"},
		"an entry was edited, and is named": {`update audit_entries set object = 'x' where id = (select entry_id from audit_leaves where index = 17)`, "entry 17 ("},
		"a detail was edited":               {`update audit_entries set detail = jsonb_set(detail, '{n}', '99') where object = '3'`, "something from entry 0 on was changed"},
		"an act was given to another":       {`update audit_entries set actor_id = gen_random_uuid() where object = '5'`, "was changed"},
		"an entry was put at another time":  {`update audit_entries set at = at - interval '1 day' where object = '2'`, "was changed"},
		"an entry was deleted":              {`delete from audit_entries where object = '4'`, "the entry of leaf"},
		"an entry and its leaf were deleted": {`
			with gone as (delete from audit_entries where object = '4' returning id)
			delete from audit_leaves where entry_id in (select id from gone)`, "is missing"},
		"a leaf was deleted and the rest moved up": {`
			delete from audit_leaves where index = 4;
			update audit_leaves set index = -index + 100000 where index > 4;
			update audit_leaves set index = 100000 - index - 1 where index > 99000`, "aren't those"},
		"an entry was added": {`
			insert into audit_entries (id, at, actor_kind, verb) values (gen_random_uuid(), now(), 'anonymous', 'session.start')`, "behind the log's back"},
		"an entry was added with a leaf": {`
			with e as (insert into audit_entries (id, at, actor_kind, verb) values (gen_random_uuid(), now(), 'anonymous', 'session.start') returning id)
			insert into audit_leaves (index, entry_id, hash) select 30, id, sha256('x') from e`, "aren't signed"},
		"two entries changed places": {`
			create temp table places as select index, entry_id from audit_leaves where index in (11, 17);
			delete from audit_leaves where index in (11, 17);
			insert into audit_leaves (index, entry_id, hash) select 28 - index, entry_id, sha256('x') from places`, "aren't those"},
		"the end was cut off": {`
			delete from audit_entries where id in (select entry_id from audit_leaves where index >= 20);
			delete from audit_leaves where index >= 20;
			delete from audit_nodes;
			delete from audit_checkpoints where size > 20`, "cut short"},
		"the end was cut off, checkpoints left": {`
			delete from audit_entries where id in (select entry_id from audit_leaves where index >= 20);
			delete from audit_leaves where index >= 20`, "entries were removed"},
		"a checkpoint was removed at the end": {`delete from audit_checkpoints where size = 30`, "aren't signed"},
		"a checkpoint was edited":             {`update audit_checkpoints set note = replace(note, E'\n20\n', E'\n21\n') where size = 20`, "isn't signed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			for range 3 {
				b.write(10)
				b.integrate()
			}
			verifier := b.verifier()
			if r := b.verify(verifier); len(r.Faults) > 0 {
				t.Fatalf("before anything was done: %v", r.Faults)
			}
			b.exec(harm.sql)
			r := b.verify(verifier)
			if !slices.ContainsFunc(r.Faults, func(f string) bool { return strings.Contains(f, harm.says) }) {
				t.Errorf("expected %q in %q", harm.says, r.Faults)
			}
		})
	}
}

// TestAForkIsFound rebuilds a log with another history and signs it with a key
// of its own, as somebody would who may write every table.
func TestAForkIsFound(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.write(10)
	b.integrate()
	verifier, _ := b.verifier(), 0
	b.exec(`
		update audit_entries set detail = '{"how": "link"}' where object = '3';
		delete from audit_nodes; delete from audit_checkpoints; delete from audit_keys;
		insert into audit_pending select entry_id from audit_leaves; delete from audit_leaves`)
	forger := &book{t: t, pool: b.pool, evil: b.evil, ring: b.ring, path: b.path, user: b.user}
	forger.log = forger.node()
	forger.integrate() // with a key of its own, and told to the mirror
	r := forger.verify(verifier)
	for _, says := range []string{"another key", "isn't signed by the log's key"} {
		if !slices.ContainsFunc(r.Faults, func(f string) bool { return strings.Contains(f, says) }) {
			t.Errorf("expected %q in %q", says, r.Faults)
		}
	}
}

// TestAForkByTheLogItselfIsFound has two histories, both signed by the log's key:
// the database was put back to an older state, and went on from there.
func TestAForkByTheLogItselfIsFound(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.write(10)
	b.integrate()
	b.write(10)
	b.integrate()
	b.exec(`
		delete from audit_entries where id in (select entry_id from audit_leaves where index >= 10);
		delete from audit_leaves where index >= 10; delete from audit_checkpoints where size > 10;
		delete from audit_nodes where (index + 1) * (1 << level) > 10`)
	b.write(10)
	b.integrate()
	r := b.verify(b.verifier())
	if !slices.ContainsFunc(r.Faults, func(f string) bool { return strings.Contains(f, "forked") }) {
		t.Errorf("found %q", r.Faults)
	}
}

func TestWritersAndIntegratorsAtOnce(t *testing.T) {
	t.Parallel()
	b := open(t)
	nodes := []*tlog.Log{b.log, b.node(), b.node()}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for _, n := range nodes {
		readers.Go(func() {
			for {
				if err := n.Integrate(t.Context()); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 8 {
		writers.Go(func() { b.write(25) })
	}
	writers.Wait()
	close(done)
	readers.Wait()
	b.integrate()
	if r := b.verify(b.verifier()); len(r.Faults) > 0 || r.Leaves != 200 {
		t.Errorf("%+v", r)
	}
}

func TestAnEntryThatIsRolledBackIsNotInTheLog(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.write(1)
	_ = postgres.InTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		if err := audit.Record(t.Context(), tx, time.Now(), audit.Entry{Verb: "session.start"}); err != nil {
			t.Error(err)
		}
		return fmt.Errorf("change of mind")
	})
	b.integrate()
	if r := b.verify(b.verifier()); len(r.Faults) > 0 || r.Leaves != 1 {
		t.Errorf("%+v", r)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(`{"log":{"origin":"o","verifier":"v","at":"2026-11-23T00:00:00Z"}}`)
	f.Add("{\"log\":{\"origin\":\"o\",\"verifier\":\"o+8ab8e5ac+AS7e3f2kZkVgU2eF1iX2nZ1m3a2l5q0\",\"at\":\"2026-11-23T00:00:00Z\"}}\n{\"index\":0,\"entry\":null}\n{\"end\":{\"leaves\":1,\"waiting\":0}}")
	f.Fuzz(func(t *testing.T, export string) {
		r, err := tlog.Verify(strings.NewReader(export), "", nil)
		if err == nil && len(r.Faults) == 0 && r.Leaves > 0 && r.Checkpoints == 0 {
			t.Error("entries without a signature were accepted")
		}
	})
}

func TestTheProofOutlivesWhatIsErased(t *testing.T) {
	t.Parallel()
	b := open(t)
	b.write(5)
	b.integrate()
	keys := envelopetest.Under(t, b.pool, b.ring)
	if err := postgres.InTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := keys.Shred(t.Context(), tx, b.user)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	lines, err := audit.ListFor(t.Context(), b.pool, b.user, audit.Page{Limit: 10})
	if err != nil || len(lines) != 5 || lines[0].Lost != audit.Erased || lines[0].Verb != "session.start" {
		t.Fatalf("read %+v, %v", lines, err)
	}
	if r := b.verify(b.verifier()); len(r.Faults) > 0 || r.Leaves != 5 {
		t.Errorf("the log doesn't fit any more: %+v", r)
	}
}
