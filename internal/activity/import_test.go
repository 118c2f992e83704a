package activity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/activity"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
	"flint/internal/portfolio"
)

// desk is the API of imports, with two people.
type desk struct {
	*webtest.Client
	t        *testing.T
	pool     *pgxpool.Pool
	keys     *envelope.Keys
	service  *activity.Service
	ada, eve access.Actor
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, pool: pgtest.New(t)}
	d.ada, d.eve = d.person("ada"), d.person("eve")
	newcomer := d.person("new")
	newcomer.Confirmed = false
	keys := envelopetest.New(t, d.pool)
	d.keys = keys
	now := func() time.Time { return time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC) }
	service := activity.New(activity.Config{
		Pool: d.pool, Keys: keys, Portfolio: portfolio.New(portfolio.Config{Pool: d.pool, Keys: keys, Now: now}), Now: now,
	})
	d.service = service
	people := map[string]access.Actor{"Bearer ada": d.ada, "Bearer eve": d.eve, "Bearer new": newcomer}
	server := web.New(web.Config{
		Origin: "http://flint.test", Policies: []string{"data", "write"}, Log: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request) (access.Actor, error) {
			if a, ok := people[r.Header.Get("Authorization")]; ok {
				return a, nil
			}
			return access.Actor{}, fault.New(fault.Unauthenticated, "NO_TOKEN", "Sign in first.")
		},
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	service.Operations(server)
	d.Client = webtest.New(t, server.Handler(), "http://flint.test")
	return d
}

func (d *desk) person(name string) access.Actor {
	d.t.Helper()
	u := id.New[id.User]()
	err := postgres.Exec(d.t.Context(), d.pool, `
		insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at)
		values (@id, @email::text::bytea, @name::text::bytea, '', 'free', now(), now())`,
		postgres.Args{"id": u, "email": name + "@example.com", "name": name})
	if err != nil {
		d.t.Fatal(err)
	}
	return access.Actor{User: u, Tier: access.Free, Confirmed: true}
}

// form is a multipart body: name and value, or the file's name and its content
// under "file".
func form(fields ...string) (kind string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if name, ok := strings.CutPrefix(fields[i], "file:"); ok {
			p, _ := w.CreateFormFile("file", name)
			_, _ = p.Write([]byte(fields[i+1]))
			continue
		}
		_ = w.WriteField(fields[i], fields[i+1])
	}
	_ = w.Close()
	return w.FormDataContentType(), b.Bytes()
}

func upload(who string, status int, fields ...string) webtest.Scenario {
	kind, body := form(fields...)
	return webtest.Scenario{Method: "POST", Path: "/api/imports", Bearer: who, Header: map[string]string{"Content-Type": kind}, Body: body, Status: status}
}

// shown is an import as a client reads it.
type shown struct {
	ID, Filename, Format, Status string
	AccountID                    *string
	StatementAccounts            []struct{ ID, Kind, Currency, Institution string }
	Siblings                     []string
	Columns                      []string
	Mapping                      map[string]any
	AmbiguousDates               bool
	Rows                         []struct {
		Date, Amount                           *string
		Currency, Description, Verdict, Reason string
		Matches                                *string
	}
	Summary struct {
		New, Duplicates, Possible, Skipped, UnknownElements, Investments int
		Undone                                                           *struct{ Removed, Edited, Kept int }
	}
}

func (d *desk) bring(who, name, content string) shown {
	d.t.Helper()
	return d.ok(upload(who, 201, "file:"+name, content))
}

func (d *desk) ok(s webtest.Scenario) shown {
	d.t.Helper()
	var i shown
	d.Check(d.t, s).JSON(d.t, &i)
	return i
}

func (d *desk) apply(who, i string, body any) shown {
	d.t.Helper()
	return d.ok(webtest.Scenario{Method: "POST", Path: "/api/imports/" + i + "/apply", Bearer: who, Body: body, Status: 200})
}

