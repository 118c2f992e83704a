package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/activity"
	"flint/internal/config"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/portfolio"
)

// store is a database with eight years of somebody's transactions, recorded as
// they happened: in partitions, or in one table as before there were any.
type store struct {
	pool, owner *pgxpool.Pool
	activity    *activity.Service
	account     id.Account
	last        id.Transaction
}

const (
	history = 8 * 365 * 24 * time.Hour
	entries = 20000
)

func newStore(b *testing.B, user id.User, parts bool) *store {
	b.Helper()
	u := pgtest.URL(b)
	open := func(u string) *pgxpool.Pool {
		pool, err := postgres.Open(b.Context(), postgres.Config{URL: config.NewSecret(u), MaxConns: 4})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(pool.Close)
		return pool
	}
	s := &store{owner: open(u), pool: open(pgtest.AppURL(u)), account: id.New[id.Account]()}
	if !parts {
		for _, sql := range []string{
			`create table plain (like transactions including all)`, `drop table transactions cascade`, `alter table plain rename to transactions`,
			`alter table transactions add foreign key (user_id, account_id) references accounts (user_id, id) on delete cascade`,
			`create unique index on transactions (account_id, posted_ptx) where posted_ptx is not null`,
			`create unique index on transactions (account_id, pending_ptx) where pending_ptx is not null`,
			`create unique index on transactions (account_id, import_key) where import_key is not null`,
			`select flint_own_rows('transactions')`, `grant select, insert, update, delete on transactions to flint_app`,
		} {
			if _, err := s.owner.Exec(b.Context(), sql); err != nil {
				b.Fatalf("%s: %v", sql, err)
			}
		}
	}
	s.activity = activity.New(activity.Config{Pool: s.pool, Keys: envelopetest.New(b, s.pool),
		Portfolio: portfolio.New(portfolio.Config{Pool: s.pool, Now: time.Now}), Now: time.Now})
	system := postgres.AsSystem(b.Context(), "a benchmark")
	if err := postgres.Exec(system, s.pool, `
		insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at) values (@user, 'ann', '', '', 'free', now(), now())`,
		postgres.Args{"user": user}); err != nil {
		b.Fatal(err)
	}
	if err := postgres.Exec(system, s.pool, `
		insert into accounts (id, user_id, kind, currency, created_at, updated_at) values (@id, @user, 'bank', 'USD', now(), now())`,
		postgres.Args{"id": s.account, "user": user}); err != nil {
		b.Fatal(err)
	}
	begin := time.Now().Add(-history)
	for n := 0; n < entries; n += 1000 {
		s.save(b, user, begin.Add(history/entries*time.Duration(n)), history/entries, 1000)
		if parts {
			if _, err := postgres.MakePartitions(system, s.pool); err != nil {
				b.Fatal(err)
			}
		}
	}
	if _, err := s.owner.Exec(b.Context(), `vacuum analyze`); err != nil {
		b.Fatal(err)
	}
	return s
}

// save records so many transactions from a time on, as a sync does.
func (s *store) save(b *testing.B, user id.User, from time.Time, step time.Duration, many int) {
	b.Helper()
	rows := make([]activity.Row, many)
	for i := range rows {
		at := from.Add(step * time.Duration(i))
		x := uuid.Must(uuid.NewV7())
		for n := range 6 {
			x[n] = byte(at.UnixMilli() >> (8 * (5 - n)))
		}
		s.last = id.Transaction(x)
		rows[i] = activity.Row{ID: s.last, Account: s.account, Source: activity.FromProvider, Status: activity.Posted, Amount: money.MustParse("-4.50"),
			Currency: "USD", Date: at, PostedKey: x.String(), Details: activity.Details{Description: fmt.Sprint("Coffee ", i)}}
	}
	ctx := postgres.AsUser(b.Context(), user)
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error { return s.activity.Save(ctx, tx, user, nil, rows, time.Now()) })
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkPartitions asks what it costs that eight years of transactions are in
// partitions: the first page of the list with its sums, the next one, one row, and
// a sync of 200 new ones; and what it saves to drop a quarter instead of deleting it.
func BenchmarkPartitions(b *testing.B) {
	user := id.New[id.User]()
	both := []*store{newStore(b, user, true), newStore(b, user, false)}
	ctx := access.With(b.Context(), access.Actor{User: user})
	cursors := make([]string, len(both))
	for i, s := range both {
		page, err := s.activity.List(ctx, user, activity.Filter{}, "", 50)
		if err != nil || len(page.Transactions) != 50 {
			b.Fatal(err, len(page.Transactions))
		}
		cursors[i] = page.Next
	}
	steps := []func(int, *store) error{
		func(_ int, s *store) error {
			_, err := s.activity.List(ctx, user, activity.Filter{}, "", 50)
			return err
		},
		func(i int, s *store) error {
			_, err := s.activity.List(ctx, user, activity.Filter{}, cursors[i], 50)
			return err
		},
		func(_ int, s *store) error { _, err := s.activity.Find(ctx, user, s.last); return err },
		func(_ int, s *store) error { s.save(b, user, time.Now(), 0, 200); return nil },
	}
	took := make([][2][]time.Duration, len(steps))
	const turns = 60
	for b.Loop() {
		for range turns {
			for n, step := range steps {
				for i, s := range both {
					start := time.Now()
					if err := step(i, s); err != nil {
						b.Fatal(err)
					}
					took[n][i] = append(took[n][i], time.Since(start))
				}
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for n, name := range []string{"first", "next", "one", "sync"} {
		parts, plain := middle(took[n][0]), middle(took[n][1])
		b.ReportMetric(float64(parts.Microseconds()), name+"-us")
		b.ReportMetric(float64(parts)/float64(plain), name+":parts/plain")
	}
	b.ReportMetric(remove(b, both, user), "remove:parts/plain")
}

// remove removes the oldest quarter, after another thirty thousand transactions
// came into it.
func remove(b *testing.B, both []*store, user id.User) float64 {
	b.Helper()
	for _, s := range both {
		for n := range 30 {
			s.save(b, user, time.Now().Add(-history+time.Duration(n)*time.Hour), time.Second, 1000)
		}
	}
	system := postgres.AsSystem(b.Context(), "a benchmark")
	start := time.Now()
	d, err := postgres.DropPartition(system, both[0].pool, "transactions")
	dropped := time.Since(start)
	if err != nil || d.Removed == 0 {
		b.Fatal(err, d)
	}
	start = time.Now()
	n, err := postgres.Touch(system, both[1].pool, `
		delete from transactions where id in (select id from transactions order by id limit @most)`, postgres.Args{"most": d.Removed})
	if err != nil || n != d.Removed {
		b.Fatal(err, n)
	}
	return float64(dropped) / float64(time.Since(start))
}
