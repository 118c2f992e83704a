package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

func TestOnlyThoseWhoMayGetIn(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	thing := "/api/things/" + id.New[id.Account]().String()
	h.web.Run(t,
		webtest.Scenario{Name: "nobody", Path: thing, Status: 401, Contains: []string{`"code":"NO_TOKEN"`}, Headers: map[string]string{"WWW-Authenticate": "Bearer"}},
		webtest.Scenario{Name: "an old session", Path: thing, Bearer: "old", Status: 401, Contains: []string{`"code":"TOKEN_EXPIRED"`}},
		webtest.Scenario{Name: "a made-up session", Path: thing, Bearer: "forged", Status: 401, Contains: []string{`"code":"INVALID_TOKEN"`}, NeverContains: []string{"forged"}},
		webtest.Scenario{Name: "an unconfirmed person", Path: thing, Bearer: "newcomer", Status: 403, Contains: []string{`"code":"email_unconfirmed"`}},
		webtest.Scenario{Name: "an unconfirmed person where that's enough", Path: "/api/own", Method: "POST", Bearer: "newcomer", Status: 204},
		webtest.Scenario{Name: "a confirmed person", Path: thing, Bearer: "alice", Status: 200, Contains: []string{alice.User.String(), `"worth":null`}},
		webtest.Scenario{Name: "by cookie", Path: thing, Cookies: []*http.Cookie{{Name: "accessToken", Value: "alice"}}, Status: 200},
		webtest.Scenario{Name: "an old cookie doesn't close a public door", Path: "/api/greet", Cookies: []*http.Cookie{{Name: "accessToken", Value: "old"}},
			Body: `{"email":"a@b.example","password":"hunter2hunter2"}`, Status: 200, Contains: []string{"hello"}},
	)
}

