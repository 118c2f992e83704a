package activity_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"flint/internal/activity"
	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
	"flint/internal/portfolio"
)

// sealed are the places and what older versions left of them in clear.
func sealed() ([]envelope.Place, []envelope.Inherited) {
	return append(portfolio.Places(), activity.Places()...), append(portfolio.Inherited(), activity.Inherited()...)
}

// database is every row of the tables that say what people have, as text.
func (d *desk) database() string {
	return d.scalar(`
		select concat_ws(E'\n', (select string_agg(x::text, E'\n') from accounts x), (select string_agg(x::text, E'\n') from transactions x),
			(select string_agg(x::text, E'\n') from provider_transactions x), (select string_agg(x::text, E'\n') from imports x),
			(select string_agg(x::text, E'\n') from import_rows x), (select string_agg(x::text, E'\n') from wealth x))`)
}

// hidden fails for every text that can be read in the database.
func (d *desk) hidden(texts ...string) {
	d.t.Helper()
	all := d.database()
	for _, text := range texts {
		if strings.Contains(all, text) || strings.Contains(all, hex.EncodeToString([]byte(text))) {
			d.t.Errorf("%q can be read in the database", text)
		}
	}
	if len(all) < 500 {
		d.t.Errorf("the database has only %q: this proves little", all)
	}
}

// A database of the version before has everything in clear.
func TestWhatOlderVersionsLeftInClearIsSealed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ctx := postgres.AsUser(t.Context(), d.ada.User)
	account, imported := id.New[id.Account](), id.New[id.Import]()
	sum := sha256.Sum256([]byte("2026-11-02\x00-4.5\x00USD\x00canary coffee"))
	for _, sql := range []string{
		`insert into accounts (id, user_id, clear_name, clear_nickname, clear_institution_name, kind, currency, clear_mask, clear_match_key, balance, balance_as_of, created_at, updated_at)
			values (@account, @owner, 'Canary Checking', 'Canary nest egg', 'Canary Bank', 'bank', 'USD', '4321', 'canary bank|bank|USD|4321', 5, now(), now(), now())`,
		`insert into imports (id, user_id, account_id, clear_filename, format, sha256, status, clear_mapping, clear_summary, created_at, applied_at)
			values (@import, @owner, @account, 'canary.csv', 'csv', '', 'applied', '{"date": "Canary day", "description": "What", "amount": "Sum"}',
				'{"new": 2, "duplicates": 0, "possible": 0, "skipped": 0, "columns": ["Canary day", "What", "Sum"]}', now(), now())`,
		`insert into import_rows (import_id, user_id, ordinal, clear_external_id, date, amount, currency, clear_description, clear_detail, verdict)
			values (@import, @owner, 0, 'hash:' || @sum || ':0', '2026-11-02', -4.5, 'USD', 'Canary coffee', '{"memo": "Canary memo"}', 'new')`,
		`insert into transactions (id, user_id, account_id, import_id, clear_import_key, source, status, amount, currency, date, clear_description, clear_merchant, clear_note, category, locked, created_at, updated_at)
			values (gen_random_uuid(), @owner, @account, @import, 'hash:' || @sum || ':0', 'import', 'posted', -4.5, 'USD', '2026-11-02', 'Canary coffee', 'Canary shop', 'Canary note', 'food', '{note}', now(), now()),
				(gen_random_uuid(), @owner, @account, @import, 'id:CANARY-000123456789', 'import', 'posted', -7, 'USD', '2026-11-03', 'Canary tea', '', '', '', '{}', now(), now())`,
		`insert into provider_transactions (account_id, provider_id, user_id, status, amount, currency, date, clear_description, clear_fields, first_seen, last_seen)
			values (@account, 'p/1', @owner, 'posted', -4.5, 'USD', '2026-11-02', 'Canary record', '{"merchant": "Canary seller", "quantity": "2"}', now(), now())`,
	} {
		args := postgres.Args{}
		for name, v := range map[string]any{"account": account, "owner": d.ada.User, "import": imported, "sum": hex.EncodeToString(sum[:16])} {
			if strings.Contains(sql, "@"+name) {
				args[name] = v
			}
		}
		if err := postgres.Exec(ctx, d.pool, sql, args); err != nil {
			t.Fatal(err)
		}
	}
	places, left := sealed()
	if n, err := d.keys.Inherit(t.Context(), left, nil); n != 6 || err != nil {
		t.Fatalf("%d rows are sealed, %v", n, err)
	}
	if n, err := d.keys.Inherit(t.Context(), left, nil); n != 0 || err != nil {
		t.Errorf("the second time sealed %d, %v", n, err)
	}
	found, err := d.keys.Verify(t.Context(), places)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Values == 0 || f.Failed > 0 {
			t.Errorf("found %+v", f)
		}
	}
	d.hidden("anary", "CANARY", "4321", hex.EncodeToString(sum[:8]))
	d.want("listed", fmt.Sprint(d.list("ada", "")), "[Canary tea import Canary coffee Canary note import]")
	d.Check(t, webtest.Scenario{Path: "/api/transactions", Bearer: "ada", Status: 200, Contains: []string{"Canary nest egg", "Canary shop", `"food"`, "Canary Bank"}})
	d.Check(t, webtest.Scenario{Path: "/api/imports", Bearer: "ada", Status: 200, Contains: []string{"canary.csv"}})
	d.Check(t, webtest.Scenario{Path: "/api/imports/" + imported.String(), Bearer: "ada", Status: 200, Contains: []string{"Canary coffee"}})

	// The same rows are known again by their new keys, in CSV and in OFX, and the
	// columns are remembered.
	again := d.bring("ada", "b.csv", "Canary day,What,Sum\n2026-11-02,Canary coffee,-4.50\n")
	d.want("by its content", again.counts()+" "+fmt.Sprint(again.AccountID != nil), "0 1 0 0 true")
	ofx := `<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>011401533<ACCTID>9988774321<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20261101<DTEND>20261104<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20261103<TRNAMT>-7.00<FITID>CANARY-000123456789<NAME>Canary tea</STMTTRN>
</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>`
	again = d.bring("ada", "c.ofx", ofx)
	d.want("by the bank's id", again.counts()+" "+fmt.Sprint(again.AccountID != nil), "0 1 0 0 true")
	d.hidden("anary", "CANARY", "9988774321", "011401533")

	// A rotation goes through all of it.
	if _, err := d.keys.RetireDataKeys(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := d.keys.Reseal(t.Context(), places, 0, nil); err != nil {
		t.Fatal(err)
	}
	d.want("after a rotation", fmt.Sprint(d.list("ada", "")), "[Canary tea import Canary coffee Canary note import]")
}

