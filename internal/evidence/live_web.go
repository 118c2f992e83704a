package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"flint/internal/access"
	"flint/internal/platform/postgres"
)

// ask sends a request of a stranger on this machine through everything that
// guards Flint. Only reading is asked for, so that nothing changes.
func (sys System) ask(ctx context.Context, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil).WithContext(ctx)
	if u, err := url.Parse(sys.Origin); err == nil {
		r.Host = u.Host
	}
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Accept", "text/html, application/json")
	w := httptest.NewRecorder()
	sys.Handler.ServeHTTP(w, r)
	return w
}

// pages are answers of all kinds that a stranger gets.
func pages() []string {
	return []string{"/", "/signin", "/connect", "/no-such-page", "/assets/nothing.js", "/api", "/api/nothing", "/api/app", "/api/docs", "/api/me"}
}

var inlineScript = regexp.MustCompile(`(script-src|default-src)[^;]*'unsafe-(inline|eval)'`)

func headersGuard(ctx context.Context, sys System) (string, error) {
	for _, path := range pages() {
		h := sys.ask(ctx, "GET", path).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Permissions-Policy": "camera=()",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := h.Get(name); !strings.Contains(got, want) {
				return "", fmt.Errorf("%s answers %s: %q", path, name, got)
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				return "", fmt.Errorf("%s has no %s in its policy: %q", path, want, policy)
			}
		}
		if !strings.Contains(policy, "object-src 'none'") && !strings.Contains(policy, "default-src 'none'") || inlineScript.MatchString(policy) {
			return "", fmt.Errorf("%s may load or run what it shouldn't: %q", path, policy)
		}
		for _, name := range []string{"Server", "X-Powered-By", "Access-Control-Allow-Origin"} {
			if got := h.Get(name); got != "" {
				return "", fmt.Errorf("%s answers %s: %q", path, name, got)
			}
		}
	}
	return fmt.Sprintf("%d kinds of answers", len(pages())), nil
}

var maxAge = regexp.MustCompile(`max-age=(\d+)`)

func hstsHolds(ctx context.Context, sys System) (string, error) {
	if !strings.HasPrefix(sys.Origin, "https://") {
		return "", fmt.Errorf("people come by %s", sys.Origin)
	}
	last := ""
	for _, path := range pages() {
		got := sys.ask(ctx, "GET", path).Header().Get("Strict-Transport-Security")
		m := maxAge.FindStringSubmatch(got)
		if m == nil || !strings.Contains(got, "includeSubDomains") {
			return "", fmt.Errorf("%s answers %q", path, got)
		}
		if seconds, err := strconv.Atoi(m[1]); err != nil || seconds < 31_536_000 {
			return "", fmt.Errorf("%s answers %q", path, got)
		}
		last = got
	}
	return last, nil
}

// someID stands for ids in paths; it is nobody's.
const someID = "00000000-0000-7000-8000-000000000000"

func doorsAreShut(ctx context.Context, sys System) (string, error) {
	shut := 0
	for _, r := range sys.Routes {
		if r.Needs == access.Public || r.Method != http.MethodGet {
			continue
		}
		a := sys.ask(ctx, "GET", strings.ReplaceAll(r.Path, "{id}", someID))
		if a.Code != http.StatusUnauthorized || a.Header().Get("Cache-Control") != "no-store" {
			return "", fmt.Errorf("GET %s answers a stranger %d, Cache-Control %q", r.Path, a.Code, a.Header().Get("Cache-Control"))
		}
		shut++
	}
	if shut == 0 {
		return "", errors.New("there are no operations")
	}
	return fmt.Sprintf("%d operations that read", shut), nil
}

func limitsHold(_ context.Context, sys System) (string, error) {
	if len(sys.Loosened) > 0 {
		return "", fmt.Errorf("these are: %s", strings.Join(sys.Loosened, ", "))
	}
	names := map[string]bool{}
	for _, p := range sys.Limits {
		if names[p.Name] = true; p.Guards && p.Shadow {
			return "", fmt.Errorf("%s refuses nobody", p.Name)
		}
	}
	for _, r := range sys.Routes {
		if !names[r.Limit] && r.Limit != "none" || r.Limit == "none" && r.Needs != access.Public {
			return "", fmt.Errorf("%s %s has limit %q", r.Method, r.Path, r.Limit)
		}
	}
	return fmt.Sprintf("%d operations, %d limits", len(sys.Routes), len(sys.Limits)), nil
}

// proven are the operations that must not be done by a mere session.
var proven = []string{
	"POST /api/auth/mfa/setup", "POST /api/auth/mfa/verify-setup", "POST /api/auth/mfa/backup-codes", "DELETE /api/auth/mfa/disable",
	"POST /api/auth/passkeys", "POST /api/auth/passkeys/options", "DELETE /api/auth/passkeys/{id}", "POST /api/user/email",
	"POST /api/auth/devices/trust", "POST /api/keys", "POST /api/support/consent", "GET /api/security/log.csv",
}

