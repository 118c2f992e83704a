package bench_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/session"
)

// BenchmarkRows asks what row-level security costs, in turns: the dashboard by two
// nodes on one database, one held by the policies and one that is a superuser;
// and the dashboard's row alone, also without saying whose it is.
func BenchmarkRows(b *testing.B) {
	h := newHouse(b)
	held := h.start()
	h.owner = true
	free := h.start()
	p := h.admit(held)
	settle(b, free, p)
	nodes := []*node{held, free}
	var dashboards []*http.Request
	for _, n := range nodes {
		r := carry(get("/api/dashboard"), h.enter(n, p, session.Mobile), session.Mobile)
		r.RemoteAddr = "127.0.0.1:1"
		h.warm(n, r)
		dashboards = append(dashboards, r)
	}
	whose := access.With(b.Context(), access.Actor{User: p.ID})
	rows := []func(){
		func() { readRow(whose, b, held, p) },
		func() { readRow(whose, b, free, p) },
		func() { readRow(b.Context(), b, free, p) },
	}
	asked, read := make([][]time.Duration, len(nodes)), make([][]time.Duration, len(rows))
	const turns = 300
	for b.Loop() {
		for range turns {
			for i, n := range nodes {
				dashboards[i].Header.Set("X-Forwarded-For", elsewhere().String())
				answer := httptest.NewRecorder()
				start := time.Now()
				n.handler.ServeHTTP(answer, dashboards[i])
				asked[i] = append(asked[i], time.Since(start))
				if answer.Code != http.StatusOK {
					b.Fatalf("%d %s", answer.Code, answer.Body)
				}
			}
			for i, one := range rows {
				start := time.Now()
				one()
				read[i] = append(read[i], time.Since(start))
			}
		}
	}
	us := func(d []time.Duration) float64 { return float64(middle(d).Nanoseconds()) / 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(us(asked[0]), "dashboard-us")
	b.ReportMetric(us(asked[0])/us(asked[1]), "dashboard:held/free")
	b.ReportMetric(us(read[0]), "row-us")
	b.ReportMetric(us(read[0])/us(read[1]), "row:held/free")
	b.ReportMetric(us(read[1])/us(read[2]), "row:scoped/plain")
}

// readRow reads the row that the dashboard rests on.
func readRow(ctx context.Context, b *testing.B, n *node, p identity.Person) {
	b.Helper()
	type wealth struct{ NetWorth, Assets, Debts string }
	if _, err := postgres.One[wealth](ctx, n.pool, `
		select net_worth::text as net_worth, assets::text as assets, debts::text as debts from wealth where user_id = @owner`,
		postgres.Args{"owner": p.ID}); err != nil {
		b.Fatal(err)
	}
}

func middle(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

// settle gives p ten accounts and a year, among a thousand others.
func settle(b *testing.B, n *node, p identity.Person) {
	b.Helper()
	for _, sql := range []string{
		`insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at)
			select gen_random_uuid(), ('other' || n)::bytea, 'O', '', 'free', now(), now() from generate_series(1, 1000) n`,
		`insert into accounts (id, user_id, kind, currency, balance, balance_as_of, created_at, updated_at)
			select gen_random_uuid(), u.id, 'manual', 'USD', 100 * n, now(), now(), now() from users u, generate_series(1, 10) n`,
		`insert into net_worth_days (user_id, day, currency, net_worth, assets, debts, quality)
			select u.id, current_date - n, 'USD', 5500, 5500, 0, 'complete' from users u, generate_series(0, 365) n where u.id = @owner or n < 30`,
		`insert into wealth (user_id, currency, net_worth, assets, debts, bank, investment, crypto, accounts, counted, as_of, updated_at)
			select id, 'USD', 5500, 5500, 0, 0, 0, 0, 10, 10, now(), now() from users`,
	} {
		args := postgres.Args{}
		if sql[len(sql)-2:] == "30" {
			args["owner"] = p.ID
		}
		if err := postgres.Exec(b.Context(), n.pool, sql, args); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := n.pool.Exec(b.Context(), `analyze`); err != nil {
		b.Fatal(err)
	}
}
