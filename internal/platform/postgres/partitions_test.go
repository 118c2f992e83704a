package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// ledger is a database with people's transactions. app works as the program does,
// owner as whoever owns the tables.
type ledger struct {
	t          *testing.T
	app, owner *pgxpool.Pool
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	app, owner := pgtest.Owned(t)
	return &ledger{t, app, owner}
}

// exec runs what only the owner may.
func (l *ledger) exec(sql string, args ...any) {
	l.t.Helper()
	if _, err := l.owner.Exec(l.t.Context(), sql, args...); err != nil {
		l.t.Fatalf("%s: %v", sql, err)
	}
}

// text returns the only value of the only row.
func (l *ledger) text(sql string, args ...any) (s string) {
	l.t.Helper()
	if err := l.owner.QueryRow(l.t.Context(), `select (`+sql+`)::text`, args...).Scan(&s); err != nil {
		l.t.Fatalf("%s: %v", sql, err)
	}
	return s
}

// person adds somebody with an account.
func (l *ledger) person(name string) (user, account string) {
	l.t.Helper()
	user, account = id.New[id.User]().String(), id.New[id.Account]().String()
	l.exec(`insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at) values ($1, $2::text::bytea, '', 'x', 'free', now(), now())`, user, name)
	l.exec(`insert into accounts (id, user_id, kind, currency, created_at, updated_at) values ($1, $2, 'bank', 'USD', now(), now())`, account, user)
	return user, account
}

// idAt returns a fresh id as it was made at a time.
func idAt(at time.Time) string {
	u := uuid.Must(uuid.NewV7())
	ms := at.UnixMilli()
	for i := range 6 {
		u[i] = byte(ms >> (8 * (5 - i)))
	}
	return u.String()
}

const insertTransaction = `
	insert into transactions (id, user_id, account_id, posted_ptx, source, status, amount, currency, date, created_at, updated_at)
	values ($1, $2, $3, $4, 'provider', 'posted', 1, 'USD', $5, now(), now())`

// spend adds a transaction, recorded at a time on the day it happened.
func (l *ledger) spend(user, account, key string, at time.Time) string {
	l.t.Helper()
	x := idAt(at)
	var k any
	if key != "" {
		k = key
	}
	if _, err := l.app.Exec(l.t.Context(), insertTransaction, x, user, account, k, at); err != nil {
		l.t.Fatal(err)
	}
	return x
}

// at sets the database's clock for partitions.
func (l *ledger) at(now time.Time) {
	l.t.Helper()
	l.exec(fmt.Sprintf(`create or replace function flint_clock() returns timestamptz language sql stable return timestamptz '%s'`, now.Format(time.RFC3339)))
}

// drop drops all of a table that is past its time.
func (l *ledger) drop(table string) (all []postgres.Dropped) {
	l.t.Helper()
	for {
		d, err := postgres.DropPartition(l.t.Context(), l.app, table)
		if err != nil {
			l.t.Fatal(err)
		}
		if d.Name == "" {
			return all
		}
		all = append(all, d)
	}
}

