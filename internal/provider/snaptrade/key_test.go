package snaptrade_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/provider/snaptrade"
	theirs "flint/sandbox/snaptrade"
)

func TestAnotherConsumerKeySignsTheNextRequest(t *testing.T) {
	t.Parallel()
	const before, after = "consumer-key-one", "consumer-key-two"
	var by string // of the last request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		canonical, err := theirs.CanonicalRequest(nil, r.URL.EscapedPath(), r.URL.RawQuery, true)
		if err != nil {
			t.Error(err)
		}
		by = "neither"
		for _, key := range []string{before, after} {
			if theirs.Signature(key, canonical) == r.Header.Get("Signature") {
				by = key
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	c, err := snaptrade.New(snaptrade.Config{
		BaseURL: s.URL, ClientID: "C", ConsumerKey: config.NewSecret(before), PortalOrigin: "https://portal.test", PerMinute: 240,
	}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, key := range []string{before, after} {
		c.UseKey(config.NewSecret(key))
		if _ = c.DeleteUser(t.Context(), "somebody"); by != key {
			t.Errorf("signed by %s, not %s", by, key)
		}
	}
}
