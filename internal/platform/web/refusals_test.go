package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"flint/internal/id"
	"flint/internal/platform/web/webtest"
)

// TestEveryRefusalIsLoggedWithItsReason goes through each kind of refusal that
// the web server makes for whoever asks.
func TestEveryRefusalIsLoggedWithItsReason(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	thing := "/api/things/" + id.New[id.Account]().String()
	for _, c := range []struct {
		name string
		ask  webtest.Scenario
		code string
	}{
		{"nobody", webtest.Scenario{Path: thing}, "NO_TOKEN"},
		{"an old session", webtest.Scenario{Path: thing, Bearer: "old"}, "TOKEN_EXPIRED"},
		{"a forged session", webtest.Scenario{Path: thing, Bearer: "forged"}, "INVALID_TOKEN"},
		{"somebody without the right", webtest.Scenario{Path: thing, Bearer: "newcomer"}, "email_unconfirmed"},
		{"another site", webtest.Scenario{Method: "POST", Path: "/api/own", Cookies: alicesCookie, Header: map[string]string{"Origin": "https://evil.example"}}, "cross_site"},
		{"too often", webtest.Scenario{Path: "/api/scarce"}, "rate_limited"},
	} {
		before := len(h.log.String())
		a := h.web.Do(t, c.ask)
		var line struct {
			Msg, Code string
			Status    int
		}
		for text := range strings.Lines(h.log.String()[before:]) {
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
			if line.Msg == "request" {
				break
			}
		}
		if a.Status < http.StatusBadRequest || line.Msg != "request" || line.Code != c.code || line.Status != a.Status {
			t.Errorf("%s: answered %d, logged %+v, want code %s", c.name, a.Status, line, c.code)
		}
	}
}