func (l *ledger) make() int {
	l.t.Helper()
	n, err := postgres.MakePartitions(l.t.Context(), l.app)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

func day(s string) time.Time {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return at
}

// TestPartitionsCarryAHouseholdThroughEightYears lets the clock go on, half a year
// at a time: partitions are there before they are needed, and gone when they may.
func TestPartitionsCarryAHouseholdThroughEightYears(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	user, account := l.person("ann")
	held, holds := l.person("ben")
	l.exec(`insert into legal_holds (id, user_id, sealed, placed_at) values ($1, $2, 'a court', now())`, id.New[id.LegalHold]().String(), held)
	var dropped []string
	for year := 2027; year <= 2035; year++ {
		for _, month := range []time.Month{1, 4, 7, 10} {
			at := time.Date(year, month, 15, 12, 0, 0, 0, time.UTC)
			l.at(at)
			l.make()
			if year < 2029 {
				l.spend(user, account, "", at)
				l.spend(held, holds, "", at)
			} else {
				l.spend(user, account, "", at)
			}
			for _, d := range l.drop("transactions") {
				dropped = append(dropped, fmt.Sprint(d.Name, " ", d.Removed, " ", d.Kept))
			}
			if at := at.AddDate(0, 3, 0); l.text(`select count(*) from transactions_default`) != "0" || l.text(`select exists (select from flint_partitions() where parent = 'transactions' and lower <= $1 and upper > $1)`, at) != "true" {
				t.Fatalf("%s: rows without a partition, or none three months ahead", at)
			}
		}
	}
	// Seven years after their end; the first two were made before the clock began.
	if want := "transactions_p20270101 1 1"; !slices.Contains(dropped, want) || !slices.Contains(dropped, "transactions_p20280701 1 1") || slices.ContainsFunc(dropped, func(s string) bool { return s > "transactions_p20281" }) {
		t.Errorf("dropped: %q, want %q among them", dropped, want)
	}
	if n := l.text(`select count(*) from transactions where user_id = $1`, held); n != "8" {
		t.Errorf("the held person has %s transactions", n)
	}
	if n := l.text(`select count(*) from transactions where user_id = $1`, user); n != "29" {
		t.Errorf("the other has %s", n)
	}
	l.exec(`update legal_holds set released_at = now()`)
	released := l.drop("transactions")
	if n := l.text(`select count(*) from transactions where user_id = $1 and date < '2028-10-01'`, held); n != "0" || len(released) != 7 {
		t.Errorf("after the hold %s are left, %+v went", n, released)
	}
}

// TestTheAppsRoleCantDropWhatIsYoung tries what somebody would who has only the
// program's database user.
func TestTheAppsRoleCantDropWhatIsYoung(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	user, account := l.person("ann")
	l.spend(user, account, "a", time.Now())
	held, holds := l.person("ben") // what is old enough, but held, isn't theirs to drop either
	l.exec(`insert into legal_holds (id, user_id, sealed, placed_at) values ($1, $2, 'a court', now())`, id.New[id.LegalHold]().String(), held)
	l.spend(held, holds, "", day("2020-05-05"))
	l.make()
	l.at(day("2027-08-01"))
	part := l.text(`select part from flint_partitions() where parent = 'transactions' and lower <= now() and upper > now()`)
	for what, c := range map[string]struct{ sql, code string }{
		"another clock":          {`create or replace function flint_clock() returns timestamptz language sql stable return now() + interval '99 years'`, "42501"},
		"a clock of its own":     {`create function pg_temp.flint_clock() returns timestamptz language sql stable return now() + interval '99 years'`, ""},
		"dropping it":            {`drop table ` + part, "42501"},
		"detaching it":           {`alter table transactions detach partition ` + part, "42501"},
		"reading it":             {`select * from ` + part, "42501"},
		"deleting in it":         {`delete from ` + part, "42501"},
		"adding to it":           {`insert into ` + part + ` default values`, "42501"},
		"truncating it":          {`truncate ` + part, "42501"},
		"a partition of its own": {`select flint_add_partition('transactions', '2050-01-01', '2051-01-01')`, "42501"},
		"a table without times":  {`select flint_drop_partition('users')`, "22023"},
		"the same, to count":     {`select flint_strays('users')`, "22023"},
		"for nobody":             {`select set_config('flint.user', '', false); select flint_drop_partition('transactions')`, "42501"},
		"for one person":         {`select set_config('flint.user', '` + user + `', false); select flint_drop_partition('transactions')`, "42501"},
		"another list of tables": {`create or replace function flint_partitioned() returns table (parent name, unit text, width interval, keep interval, stays text) language sql immutable as 'select 1'`, "42501"},
		"tables in front of others": {`
			create temp table legal_holds (user_id uuid, released_at timestamptz); create temp table transactions_p20200401 (user_id uuid, date date);
			set search_path = pg_temp, public; select public.flint_drop_partition('transactions')`, ""},
	} {
		conn, err := l.app.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Conn().PgConn().Exec(t.Context(), c.sql).ReadAll()
		pg, _ := errors.AsType[*pgconn.PgError](err)
		if c.code == "" && err != nil || c.code != "" && (pg == nil || pg.Code != c.code) {
			t.Errorf("%s: %v, want %s", what, err, c.code)
		}
		_ = conn.Conn().Close(t.Context())
		conn.Release()
	}
	if n := l.text(`select count(*) from transactions`); n != "2" {
		t.Errorf("%s transactions are left", n)
	}
}

// TestAPartitionHoldsByItself looks at each: no grant leads past its table, and
// whoever got one would still meet the policy.
func TestAPartitionHoldsByItself(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	ann, account := l.person("ann")
	ben, _ := l.person("ben")
	l.spend(ann, account, "", time.Now())
	part := l.text(`select part from flint_partitions() where parent = 'transactions' and lower <= now() and upper > now()`)
	l.exec(`grant select on ` + part + ` to flint_app`)
	for who, want := range map[string]int{ann: 1, ben: 0, "system": 1} {
		err := pgx.BeginFunc(t.Context(), l.app, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `select set_config('flint.user', $1, true)`, who); err != nil {
				return err
			}
			var n int
			if err := tx.QueryRow(t.Context(), `select count(*) from `+part).Scan(&n); err != nil || n != want {
				t.Errorf("%s sees %d rows of the partition, want %d: %v", who, n, want, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if n := l.text(`select count(*) from pg_class c where relispartition and relkind = 'r' and not (relrowsecurity and relforcerowsecurity)`); n != "0" {
		t.Errorf("%s partitions are without a policy", n)
	}
	if d := l.text(`select count(*) from pg_class c where relispartition and relkind = 'r' and not exists (select from pg_policy p where p.polrelid = c.oid)`); d != "0" {
		t.Errorf("%s partitions have none", d)
	}
}

// TestAKeyIsTakenOnce has many record the same at once, in whatever partition.
func TestAKeyIsTakenOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	user, account := l.person("ann")
	var wg sync.WaitGroup
	var mu sync.Mutex
	took, refused := 0, 0
	for i := range 24 {
		wg.Go(func() {
			at := time.Now().AddDate(0, -3*(i%2), 0) // half of them where strays go
			_, err := l.app.Exec(t.Context(), insertTransaction, idAt(at), user, account, "same", at)
			pg, _ := errors.AsType[*pgconn.PgError](err)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				took++
			case pg != nil && pg.Code == "23505":
				refused++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took != 1 || refused != 23 || l.text(`select count(*) from transactions`) != "1" {
		t.Errorf("%d took the key, %d were refused", took, refused)
	}
	// Keys move within a statement, are free once their row is gone, and stay with it otherwise.
	other := l.spend(user, account, "other", time.Now())
	l.exec(`update transactions set posted_ptx = case posted_ptx when 'same' then 'other' else 'same' end`)
	if got := l.text(`select string_agg(k.key, ' ') from transaction_keys k where transaction_id = $1`, other); got != "same" {
		t.Errorf("after the exchange it has %q", got)
	}
	l.exec(`update transactions set pending_ptx = posted_ptx, posted_ptx = null where id = $1`, other)
	l.spend(user, account, "same", time.Now())
	if got := l.text(`select string_agg(kind || ' ' || key, ', ' order by kind, key) from transaction_keys`); got != "pending same, posted other, posted same" {
		t.Errorf("keys: %s", got)
	}
	l.exec(`delete from transactions`)
	if n := l.text(`select count(*) from transaction_keys`); n != "0" {
		t.Errorf("%s keys outlive their rows", n)
	}
}

// TestWhatHasNoPartitionIsTakenInAndMovedLater: a clock that jumps, or a program
// that was off for long, doesn't stop anybody.
func TestWhatHasNoPartitionIsTakenInAndMovedLater(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	user, account := l.person("ann")
	jump := time.Now().AddDate(1, 0, 0)
	x := l.spend(user, account, "early", jump)
	p, err := postgres.PartitionsOf(t.Context(), l.app, "transactions")
	if err != nil || p.Strays != 1 {
		t.Errorf("strays: %+v, %v", p, err)
	}
	l.at(jump) // the database's clock has come that far; its quarter isn't over
	l.make()
	if l.text(`select count(*) from transactions_default`) != "1" || l.text(`select count(*) from transactions`) != "1" {
		t.Error("it was moved while somebody may be working with it")
	}
	l.at(jump.AddDate(0, 4, 0))
	l.make()
	if l.text(`select count(*) from transactions_default`) != "0" || l.text(`select count(*) from transactions where id = $1`, x) != "1" {
		t.Error("it wasn't moved when its time was over")
	}
	if n := l.text(`select count(*) from transaction_keys where transaction_id = $1`, x); n != "1" {
		t.Errorf("it has %s keys", n)
	}
	if n := l.make(); n != 0 {
		t.Errorf("%d are made again", n)
	}
}

// TestTwoNodesAndAKillBetweenStepsDropEachOnce: whoever is killed has done nothing,
// and of two who do the same, one finds it done.
func TestTwoNodesAndAKillBetweenStepsDropEachOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	user, account := l.person("ann")
	held, holds := l.person("ben")
	old := day("2020-05-05")
	x, y := l.spend(user, account, "a", old), l.spend(held, holds, "b", old)
	double := l.spend(user, account, "c", time.Now())
	l.exec(`update transactions set maybe_dup_of = $2 where id = $1`, double, x)
	l.exec(`insert into legal_holds (id, user_id, sealed, placed_at) values ($1, $2, 'a court', now())`, id.New[id.LegalHold]().String(), held)
	if n := l.make(); n != 1 {
		t.Errorf("%d partitions were made of the past", n)
	}
	l.at(day("2027-08-01"))
	// A program that dies before its commit.
	conn, err := l.owner.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `begin; select set_config('flint.user', 'system', true); select * from flint_drop_partition('transactions')`); err != nil {
		t.Fatal(err)
	}
	_ = conn.Conn().PgConn().Conn().Close()
	conn.Release()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []postgres.Dropped
	for range 4 {
		wg.Go(func() {
			for {
				d, err := postgres.DropPartition(t.Context(), l.app, "transactions")
				if err != nil {
					t.Error(err)
				}
				if err != nil || d.Name == "" {
					return
				}
				mu.Lock()
				all = append(all, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(all) != 1 || all[0] != (postgres.Dropped{Name: "transactions_p20200401", Removed: 1, Kept: 1}) {
		t.Errorf("dropped %+v", all)
	}
	if l.text(`select string_agg(id::text, ' ') from transactions where date < '2021-01-01'`) != y {
		t.Error("what is held isn't what stayed")
	}
	if l.text(`select count(*) from transactions where maybe_dup_of is not null`) != "0" {
		t.Error("a suggestion points at what is gone")
	}
	// The key of what is gone is anybody's; that of what is held isn't.
	l.spend(user, account, "a", time.Now())
	if _, err := l.app.Exec(t.Context(), insertTransaction, idAt(time.Now()), held, holds, "b", time.Now()); err == nil {
		t.Error("a held row's key was taken")
	}
}

// TestNobodyQueuesBehindADrop: while somebody reads for long, a drop gives up its
// place after half a second, others go on, and it succeeds afterwards.
func TestNobodyQueuesBehindADrop(t *testing.T) {
	t.Parallel()
	l := newLedger(t)
	user, account := l.person("ann")
	l.spend(user, account, "", day("2020-05-05"))
	l.make()
	l.at(day("2027-08-01"))
	// Whom it locks out: readers and writers of that one table, and nobody of others.
	look, err := l.owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var locked string
	if _, err := look.Exec(t.Context(), `select set_config('flint.user', 'system', true), flint_drop_partition('transactions')`); err != nil {
		t.Fatal(err)
	}
	err = look.QueryRow(t.Context(), `
		select coalesce(string_agg(distinct relation::regclass::text, ' '), '') from pg_locks
		where pid = pg_backend_pid() and mode in ('ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') and relation is not null
			and exists (select from pg_class c where c.oid = relation and c.relkind in ('r', 'p'))`).Scan(&locked)
	if err != nil || locked != "transactions transactions_default" {
		t.Errorf("locked are %q: %v", locked, err)
	}
	if err := look.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	reader, err := l.owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(t.Context(), `select count(*) from transactions`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := postgres.DropPartition(t.Context(), l.app, "transactions")
		done <- err
	}()
	for range 10 { // while it tries
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if _, err := l.app.Exec(ctx, insertTransaction, idAt(time.Now()), user, account, nil, time.Now()); err != nil {
			t.Errorf("somebody has to wait: %v", err)
		}
		cancel()
	}
	if err := reader.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := l.text(`select count(*) from transactions`); n != "10" {
		t.Errorf("%s are left", n)
	}
}
