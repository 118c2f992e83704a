package app_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// talkative stands between Flint and a provider, and adds full numbers of accounts
// to whatever the provider says of one: a provider that tells more than it should.
type talkative struct {
	mu      sync.Mutex
	planted map[string]bool
}

// full is a number that ends in the digits of the provider's own.
func (p *talkative) full(prefix, shown string) string {
	n := prefix + shown[max(0, len(shown)-4):]
	p.mu.Lock()
	p.planted[n] = true
	p.mu.Unlock()
	return n
}

const routingNumber = "026009593"

// tell walks through an answer.
func (p *talkative) tell(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			p.tell(x)
		}
	case map[string]any:
		for _, x := range v {
			p.tell(x)
		}
		if shown, ok := v["last_four"].(string); ok { // Teller's
			n := p.full("48571234", shown)
			v["last_four"], v["account_number"], v["routing_numbers"] = n, n, map[string]string{"ach": routingNumber}
			v["name"] = fmt.Sprint(v["name"], " ", n)
		}
		if shown, ok := v["number"].(string); ok { // SnapTrade's
			n := p.full("99887766", shown)
			v["number"], v["raw_number"], v["name"] = n, n, fmt.Sprintf("%v %s-%s", v["name"], n[:4], n[4:])
			p.full(n[:4]+"-"+n[4:8], shown)
		}
	}
}

// before returns what stands before a provider.
func (p *talkative) before(t *testing.T, provider string, transport http.RoundTripper) *httptest.Server {
	t.Helper()
	u, err := url.Parse(provider)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Header.Del("Accept-Encoding") },
		Transport: transport,
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			var v any
			d := json.NewDecoder(bytes.NewReader(body))
			d.UseNumber()
			if d.Decode(&v) == nil && r.StatusCode == http.StatusOK {
				p.tell(v)
				if body, err = json.Marshal(v); err != nil {
					return err
				}
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Set("Content-Length", fmt.Sprint(len(body)))
			return nil
		},
	}
	server := httptest.NewUnstartedServer(proxy)
	if u.Scheme == "https" {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

// environment puts it before Teller and SnapTrade.
func (p *talkative) environment(t *testing.T) func(map[string]string) {
	return func(env map[string]string) {
		pair, err := tls.LoadX509KeyPair(env["TELLER_CERT_FILE"], env["TELLER_KEY_FILE"])
		if err != nil {
			t.Fatal(err)
		}
		authority, err := os.ReadFile(env["TELLER_CA_FILE"])
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(authority)
		bank := p.before(t, env["TELLER_BASE_URL"], &http.Transport{
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}},
		})
		broker := p.before(t, env["SNAPTRADE_BASE_URL"], http.DefaultTransport)
		ca := filepath.Join(t.TempDir(), "ca.pem")
		certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: bank.Certificate().Raw})
		if err := os.WriteFile(ca, certificate, 0o600); err != nil {
			t.Fatal(err)
		}
		env["TELLER_BASE_URL"], env["TELLER_CA_FILE"], env["SNAPTRADE_BASE_URL"] = bank.URL, ca, broker.URL
	}
}

const numbered = `OFXHEADER:100
DATA:OFXSGML
VERSION:102

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>011401533<ACCTID>7000000444556677<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20261101<DTEND>20261104<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20261103<TRNAMT>-7.00<FITID>7000000444556677-20261103-1<NAME>Numbered tea</STMTTRN>
</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>`