func TestProblemsAreComplete(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	h.web.Run(t,
		webtest.Scenario{Name: "every member", Path: "/api/fail/later", Status: 503,
			Contains: []string{`"type":"about:blank"`, `"title":"Service Unavailable"`, `"status":503`, `"detail":"The bank doesn't answer."`, `"code":"provider_unavailable"`, `"instance":"`, `"retryAfter":90`},
			Headers:  map[string]string{"Content-Type": "application/problem+json", "Retry-After": "90"},
			After: func(t *testing.T, a webtest.Answer) {
				var p web.Details
				a.JSON(t, &p)
				if p.Instance != a.Header.Get("X-Request-Id") || p.Instance == "" {
					t.Errorf("instance %q isn't the request id %q", p.Instance, a.Header.Get("X-Request-Id"))
				}
			}},
		webtest.Scenario{Name: "too slow", Path: "/api/fail/slow", Status: 503, Contains: []string{`"code":"timeout"`}},
		webtest.Scenario{Name: "not found", Path: "/api/fail/else", Status: 404, Contains: []string{`"code":"not_found"`}},
		webtest.Scenario{Name: "no such operation", Path: "/api/nothing/here", Status: 404, Contains: []string{`"code":"no_such_operation"`}, NeverContains: []string{"nothing/here"},
			Headers: map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"}},
		webtest.Scenario{Name: "the root of the API", Path: "/api", Status: 404, Contains: []string{`"code":"no_such_operation"`}},
		webtest.Scenario{Name: "wrong method", Method: "DELETE", Path: "/api/greet", Status: 405, Contains: []string{`"code":"method_not_allowed"`}, Headers: map[string]string{"Allow": "POST, OPTIONS"}},
		webtest.Scenario{Name: "wrong method with a path parameter", Method: "POST", Path: "/api/things/x", Status: 405, Headers: map[string]string{"Allow": "GET, HEAD, OPTIONS"}},
		webtest.Scenario{Name: "options only tells", Method: "OPTIONS", Path: "/api/greet", Header: map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
			Status: 204, Headers: map[string]string{"Allow": "POST", "Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": ""}},
		webtest.Scenario{Name: "a head has no body", Method: "HEAD", Path: "/api/fail/taken", Status: 409, Headers: map[string]string{"Content-Type": "application/problem+json"},
			After: func(t *testing.T, a webtest.Answer) {
				if a.Body != "" {
					t.Errorf("body %q", a.Body)
				}
			}},
	)
}

func TestBodiesAreStrict(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	ok := `{"email":"a@b.example","password":"hunter2hunter2"`
	refuse := func(name, body string, status int, contains ...string) webtest.Scenario {
		return webtest.Scenario{Name: name, Path: "/api/greet", Body: body, Status: status, Contains: contains, NeverContains: []string{"hunter2"}}
	}
	h.web.Run(t,
		webtest.Scenario{Name: "the plain case", Path: "/api/greet", Body: ok + "}", Status: 200},
		refuse("an unknown field", ok+`,"admin":true}`, 422, "body.admin", "isn't known here"),
		refuse("an unknown field below", ok+`,"nested":{"admin":true}}`, 422, "body.nested.admin"),
		refuse("a field twice", ok+`,"email":"c@d.example"}`, 400, "names one field twice"),
		refuse("a field twice in another case", ok+`,"EMAIL":"c@d.example"}`, 400, "names one field twice"),
		refuse("a field twice by an escape", ok+`,"\u0065mail":"c@d.example"}`, 400, "names one field twice"),
		refuse("something after it", ok+`} {}`, 400, "nothing after it"),
		refuse("nothing", "", 400, "is required"),
		refuse("a list", "[]", 422, "must be an object"),
		refuse("null", "null", 422),
		refuse("too deep", ok+`,"nested":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+"}", 400, "nested too deeply"),
		refuse("not UTF-8", ok+",\"x\":\"\xff\"}", 400, "UTF-8"),
		refuse("a null character", `{"email":"a@b.example","password":"hunter2\u0000hunter2"}`, 400, "null character"),
		refuse("too much", `{"email":"`+strings.Repeat("a", 4096)+`"}`, 413, `"code":"too_large"`),
		webtest.Scenario{Name: "a form", Path: "/api/greet", Body: ok + "}", Header: map[string]string{"Content-Type": "text/plain"}, Status: 415, Contains: []string{`"code":"unsupported_media_type"`}},
		webtest.Scenario{Name: "another charset", Path: "/api/greet", Body: ok + "}", Header: map[string]string{"Content-Type": "application/json; charset=utf-16"}, Status: 415},
		webtest.Scenario{Name: "utf-8, said", Path: "/api/greet", Body: ok + "}", Header: map[string]string{"Content-Type": "application/json; charset=UTF-8"}, Status: 200},
		webtest.Scenario{Name: "compressed", Path: "/api/greet", Body: ok + "}", Header: map[string]string{"Content-Encoding": "gzip"}, Status: 415},
		webtest.Scenario{Name: "an unknown parameter", Path: "/api/things/" + id.New[id.Account]().String() + "?size=2&wat=hunter2", Bearer: "alice", Status: 422, Contains: []string{"query.wat"}, NeverContains: []string{"hunter2"}},
		webtest.Scenario{Name: "a parameter out of range", Path: "/api/things/" + id.New[id.Account]().String() + "?size=777", Bearer: "alice", Status: 422, Contains: []string{"must be 200 or less"}, NeverContains: []string{"777"}},
		webtest.Scenario{Name: "a parameter twice", Path: "/api/things/" + id.New[id.Account]().String() + "?size=2&size=3", Bearer: "alice", Status: 400, Contains: []string{`"where":"query.size"`, "given once"}},
		webtest.Scenario{Name: "a parameter of any name twice", Path: "/api/scarce?%22x=1&%22x=2", Status: 400, Contains: []string{`"where":"url"`}, NeverContains: []string{`\"x`}},
		webtest.Scenario{Name: "half an escape", Path: "/api/scarce?a=%zz", Status: 400, Contains: []string{"well formed"}},
		webtest.Scenario{Name: "a null character in the address", Path: "/api/fail/%00", Status: 400, Contains: []string{`"code":"malformed"`}},
		webtest.Scenario{Name: "a null character in the query", Path: "/api/scarce?a=%00", Status: 400},
		webtest.Scenario{Name: "a raw body within its limit", Path: "/api/hook", Body: "0123456789abcdef", Status: 200, Contains: []string{"took 16"}},
		webtest.Scenario{Name: "a raw body over its limit", Path: "/api/hook", Body: "0123456789abcdef!", Status: 413},
	)
}

func TestOtherSitesCantAct(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	mine := []*http.Cookie{{Name: "accessToken", Value: "alice"}}
	h.web.Run(t,
		webtest.Scenario{Name: "our own page", Method: "POST", Path: "/api/own", Cookies: mine, Header: map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": origin}, Status: 204},
		webtest.Scenario{Name: "an old browser on our own page", Method: "POST", Path: "/api/own", Cookies: mine, Header: map[string]string{"Origin": origin}, Status: 204},
		webtest.Scenario{Name: "no browser", Method: "POST", Path: "/api/own", Cookies: mine, Status: 204},
		webtest.Scenario{Name: "another site", Method: "POST", Path: "/api/own", Cookies: mine, Header: map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, Status: 403, Contains: []string{`"code":"cross_site"`}},
		webtest.Scenario{Name: "a sibling domain", Method: "POST", Path: "/api/own", Cookies: mine, Header: map[string]string{"Sec-Fetch-Site": "same-site"}, Status: 403},
		webtest.Scenario{Name: "another site in an old browser", Method: "POST", Path: "/api/own", Cookies: mine, Header: map[string]string{"Origin": "https://evil.example"}, Status: 403},
		webtest.Scenario{Name: "a page without an origin", Method: "POST", Path: "/api/own", Cookies: mine, Header: map[string]string{"Origin": "null"}, Status: 403},
		webtest.Scenario{Name: "the mobile header switches nothing off", Method: "POST", Path: "/api/own", Cookies: mine, Header: map[string]string{"Sec-Fetch-Site": "cross-site", "X-Mobile-App": "true"}, Status: 403},
		webtest.Scenario{Name: "nor does an empty token", Method: "POST", Path: "/api/own", Cookies: mine, Header: map[string]string{"Sec-Fetch-Site": "cross-site", "Authorization": "Bearer "}, Status: 403},
		webtest.Scenario{Name: "nor a webhook in the query", Method: "POST", Path: "/api/own?/webhook", Cookies: mine, Header: map[string]string{"Sec-Fetch-Site": "cross-site"}, Status: 403},
		webtest.Scenario{Name: "a bearer needs no origin", Method: "POST", Path: "/api/own", Bearer: "alice", Header: map[string]string{"Origin": "capacitor://localhost"}, Status: 204},
		webtest.Scenario{Name: "a declared webhook neither", Method: "POST", Path: "/api/hook", Body: "x", Header: map[string]string{"Sec-Fetch-Site": "cross-site"}, Status: 200},
		webtest.Scenario{Name: "reading is free", Path: "/api/address", Header: map[string]string{"Sec-Fetch-Site": "cross-site"}, Status: 200},
	)
}

func TestOnlyOurHostIsAnswered(t *testing.T) {
	t.Parallel()
	h := build(t, func(c *web.Config) { c.Hosts = []string{"flint.internal"} })
	h.web.Run(t,
		webtest.Scenario{Name: "ours", Path: "/api/address", Status: 200},
		webtest.Scenario{Name: "ours in capitals", Path: "/api/address", Header: map[string]string{"Host": "LOCALHOST:8080"}, Status: 200},
		webtest.Scenario{Name: "another of ours", Path: "/api/address", Header: map[string]string{"Host": "flint.internal"}, Status: 200},
		webtest.Scenario{Name: "not ours", Path: "/api/address", Header: map[string]string{"Host": "evil.example"}, Status: 421, Contains: []string{`"code":"wrong_host"`}, NeverContains: []string{"evil"}},
		webtest.Scenario{Name: "not ours, forwarded", Path: "/api/address", Header: map[string]string{"Host": "evil.example", "X-Forwarded-Host": "localhost:8080"}, Status: 421},
		webtest.Scenario{Name: "another port", Path: "/", Header: map[string]string{"Host": "localhost:9999"}, Status: 421},
		webtest.Scenario{Name: "a probe knows no name", Path: "/api/health/live", Header: map[string]string{"Host": "10.1.2.3:8080"}, Status: 404, Contains: []string{"no_such_operation"}},
	)
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	t.Parallel()
	h := build(t, func(c *web.Config) { c.Origin = "https://flint.example" })
	for _, path := range []string{"/api/address", "/api/fail/leak", "/api/fail/panic", "/api/nothing", "/api/docs", "/", "/assets/none.js"} {
		h.web.Run(t, webtest.Scenario{Name: path, Path: path, Header: map[string]string{"Host": "flint.example", "X-Request-Id": "forged-id"},
			Status: map[string]int{"/api/fail/leak": 500, "/api/fail/panic": 500, "/api/nothing": 404, "/assets/none.js": 404, "/api/address": 200, "/api/docs": 200, "/": 200}[path],
			Headers: map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Permissions-Policy": "camera=()",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
				"Content-Security-Policy": "frame-ancestors 'none'", "Strict-Transport-Security": "max-age=63072000",
				"Server": "", "X-Powered-By": "",
			},
			NeverContains: []string{"forged-id"},
			After: func(t *testing.T, a webtest.Answer) {
				if strings.HasPrefix(path, "/api/") && !strings.Contains(a.Header.Get("Cache-Control"), "no-store") {
					t.Errorf("Cache-Control: %q", a.Header.Get("Cache-Control"))
				}
			}})
	}
	plain := build(t, nil)
	plain.web.Run(t, webtest.Scenario{Name: "no HSTS without https", Path: "/api/address", Status: 200, Headers: map[string]string{"Strict-Transport-Security": ""}})
}

func TestLimitsAreTold(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	h.web.Run(t,
		webtest.Scenario{Name: "when allowed", Path: "/api/greet", Body: `{"email":"a@b.example","password":"hunter2hunter2"}`, Status: 200, Headers: map[string]string{
			"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "42", "X-RateLimit-Reset": "30", "Retry-After": "",
			"RateLimit-Policy": `"data";q=100;w=60, "day";q=9000;w=86400`, "RateLimit": `"data";r=42;t=30, "day";r=8000;t=3600`}},
		webtest.Scenario{Name: "when refused, rounded up", Path: "/api/scarce", Status: 429, Contains: []string{`"code":"rate_limited"`, `"retryAfter":2`},
			Headers: map[string]string{"Retry-After": "2", "X-RateLimit-Remaining": "0"}},
	)
}

func TestTheLimitKnowsWhoAsks(t *testing.T) {
	t.Parallel()
	type call struct {
		policy string
		actor  access.Actor
		addr   netip.Addr
	}
	calls := make(chan call, 1)
	h := build(t, func(c *web.Config) {
		c.Limit = func(_ context.Context, p string, a access.Actor, addr netip.Addr) (web.Decision, error) {
			calls <- call{p, a, addr}
			return web.Decision{Allowed: true}, nil
		}
	})
	h.web.Do(t, webtest.Scenario{Path: "/api/things/" + id.New[id.Account]().String(), Bearer: "alice"})
	if c := <-calls; c.policy != "data" || c.actor.User != alice.User || !c.addr.IsLoopback() {
		t.Errorf("the limit was asked about %+v", c)
	}
}

func TestTheAddressCantBeForged(t *testing.T) {
	t.Parallel()
	direct := build(t, nil)
	proxied := build(t, func(c *web.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	for _, c := range []struct {
		name, forwarded, want string
		h                     *house
	}{
		{"without a trusted proxy the header is nothing", "203.0.113.7", "127.0.0.1", direct},
		{"a trusted proxy says who it was", "203.0.113.7", "203.0.113.7", proxied},
		{"what the client claimed before is ignored", "1.1.1.1, 203.0.113.7", "203.0.113.7", proxied},
		{"proxies in a row are passed over", "1.1.1.1, 203.0.113.7, 10.0.0.9", "203.0.113.7", proxied},
		{"rubbish ends the search", "203.0.113.7, rubbish, 10.0.0.9", "10.0.0.9", proxied},
		{"no header, then the proxy itself", "", "127.0.0.1", proxied},
		{"a mapped address is the plain one", "::ffff:203.0.113.7", "203.0.113.7", proxied},
	} {
		header := map[string]string{}
		if c.forwarded != "" {
			header["X-Forwarded-For"] = c.forwarded
		}
		c.h.web.Run(t, webtest.Scenario{Name: c.name, Path: "/api/address", Header: header, Status: 200,
			After: func(t *testing.T, a webtest.Answer) {
				if a.Body != c.want {
					t.Errorf("address %s, not %s", a.Body, c.want)
				}
			}})
	}
}

func TestCookiesAreSetOneByOne(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	a := h.web.Do(t, webtest.Scenario{Method: "POST", Path: "/api/own", Bearer: "alice"})
	if len(a.Cookies) != 2 || !a.Cookies[0].HttpOnly || a.Cookies[1].Name != "b" {
		t.Errorf("cookies: %v", a.Header.Values("Set-Cookie"))
	}
}

func TestOneLogLinePerRequest(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	thing := id.New[id.Account]().String()
	a := h.web.Do(t, webtest.Scenario{Path: "/api/things/" + thing + "?size=77", Bearer: "alice"})
	log := h.log.String()
	if strings.Count(log, `"msg":"request"`) != 1 {
		t.Errorf("not one line:\n%s", log)
	}
	for _, want := range []string{`"route":"/api/things/{id}"`, `"status":200`, `"method":"GET"`, a.Header.Get("X-Request-Id"), alice.User.String()} {
		if !strings.Contains(log, want) {
			t.Errorf("the line lacks %s:\n%s", want, log)
		}
	}
	for _, never := range []string{thing, "size=77", "Bearer"} {
		if strings.Contains(log, never) {
			t.Errorf("the line holds %s:\n%s", never, log)
		}
	}
}

// TestNobodyWritesLinesIntoTheLog sends what would begin a line of its own if any
// of it came into the log as it is.
func TestNobodyWritesLinesIntoTheLog(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	const forged = `{"level":"INFO","msg":"forged"}`
	h.web.Do(t, webtest.Scenario{Path: "/api/fail/" + url.PathEscape("x\r\n"+forged)})
	h.web.Do(t, webtest.Scenario{Path: "/api/scarce?" + url.QueryEscape("\n"+forged) + "=1"})
	h.web.Do(t, webtest.Scenario{Path: "/api/scarce", Header: map[string]string{
		"User-Agent": forged, "X-Request-Id": forged, "X-Forwarded-For": forged, "Referer": forged, "Origin": forged,
	}})
	lines := 0
	for line := range strings.Lines(h.log.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] == "forged" {
			t.Errorf("a line that isn't ours: %s", line)
		}
		lines++
	}
	if lines != 3 {
		t.Errorf("%d lines for three requests:\n%s", lines, h.log.String())
	}
}

func TestHalfAnOperationDoesNotStart(t *testing.T) {
	t.Parallel()
	whole := web.Op{Method: "GET", Path: "/api/x", Summary: "X", Needs: access.Public, Limit: "none"}
	for name, spoil := range map[string]func(*web.Op){
		"no needs":         func(o *web.Op) { o.Needs = "" },
		"no limit":         func(o *web.Op) { o.Limit = "" },
		"an unknown limit": func(o *web.Op) { o.Limit = "whatever" },
		"no summary":       func(o *web.Op) { o.Summary = "" },
		"no path":          func(o *web.Op) { o.Path = "" },
		"another path":     func(o *web.Op) { o.Path = "/x" },
		"no method":        func(o *web.Op) { o.Method = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := web.New(web.Config{Origin: origin, Authenticate: authenticate})
			op := whole
			spoil(&op)
			defer func() {
				if recover() == nil {
					t.Error("it starts")
				}
			}()
			web.Raw(s, op, http.NotFoundHandler())
		})
	}
}

func TestAPanicAfterTheFirstByteCutsTheConnection(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	web.Raw(h.Server, web.Op{Method: "GET", Path: "/api/half", Summary: "Half", Needs: access.Public, Limit: "none"},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
			panic("the other half")
		}))
	resp, err := h.web.HTTP.Do(h.web.Request(t, webtest.Scenario{Path: "/api/half"}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var buf [64]byte
	for err == nil {
		_, err = resp.Body.Read(buf[:])
	}
	if err.Error() == "EOF" {
		t.Error("the answer looks whole")
	}
	if !strings.Contains(h.log.String(), "the other half") {
		t.Error("the panic isn't in the log")
	}
}

func TestAClientThatLeavesIsNoFailure(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	entered, done := make(chan struct{}), make(chan struct{})
	web.Handle(h.Server, web.Op{Method: "GET", Path: "/api/wait", Summary: "Wait", Needs: access.Public, Limit: "none"},
		func(ctx context.Context, _ *struct{}) (*said, error) {
			defer close(done)
			close(entered)
			<-ctx.Done()
			return nil, ctx.Err()
		})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	go func() { <-entered; cancel() }()
	_, err := h.web.HTTP.Do(h.web.Request(t, webtest.Scenario{Path: "/api/wait"}).WithContext(ctx))
	if err == nil {
		t.Fatal("an answer came")
	}
	<-done
	if strings.Contains(h.log.String(), `"level":"ERROR"`) {
		t.Errorf("logged as a failure:\n%s", h.log)
	}
}

func TestACallIsTakenBackOnlyWhenItTurnsOutWell(t *testing.T) {
	t.Parallel()
	undone := make(chan string, 9)
	h := build(t, func(c *web.Config) {
		c.Limit = func(_ context.Context, p string, _ access.Actor, _ netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true, Undo: func() { undone <- p }}, nil
		}
	})
	h.web.Do(t, webtest.Scenario{Path: "/api/greet", Body: `{"email":"a@b.example","password":"short"}`})
	h.web.Do(t, webtest.Scenario{Path: "/api/greet", Body: `{`})
	if len(undone) != 0 {
		t.Error("a refused call was taken back")
	}
	h.web.Do(t, webtest.Scenario{Path: "/api/greet", Body: `{"email":"a@b.example","password":"hunter2hunter2"}`})
	if len(undone) != 1 {
		t.Error("a good call was counted")
	}
}

func TestRawOperationsTakeOnlyTheirKind(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	web.Raw(h.Server, web.Op{Method: "POST", Path: "/api/upload", Summary: "Upload", Needs: access.Public, Limit: "none", MaxBody: 4 << 20, Accepts: "multipart/form-data"},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f, head, err := r.FormFile("file")
			if err != nil {
				web.Problem(w, r, fmt.Errorf("read upload: %w", err))
				return
			}
			defer f.Close()
			fmt.Fprintf(w, "%s %d", head.Filename, head.Size)
		}))
	form := func(size int) ([]byte, map[string]string) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		part, err := m.CreateFormFile("file", "june.ofx")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(bytes.Repeat([]byte("x"), size))
		_ = m.Close()
		return b.Bytes(), map[string]string{"Content-Type": m.FormDataContentType()}
	}
	small, kind := form(3 << 20)
	large, kindOfLarge := form(5 << 20)
	h.web.Run(t,
		webtest.Scenario{Name: "a file", Path: "/api/upload", Body: small, Header: kind, Status: 200, Contains: []string{"june.ofx 3145728"}},
		webtest.Scenario{Name: "too large a file", Path: "/api/upload", Body: large, Header: kindOfLarge, Status: 413},
		webtest.Scenario{Name: "JSON", Path: "/api/upload", Body: "{}", Status: 415},
	)
}

func TestAPolicyCantBeSmuggledInThroughAnOrigin(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"https://x.example; script-src *", "'unsafe-inline'", "*", "javascript:alert(1)", "https://x.example https://y.example"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q starts", source)
				}
			}()
			web.New(web.Config{Origin: origin, ConnectScripts: []string{source}})
		}()
	}
}
