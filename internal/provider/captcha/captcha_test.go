package captcha

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/platform/outbound"
	far "flint/sandbox/captcha"
)

var want = Expect{Action: "login", Host: "flint.example", Address: netip.MustParseAddr("203.0.113.7")}

func client(t *testing.T, kind, secret string, h http.Handler) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(Config{Kind: kind, SiteKey: "site-key", Secret: config.NewSecret(secret), Score: 0.5, BaseURL: s.URL, Timeout: 200 * time.Millisecond}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func token(kind, action, host string, age time.Duration, dice string) config.Secret {
	return config.NewSecret(far.Token{Kind: kind, Action: action, Host: host, At: time.Now().Add(-age).UnixMilli(), Dice: dice}.String())
}

func TestBothServicesSayWhatIsGood(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{Turnstile, ReCAPTCHA} {
		c := client(t, kind, "sandbox", far.New(nil).Handler())
		other := map[string]string{Turnstile: ReCAPTCHA, ReCAPTCHA: Turnstile}[kind]
		for name, s := range map[string]struct {
			token config.Secret
			why   string
		}{
			"good":           {token(kind, "login", "flint.example", 0, "a"), ""},
			"another action": {token(kind, "register", "flint.example", 0, "b"), "action"},
			"no action":      {token(kind, "", "flint.example", 0, "c"), "action"},
			"another site":   {token(kind, "login", "evil.example", 0, "d"), "host"},
			"old":            {token(kind, "login", "flint.example", 6*time.Minute, "e"), "used"},
			"another kind":   {token(other, "login", "flint.example", 0, "f"), "token"},
			"rubbish":        {config.NewSecret("rubbish"), "token"},
			"nothing":        {config.Secret{}, "token"},
			"endless":        {config.NewSecret(strings.Repeat("x", MaxToken+1)), "token"},
		} {
			v, err := c.Verify(t.Context(), s.token, want)
			if err != nil || v.Good != (s.why == "") || v.Reason != s.why {
				t.Errorf("%s, %s: %+v %v", kind, name, v, err)
			}
		}
		if v, err := c.Verify(t.Context(), token(kind, "login", "flint.example", 0, "a"), want); err != nil || !v.Good {
			t.Errorf("%s, another: %+v %v", kind, v, err)
		}
		twice := token(kind, "login", "flint.example", 0, "twice")
		_, _ = c.Verify(t.Context(), twice, want)
		if v, err := c.Verify(t.Context(), twice, want); err != nil || v.Good || v.Reason != "used" {
			t.Errorf("%s, twice: %+v %v", kind, v, err)
		}
	}
}

func TestReCAPTCHAMustBeSureEnough(t *testing.T) {
	t.Parallel()
	for secret, why := range map[string]string{"score-0.3": "score", "score-0.5": "", "score-1": ""} {
		c := client(t, ReCAPTCHA, secret, far.New(nil).Handler())
		if v, err := c.Verify(t.Context(), token(ReCAPTCHA, "login", "flint.example", 0, "a"), want); err != nil || v.Reason != why {
			t.Errorf("%s: %+v %v", secret, v, err)
		}
	}
	c := client(t, ReCAPTCHA, "sandbox", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"success":true,"hostname":"flint.example","action":"login"}`))
	}))
	if v, err := c.Verify(t.Context(), config.NewSecret("x"), want); err != nil || v.Reason != "score" {
		t.Errorf("no score: %+v %v", v, err)
	}
}

func TestWhatIsSentIsTheFormAndNothingElse(t *testing.T) {
	t.Parallel()
	c := client(t, Turnstile, "sandbox", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		sent := url.Values{"secret": {"sandbox"}, "response": {"tok"}, "remoteip": {"203.0.113.7"}}
		if r.URL.RequestURI() != "/turnstile/v0/siteverify" || r.Method != http.MethodPost || r.PostForm.Encode() != sent.Encode() || r.Header.Get("Cookie") != "" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.PostForm)
		}
		_, _ = w.Write([]byte(`{"success":true,"hostname":"flint.example","action":"login","error-codes":[]}`))
	}))
	if v, err := c.Verify(t.Context(), config.NewSecret("tok"), want); err != nil || !v.Good {
		t.Errorf("%+v %v", v, err)
	}
}

func TestWhenTheServiceCanNotSayNothingIsSaid(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) },
		"a page":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"a slow one": func(_ http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm() // else the server doesn't notice that the client left
			<-r.Context().Done()
		},
		"no score":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"success":true,"score":7}`)) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
		"an outage": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"success":false,"error-codes":["internal-error"]}`))
		},
		"not our name": far.New(nil).Handler().ServeHTTP,
	} {
		secret := "not ours" // the sandbox refuses it
		v, err := client(t, Turnstile, secret, h).Verify(t.Context(), config.NewSecret("tok-en"), want)
		if outbound.Of(err) == nil || v.Good || strings.Contains(err.Error(), "tok-en") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %+v %v", name, v, err)
		}
	}
}

func TestSettingsThatCanNotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []Config{
		{Kind: "hcaptcha"}, {Kind: Turnstile}, {Kind: ReCAPTCHA, SiteKey: "a"}, {Kind: None, Score: 2}, {Kind: None, BaseURL: "nowhere"},
		{Kind: None, Timeout: time.Minute}, {Kind: Turnstile, SiteKey: "a&b", Secret: config.NewSecret("x")},
	} {
		if c.Validate() == nil {
			t.Errorf("%+v", c)
		}
	}
	c := Config{Kind: ReCAPTCHA, SiteKey: "abc", Secret: config.NewSecret("x")}
	scripts, frames := c.Sources()
	if c.Validate() != nil || c.Script() != "https://www.google.com/recaptcha/api.js?render=abc" || len(scripts) != 2 || len(frames) != 2 {
		t.Errorf("%s %v %v", c.Script(), scripts, frames)
	}
	if s := (Config{}).Script(); s != "" {
		t.Error(s)
	}
}

func FuzzSiteverifysAnswerIsReadOrRefused(f *testing.F) {
	for _, s := range []string{`{}`, ``, `{"success":true}`, `{"success":true,"score":0.9,"hostname":"flint.example","action":"login"}`, `{"score":1e400}`, `{"error-codes":["timeout-or-duplicate"]}`, `[]`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := read(body)
		if v := a.judge(Config{Kind: ReCAPTCHA, Score: 0.5}, want); err != nil && v.Good {
			t.Errorf("%q is good", body)
		}
	})
}
