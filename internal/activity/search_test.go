package activity_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"flint/internal/money"
	"flint/internal/platform/web/webtest"
)

// searched is a page of a search.
type searched struct {
	Transactions []listed
	NextCursor   *string
	Totals       *struct{ In, Out, Net money.Amount }
}

func (d *desk) page(who, query string) (p searched) {
	d.t.Helper()
	d.Check(d.t, webtest.Scenario{Path: "/api/transactions?" + query, Bearer: who, Status: 200}).JSON(d.t, &p)
	return p
}

// walk reads all pages of a search.
func (d *desk) walk(who, q string, limit int) (texts []string, first searched, pages int) {
	d.t.Helper()
	query := fmt.Sprintf("limit=%d&q=%s", limit, url.QueryEscape(q))
	for at := query; ; pages++ {
		p := d.page(who, at)
		if pages == 0 {
			first = p
		}
		if len(p.Transactions) > limit {
			d.t.Errorf("a page has %d rows", len(p.Transactions))
		}
		for _, row := range p.Transactions {
			texts = append(texts, row.Description)
		}
		if p.NextCursor == nil {
			return texts, first, pages + 1
		}
		at = query + "&cursor=" + *p.NextCursor
	}
}

func TestSearchFindsWhatAnUnsealedOneFound(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	words := []string{"Coffee", "TEA", "100%", "a_b", `back\slash`, "Straße", "ÉCOLE", "ΣΊΣΥΦΟΣ", "rent", "Acme Ltd."}
	var file strings.Builder
	file.WriteString("Date,Description,Amount\n")
	var all []string
	sums := map[string]money.Decimal{}
	for i := range 120 {
		text := fmt.Sprintf("%s %s %03d", words[rand.IntN(len(words))], words[rand.IntN(len(words))], i)
		amount := money.MustParse(fmt.Sprintf("%d.50", i-60))
		all = append([]string{text}, all...)
		sums[text] = amount
		fmt.Fprintf(&file, "2026-%02d-%02d,%s,%s\n", 1+i/28, 1+i%28, text, amount)
	}
	d.apply("ada", d.bring("ada", "a.csv", file.String()).ID, newAccount("bank", "USD"))
	other := d.bring("eve", "a.csv", "Date,Description,Amount\n2026-03-01,Coffee of eve,-1.00\n")
	d.apply("eve", other.ID, newAccount("bank", "USD"))

	for _, reach := range [][2]int{{1000, 50_000}, {7, 50_000}, {7, 21}} {
		d.service.SearchWith(reach[0], reach[1])
		for _, q := range []string{"coffee", "COF", "tea", "100%", "%", "_", `\`, "a_b", "ltd.", "e", "nowhere", "07", "strasse", "école", "σίσυφος"} {
			var want []string
			net := money.Zero
			for _, text := range all {
				folded := strings.ReplaceAll(strings.ToLower(text), "ß", "ss")
				folded = strings.ReplaceAll(folded, "ς", "σ")
				if strings.Contains(folded, strings.ReplaceAll(strings.ToLower(q), "ς", "σ")) {
					want, net = append(want, text), net.Add(sums[text])
				}
			}
			got, first, pages := d.walk("ada", q, 5)
			if strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%v: %q finds %d: %v, not %d: %v", reach, q, len(got), got, len(want), want)
			}
			whole := reach[1] > 120
			if (first.Totals != nil) != (whole && len(want) > 0) || first.Totals != nil && !first.Totals.Net.Amount.Equal(net) {
				t.Errorf("%v: %q sums up to %+v, not %s", reach, q, first.Totals, net)
			}
			if !whole && q == "nowhere" && pages < 5 {
				t.Errorf("%v: %d pages: it isn't bounded", reach, pages)
			}
		}
	}
}

// A search looks at notes and merchants too, within the other filters, and its
// pages belong to it.
func TestSearchGoesWithTheOtherFilters(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	i := d.bring("ada", "a.csv", "Date,Description,Amount\n2026-11-01,Rent,-900.00\n2026-11-02,Shop,-4.50\n2026-11-03,Shop,-5.50\n")
	a := d.apply("ada", i.ID, newAccount("bank", "USD"))
	row := d.list("ada", "?q=RENT")[0].ID
	d.Check(t, webtest.Scenario{Method: "PATCH", Path: "/api/transactions/" + row, Bearer: "ada", Status: 200,
		Body: map[string]any{"note": "to the Landlord", "merchant": "Home GmbH", "category": "home"}})
	for q, n := range map[string]int{
		"q=landlord": 1, "q=gmbh": 1, "q=landlord&category=home": 1, "q=landlord&category=food": 0, "q=shop": 2, "q=shop&from=2026-11-03": 1,
		"q=shop&to=2026-11-02": 1, "q=shop&status=pending": 0, "q=shop&accountId=" + *a.AccountID: 2,
	} {
		if p := d.page("ada", q); len(p.Transactions) != n || (p.Totals != nil) != (n > 0) {
			t.Errorf("%s finds %+v, not %d", q, p, n)
		}
	}
	next := d.page("ada", "q=shop&limit=1").NextCursor
	if next == nil {
		t.Fatal("there is no second page")
	}
	for name, query := range map[string]string{"another search": "q=sho&limit=1&cursor=", "no search": "limit=1&cursor="} {
		d.Check(t, webtest.Scenario{Name: name, Path: "/api/transactions?" + query + *next, Bearer: "ada", Status: 422, Contains: []string{"cursor_invalid"}})
	}
	d.Check(t, webtest.Scenario{Path: "/api/transactions?q=shop&limit=1&cursor=" + *next, Bearer: "eve", Status: 422})
}
