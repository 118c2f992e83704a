package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

type thing struct {
	ID       id.User
	OwnerID  id.User
	Amount   money.Decimal
	Maybe    *money.Decimal
	Currency money.Currency
	At       time.Time
	Tags     []string
	Others   []id.Account
	Amounts  []money.Decimal
}

func TestValuesOfAllTypesSurviveTheRoundTrip(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	want := thing{
		ID: id.New[id.User](), Amount: money.MustParse("-12345678901234567890.12345678"),
		Currency: "USD", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("x", 3600)),
		Tags: []string{"a", "b"}, Others: []id.Account{id.New[id.Account](), id.New[id.Account]()},
		Amounts: []money.Decimal{money.MustParse("1.5"), money.MustParse("-2")},
	}
	got, err := postgres.One[thing](ctx, db, `
		select @id::uuid as id, @owner::uuid as owner_id, @amount::numeric as amount, @maybe::numeric as maybe,
			@currency::text as currency, @at::timestamptz as at, @tags::text[] as tags, @others::uuid[] as others,
			@amounts::numeric[] as amounts`,
		postgres.Args{"id": want.ID, "owner": want.OwnerID, "amount": want.Amount, "maybe": want.Maybe,
			"currency": want.Currency, "at": want.At, "tags": want.Tags, "others": want.Others, "amounts": want.Amounts})
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != want.ID || !got.OwnerID.IsZero() || !got.Amount.Equal(want.Amount) || got.Maybe != nil ||
		got.Currency != "USD" || !got.At.Equal(want.At) || got.At.Location() != time.UTC || len(got.Tags) != 2 ||
		len(got.Others) != 2 || got.Others[1] != want.Others[1] || len(got.Amounts) != 2 || !got.Amounts[1].Equal(want.Amounts[1]) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	isNull, err := postgres.Scalar[bool](ctx, db, `select @id::uuid is null`, postgres.Args{"id": id.User{}})
	if err != nil || !isNull {
		t.Errorf("the zero id is stored as a value, not as null (%v)", err)
	}
}

func TestOneRowMissingIsNotFound(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	if _, err := postgres.Scalar[int](ctx, db, `select 1 where false`, nil); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("Scalar: %v", err)
	}
	if _, err := postgres.One[struct{ N int }](ctx, db, `select 1 as n where false`, nil); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("One: %v", err)
	}
	if _, err := postgres.One[struct{ N int }](ctx, db, `select n from generate_series(1, 2) n`, nil); err == nil {
		t.Error("One took the first of two rows")
	}
	list, err := postgres.Many[struct{ N int }](ctx, db, `select 1 as n where false`, nil)
	if err != nil || list == nil || len(list) != 0 {
		t.Errorf("Many: %v, %v", list, err)
	}
	days, err := postgres.Many[time.Time](ctx, db, `select now() - n * interval '1 day' from generate_series(1, 3) n`, nil)
	if err != nil || len(days) != 3 {
		t.Errorf("Many of a column: %v, %v", days, err)
	}
	if err := postgres.Exec(ctx, db, `select @a::int`, postgres.Args{"b": 1}); err == nil {
		t.Error("a missing argument went unnoticed")
	}
}

func TestInTxRollsBackErrorsAndPanics(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	insert := func(tx pgx.Tx) error {
		return postgres.Exec(ctx, tx, `insert into fx_rates (day, currency, rate, source) values ('2026-01-02', 'USD', 1.1, 'test')`, nil)
	}
	stop := errors.New("stop")
	err := postgres.InTx(ctx, db, func(tx pgx.Tx) error { return errors.Join(insert(tx), stop) })
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = postgres.InTx(ctx, db, func(tx pgx.Tx) error {
			_ = insert(tx)
			panic("boom")
		})
	}()
	n, err := postgres.Scalar[int](ctx, db, `select count(*) from fx_rates`, nil)
	if err != nil || n != 0 {
		t.Errorf("%d rows stayed (%v)", n, err)
	}
	if got := db.Stat().AcquiredConns(); got != 0 {
		t.Errorf("%d connections weren't given back", got)
	}
}