func (d *desk) undo(who, i string) shown {
	d.t.Helper()
	return d.ok(webtest.Scenario{Method: "POST", Path: "/api/imports/" + i + "/undo", Bearer: who, Status: 200})
}

func newAccount(kind, currency string) any {
	return map[string]any{"newAccount": map[string]any{"name": "My " + kind, "kind": kind, "currency": currency}}
}

func (s shown) counts() string {
	return fmt.Sprint(s.Summary.New, s.Summary.Duplicates, s.Summary.Possible, s.Summary.Skipped)
}

// listed is a transaction as a client reads it.
type listed struct{ ID, Description, Note, Source string }

func (l listed) String() string {
	return strings.Join(strings.Fields(l.Description+" "+l.Note+" "+l.Source), " ")
}

func (d *desk) list(who, query string) []listed {
	d.t.Helper()
	var page struct{ Transactions []listed }
	d.Check(d.t, webtest.Scenario{Path: "/api/transactions" + query, Bearer: who, Status: 200}).JSON(d.t, &page)
	return page.Transactions
}

func (d *desk) want(what, got, want string) {
	d.t.Helper()
	if got != want {
		d.t.Errorf("%s: %s, not %s", what, got, want)
	}
}

func (d *desk) scalar(sql string) string {
	d.t.Helper()
	var s string
	if err := d.pool.QueryRow(d.t.Context(), sql).Scan(&s); err != nil {
		d.t.Fatal(err)
	}
	return s
}

// everything is all that people see of their money, as text.
func (d *desk) everything() string {
	d.t.Helper()
	return d.scalar(`
		select concat_ws(E'\n',
			(select string_agg(concat_ws(' ', t.id, t.account_id, t.amount, t.currency, t.date, t.sealed, t.category,
				t.source, t.status, t.maybe_dup_of, t.locked), E'\n' order by t.id) from transactions t where t.deleted_at is null),
			(select string_agg(concat_ws(' ', a.id, a.sealed, a.currency, a.balance, a.balance_as_of), E'\n' order by a.id) from accounts a where a.deleted_at is null),
			(select string_agg(concat_ws(' ', b.account_id, b.day, b.balance, b.quality), E'\n' order by b.account_id, b.day) from balance_days b),
			(select string_agg(concat_ws(' ', n.user_id, n.day, n.net_worth, n.quality), E'\n' order by n.user_id, n.day) from net_worth_days n),
			(select string_agg(concat_ws(' ', w.user_id, w.net_worth, w.assets, w.debts, w.accounts, w.missing), E'\n' order by w.user_id) from wealth w where w.accounts > 0))`)
}

func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "statement", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAStatementIsSeenAppliedAndImportedTwiceDoublesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, name := range []string{"node-ofx-parser-example1.ofx", "node-ofx-parser-example-xml.qfx"} {
		currency := map[bool]string{true: "NZD", false: "USD"}[strings.HasSuffix(name, ".ofx")]
		file := fixture(t, name)
		i := d.bring("ada", name, file)
		if i.Status != "preview" || i.AccountID != nil || i.Summary.Duplicates != 0 || len(i.StatementAccounts) != 1 || i.StatementAccounts[0].Currency != currency {
			t.Fatalf("the preview is %+v", i)
		}
		done := d.apply("ada", i.ID, newAccount("bank", currency))
		if done.Status != "applied" || done.AccountID == nil || done.counts() != i.counts() {
			t.Fatalf("applied: %+v", done)
		}
		before := d.everything()
		again := d.bring("ada", "renamed.txt", file)
		if again.AccountID == nil || // known by its last four
			*again.AccountID != *done.AccountID || again.Summary.New != 0 || again.Summary.Duplicates != i.Summary.New {
			t.Fatalf("the second time: %+v", again)
		}
		d.apply("ada", again.ID, map[string]any{})
		d.want("after the second time", d.everything(), before)
		d.undo("ada", again.ID)
		d.want("after undoing the second time", d.everything(), before)
	}
	d.want("balance", d.scalar(`select balance || ' ' || (balance_as_of at time zone 'America/New_York')::date from accounts where currency = 'NZD'`), "4225.79000000 2012-10-04")
	d.want("audit", d.scalar(`select string_agg(verb, ' ' order by id) from audit_entries`),
		"import.bring import.apply import.bring import.apply import.undo import.bring import.apply import.bring import.apply import.undo")
	d.want("account number stored", d.scalar(`select count(*)::text from import_rows r, imports i where r::text || i::text like '%1234567-00%'`), "0")
}

