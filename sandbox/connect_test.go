package sandbox_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"flint/sandbox"
)

// person clicks through Connect without a browser.
type person struct {
	t    *testing.T
	at   string // where the widget is
	page string
	head http.Header
	code int
}

func visit(t *testing.T, s *sandbox.Server, query string) *person {
	t.Helper()
	p := &person{t: t}
	p.read(http.MethodGet, s.URLs().Site+"/teller/connect/"+s.Credentials().TellerApplication+"?"+query, nil)
	return p
}

func (p *person) read(method, address string, form url.Values) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.at, p.page, p.head, p.code = resp.Request.URL.String(), string(data), resp.Header, resp.StatusCode
}

func (p *person) send(pairs ...string) {
	p.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	p.read(http.MethodPost, p.at, form)
}

func (p *person) sees(text string) {
	p.t.Helper()
	if !strings.Contains(p.page, text) {
		p.t.Fatalf("no %q on the page:\n%s", text, p.page)
	}
}

// result is what the widget would hand to onSuccess.
func (p *person) result() enrolled {
	p.t.Helper()
	found := regexp.MustCompile(`data-message="([^"]*)"`).FindStringSubmatch(p.page)
	if found == nil {
		p.t.Fatalf("not done:\n%s", p.page)
	}
	var message struct {
		Event string
		Data  enrolled
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &message); err != nil {
		p.t.Fatal(err)
	}
	if message.Event != "success" {
		p.t.Errorf("the event is %s", message.Event)
	}
	return message.Data
}

func TestConnect(t *testing.T) {
	t.Parallel()
	s := start(t)
	p := visit(t, s, "environment=sandbox&nonce=n-77&products=transactions&origin=http://127.0.0.1:9999")
	p.sees("Choose your bank")
	p.sees("Simulated data")
	if policy := p.head.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "frame-ancestors http://127.0.0.1:9999") || strings.Contains(policy, "unsafe") {
		t.Error(policy)
	}
	p.read(http.MethodGet, p.at+"?q=chas", nil)
	p.sees("Chase")
	if strings.Contains(p.page, "Ally") {
		t.Error("the search finds too much")
	}
	p.send("step", "institution", "institution", "chase")
	p.sees("Sign in to Chase")
	p.send("step", "login", "username", "username", "password", "wrong")
	p.sees(`role="alert"`)
	p.send("step", "login", "username", "username", "password", "password")
	p.sees("Chase is connected")
	e := p.result()
	status, body := get(t, client(t, s, false), s.URLs().Teller+"/accounts", e.AccessToken)
	if status != 200 || strings.Count(string(body), `"acc_`) != 3 {
		t.Errorf("%d %s", status, body)
	}
	key, err := base64.StdEncoding.DecodeString(s.Credentials().TellerSigningKey)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(e.Signatures[0])
	if err != nil {
		t.Fatal(err)
	}
	message := strings.Join([]string{"n-77", e.AccessToken, e.User.ID, e.Enrollment.ID, "sandbox"}, ".")
	if !ed25519.Verify(key, []byte(message), signature) {
		t.Error("the signature doesn't hold")
	}
	p.send("step", "login", "username", "username", "password", "password")
	if again := p.result(); again.AccessToken != e.AccessToken {
		t.Error("sending the last step again made another enrollment")
	}
}

func TestConnectAsksFurther(t *testing.T) {
	t.Parallel()
	s := start(t)
	otp := visit(t, s, "institution=ally&select_account=multiple")
	otp.send("step", "login", "username", "otp", "password", "password")
	otp.sees("Where shall we send a code?")
	otp.send("step", "contact", "contact", "mobile")
	otp.send("step", "code", "code", "1111")
	otp.sees("isn&#39;t right")
	otp.send("step", "code", "code", "0000")
	otp.sees("Choose accounts")
	otp.send("step", "accounts")
	otp.sees("at least one")
	otp.send("step", "accounts", "account", "ally/checking", "account", "ally/card")
	if _, body := get(t, client(t, s, false), s.URLs().Teller+"/accounts", otp.result().AccessToken); strings.Count(string(body), `"acc_`) != 2 {
		t.Errorf("%s", body)
	}

	question := visit(t, s, "")
	question.send("step", "institution", "institution", "usaa")
	question.send("step", "back")
	question.sees("Choose your bank")
	question.send("step", "institution", "institution", "pnc")
	question.send("step", "login", "username", "challenge", "password", "password")
	question.send("step", "challenge", "answer", "red")
	question.sees("isn&#39;t right")
	question.send("step", "challenge", "answer", "Blue")
	if e := question.result(); e.Enrollment.Institution.ID != "pnc" || len(e.Signatures) != 0 {
		t.Errorf("%+v", e)
	}

	broken := enroll(t, s, "chase", "disconnected")
	update := visit(t, s, "nonce=n-2&enrollment_id="+broken.Enrollment.ID)
	update.sees("repair")
	update.send("step", "login", "username", "username", "password", "password")
	if e := update.result(); e.AccessToken != broken.AccessToken || len(e.Signatures) != 1 {
		t.Errorf("the repair gave %+v", e)
	}
}

func TestConnectRefusesStrangers(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, query := range []string{"institution=nowhere", "select_account=all", "environment=mars", "enrollment_id=enr_none"} {
		if p := visit(t, s, query+"&origin=http://127.0.0.1:1"); p.code != 400 {
			t.Errorf("%s: %d", query, p.code)
		}
	}
	p := &person{t: t}
	p.read(http.MethodGet, s.URLs().Site+"/teller/connect/app_other", nil)
	if p.code != 400 {
		t.Error(p.code)
	}
	p.read(http.MethodGet, s.URLs().Site+"/teller/connect/visit/none", nil)
	p.sees("expired")
	if p := visit(t, s, "origin="+url.QueryEscape("http://a; script-src *")); strings.Contains(p.head.Get("Content-Security-Policy"), "script-src *") {
		t.Error(p.head)
	}
}
