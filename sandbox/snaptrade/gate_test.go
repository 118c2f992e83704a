package snaptrade_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"flint/sandbox/snaptrade"
)

func TestOnlySignedRequestsAreAnswered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	now := b.clock.now().Unix()
	query := func(client string, stamp int64) string {
		return fmt.Sprintf("clientId=%s&userId=%s&userSecret=%s&timestamp=%d", client, b.user, b.pass, stamp)
	}
	b.send("GET", "/accounts", query(snaptrade.DefaultClientID, now), nil, "bm90IHRoZSBzaWduYXR1cmU=").fails(t, http.StatusUnauthorized, "1076")
	b.send("GET", "/accounts", query("SOMEBODY", now), nil, "").fails(t, http.StatusUnauthorized, "0000")
	b.send("GET", "/accounts", query(snaptrade.DefaultClientID, now-301), nil, "").fails(t, http.StatusUnauthorized, "1076")
	b.send("GET", "/accounts", query(snaptrade.DefaultClientID, now+301), nil, "").fails(t, http.StatusUnauthorized, "1076")
	b.send("GET", "/accounts", "clientId="+snaptrade.DefaultClientID, nil, "").fails(t, http.StatusUnauthorized, "1076")
	for _, stamp := range []int64{now - 300, now + 300} {
		if r := b.send("GET", "/accounts", query(snaptrade.DefaultClientID, stamp), nil, ""); r.status != http.StatusOK {
			t.Errorf("a request %d s off answers %d", stamp-now, r.status)
		}
	}
	// A signature over the old path doesn't open the new one, nor one query another.
	canonical, _ := snaptrade.CanonicalRequest(nil, "/api/v1/accounts", query(snaptrade.DefaultClientID, now), false)
	b.send("GET", "/accounts", query(snaptrade.DefaultClientID, now), nil, snaptrade.Signature(snaptrade.DefaultConsumerKey, canonical)).
		fails(t, http.StatusUnauthorized, "1076")
	canonical, _ = snaptrade.CanonicalRequest(nil, "/accounts", query(snaptrade.DefaultClientID, now), false)
	b.send("GET", "/accounts", query(snaptrade.DefaultClientID, now)+"&x=1", nil, snaptrade.Signature(snaptrade.DefaultConsumerKey, canonical)).
		fails(t, http.StatusUnauthorized, "1076")

	for _, path := range []string{"/", "/brokerages"} { // open to anyone
		if r := b.send("GET", path, "", nil, "none"); r.status != http.StatusOK {
			t.Errorf("GET %s unsigned answers %d", path, r.status)
		}
	}
}

func TestTheOldPrefixWorksAndSaysItIsOld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	r := b.call("GET", "/api/v1/accounts", nil)
	if r.status != http.StatusOK || r.header.Get("Deprecation") != "@1781222400" {
		t.Errorf("answers %d with Deprecation %q", r.status, r.header.Get("Deprecation"))
	}
	if r := b.call("GET", "/accounts", nil); r.header.Get("Deprecation") != "" {
		t.Error("the canonical path is deprecated too")
	}
}

func TestUsersAreKnownByTheirSecret(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.call("GET", "/accounts", nil).fails(t, http.StatusUnauthorized, "0000")
	b.register("ada")
	first := b.pass
	b.pass = "guess"
	b.call("GET", "/accounts", nil).fails(t, http.StatusUnauthorized, "1083")
	b.call("POST", "/snapTrade/resetUserSecret", map[string]string{"userId": "ada", "userSecret": "guess"}).fails(t, http.StatusUnauthorized, "1083")
	var got struct{ UserSecret string }
	b.call("POST", "/snapTrade/resetUserSecret", map[string]string{"userId": "ada", "userSecret": first}).into(t, &got)
	b.pass = first
	b.call("GET", "/accounts", nil).fails(t, http.StatusUnauthorized, "1083")
	b.pass = got.UserSecret
	if r := b.call("GET", "/accounts", nil); r.status != http.StatusOK {
		t.Errorf("the new secret answers %d", r.status)
	}
	b.call("POST", "/snapTrade/registerUser", map[string]string{"userId": "ada"}).fails(t, http.StatusBadRequest, "1010")
	b.call("POST", "/snapTrade/registerUser", map[string]string{"userId": " "}).fails(t, http.StatusBadRequest, "1012")
}