func TestUndoRestoresExactly(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.bring("ada", "a.csv", "Date,Description,Amount,Balance\n2026-11-01,Rent,-900.00,100.00\n2026-11-02,Coffee,-4.50,95.50\n")
	a := d.apply("ada", first.ID, newAccount("bank", "USD"))
	before := d.everything()
	if !strings.Contains(before, "95.5") {
		t.Fatal(before)
	}
	second := d.ok(upload("ada", 201, "file:b.csv", "Date,Description,Amount,Balance\n2026-11-02,Coffee,-4.50,95.50\n2026-11-05,Pay,2000.00,2095.50\n", "account", *a.AccountID))
	d.want("overlap", second.counts(), "1 1 0 0")
	d.apply("ada", second.ID, map[string]any{})
	if !strings.Contains(d.everything(), "2095.5") {
		t.Error("the balance didn't move: ", d.everything())
	}
	d.undo("ada", second.ID)
	d.want("after undo", d.everything(), before)

	// The account that the first import opened goes with it.
	gone := d.undo("ada", first.ID)
	if gone.Status != "undone" || gone.Summary.Undone.Removed != 2 {
		t.Errorf("undone: %+v", gone)
	}
	d.want("after undoing all", d.everything(), "")
	d.Run(t,
		webtest.Scenario{Name: "undo twice", Method: "POST", Path: "/api/imports/" + first.ID + "/undo", Bearer: "ada", Status: 409, Contains: []string{"import_undone"}},
		webtest.Scenario{Name: "apply after undo", Method: "POST", Path: "/api/imports/" + first.ID + "/apply", Bearer: "ada", Body: newAccount("bank", "USD"), Status: 409, Contains: []string{"import_undone"}},
	)
}

func TestUndoTellsOfEditsAndKeepsWhatTheBankConfirmed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := "Date,Description,Amount\n2026-11-01,Rent,-900.00\n2026-11-02,Coffee,-4.50\n2026-11-03,Tea,-3.00\n2026-11-04,Gone,-1.00\n"
	i := d.bring("ada", "a.csv", file)
	a := d.apply("ada", i.ID, newAccount("bank", "USD"))
	row := func(description string) string { return d.list("ada", "?q="+description)[0].ID }
	d.Check(t, webtest.Scenario{Method: "PATCH", Path: "/api/transactions/" + row("Coffee"), Bearer: "ada", Body: map[string]any{"note": "with Bob"}, Status: 200})
	d.Check(t, webtest.Scenario{Method: "DELETE", Path: "/api/transactions/" + row("Gone"), Bearer: "ada", Status: 204})
	if err := postgres.Exec(t.Context(), d.pool, `update transactions set posted_ptx = 'p1' where id = @id::uuid`, postgres.Args{"id": row("Rent")}); err != nil {
		t.Fatal(err)
	}
	undone := d.undo("ada", i.ID)
	if u := undone.Summary.Undone; u.Removed != 2 || u.Edited != 1 || u.Kept != 1 {
		t.Errorf("undone: %+v", u)
	}
	d.want("left", fmt.Sprint(d.list("ada", "")), "[Rent provider]")

	// Brought again, what the person wrote is there again, what they deleted isn't.
	again := d.ok(upload("ada", 201, "file:a.csv", file, "account", *a.AccountID))
	d.want("again", again.counts(), "2 2 0 0")
	d.apply("ada", again.ID, map[string]any{})
	d.want("back", fmt.Sprint(d.list("ada", "")), "[Tea import Coffee with Bob import Rent provider]")
}

