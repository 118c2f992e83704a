package hibp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"flint/sandbox/hibp"
)

func ask(b *hibp.Breaches, path string, pad bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if pad {
		r.Header.Set("Add-Padding", "true")
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	return w
}

func TestRangesLookLikeTheRealOnes(t *testing.T) {
	t.Parallel()
	b := hibp.New(42)
	plain, again := ask(b, "/range/5baa6", false), ask(b, "/range/5BAA6", false)
	if plain.Code != 200 || plain.Body.String() != again.Body.String() || !strings.Contains(plain.Body.String(), "\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:52372426\r\n") {
		t.Fatalf("%d, the same again: %v", plain.Code, plain.Body.String() == again.Body.String())
	}
	padded, other := ask(b, "/range/5BAA6", true).Body.String(), ask(b, "/range/5BAA6", true).Body.String()
	if n := strings.Count(padded, "\r\n"); n < 799 || n > 1000 || padded == other || !strings.Contains(padded, ":0\r\n") {
		t.Errorf("%d lines, or no padding", n)
	}
	for _, bad := range []string{"/range/5BAA", "/range/5BAA61", "/range/5BAAG", "/range/%20%20%20%20%20"} {
		if w := ask(b, bad, false); w.Code != 400 {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
}

func TestPasswordsLeakByOrder(t *testing.T) {
	t.Parallel()
	b := hibp.New(42)
	order := func(body string) int {
		w := httptest.NewRecorder()
		b.Control().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/control/hibp/leak", strings.NewReader(body)))
		return w.Code
	}
	const lost, prefix = "lost today", "C6419"
	before := ask(b, "/range/"+prefix, false).Body.Len()
	if got := order(`{"password":"` + lost + `","count":7}`); got != 204 {
		t.Fatalf("leak: %d", got)
	}
	after := ask(b, "/range/"+prefix, false).Body.String()
	if !strings.Contains(after, ":7") || len(after) <= before {
		t.Error("what leaked isn't listed")
	}
	if order(`{"password":"` + lost + `","count":0}`); ask(b, "/range/"+prefix, false).Body.Len() != before {
		t.Error("it can't be taken back")
	}
	for _, bad := range []string{"", "{}", `{"password":""}`, `{"password":"x","count":-1}`, `{"password":"x","more":1}`} {
		if got := order(bad); got != 400 {
			t.Errorf("%s: %d", bad, got)
		}
	}
}
