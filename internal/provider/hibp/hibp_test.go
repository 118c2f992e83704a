package hibp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/platform/outbound"
	"flint/internal/provider/hibp"
	"flint/sandbox"
)

// The SHA-1 of "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
const (
	prefix = "5BAA6"
	suffix = "1E4C9B93F3F0682250B6CF8331B7EE68FD8"
	filler = "0018A45C4D1DEF81644B54AB7F969B88D65:0\r\n"
)

func client(t *testing.T, h http.HandlerFunc) *hibp.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := hibp.New(hibp.Config{BaseURL: s.URL, Timeout: 200 * time.Millisecond}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestFiveDigitsLeaveAndNoMore(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() != "/range/"+prefix || r.Method != http.MethodGet || r.ContentLength > 0 || r.Header.Get("Add-Padding") != "true" || r.UserAgent() == "" {
			t.Errorf("sent %s %s %v", r.Method, r.URL, r.Header)
		}
		_, _ = w.Write([]byte(filler + suffix + ":52372426\r\n" + filler))
	})
	if n, err := c.Seen(t.Context(), config.NewSecret("password")); n != 52372426 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

func TestPaddingIsNoBreach(t *testing.T) {
	t.Parallel()
	c := client(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(suffix + ":0\r\n" + filler)) })
	if n, err := c.Seen(t.Context(), config.NewSecret("password")); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

func TestWhatIsNoAnswerIsNotTakenForOne(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) },
		"too many": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusTooManyRequests) },
		"nothing":  func(http.ResponseWriter, *http.Request) {},
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>sign in to the wifi</html>"))
		},
		"a redirect":       func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"an endless one":   func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat(filler, 60_000))) },
		"half a line":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(filler + suffix)) },
		"a negative count": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(suffix + ":-1\r\n")) },
		"a slow one":       func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		begun := time.Now()
		n, err := client(t, h).Seen(t.Context(), config.NewSecret("password"))
		if e := outbound.Of(err); n != 0 || e == nil || strings.Contains(err.Error(), prefix) {
			t.Errorf("%s: %d %v", name, n, err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestAServiceThatIsDownIsLeftAlone(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	})
	for range 20 {
		if _, err := c.Seen(t.Context(), config.NewSecret("password")); err == nil {
			t.Error("no error")
		}
	}
	if n := calls.Load(); n > 3 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestTheSandboxKnowsBreaches(t *testing.T) {
	t.Parallel()
	s, err := sandbox.New(sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	c, err := hibp.New(hibp.Config{BaseURL: s.URLs().HIBP}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for password, want := range map[string]bool{
		"correct horse battery staple": true, "breached by the sandbox": true, "a password nobody has lost": false,
	} {
		if n, err := c.Seen(t.Context(), config.NewSecret(password)); (n > 0) != want || err != nil {
			t.Errorf("%q: %d %v", password, n, err)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"", filler, suffix + ":3", filler + suffix + ":9\n", ":", suffix + ":99999999999999999999", "\n\n", "\x00:1"} {
		f.Add([]byte(s), suffix)
	}
	f.Fuzz(func(t *testing.T, answer []byte, ending string) {
		if n, err := hibp.Find(answer, ending); n < 0 || (err != nil && n != 0) {
			t.Errorf("%d %v", n, err)
		}
	})
}