func TestCSVColumnsCanBeNamedAndAreRemembered(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := "When,A,B,What\n01/02/2026,5.00,,Shop\n01/02/2026,5.00,,Shop\n05/02/2026,,7.00,Pay\nTotal,,,\n"
	i := d.bring("ada", `C:\Users\ada\my statement.csv`, file)
	if i.Format != "csv" || i.Filename != "my statement.csv" || len(i.Columns) != 4 {
		t.Fatalf("got %+v", i)
	}
	mapping := map[string]any{"date": "When", "debit": "A", "credit": "B", "description": "What", "dateFormat": "DD.MM.YYYY"}
	put := func(body any, status int, contains ...string) webtest.Scenario {
		return webtest.Scenario{Method: "PUT", Path: "/api/imports/" + i.ID + "/mapping", Bearer: "ada", Body: body, Status: status, Contains: contains}
	}
	i = d.ok(put(mapping, 200))
	d.want("mapped", i.counts(), "3 0 0 1")
	if r := i.Rows[0]; *r.Date != "2026-02-01" || *r.Amount != "-5" || r.Description != "Shop" || i.Rows[3].Date != nil || i.Rows[3].Reason == "" {
		t.Errorf("the rows are %+v", i.Rows)
	}
	for name, s := range map[string]webtest.Scenario{
		"no such column": put(map[string]any{"date": "Whenever", "amount": "A"}, 422, "body.date"),
		"no amount":      put(map[string]any{"date": "When"}, 422, "body.amount"),
		"both":           put(map[string]any{"date": "When", "amount": "A", "debit": "B"}, 422, "body.amount"),
		"bad format":     put(map[string]any{"date": "When", "amount": "A", "dateFormat": "now"}, 422, "body.dateFormat"),
		"unknown field":  put(map[string]any{"date": "When", "amount": "A", "x": 1}, 422, "body"),
	} {
		t.Run(name, func(t *testing.T) { d.Check(t, s) })
	}
	a := d.apply("ada", i.ID, newAccount("bank", "EUR"))
	d.want("added", d.scalar(`select string_agg(amount::float8 || currency || date, ',' order by date, amount) from transactions`), "-5EUR2026-02-01,-5EUR2026-02-01,7EUR2026-02-05")

	// The next file of this shape is read and placed the same way.
	next := d.bring("ada", "next.csv", file+"06/02/2026,1.00,,Bus\n")
	if next.AccountID == nil || *next.AccountID != *a.AccountID {
		t.Errorf("it isn't placed: %+v", next)
	}
	d.want("next", next.counts(), "1 3 0 1")
	d.Check(t, put(mapping, 409, "import_applied"))
}

func TestAFileWhoseColumnsSayNothingWaits(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	i := d.bring("ada", "x.csv", "a,b\nhello,world\nfoo,bar\n")
	if len(i.Rows) != 0 || i.Mapping["date"] != nil || len(i.Columns) != 2 {
		t.Errorf("got %+v", i)
	}
	d.Check(t, webtest.Scenario{Method: "POST", Path: "/api/imports/" + i.ID + "/apply", Bearer: "ada", Body: newAccount("bank", "USD"), Status: 409, Contains: []string{"import_unmapped"}})
}

func TestAFileWithTwoStatementsIsTwoImports(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	bank := d.bring("ada", "all.ofx", fixture(t, "bank-and-card-2.2.ofx"))
	if len(bank.Siblings) != 1 || bank.Summary.UnknownElements != 2 || bank.Summary.Investments != 1 || bank.StatementAccounts[0].Institution != "Example Bank" {
		t.Fatalf("got %+v", bank)
	}
	d.want("bank", bank.counts(), "4 0 0 1")
	card := d.ok(webtest.Scenario{Path: "/api/imports/" + bank.Siblings[0], Bearer: "ada", Status: 200})
	d.apply("ada", bank.ID, newAccount("bank", "USD"))
	d.Check(t, webtest.Scenario{Method: "POST", Path: "/api/imports/" + card.ID + "/apply", Bearer: "ada", Body: newAccount("card", "USD"), Status: 409, Contains: []string{"import_currency"}})
	d.apply("ada", card.ID, newAccount("card", "EUR"))
	d.want("accounts", d.scalar(`select string_agg(kind || ' ' || balance::float8 || currency, ',' order by kind) from accounts`),
		"bank 3120.77USD,card -54.1EUR")
	d.Check(t, webtest.Scenario{Path: "/api/imports", Bearer: "ada", Status: 200, Contains: []string{"all.ofx (1 of 2)", "all.ofx (2 of 2)"}})
}

