package snaptrade_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/sandbox/hook"
	"flint/sandbox/prices"
	"flint/sandbox/snaptrade"
	"flint/sandbox/world"
)

// bench is a SnapTrade with a clock in the test's hand, a client that signs,
// and a receiver of webhooks.
type bench struct {
	t     *testing.T
	cfg   snaptrade.Config
	api   *snaptrade.API
	calls *httptest.Server // the API
	site  *httptest.Server // portal and control
	clock *hand
	hooks *inbox
	user  string
	pass  string
}

// hand is a clock that stands until it is moved.
type hand struct {
	mu sync.Mutex
	at time.Time
}

func (h *hand) now() time.Time  { h.mu.Lock(); defer h.mu.Unlock(); return h.at }
func (h *hand) set(t time.Time) { h.mu.Lock(); defer h.mu.Unlock(); h.at = t }

// monday is an ordinary trading day, in New York's afternoon.
var monday = time.Date(2026, 11, 23, 19, 30, 15, 0, time.UTC)

var market = prices.New(42)

func newBench(t *testing.T, change ...func(*snaptrade.Config)) *bench {
	t.Helper()
	b := &bench{t: t, clock: &hand{at: monday}, hooks: &inbox{}}
	receiver := httptest.NewServer(b.hooks)
	t.Cleanup(receiver.Close)
	sender := hook.New(hook.Config{Now: b.clock.now})
	sender.Target(snaptrade.Provider, receiver.URL)
	t.Cleanup(sender.Stop)
	b.hooks.sender = sender
	state, err := world.OpenState("")
	if err != nil {
		t.Fatal(err)
	}
	b.cfg = snaptrade.Config{
		Seed: 42, Clock: world.Clock{Now: b.clock.now}, State: state, Market: market, Hooks: sender, Log: slog.New(slog.DiscardHandler),
		SiteURL: func() string { return b.site.URL }, PerMinute: 100000,
	}
	for _, f := range change {
		f(&b.cfg)
	}
	b.start()
	return b
}

// start makes the far end from b.cfg; called again, it is a restart.
func (b *bench) start() {
	b.t.Helper()
	api, err := snaptrade.New(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.api = api
	b.calls = httptest.NewServer(api.Handler())
	mux := http.NewServeMux()
	mux.Handle("/control/snaptrade/", api.Control())
	mux.Handle("/snaptrade/", api.Pages())
	b.site = httptest.NewServer(mux)
	b.t.Cleanup(b.stop)
}

func (b *bench) stop() {
	b.calls.Close()
	b.site.Close()
	b.api.Stop()
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   []byte
	req    *http.Request
}

func (r reply) into(t *testing.T, v any) {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("%s %s answers %d: %s", r.req.Method, r.req.URL.Path, r.status, r.body)
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%s: %v in %s", r.req.URL.Path, err, r.body)
	}
}

// fails checks status and code of an error.
func (r reply) fails(t *testing.T, status int, code string) {
	t.Helper()
	var e struct {
		Detail string `json:"detail"`
		Status int    `json:"status_code"`
		Code   string `json:"code"`
	}
	if err := json.Unmarshal(r.body, &e); err != nil || r.status != status || e.Status != status || e.Code != code || e.Detail == "" {
		t.Errorf("%s %s answers %d %s, want %d with code %s", r.req.Method, r.req.URL.Path, r.status, r.body, status, code)
	}
}

// call makes a signed request as the user of the bench, if there is one.
func (b *bench) call(method, path string, body any, query ...string) reply {
	b.t.Helper()
	q := "clientId=" + snaptrade.DefaultClientID
	if b.user != "" {
		q += "&userId=" + url.QueryEscape(b.user) + "&userSecret=" + url.QueryEscape(b.pass)
	}
	for i := 0; i < len(query); i += 2 {
		q += "&" + query[i] + "=" + url.QueryEscape(query[i+1])
	}
	return b.send(method, path, q+"&timestamp="+strconv.FormatInt(b.clock.now().Unix(), 10), body, "")
}

func (b *bench) send(method, path, query string, body any, signature string) reply {
	b.t.Helper()
	var data []byte
	if body != nil {
		data, _ = json.Marshal(body)
	}
	if signature == "" {
		canonical, err := snaptrade.CanonicalRequest(data, path, query, false)
		if err != nil {
			b.t.Fatal(err)
		}
		signature = snaptrade.Signature(snaptrade.DefaultConsumerKey, canonical)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.calls.URL+path+"?"+query, bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	if data != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Signature", signature)
	return b.do(req)
}

func (b *bench) do(req *http.Request) reply {
	b.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, data, req}
}

// register makes the bench's user.
func (b *bench) register(id string) {
	b.t.Helper()
	var got struct{ UserID, UserSecret string }
	b.user, b.pass = "", ""
	b.call("POST", "/snapTrade/registerUser", map[string]string{"userId": id}).into(b.t, &got)
	b.user, b.pass = got.UserID, got.UserSecret
}

// order tells Control something.
func (b *bench) order(path string, body any) reply {
	b.t.Helper()
	data, _ := json.Marshal(body)
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.site.URL+"/control/snaptrade/"+path, bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

// connect connects a broker and returns the authorization and its accounts.
func (b *bench) connect(broker string) (string, []string) {
	b.t.Helper()
	var got struct {
		AuthorizationID string
		Accounts        []string
	}
	b.order("connect", map[string]string{"userId": b.user, "broker": broker}).into(b.t, &got)
	return got.AuthorizationID, got.Accounts
}

func (b *bench) truth() snaptrade.TruthUser {
	b.t.Helper()
	req, _ := http.NewRequestWithContext(b.t.Context(), "GET", b.site.URL+"/control/snaptrade/truth?userId="+url.QueryEscape(b.user), nil)
	var got snaptrade.Truth
	b.do(req).into(b.t, &got)
	if len(got.Users) != 1 {
		b.t.Fatalf("the truth knows %d users", len(got.Users))
	}
	return got.Users[0]
}

// inbox receives webhooks and checks their signatures.
type inbox struct {
	sender *hook.Sender
	mu     sync.Mutex
	got    []map[string]any
	bad    int
}

func (i *inbox) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	canonical, err := snaptrade.CanonicalWebhook(body)
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil || r.Header.Get("Signature") != snaptrade.Signature(snaptrade.DefaultConsumerKey, canonical) {
		i.bad++
	}
	var p map[string]any
	_ = json.Unmarshal(body, &p)
	i.got = append(i.got, p)
}

// types waits for what is on its way and lists the kinds of events since the
// last call.
func (i *inbox) types(t *testing.T) string {
	t.Helper()
	if err := i.sender.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var kinds []string
	for _, p := range i.got {
		kinds = append(kinds, p["eventType"].(string))
	}
	i.got = nil
	if i.bad > 0 {
		t.Errorf("%d webhooks are signed wrongly", i.bad)
	}
	return strings.Join(kinds, " ")
}
