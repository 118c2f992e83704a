package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/telemetry"
	"flint/sandbox"
	"flint/sandbox/world"
)

// patience is how long anything that happens in the background may take.
const patience = time.Minute

// house is the whole of Flint in the whole of its world, in one process: real
// HTTP, real Postgres, real providers' protocols.
type house struct {
	t     *testing.T
	app   *app.App
	pool  *pgxpool.Pool
	world *sandbox.Server
	url   string
	state string // folder with the key ring and the world
	cfg   app.Config
	own   *pgxpool.Pool // the program's; pool sees everything
	log   *journal
	tape  *tape

	mu     sync.Mutex
	people int
}

// journal is a log that many write and the test reads.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// tape keeps every answer that Flint gave.
type tape struct {
	mu      sync.Mutex
	answers []answer
}

// answer is one of them, whole.
type answer struct {
	method, path string
	status       int
	header       http.Header
	body         string
}

func (a answer) json(t testing.TB, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), out); err != nil {
		t.Fatalf("%s %s: %v in %.300s", a.method, a.path, err, a.body)
	}
}

// newHouse builds Flint and its world and runs both until the test ends. What it
// is told by the environment can be changed before.
func newHouse(t *testing.T, change ...func(env map[string]string)) *house {
	t.Helper()
	program, all := pgtest.Strict(t)
	h := &house{t: t, pool: all, state: t.TempDir(), log: &journal{}, tape: &tape{}}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.url = "http://localhost:" + strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
	h.world, err = sandbox.New(sandbox.Config{
		Dir: filepath.Join(h.state, "world"), TellerWebhookURL: h.url + "/api/teller/webhook", SnapTradeWebhookURL: h.url + "/api/snaptrade/webhooks",
		Start:   world.DayOf(time.Now()) - 100, // a short past is enough here
		Retries: []time.Duration{100 * time.Millisecond, time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := h.world.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.world.Stop(ctx) })
	env := h.world.Environment()
	env["FLINT_ORIGIN"], env["FLINT_STATE"], env["FLINT_NEW_USER_TIER"] = h.url, h.state, "premium"
	env["MAIL_FROM"] = "Flint <hello@flint.example>"
	env["FLINT_TRUSTED_PROXIES"] = "127.0.0.1/32,::1/128" // so that each person has an address, and limits, of their own
	env["FLINT_SCREENING_LIST"] = filepath.Join(h.state, "screening.csv")
	if err := os.WriteFile(env["FLINT_SCREENING_LIST"], []byte(wanted), 0o600); err != nil {
		t.Fatal(err)
	}
	env["FLINT_ADMINS"], env["FLINT_TRADERS"] = "Ada@Example.com, sue@example.com,ned@example.com", "ada@example.com"
	for _, c := range change {
		c(env)
	}
	var cfg app.Config
	if err := config.Load(ctx, config.Map(env), &cfg); err != nil {
		t.Fatal(err)
	}
	h.cfg, h.own = cfg, program
	if h.app, err = app.Build(t.Context(), cfg, program, telemetry.NewLogger(h.log, slog.LevelDebug)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // comes last, when nothing writes any more
		if said := h.log.String(); strings.Contains(said, "whose rows these are isn't known") {
			t.Errorf("something ran for nobody: AsSystem or AsUser is missing: %s", said)
		}
	})
	run, cancel := context.WithCancel(ctx)
	served, ready := make(chan error, 1), make(chan struct{})
	go func() { served <- h.app.Run(run, ln, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-served:
		served <- nil
		t.Fatal(err)
	}
	return h
}

// person is somebody with an account, at a device with an address of its own.
type person struct {
	*house
	email, password string
	address         string // as the proxy says it
	access, refresh string // tokens, once signed in
	confirmation    string // token of the mail
	look            string // in whose place, for support
}

// wanted is the list that people are compared with.
const wanted = "id,list,name,aliases,born,countries\n7,sanctions,Igor KASIMOV,Игорь Касимов,1961,RU\n"

// newcomer registers somebody and reads the mail, but doesn't confirm.
func (h *house) newcomer(name string) *person {
	h.t.Helper()
	first, last, _ := strings.Cut(name, " ")
	return h.register(first, last, strings.ReplaceAll(strings.ToLower(name), " ", ".")+"@example.com")
}

// register is newcomer for a whole name.
func (h *house) register(first, last, email string) *person {
	h.t.Helper()
	h.mu.Lock()
	h.people++
	n := h.people
	h.mu.Unlock()
	p := &person{
		house: h, email: email, password: first + " has a long password " + strconv.Itoa(n*7919),
		address: "203.0.113." + strconv.Itoa(n),
	}
	p.must("POST", "/api/auth/public-register", map[string]string{"firstName": first, "lastName": last, "email": p.email, "password": p.password})
	var box struct{ Messages []struct{ Links []string } }
	h.order("GET", "/control/inbox?wait=30&to="+url.QueryEscape(p.email), nil, &box)
	for _, m := range box.Messages {
		for _, link := range m.Links {
			if _, token, ok := strings.Cut(link, "/verify#"); ok {
				p.confirmation = token
			}
		}
	}
	if p.confirmation == "" {
		h.t.Fatalf("no mail for %s: %+v", email, box)
	}
	return p
}

// resident is a newcomer who has confirmed the address and signed in.
func (h *house) resident(name string) *person {
	h.t.Helper()
	p := h.newcomer(name)
	p.must("POST", "/api/auth/verify-email", map[string]string{"token": p.confirmation})
	p.signIn()
	return p
}

func (p *person) signIn() {
	p.t.Helper()
	var in struct{ MobileAccessToken, MobileRefreshToken string }
	p.must("POST", "/api/auth/login", map[string]string{"email": p.email, "password": p.password}).json(p.t, &in)
	p.access, p.refresh = in.MobileAccessToken, in.MobileRefreshToken
}

// call sends a request as p, with in as JSON unless it is nil, []byte (sent as
// it is) or a *form.
func (p *person) call(method, path string, in any) answer {
	p.t.Helper()
	a, err := p.send(method, path, in)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// form is a file on its way.
type form struct{ filename, content string }

func (p *person) request(method, path string, in any) (*http.Request, error) {
	var body []byte
	kind := "application/json"
	switch v := in.(type) {
	case nil:
		kind = ""
	case []byte:
		body = v
	case *form:
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="file"; filename="` + v.filename + `"`}})
		if err != nil {
			return nil, err
		}
		_, _ = io.WriteString(part, v.content)
		_ = w.Close()
		body, kind = b.Bytes(), w.FormDataContentType()
	default:
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("X-Mobile-App", "true")
	r.Header.Set("X-Forwarded-For", p.address)
	if p.access != "" {
		r.Header.Set("Authorization", "Bearer "+p.access)
	}
	if p.look != "" {
		r.Header.Set("X-Flint-Support", p.look)
	}
	return r, nil
}

func (p *person) send(method, path string, in any) (answer, error) {
	r, err := p.request(method, path, in)
	if err != nil {
		return answer{}, err
	}
	return p.do(r)
}

// do sends any request and puts the answer on the tape.
func (h *house) do(r *http.Request) (answer, error) {
	client := http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	a := answer{r.Method, r.URL.RequestURI(), w.StatusCode, w.Header, string(text)}
	h.tape.mu.Lock()
	h.tape.answers = append(h.tape.answers, a)
	h.tape.mu.Unlock()
	return a, err
}

// must is call for what has to work. It waits when it is told to.
func (p *person) must(method, path string, in any) answer {
	p.t.Helper()
	a := p.call(method, path, in)
	for range 5 {
		if !strings.Contains(a.body, `"rate_limited"`) {
			break
		}
		seconds, _ := strconv.Atoi(a.header.Get("Retry-After"))
		time.Sleep(time.Duration(max(seconds, 1)) * time.Second)
		a = p.call(method, path, in)
	}
	if a.status >= 300 {
		p.t.Fatalf("%s %s: %d %.500s", method, path, a.status, a.body)
	}
	return a
}

// order tells the sandbox to do something.
func (h *house) order(method, path string, in, out any) {
	h.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.world.URLs().Site+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	if err == nil && w.StatusCode >= 300 {
		err = fmt.Errorf("status %d: %.300s", w.StatusCode, text)
	}
	if err == nil && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// enrollment is what Teller's widget hands to the page.
type enrollment struct {
	AccessToken string
	User        struct{ ID string }
	Enrollment  struct {
		ID          string
		Institution map[string]string
	}
	Signatures []string
}

// enroll opens the widget and returns what it would post, and the enrollment.
func (p *person) enroll(bank string) (body map[string]any, e enrollment) {
	p.t.Helper()
	var start struct{ Attempt, Nonce string }
	p.must("POST", "/api/connections/teller/start", struct{}{}).json(p.t, &start)
	p.order("POST", "/control/teller/enroll", map[string]string{"institution": bank, "nonce": start.Nonce}, &e)
	return map[string]any{
		"attempt": start.Attempt, "accessToken": e.AccessToken, "userId": e.User.ID, "enrollmentId": e.Enrollment.ID,
		"institution": e.Enrollment.Institution, "signatures": e.Signatures,
	}, e
}

// connectBank links a bank and returns the connection's id and the enrollment.
func (p *person) connectBank(bank string) (string, enrollment) {
	p.t.Helper()
	body, e := p.enroll(bank)
	var c struct{ ID string }
	p.must("POST", "/api/connections/teller", body).json(p.t, &c)
	return c.ID, e
}

var portalEnd = regexp.MustCompile(`connection_id=([0-9a-f-]{36})`)

// visit clicks through the portal, as login at a broker, and returns what
// belongs to POST /api/connections/snaptrade.
func (p *person) visit(broker, kind, login string) map[string]any {
	p.t.Helper()
	var start struct{ Attempt, RedirectURL string }
	p.must("POST", "/api/connections/snaptrade/start", map[string]string{"kind": kind, "broker": broker}).json(p.t, &start)
	_, at := p.click("GET", start.RedirectURL, nil)
	_, at = p.click("POST", at, url.Values{"username": {login}, "password": {"password"}})
	page, _ := p.click("POST", at, url.Values{})
	found := portalEnd.FindStringSubmatch(page)
	if found == nil {
		p.t.Fatalf("the portal ended without a connection at %s", broker)
	}
	return map[string]any{"attempt": start.Attempt, "authorizationId": found[1]}
}

func (p *person) click(method, address string, in url.Values) (text, at string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(in.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	body, err := io.ReadAll(w.Body)
	if err != nil || w.StatusCode >= 300 {
		p.t.Fatalf("the portal: %d %v", w.StatusCode, err)
	}
	return string(body), w.Request.URL.String()
}

// connectBroker links a brokerage or exchange.
func (p *person) connectBroker(broker, kind, login string) (connection, authorization string) {
	p.t.Helper()
	body := p.visit(broker, kind, login)
	var c struct{ ID string }
	p.must("POST", "/api/connections/snaptrade", body).json(p.t, &c)
	return c.ID, body["authorizationId"].(string)
}

// settled waits until nothing is being synced and no job is left to do now.
func (h *house) settled() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	if err := h.world.Settled(ctx); err != nil {
		h.t.Fatal(err)
	}
	h.until("the background work is done", func() bool {
		var n int
		err := h.pool.QueryRow(ctx, `
			select (select count(*) from river_job where state in ('available', 'running', 'retryable') or state = 'scheduled' and scheduled_at < now() + interval '15 seconds')
				+ (select count(*) from connections where status = 'pending' and deleted_at is null)`).Scan(&n)
		if err != nil {
			h.t.Fatal(err)
		}
		return n == 0
	})
}

// until asks ten times a second until done says so.
func (h *house) until(what string, done func() bool) {
	h.t.Helper()
	for began := time.Now(); !done(); {
		if time.Since(began) > patience {
			h.t.Fatalf("%s: not within %s; the log ends with %s", what, patience, h.log.String()[max(0, len(h.log.String())-3000):])
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// rows returns one column of a query as text.
func (h *house) rows(sql string, args ...any) []string {
	h.t.Helper()
	found, err := h.pool.Query(h.t.Context(), sql, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	defer found.Close()
	var list []string
	for found.Next() {
		var s string
		if err := found.Scan(&s); err != nil {
			h.t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := found.Err(); err != nil {
		h.t.Fatal(err)
	}
	return list
}
