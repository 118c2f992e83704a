package marketdata_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flint/internal/platform/outbound"
	"flint/internal/provider/marketdata"
)

const head = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
 <gesmes:subject>Reference rates</gesmes:subject><gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>`

const (
	daily = head + `<Cube><Cube time='2026-01-02'><Cube currency='USD' rate='1.1712'/><Cube currency='GBP' rate='0.86930'/></Cube></Cube></gesmes:Envelope>`
	hist  = head + `<Cube><Cube time="2026-01-02"><Cube currency="USD" rate="1.1712"/></Cube><Cube time="2025-12-31"><Cube currency="USD" rate="1.1750"/><Cube currency="BGN" rate="1.9558"/></Cube></Cube></gesmes:Envelope>`
)

func ecb(t *testing.T, files map[string]string) *marketdata.ECB {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, file)
	}))
	t.Cleanup(s.Close)
	e, err := marketdata.New(marketdata.Config{BaseURL: s.URL + "/stats/eurofxref"}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func TestRatesAreReadExactly(t *testing.T) {
	t.Parallel()
	e := ecb(t, map[string]string{"/stats/eurofxref/eurofxref-daily.xml": daily, "/stats/eurofxref/eurofxref-hist-90d.xml": hist})
	day, err := e.Daily(t.Context())
	if err != nil || day.Base != "EUR" || day.Day.Format(time.DateOnly) != "2026-01-02" || day.Rates["GBP"].String() != "0.8693" || len(day.Rates) != 2 {
		t.Fatalf("daily: %+v, %v", day, err)
	}
	days, err := e.History(t.Context())
	if err != nil || len(days) != 2 || days[1].Rates["USD"].String() != "1.175" {
		t.Fatalf("history: %+v, %v", days, err)
	}
	if _, err := e.FullHistory(t.Context()); outbound.ClassOf(err) != outbound.NotFound {
		t.Fatalf("full history: %v", err)
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	t.Parallel()
	cube := func(inner string) string { return head + `<Cube>` + inner + `</Cube></gesmes:Envelope>` }
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, `<Cube currency="C%02d%c" rate="1"/>`, i/26, 'A'+i%26)
	}
	for name, file := range map[string]string{
		"empty":          "",
		"html":           "<html><body>maintenance</body></html>",
		"no day":         cube(``),
		"no rates":       cube(`<Cube time="2026-01-02"></Cube>`),
		"entity bomb":    `<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>` + daily[len(`<?xml version="1.0" encoding="UTF-8"?>`):],
		"external":       `<!DOCTYPE l SYSTEM "file:///etc/passwd">` + daily[len(`<?xml version="1.0" encoding="UTF-8"?>`):],
		"unknown entity": cube(`<Cube time="2026-01-02"><Cube currency="USD" rate="&x;"/></Cube>`),
		"cut short":      daily[:len(daily)-40],
		"deep":           strings.Repeat("<a>", 5000),
		"encoding":       strings.Replace(daily, "UTF-8", "UTF-16", 1),
		"zero":           cube(`<Cube time="2026-01-02"><Cube currency="USD" rate="0"/></Cube>`),
		"negative":       cube(`<Cube time="2026-01-02"><Cube currency="USD" rate="-1"/></Cube>`),
		"exponent":       cube(`<Cube time="2026-01-02"><Cube currency="USD" rate="1e999999999"/></Cube>`),
		"twice":          cube(`<Cube time="2026-01-02"><Cube currency="USD" rate="1"/><Cube currency="USD" rate="2"/></Cube>`),
		"same day":       cube(`<Cube time="2026-01-02"><Cube currency="USD" rate="1"/></Cube><Cube time="2026-01-02"><Cube currency="USD" rate="1"/></Cube>`),
		"epoch":          cube(`<Cube time="1970-01-01"><Cube currency="USD" rate="1"/></Cube>`),
		"outside":        cube(`<Cube currency="USD" rate="1"/>`),
		"currency":       cube(`<Cube time="2026-01-02"><Cube currency="us$" rate="1"/></Cube>`),
		"too many":       cube(`<Cube time="2026-01-02">` + many.String() + `</Cube>`),
	} {
		if days, err := marketdata.Parse([]byte(file)); err == nil {
			t.Errorf("%s: read %d days", name, len(days))
		}
	}
	_, err := ecb(t, map[string]string{"/stats/eurofxref/eurofxref-daily.xml": "<html>"}).Daily(t.Context())
	if e := outbound.Of(err); e == nil || e.Code != "bad_answer.xml" {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{daily, hist, "", "<Cube", `<Cube time="2026-01-02"/>`, "<!DOCTYPE x>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		days, err := marketdata.Parse(b)
		if err != nil {
			return
		}
		if len(days) == 0 {
			t.Fatal("no days and no error")
		}
		for _, d := range days {
			for c, r := range d.Rates {
				if !r.IsPositive() || c == "EUR" {
					t.Fatalf("%s %s", c, r)
				}
			}
		}
	})
}