func TestInTxRunsAgainAfterADeadlock(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tries := 0
	err := postgres.InTx(ctx, db, func(pgx.Tx) error {
		if tries++; tries < 3 {
			return &pgconn.PgError{Code: "40P01"}
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%d tries, %v", tries, err)
	}
	tries = 0
	err = postgres.InTx(ctx, db, func(pgx.Tx) error { tries++; return &pgconn.PgError{Code: "23505"} })
	if err == nil || tries != 1 {
		t.Errorf("%d tries, %v", tries, err)
	}
}

func TestSerializeLetsOneInAtATime(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	var inside, most atomic.Int32
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			err := postgres.InTx(ctx, db, func(tx pgx.Tx) error {
				if err := postgres.Serialize(ctx, tx, "door"); err != nil {
					return err
				}
				if n := inside.Add(1); n > most.Load() {
					most.Store(n)
				}
				defer inside.Add(-1)
				return postgres.Exec(ctx, tx, `select pg_sleep(0.01)`, nil)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d were inside at once", most.Load())
	}
}

func TestConflictNamesTheFault(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	taken := fault.New(fault.Conflict, "rate_taken", "There is a rate already.")
	insert := func() error {
		return postgres.Exec(ctx, db, `insert into fx_rates (day, currency, rate, source) values ('2026-01-02', 'USD', 1.1, 'test')`, nil)
	}
	if err := insert(); err != nil {
		t.Fatal(err)
	}
	err := insert()
	if got := postgres.Conflict(err, "fx_rates_pkey", taken); !errors.Is(got, taken) {
		t.Errorf("got %v", got)
	}
	if got := postgres.Conflict(err, "another", taken); errors.Is(got, taken) {
		t.Errorf("another constraint became %v", got)
	}
	if postgres.Conflict(nil, "fx_rates_pkey", taken) != nil {
		t.Error("no error became one")
	}
}

func TestNotifyArrivesOnCommitOnly(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	conn, err := db.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `listen flint_test`); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	_ = postgres.InTx(ctx, db, func(tx pgx.Tx) error {
		return errors.Join(postgres.Notify(ctx, tx, "flint_test", "rolled back"), stop)
	})
	if err := postgres.Notify(ctx, db, "flint_test", "hello"); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Conn().WaitForNotification(ctx)
	if err != nil || n.Payload != "hello" {
		t.Errorf("got %v, %v", n, err)
	}
	if err := postgres.Notify(ctx, db, "flint_test", strings.Repeat("x", 7901)); err == nil {
		t.Error("a long payload passed")
	}
}

func TestMigrationsOfManyProgramsTakeTurns(t *testing.T) {
	t.Parallel()
	url := pgtest.Empty(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(url)})
			if err != nil {
				t.Error(err)
				return
			}
			defer pool.Close()
			if err := postgres.Migrate(t.Context(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(url)})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	steps, err := postgres.Status(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]int{}
	for _, s := range steps {
		if !s.Applied {
			t.Errorf("%s %d isn't applied", s.Set, s.Version)
		}
		sets[s.Set]++
	}
	if sets["flint"] < 2 || sets["river"] < 6 {
		t.Errorf("the steps are %v", sets)
	}
}

func TestStatusOfAnEmptyDatabaseIsAllToDo(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(pgtest.Empty(t))})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	steps, err := postgres.Status(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if s.Applied {
			t.Errorf("%s %d is applied", s.Set, s.Version)
		}
	}
}

func TestABadURLIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "postgres://u:hunter2@:bad port/x", "postgres://u:hunter2@127.0.0.1:1/x?connect_timeout=1"} {
		_, err := postgres.Open(context.Background(), postgres.Config{URL: config.NewSecret(bad)})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}