func TestAUserSeesNobodyElsesConnections(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	auth, accounts := b.connect("SCHWAB")
	b.register("eve")
	for _, path := range []string{"/authorizations/" + auth, "/authorizations/" + auth + "/accounts", "/accounts/" + accounts[0],
		"/accounts/" + accounts[0] + "/balances", "/accounts/" + accounts[0] + "/positions/all", "/accounts/" + accounts[0] + "/activities"} {
		b.call("GET", path, nil).fails(t, http.StatusNotFound, "1011")
	}
	b.call("DELETE", "/connection/"+auth, nil).fails(t, http.StatusNotFound, "1011")
	b.call("POST", "/authorizations/"+auth+"/refresh", nil).fails(t, http.StatusNotFound, "1011")
	if r := b.call("GET", "/accounts", nil); string(r.body) != "[]" {
		t.Errorf("eve sees %s", r.body)
	}
}

func TestWhatIsNotThereAnswersInTheEnvelope(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.register("ada")
	b.call("GET", "/nothing", nil).fails(t, http.StatusNotFound, "1011")
	b.call("POST", "/trade/place", map[string]string{}).fails(t, http.StatusNotFound, "1011")
	b.call("POST", "/accounts", map[string]string{}).fails(t, http.StatusMethodNotAllowed, "0000")
	b.call("GET", "/accounts/ce0d33c8-f450-40aa-ac5a-51f1dce283f8", nil).fails(t, http.StatusNotFound, "1011")
	b.send("POST", "/snapTrade/registerUser", "clientId="+snaptrade.DefaultClientID, nil, "").fails(t, http.StatusUnauthorized, "1076")
}

func TestEveryAnswerCarriesItsLimitAndAnId(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *snaptrade.Config) { c.PerMinute = 5 })
	b.register("ada") // one
	seen := map[string]bool{}
	for i := range 4 {
		r := b.call("GET", []string{"/accounts", "/nothing", "/authorizations", "/brokerages"}[i], nil)
		if got := r.header.Get("X-RateLimit-Remaining"); got != fmt.Sprint(3-i) || r.header.Get("X-RateLimit-Limit") != "5" || r.header.Get("X-RateLimit-Reset") != "60" {
			t.Errorf("answer %d has %v", i, r.header)
		}
		id := r.header.Get("X-Request-Id")
		if seen[id] || len(id) != 36 {
			t.Errorf("request id %q", id)
		}
		seen[id] = true
	}
	b.clock.set(monday.Add(53 * time.Second))
	r := b.call("GET", "/accounts", nil)
	r.fails(t, http.StatusTooManyRequests, "0000")
	if r.header.Get("X-RateLimit-Remaining") != "0" || r.header.Get("Retry-After") != "7" || !strings.Contains(string(r.body), "Expected available in 7 seconds.") {
		t.Errorf("refused with %v %s", r.header, r.body)
	}
	b.clock.set(monday.Add(60 * time.Second)) // the window rolls
	if r := b.call("GET", "/accounts", nil); r.status != http.StatusOK {
		t.Errorf("a minute later it answers %d", r.status)
	}
}

func TestFailuresOnDemandLookLikeTheRealOnes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for status, code := range map[int]string{429: "0000", 500: "1000", 502: "3002", 503: "3002"} {
		w := httptest.NewRecorder()
		b.api.Refuse(w, status)
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "/accounts", nil)
		reply{w.Code, w.Header(), w.Body.Bytes(), req}.fails(t, status, code)
		if w.Header().Get("X-Request-Id") == "" || w.Header().Get("X-RateLimit-Limit") == "" {
			t.Errorf("%d has headers %v", status, w.Header())
		}
		if none := w.Header().Get("X-RateLimit-Remaining") == "0"; none != (status == http.StatusTooManyRequests) {
			t.Errorf("%d says that there are %s calls left", status, w.Header().Get("X-RateLimit-Remaining"))
		}
	}
}