// A value opens nowhere but in its own row and for its own person.
func TestAMovedValueDoesNotOpen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, who := range []string{"ada", "eve"} {
		i := d.bring(who, "a.csv", "Date,Description,Amount\n2026-11-01,Rent of "+who+",-900.00\n2026-11-02,Coffee of "+who+",-4.50\n")
		d.apply(who, i.ID, newAccount("bank", "USD"))
	}
	swap := func(ctx context.Context, what, sql string) {
		t.Helper()
		before := d.scalar(`select string_agg(encode(sealed, 'hex'), ' ' order by id) from transactions`)
		if n, err := postgres.Touch(ctx, d.pool, sql, nil); n == 0 || err != nil {
			t.Fatalf("%s: %d rows, %v", what, n, err)
		}
		d.Check(t, webtest.Scenario{Name: what, Path: "/api/transactions", Bearer: "ada", Status: 500, Contains: []string{`"internal"`}, NeverContains: []string{"of eve", "Rent", "Coffee"}})
		d.Check(t, webtest.Scenario{Name: what, Path: "/api/transactions?q=o", Bearer: "ada", Status: 500, NeverContains: []string{"of eve", "Rent", "Coffee"}})
		if after := d.scalar(`select string_agg(encode(sealed, 'hex'), ' ' order by id) from transactions`); after == before {
			t.Errorf("%s: nothing was changed", what)
		}
	}
	ctx := t.Context()
	swap(ctx, "another row's", `update transactions t set sealed = o.sealed from transactions o where o.user_id = t.user_id and o.id <> t.id`)
	swap(ctx, "another person's", `update transactions t set sealed = o.sealed from transactions o where o.user_id <> t.user_id and o.date = t.date`)
	swap(ctx, "cut short", `update transactions set sealed = substring(sealed from 1 for 40)`)
}

func TestTheSameLineOfTwoPeopleHasTwoKeys(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, who := range []string{"ada", "eve"} {
		i := d.bring(who, "a.csv", "Date,Description,Amount\n2026-11-01,Rent,-900.00\n")
		d.apply(who, i.ID, newAccount("bank", "USD"))
	}
	d.want("keys", d.scalar(`select count(distinct import_key) || ' of ' || count(*) from transactions`), "2 of 2")
}

// What somebody writes while a sync is deciding is never lost: see rowsAround.
func TestEditsKeepWhatTheyDoNotTouch(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	i := d.bring("ada", "a.csv", "Date,Description,Amount\n2026-11-01,Rent,-900.00\n")
	d.apply("ada", i.ID, newAccount("bank", "USD"))
	row := "/api/transactions/" + d.list("ada", "")[0].ID
	for _, step := range []struct {
		body     map[string]any
		contains []string
	}{
		{map[string]any{"note": "flat"}, []string{`"note":"flat"`, `"description":"Rent"`}},
		{map[string]any{"merchant": "Landlord"}, []string{`"note":"flat"`, `"merchant":"Landlord"`}},
		{map[string]any{"category": "home"}, []string{`"note":"flat"`, `"merchant":"Landlord"`, `"category":"home"`}},
		{map[string]any{"note": ""}, []string{`"note":""`, `"merchant":"Landlord"`, `"category":"home"`}},
	} {
		d.Check(t, webtest.Scenario{Method: "PATCH", Path: row, Bearer: "ada", Body: step.body, Status: 200, Contains: step.contains})
	}
	d.want("locked", d.scalar(`select locked::text || field_source::text from transactions`),
		`{category,merchant,note}{"note": "user", "category": "user", "merchant": "user"}`)
	d.hidden("Rent", "Landlord", "flat")
	d.Check(t, webtest.Scenario{Method: "PATCH", Path: row, Bearer: "eve", Body: map[string]any{"note": "mine"}, Status: 404})
}
