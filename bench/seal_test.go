package bench_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"flint/internal/activity"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/portfolio"
	"flint/internal/session"
)

var words = activity.Words{Description: "SQ *CORNER BAKERY 0042 NEW YORK NY", Merchant: "Corner Bakery", Note: "breakfast with Bob"}

// BenchmarkSeal asks what sealing and opening one row costs, whose data key is at
// hand, in turns with bare AES-256-GCM of the same bytes.
func BenchmarkSeal(b *testing.B) {
	pool := pgtest.New(b)
	keys := envelopetest.New(b, pool)
	ctx, ref := b.Context(), envelope.Ref{Owner: id.New[id.User](), Place: "transactions.sealed", Row: id.New[id.Transaction]().String()}
	plain, err := json.Marshal(words)
	if err != nil {
		b.Fatal(err)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	block, _ := aes.NewCipher(secret)
	bare, _ := cipher.NewGCM(block)
	var sealed, raw []byte
	steps := []func(){
		func() { sealed, err = keys.Seal(ctx, ref, plain) },
		func() {
			nonce := make([]byte, bare.NonceSize(), bare.NonceSize()+len(plain)+bare.Overhead())
			_, _ = rand.Read(nonce)
			raw = bare.Seal(nonce, nonce, plain, nil)
		},
		func() { _, err = keys.Open(ctx, ref, sealed) },
		func() { _, err = bare.Open(nil, raw[:bare.NonceSize()], raw[bare.NonceSize():], nil) },
		func() { sealed, err = keys.Pack(ctx, ref, words) },
		func() { var w activity.Words; err = keys.Unpack(ctx, ref, sealed, &w) },
	}
	took := make([][]time.Duration, len(steps))
	const many = 2000
	for b.Loop() {
		for range 20 {
			for i, step := range steps {
				start := time.Now()
				for range many {
					if step(); err != nil {
						b.Fatal(err)
					}
				}
				took[i] = append(took[i], time.Since(start)/many)
			}
		}
	}
	ns := func(i int) float64 { return float64(middle(took[i]).Nanoseconds()) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1e9/ns(0), "seals/s")
	b.ReportMetric(1e9/ns(2), "opens/s")
	b.ReportMetric(ns(0)/ns(1), "seal/aes")
	b.ReportMetric(ns(2)/ns(3), "open/aes")
	b.ReportMetric(1e9/ns(4), "packs/s")
	b.ReportMetric(1e9/ns(5), "unpacks/s")
}

// BenchmarkMoney asks what it costs that money's data is sealed, in turns: somebody
// with ten accounts and 20,000 sealed transactions, and somebody with as many whose
// rows have nothing to be opened. A search, which opens all rows, is compared with the
// two statements that looked for it when they were in clear.
func BenchmarkMoney(b *testing.B) {
	h := newHouse(b)
	n := h.start()
	people := []identity.Person{h.admit(n), h.admit(n)}
	settle(b, n, people[0])
	var devices []http.Header
	for i, p := range people {
		spend(b, n, p, i == 0)
		devices = append(devices, carry(get("/api/me"), h.enter(n, p, session.Mobile), session.Mobile).Header)
	}
	if _, err := n.pool.Exec(b.Context(), `analyze`); err != nil {
		b.Fatal(err)
	}
	ask := func(who int, path string) (time.Duration, []byte) {
		r := get(path)
		r.Header, r.RemoteAddr = devices[who].Clone(), "127.0.0.1:1"
		r.Header.Set("X-Forwarded-For", elsewhere().String())
		answer := httptest.NewRecorder()
		start := time.Now()
		n.handler.ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			b.Fatalf("%s: %d %s", path, answer.Code, answer.Body)
		}
		return time.Since(start), answer.Body.Bytes()
	}
	var next [2]string
	for who := range people {
		var page struct{ NextCursor string }
		_, body := ask(who, "/api/transactions?limit=50")
		if err := json.Unmarshal(body, &page); err != nil || page.NextCursor == "" {
			b.Fatal(err)
		}
		next[who] = "/api/transactions?limit=50&cursor=" + page.NextCursor
	}
	var dashboard, first, second [2][]time.Duration
	var searched, looked []time.Duration
	for b.Loop() {
		for turn := range 100 {
			for who := range people {
				for i, path := range []string{"/api/dashboard", "/api/transactions?limit=50", next[who]} {
					took, _ := ask(who, path)
					into := []*[2][]time.Duration{&dashboard, &first, &second}[i]
					into[who] = append(into[who], took)
				}
			}
			if turn%10 == 0 {
				took, _ := ask(0, "/api/transactions?limit=50&q=bakery+7")
				searched, looked = append(searched, took), append(looked, lookInClear(b, n, people[1]))
			}
		}
	}
	us := func(d []time.Duration) float64 { return float64(middle(d).Nanoseconds()) / 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(us(dashboard[0]), "dashboard-us")
	b.ReportMetric(us(dashboard[0])/us(dashboard[1]), "dashboard:sealed/not")
	b.ReportMetric(us(first[0]), "list-us")
	b.ReportMetric(us(first[0])/us(first[1]), "list:sealed/not")
	b.ReportMetric(us(second[0]), "page-us")
	b.ReportMetric(us(second[0])/us(second[1]), "page:sealed/not")
	b.ReportMetric(us(searched)/1000, "search-ms")
	b.ReportMetric(us(searched)/us(looked), "search:sealed/clear")
}

const spent = 20_000

// spend gives p's accounts transactions of the last years, sealed or with nothing
// sealed and the words in the columns of before.
func spend(b *testing.B, n *node, p identity.Person, sealed bool) {
	b.Helper()
	keys, err := envelope.Of(b.Context(), n.pool)
	if err != nil {
		b.Fatal(err)
	}
	ctx := postgres.AsUser(b.Context(), p.ID)
	accounts, err := postgres.Many[id.Account](ctx, n.pool, `select id from accounts where user_id = @owner order by id`, postgres.Args{"owner": p.ID})
	if err != nil {
		b.Fatal(err)
	}
	ids, of, values := make([]id.Transaction, spent), make([]id.Account, spent), make([][]byte, spent)
	clear := make([]*string, spent)
	for i := range ids {
		ids[i], of[i] = id.New[id.Transaction](), accounts[i%len(accounts)]
		w := words
		w.Description = words.Description + " " + string(rune('0'+i%10))
		if clear[i] = &w.Description; sealed {
			clear[i] = nil
			ref := envelope.Ref{Owner: p.ID, Place: "transactions.sealed", Row: ids[i].String()}
			if values[i], err = keys.Pack(ctx, ref, w); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := postgres.Exec(ctx, n.pool, `
		insert into transactions (id, user_id, account_id, source, status, amount, currency, date, sealed, clear_description, clear_merchant, clear_note, created_at, updated_at)
		select t.id, @owner, t.account_id, 'manual', 'posted', -5, 'USD', current_date - (t.n / 10)::int, t.sealed, t.words,
			case when t.words is not null then 'Corner Bakery' end, case when t.words is not null then 'breakfast with Bob' end, now(), now()
		from unnest(@ids::uuid[], @accounts::uuid[], @sealed::bytea[], @words::text[]) with ordinality t (id, account_id, sealed, words, n)`,
		postgres.Args{"owner": p.ID, "ids": ids, "accounts": of, "sealed": values, "words": clear}); err != nil {
		b.Fatal(err)
	}
	if !sealed {
		return
	}
	for i, a := range accounts {
		ref := envelope.Ref{Owner: p.ID, Place: "accounts.sealed", Row: a.String()}
		v, err := keys.Pack(ctx, ref, portfolio.Words{Name: "Account " + string(rune('0'+i)), Institution: "Bank", Mask: "1234"})
		if err == nil {
			err = postgres.Exec(ctx, n.pool, `update accounts set sealed = @sealed where id = @id and user_id = @owner`,
				postgres.Args{"sealed": v, "id": a, "owner": p.ID})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// lookInClear is how a search was done before: by the database, in clear columns.
func lookInClear(b *testing.B, n *node, p identity.Person) time.Duration {
	b.Helper()
	ctx, args := postgres.AsUser(b.Context(), p.ID), postgres.Args{"owner": p.ID, "text": "%bakery%7%"}
	start := time.Now()
	rows, err := postgres.Many[id.Transaction](ctx, n.pool, `
		select t.id from transactions t where t.user_id = @owner and t.deleted_at is null
			and (t.clear_description ilike @text or t.clear_merchant ilike @text or t.clear_note ilike @text or t.symbol ilike @text)
		order by t.date desc, t.id desc limit 51`, args)
	if err == nil {
		_, err = postgres.Many[string](ctx, n.pool, `
			select sum(t.amount)::text from transactions t where t.user_id = @owner and t.deleted_at is null
				and (t.clear_description ilike @text or t.clear_merchant ilike @text or t.clear_note ilike @text or t.symbol ilike @text)
			group by t.currency`, args)
	}
	if err != nil || len(rows) == 0 {
		b.Fatalf("%d rows, %v", len(rows), err)
	}
	return time.Since(start)
}