func TestRowsThatMayBeDoubleAreAddedAndMarked(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	hand := d.bring("ada", "a.csv", "Date,Description,Amount\n2026-11-01,RENT NOV,-900.00\n")
	a := d.apply("ada", hand.ID, newAccount("bank", "USD"))
	ofx := "OFXHEADER:100\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><ACCTID>1</BANKACCTFROM><BANKTRANLIST>" +
		"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20261103<TRNAMT>-900.00<FITID>f1<NAME>Rent</STMTTRN></BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
	i := d.ok(upload("ada", 201, "file:a.ofx", ofx, "account", *a.AccountID))
	d.want("verdict", i.counts(), "0 0 1 0")
	if i.Rows[0].Matches == nil {
		t.Errorf("got %+v", i.Rows)
	}
	skipped := d.ok(upload("ada", 201, "file:a.ofx", ofx, "account", *a.AccountID))
	d.apply("ada", skipped.ID, map[string]any{"skipPossible": true})
	d.want("skipped", d.scalar(`select count(*)::text from transactions`), "1")
	d.apply("ada", i.ID, map[string]any{})
	d.want("marked", d.scalar(`select count(*)::text from transactions where maybe_dup_of is not null`), "1")
	d.undo("ada", hand.ID)
	d.want("what it was a double of is gone", d.scalar(`select count(*)::text from transactions where maybe_dup_of is not null and deleted_at is null`), "0")
	d.want("the account stays for the other import", d.scalar(`select count(*)::text from accounts where deleted_at is null`), "1")
}

func TestStrangersGetNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	i := d.bring("ada", "a.csv", "Date,Description,Amount\n2026-11-01,Rent,-900.00\n")
	a := d.apply("ada", i.ID, newAccount("bank", "USD"))
	waiting := d.bring("ada", "b.csv", "Date,Description,Amount\n2026-11-09,Bus,-2.00\n")
	before := d.everything()
	eves := d.bring("eve", "e.csv", "Date,Description,Amount\n2026-11-01,Rent,-900.00\n")
	for _, each := range []struct{ method, path string }{
		{"GET", ""}, {"PUT", "/mapping"}, {"POST", "/apply"}, {"POST", "/undo"},
	} {
		for _, target := range []string{i.ID, waiting.ID, id.New[id.Import]().String(), "42", "%27"} {
			var body any
			if each.method == "PUT" {
				body = map[string]any{"date": "Date", "amount": "Amount"}
			} else if each.path == "/apply" {
				body = newAccount("bank", "USD")
			}
			path := "/api/imports/" + target + each.path
			d.Run(t,
				webtest.Scenario{Name: "eve " + each.method + path, Method: each.method, Path: path, Bearer: "eve", Body: body, Status: 404, Contains: []string{"import_unknown"}, NeverContains: []string{"Rent", "Bus"}},
				webtest.Scenario{Name: "nobody " + each.method + path, Method: each.method, Path: path, Body: body, Status: 401},
				webtest.Scenario{Name: "unconfirmed " + each.method + path, Method: each.method, Path: path, Bearer: "new", Body: body, Status: 403},
			)
		}
	}
	theirs := map[string]any{"accountId": *a.AccountID}
	upAda := upload("eve", 404, "file:x.csv", "Date,Description,Amount\n2026-11-01,Rent,-900.00\n", "account", *a.AccountID)
	upAda.Name, upAda.NeverContains = "eve uploads into ada's account", []string{"duplicate"}
	d.Run(t,
		webtest.Scenario{Name: "eve applies into ada's account", Method: "POST", Path: "/api/imports/" + eves.ID + "/apply", Bearer: "eve", Body: theirs, Status: 404, Contains: []string{"account_unknown"}},
		upAda,
		webtest.Scenario{Name: "eve's list", Path: "/api/imports", Bearer: "eve", Status: 200, Contains: []string{"e.csv"}, NeverContains: []string{"a.csv", "b.csv"}},
	)
	d.want("ada's money", d.everything(), before)
}

func TestUploadsThatAreRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	csv := "Date,Description,Amount\n2026-11-01,Rent,-900.00\n"
	bomb := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><OFX>&a;</OFX>`
	for name, s := range map[string]webtest.Scenario{
		"entity bomb":     upload("ada", 422, "file:x.ofx", bomb),
		"PDF":             upload("ada", 422, "file:x.pdf", "%PDF-1.7"),
		"empty":           upload("ada", 422, "file:x.csv", ""),
		"no file":         upload("ada", 422, "account", id.New[id.Account]().String()),
		"two files":       upload("ada", 422, "file:x.csv", csv, "file:y.csv", csv),
		"unknown field":   upload("ada", 422, "file:x.csv", csv, "admin", "true"),
		"bad account":     upload("ada", 422, "file:x.csv", csv, "account", "1 or 1=1"),
		"bad mapping":     upload("ada", 422, "file:x.csv", csv, "mapping", `{"date":"Date","amount":"Amount","evil":1}`),
		"unknown column":  upload("ada", 422, "file:x.csv", csv, "mapping", `{"date":"Date","amount":"Sum"}`),
		"ten MB and more": upload("ada", 413, "file:x.csv", strings.Repeat("x", 10<<20+1)),
		"a hundred MB":    upload("ada", 413, "file:x.csv", strings.Repeat("x", 100<<20)),
		"NUL":             upload("ada", 422, "file:x.csv", "Date,Amount\n2026-01-01,\x001\n"),
		"JSON":            {Method: "POST", Path: "/api/imports", Bearer: "ada", Body: map[string]any{"file": csv}, Status: 415},
		"cut off":         {Method: "POST", Path: "/api/imports", Bearer: "ada", Header: map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, Body: "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc", Status: 422},
		"no boundary":     {Method: "POST", Path: "/api/imports", Bearer: "ada", Header: map[string]string{"Content-Type": "multipart/form-data"}, Body: "x", Status: 422},
		"nobody":          upload("", 401, "file:x.csv", csv),
		"unconfirmed":     upload("new", 403, "file:x.csv", csv),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a hundred MB" { // the server stops reading, so the client may not be heard
				resp, err := d.HTTP.Do(d.Request(t, s))
				if err == nil {
					defer func() { _ = resp.Body.Close() }()
					if resp.StatusCode != 413 {
						t.Errorf("status %d", resp.StatusCode)
					}
				}
				return
			}
			a := d.Check(t, s)
			if !json.Valid([]byte(a.Body)) || a.Code() == "" || a.Code() == "internal" {
				t.Errorf("not a problem: %s", a.Body)
			}
		})
	}
	d.want("nothing is kept", d.scalar(`select count(*)::text from imports`), "0")
	d.Check(t, upload("ada", 201, "file:x.csv", csv, "mapping", `{"date":"Date","amount":"Amount","description":"Description"}`))
}

func TestApplyIsRefusedWhereItMakesNoSense(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	i := d.bring("ada", "a.csv", "Date,Description,Amount\n2026-11-01,Rent,-900.00\n")
	apply := func(name string, body any, status int, contains ...string) webtest.Scenario {
		return webtest.Scenario{Name: name, Method: "POST", Path: "/api/imports/" + i.ID + "/apply", Bearer: "ada", Body: body, Status: status, Contains: contains}
	}
	account := func(name, kind, currency string) any {
		return map[string]any{"newAccount": map[string]any{"name": name, "kind": kind, "currency": currency}}
	}
	d.Run(t,
		apply("nowhere", map[string]any{}, 422, "body.accountId"),
		apply("bad id", map[string]any{"accountId": "x"}, 422, "body.accountId"),
		apply("unknown account", map[string]any{"accountId": id.New[id.Account]().String()}, 404, "account_unknown"),
		apply("investment", account("x", "investment", "USD"), 422, "kind"),
		apply("no name", account(" ", "bank", "USD"), 422, "name"),
		apply("no currency", account("x", "bank", "U$D"), 422, "currency"),
		apply("bad balance", map[string]any{"newAccount": map[string]any{"name": "x", "kind": "bank", "currency": "USD"}, "balance": "1e9"}, 422, "body.balance"),
		apply("unknown field", map[string]any{"accountId": "x", "userId": "y"}, 422),
		webtest.Scenario{Name: "undo before", Method: "POST", Path: "/api/imports/" + i.ID + "/undo", Bearer: "ada", Status: 409, Contains: []string{"import_not_applied"}},
	)
	d.want("nothing came of it", d.everything(), "")
	d.apply("ada", i.ID, map[string]any{"newAccount": map[string]any{"name": "x", "kind": "loan", "currency": "USD"}, "balance": "-900"})
	d.want("stated balance", d.scalar(`select balance::float8::text from accounts`), "-900")
	d.Run(t, apply("twice", map[string]any{}, 409, "import_applied"))
}

func TestManyTabsAtOnceDoubleNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := "Date,Description,Amount\n2026-11-01,Rent,-900.00\n2026-11-02,Coffee,-4.50\n2026-11-02,Coffee,-4.50\n"
	first := d.apply("ada", d.bring("ada", "a.csv", "Date,Description,Amount\n2026-10-01,Rent,-900.00\n").ID, newAccount("bank", "USD"))
	var imports []string
	for range 4 {
		imports = append(imports, d.ok(upload("ada", 201, "file:a.csv", file, "account", *first.AccountID)).ID)
	}
	var wg sync.WaitGroup
	for _, i := range append(imports, imports...) {
		wg.Go(func() {
			a := d.Do(t, webtest.Scenario{Method: "POST", Path: "/api/imports/" + i + "/apply", Bearer: "ada", Body: map[string]any{}})
			if a.Status != 200 && a.Status != 409 {
				t.Errorf("status %d: %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	d.want("rows", d.scalar(`select count(*)::text from transactions`), "4")
}

func TestOldPreviewsAreForgotten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.bring("ada", "first.csv", "Date,Description,Amount\n2026-11-01,Rent,-900.00\n")
	for n := range 20 {
		d.bring("ada", fmt.Sprint(n, ".csv"), "Date,Description,Amount\n2026-11-01,Rent,-900.00\n")
	}
	d.want("kept", d.scalar(`select count(*)::text from imports`), "20")
	d.Check(t, webtest.Scenario{Path: "/api/imports/" + first.ID, Bearer: "ada", Status: 404})
}

func TestALargeFileIsImportedWhole(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var b strings.Builder
	b.WriteString("Date,Description,Amount\n")
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range 5_000 {
		fmt.Fprintf(&b, "%s,Shop %d,-%d.%02d\n", start.AddDate(0, 0, n/10).Format(time.DateOnly), n, n%50, n%100)
	}
	i := d.bring("ada", "big.csv", b.String())
	if len(i.Rows) != 200 {
		t.Errorf("%d rows are shown", len(i.Rows))
	}
	d.apply("ada", i.ID, newAccount("bank", "USD"))
	d.want("rows", d.scalar(`select count(*)::text from transactions`), fmt.Sprint(i.Summary.New))
	again := d.bring("ada", "big.csv", b.String())
	d.want("again", again.counts(), fmt.Sprint(0, " ", i.Summary.New, " ", 0, " ", i.Summary.Skipped))
}