func stepUps(_ context.Context, sys System) (string, error) {
	demands := map[string]bool{}
	for _, r := range sys.Routes {
		demands[r.Method+" "+r.Path] = r.Assurance.Demanded()
	}
	for _, name := range proven {
		demanded, there := demands[name]
		if !there || !demanded {
			return "", fmt.Errorf("%s doesn't", name)
		}
	}
	return fmt.Sprintf("%d operations", len(proven)), nil
}

func staffProve(_ context.Context, sys System) (string, error) {
	n := 0
	for _, r := range sys.Routes {
		if !r.Needs.Staff() {
			continue
		}
		if n++; !r.Assurance.Factor || !r.Assurance.Required {
			return "", fmt.Errorf("%s %s doesn't", r.Method, r.Path)
		}
	}
	if n == 0 {
		return "", errors.New("there is no such operation")
	}
	return fmt.Sprintf("%d operations", n), nil
}

func exemptions(_ context.Context, sys System) (string, error) {
	n := 0
	for _, r := range sys.Routes {
		if !r.CrossSite {
			continue
		}
		if n++; r.Limit != "webhook" || r.Needs != access.Public {
			return "", fmt.Errorf("%s %s is", r.Method, r.Path)
		}
	}
	return fmt.Sprintf("%d exemptions", n), nil
}

// signingKeys looks at the stored keys, and at those that are published: none, if
// the program isn't serving.
func signingKeys(ctx context.Context, sys System) (string, error) {
	type key struct{ Kid string }
	stored, err := postgres.Many[key](ctx, sys.Pool, `select kid from signing_keys where retired_at is null`, nil)
	if err != nil {
		return "", fmt.Errorf("list the keys: %w", err)
	}
	odd, err := postgres.Scalar[int](ctx, sys.Pool, `
		select count(*)::int from signing_keys where retired_at is null and (octet_length(public_key) <> 32 or octet_length(sealed_key) <= 64)`, nil)
	switch {
	case err != nil:
		return "", fmt.Errorf("look at the keys: %w", err)
	case odd > 0:
		return "", fmt.Errorf("%d aren't", odd)
	case len(stored) == 0:
		return "", errNothingYet
	}
	a := sys.ask(ctx, "GET", "/api/auth/jwks")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(a.Body.Bytes(), &set); err != nil || a.Code != http.StatusOK {
		return "", fmt.Errorf("the published ones can't be read (%d)", a.Code)
	}
	for _, k := range set.Keys {
		if k["kty"] != "OKP" || k["crv"] != "Ed25519" || k["alg"] != "EdDSA" || k["d"] != nil {
			return "", fmt.Errorf("one isn't: %v %v", k["kty"], k["alg"])
		}
	}
	return fmt.Sprintf("%d keys, %d published by this process", len(stored), len(set.Keys)), nil
}

// nothingExtra asks for what has no place in production. The web app answers
// unknown pages with itself, so its page is no find.
func nothingExtra(ctx context.Context, sys System) (string, error) {
	page := sys.ask(ctx, "GET", "/no-such-page")
	paths := []string{
		"/debug/pprof/", "/debug/vars", "/metrics", "/.git/config", "/.env", "/server-status", "/actuator/health", "/api/debug", "/api/test",
		"/api/metrics", "/api/admin", "/assets/", "/backup.sql", "/go.mod", "/config.json",
	}
	for _, path := range paths {
		a := sys.ask(ctx, "GET", path)
		same := a.Header().Get("Content-Type") == page.Header().Get("Content-Type") && a.Body.Len() == page.Body.Len()
		if a.Code == http.StatusOK && !same {
			return "", fmt.Errorf("%s is answered", path)
		}
	}
	for _, r := range sys.Routes {
		if regexp.MustCompile(`debug|test|metrics|pprof|mock`).MatchString(r.Path) {
			return "", fmt.Errorf("%s is an operation", r.Path)
		}
	}
	return fmt.Sprintf("%d addresses tried, %d operations looked at", len(paths), len(sys.Routes)), nil
}

func methodsRefused(ctx context.Context, sys System) (string, error) {
	for _, path := range []string{"/", "/api/app", "/api/me"} {
		for _, method := range []string{"TRACE", "CONNECT", "PROPFIND"} {
			if a := sys.ask(ctx, method, path); a.Code < 400 || !slices.Contains([]int{400, 401, 403, 404, 405, 421, 501}, a.Code) {
				return "", fmt.Errorf("%s %s answers %d", method, path, a.Code)
			}
		}
	}
	return "on pages and operations", nil
}
