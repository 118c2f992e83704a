package web_test

import (
	"net/http"
	"strings"
	"testing"

	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

var alicesCookie = []*http.Cookie{{Name: "accessToken", Value: "alice"}}

// TestTheMobileHeaderAndWebhookInTheAddressExemptNothing is the predecessor's
// defect D19: any of these switched its check off.
func TestTheMobileHeaderAndWebhookInTheAddressExemptNothing(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	foreign := func(more ...string) map[string]string {
		header := map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
		for i := 0; i < len(more); i += 2 {
			header[more[i]] = more[i+1]
		}
		return header
	}
	for name, s := range map[string]webtest.Scenario{
		"the mobile header":        {Path: "/api/own", Header: foreign("X-Mobile-App", "true")},
		"with a token made up":     {Path: "/api/own", Header: foreign("X-CSRF-Token", "origin-checked")},
		"a webhook in the query":   {Path: "/api/own?x=/webhook", Header: foreign()},
		"a webhook as the query":   {Path: "/api/own?/api/teller/webhook", Header: foreign()},
		"another method, it says":  {Path: "/api/own", Header: foreign("X-HTTP-Method-Override", "GET")},
		"a basic authorization":    {Path: "/api/own", Header: foreign("Authorization", "Basic YTpi")},
		"a bearer without a token": {Path: "/api/own", Header: foreign("Authorization", "Bearer")},
		"as a form sends it":       {Path: "/api/own", Header: foreign("Content-Type", "application/x-www-form-urlencoded")},
		"a host that is forwarded": {Path: "/api/own", Header: foreign("X-Forwarded-Host", "evil.example")},
	} {
		s.Name, s.Method, s.Cookies, s.Status, s.Contains = name, "POST", alicesCookie, 403, []string{`"code":"cross_site"`}
		h.web.Run(t, s)
	}
	h.web.Run(t, webtest.Scenario{Name: "a webhook in the path is no operation", Method: "POST", Path: "/api/own/webhook", Cookies: alicesCookie, Header: foreign(), Status: 404})
}

func TestARefusalSaysWhichHeaderAndWhy(t *testing.T) {
	t.Parallel()
	plain := build(t, nil)
	safe := build(t, func(c *web.Config) { c.Origin = "https://localhost:8080" })
	for _, c := range []struct {
		name         string
		h            *house
		site, origin string
		where, why   string
	}{
		{"another site", plain, "cross-site", "https://evil.example", "header.Sec-Fetch-Site", "(cross-site)"},
		{"a neighbour", plain, "same-site", "https://evil.example", "header.Sec-Fetch-Site", "(same-site)"},
		{"rubbish", plain, "evil-site", "https://evil.example", "header.Sec-Fetch-Site", "no browser sends"},
		{"another origin", plain, "", "https://evil.example", "header.Origin", "names another origin"},
		{"another port", plain, "", "http://localhost:8081", "header.Origin", "names another origin"},
		{"our name before another", plain, "", "http://localhost:8080.evil.example", "header.Origin", ""},
		{"our name after another", plain, "", "http://evil-localhost:8080", "header.Origin", "names another origin"},
		{"null", plain, "", "null", "header.Origin", "is null"},
		{"no origin at all", plain, "", "evil", "header.Origin", "isn't an origin"},
		{"our host without https", safe, "", "http://localhost:8080", "header.Origin", "without https"},
	} {
		header := map[string]string{"Origin": c.origin}
		if c.site != "" {
			header["Sec-Fetch-Site"] = c.site
		}
		c.h.web.Run(t, webtest.Scenario{Name: c.name, Method: "POST", Path: "/api/own", Cookies: alicesCookie, Header: header, Status: 403,
			Contains: []string{`"code":"cross_site"`, `"where":"` + c.where + `"`, c.why}, NeverContains: []string{"evil"}})
	}
	safe.web.Run(t, webtest.Scenario{Name: "our own page", Method: "POST", Path: "/api/own", Cookies: alicesCookie, Header: map[string]string{"Origin": "https://localhost:8080"}, Status: 204})
}

func TestOnlyConfiguredOriginsMayCallFromAfar(t *testing.T) {
	t.Parallel()
	const friend = "https://app.example"
	h := build(t, func(c *web.Config) { c.CORSOrigins = []string{friend, "capacitor://localhost"} })
	closed := build(t, nil)
	nothing := map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": "", "Access-Control-Allow-Headers": "", "Access-Control-Allow-Credentials": ""}
	ask := func(from string) map[string]string {
		return map[string]string{"Origin": from, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
	}
	for _, from := range []string{
		"null", "*", "https://evil.example", "https://app.example.evil.example", "https://evil-app.example", "https://sub.app.example",
		"http://app.example", "https://app.example:8443", "https://APP.example", "https://app.example/", "https://app.example,https://evil.example",
	} {
		h.web.Run(t,
			webtest.Scenario{Name: "a preflight of " + from, Method: "OPTIONS", Path: "/api/own", Header: ask(from), Status: 204, Headers: nothing},
			webtest.Scenario{Name: "a call of " + from, Path: "/api/address", Header: map[string]string{"Origin": from}, Status: 200, Headers: nothing},
			webtest.Scenario{Name: "a change by " + from, Method: "POST", Path: "/api/own", Cookies: alicesCookie, Header: map[string]string{"Origin": from}, Status: 403, Headers: nothing},
		)
	}
	open := map[string]string{"Access-Control-Allow-Origin": friend, "Access-Control-Allow-Credentials": "", "Vary": "Origin"}
	h.web.Run(t,
		webtest.Scenario{Name: "a friend asks first", Method: "OPTIONS", Path: "/api/own", Header: ask(friend), Status: 204, Headers: map[string]string{
			"Access-Control-Allow-Origin": friend, "Access-Control-Allow-Methods": "POST, OPTIONS", "Access-Control-Allow-Headers": "Authorization",
			"Access-Control-Max-Age": "600", "Access-Control-Allow-Credentials": "", "Vary": "Origin"}},
		webtest.Scenario{Name: "about nothing that is", Method: "OPTIONS", Path: "/api/none", Header: ask(friend), Status: 404, Headers: map[string]string{"Access-Control-Allow-Methods": ""}},
		webtest.Scenario{Name: "then acts by token", Method: "POST", Path: "/api/own", Bearer: "alice", Header: map[string]string{"Origin": friend, "Sec-Fetch-Site": "cross-site"}, Status: 204, Headers: open},
		webtest.Scenario{Name: "and is told why not", Path: "/api/scarce", Header: map[string]string{"Origin": friend}, Status: 429, Headers: open},
		webtest.Scenario{Name: "may do what needs nobody", Path: "/api/greet", Body: `{"email":"a@b.example","password":"hunter2hunter2"}`, Header: map[string]string{"Origin": friend, "Sec-Fetch-Site": "cross-site"}, Status: 200, Headers: open},
		webtest.Scenario{Name: "but never by cookie", Method: "POST", Path: "/api/own", Cookies: alicesCookie, Header: map[string]string{"Origin": friend, "Sec-Fetch-Site": "cross-site"}, Status: 401, Headers: open},
		webtest.Scenario{Name: "not to read either", Path: "/api/things/018f", Cookies: alicesCookie, Header: map[string]string{"Origin": friend}, Status: 401},
		webtest.Scenario{Name: "an app in a shell", Method: "OPTIONS", Path: "/api/own", Header: ask("capacitor://localhost"), Status: 204, Headers: map[string]string{"Access-Control-Allow-Origin": "capacitor://localhost"}},
		webtest.Scenario{Name: "pages aren't the API", Path: "/", Header: map[string]string{"Origin": friend}, Status: 200, Headers: nothing},
		webtest.Scenario{Name: "caches keep them apart", Path: "/api/address", Status: 200, Headers: map[string]string{"Vary": "Origin"}},
	)
	closed.web.Run(t, webtest.Scenario{Name: "nobody, unless somebody is named", Method: "OPTIONS", Path: "/api/own", Header: ask(friend), Status: 204, Headers: nothing})
	for _, bad := range []string{"*", "null", "https://*.example", "https://app.example/", "app.example", "https://App.example", "https://u@app.example"} {
		if err := (web.Config{CORSOrigins: []string{bad}}).Validate(); err == nil || strings.Contains(err.Error(), bad) && bad != "*" && bad != "app.example" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