// TestNoNumberOfAnAccountIsShownOrStored has providers and a file tell full numbers
// of accounts and banks: no answer, no line of the log, no mail and no column of the
// database has more than the last four digits.
func TestNoNumberOfAnAccountIsShownOrStored(t *testing.T) {
	t.Parallel()
	provider := &talkative{planted: map[string]bool{}}
	h := newHouse(t, provider.environment(t))
	ann := h.resident("Ann")
	ann.connectBank("chase")
	ann.connectBroker("SCHWAB", "brokerage", "ann")
	ann.settled()
	var i struct{ ID string }
	ann.must("POST", "/api/imports", &form{"numbers.ofx", numbered}).json(t, &i)
	ann.must("POST", "/api/imports/"+i.ID+"/apply", map[string]any{"newAccount": map[string]string{"name": "Numbered", "kind": "bank", "currency": "USD"}})
	var list struct {
		Accounts []struct{ ID, Mask, Name, Provider string }
	}
	ann.must("GET", "/api/accounts", nil).json(t, &list)
	providers := map[string]bool{}
	for _, a := range list.Accounts {
		providers[a.Provider] = true
		if len(a.Mask) != 4 {
			t.Errorf("the account %+v shows %q", a, a.Mask)
		}
		ann.must("GET", "/api/accounts/"+a.ID, nil)
	}
	for _, path := range []string{
		"/api/dashboard", "/api/transactions?limit=200", "/api/imports", "/api/imports/" + i.ID, "/api/connections", "/api/portfolio-holdings",
		"/api/portfolio/summary", "/api/transactions?q=4855",
	} {
		ann.must("GET", path, nil)
	}
	if len(providers) != 3 || len(provider.planted) < 5 {
		t.Fatalf("%d numbers were told, of accounts of %v: this proves little", len(provider.planted), providers)
	}
	canaries := []canary{
		{name: "a bank's number", value: routingNumber}, {name: "a bank's number in a file", value: "011401533"},
		{name: "an account's number in a file", value: "7000000444556677"},
	}
	for n := range provider.planted {
		canaries = append(canaries, canary{name: "the number of an account", value: n})
	}
	places := h.dump()
	places["the log"] = h.log.String()
	var box struct{ Messages []json.RawMessage }
	h.order("GET", "/control/inbox", nil, &box)
	for _, m := range box.Messages {
		places["a mail"] += string(m)
	}
	for _, c := range canaries {
		for place, text := range places {
			if found := c.in(text); found != "" {
				t.Errorf("%s is in %s: …%s…", c.name, place, found)
			}
		}
		h.answered(c)
	}
	for n := range provider.planted {
		if mask := n[len(n)-4:]; !strings.Contains(strings.Join(h.tapeOf("/api/accounts"), ""), mask) {
			t.Errorf("the last four, %s, aren't shown", mask)
		}
	}
}

// tapeOf returns the answers to a path.
func (h *house) tapeOf(path string) (list []string) {
	h.tape.mu.Lock()
	defer h.tape.mu.Unlock()
	for _, a := range h.tape.answers {
		if a.path == path {
			list = append(list, a.body)
		}
	}
	return list
}

// TestWhatIsSaidOfMoneyIsReadInNoDatabase has somebody with a bank, a broker, a file
// and words of their own, and looks for all of it where nobody should read it.
func TestWhatIsSaidOfMoneyIsReadInNoDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage")
	var list struct {
		Accounts []struct{ Name, Nickname, Mask string }
	}
	ann.must("GET", "/api/accounts", nil).json(t, &list)
	var page struct {
		Transactions []struct{ Description, Merchant, Note, Source string }
	}
	ann.must("GET", "/api/transactions?limit=200", nil).json(t, &page)
	words := map[string]bool{"ANN one.csv": true, "ANN two.csv": true, "ANN LUNCH": true}
	for _, a := range list.Accounts {
		words[a.Name], words[a.Nickname] = true, true
	}
	for _, x := range page.Transactions {
		words[x.Description], words[x.Merchant], words[x.Note] = true, true, true
	}
	if !words["ANN nest egg"] || !words["ANN SECRET SHOP"] || !words["ANN note"] || !words["ANN wallet"] || len(words) < 20 {
		t.Fatalf("there is too little to look for: %v", words)
	}
	places := h.dump()
	places["the log"] = h.log.String()
	for word := range words {
		for place, text := range places {
			if len(word) < 8 {
				continue // too short to be looked for
			}
			if found := (canary{name: "a word", value: word}).in(text); found != "" {
				t.Errorf("%q is in %s: …%s…", word, place, found)
			}
		}
	}
}
