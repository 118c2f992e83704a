package snaptrade

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
)

type vectors struct {
	ConsumerKey string `json:"consumerKey"`
	Requests    []struct{ Name, Method, Path, Query, Body, Canonical, Signature string }
	Webhooks    []struct{ Name, Body, Canonical, Signature string }
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/signature-vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || len(v.Requests) == 0 || len(v.Webhooks) == 0 {
		t.Fatalf("vectors: %v", err)
	}
	return v
}

func TestRequestsAreSignedAsByTheOfficialSDK(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for _, r := range v.Requests {
		canonical, err := canonicalRequest(r.Path, r.Query, []byte(r.Body))
		if err != nil || string(canonical) != r.Canonical {
			t.Errorf("%s: canonical form\n%s\nwant\n%s", r.Name, canonical, r.Canonical)
		}
		if got, err := Sign(config.NewSecret(v.ConsumerKey), r.Path, r.Query, []byte(r.Body)); err != nil || got != r.Signature {
			t.Errorf("%s: signature %s, want %s (%v)", r.Name, got, r.Signature, err)
		}
	}
}

func TestTheQueryHasTheOrderOfTheOfficialSDK(t *testing.T) {
	t.Parallel()
	c := &Client{cfg: Config{ClientID: "SANDBOXCLIENT"}, now: func() time.Time { return time.Unix(1767225600, 0) }}
	got := c.query(request{user: &User{"user-7f3a", config.NewSecret("secret-1b2c")}})
	if got != "clientId=SANDBOXCLIENT&userId=user-7f3a&userSecret=secret-1b2c&timestamp=1767225600" {
		t.Errorf("got %s", got)
	}
	got = c.query(request{query: [][2]string{{"userId", "a b&c=é"}}})
	if q, err := url.ParseQuery(got); err != nil || q.Get("userId") != "a b&c=é" {
		t.Errorf("got %s", got)
	}
}

var vectorTime = time.Unix(1767225600, 0)

func TestWebhookVectors(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	key, other := config.NewSecret(v.ConsumerKey), config.NewSecret("another key")
	for _, w := range v.Webhooks {
		body := []byte(w.Body)
		payload, err := decodeJSON(body)
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := plainJSON(payload)
		for name, c := range map[string]struct {
			keys   []config.Secret
			header string
			body   []byte
			now    time.Time
			want   error
		}{
			"as captured":      {[]config.Secret{key}, w.Signature, body, vectorTime, nil},
			"rotated key":      {[]config.Secret{other, key}, w.Signature, body, vectorTime, nil},
			"raw body":         {[]config.Secret{key}, seal(key, body), body, vectorTime, nil},
			"not escaped":      {[]config.Secret{key}, seal(key, plain), body, vectorTime, nil},
			"a retry":          {[]config.Secret{key}, w.Signature, body, vectorTime.Add(23 * time.Hour), nil},
			"a day late":       {[]config.Secret{key}, w.Signature, body, vectorTime.Add(24*time.Hour + time.Second), ErrExpired},
			"from the future":  {[]config.Secret{key}, w.Signature, body, vectorTime.Add(-6 * time.Minute), ErrExpired},
			"other key":        {[]config.Secret{other}, w.Signature, body, vectorTime, ErrForged},
			"no key":           {nil, w.Signature, body, vectorTime, ErrForged},
			"empty key":        {[]config.Secret{{}}, seal(config.Secret{}, body), body, vectorTime, ErrForged},
			"changed":          {[]config.Secret{key}, w.Signature, []byte(strings.Replace(w.Body, "user-7f3a", "user-7f3b", 1)), vectorTime, ErrForged},
			"no header":        {[]config.Secret{key}, "", body, vectorTime, ErrUnsigned},
			"short header":     {[]config.Secret{key}, "AAAA", body, vectorTime, ErrUnsigned},
			"hex, not base64":  {[]config.Secret{key}, strings.Repeat("0f", 32), body, vectorTime, ErrUnsigned},
			"two JSON values":  {[]config.Secret{key}, w.Signature, append(body, " {}"...), vectorTime, ErrForged},
			"no time":          {[]config.Secret{key}, seal(key, []byte(`{"eventType":"X"}`)), []byte(`{"eventType":"X"}`), vectorTime, ErrExpired},
			"signed, no event": {[]config.Secret{key}, seal(key, []byte(`[]`)), []byte(`[]`), vectorTime, ErrEvent},
		} {
			if err := VerifyWebhook(c.keys, c.header, c.body, c.now); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: got %v, want %v", w.Name, name, err, c.want)
			}
		}
	}
}

func TestEventIsReadInAllItsSpellings(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Event{
		`{"webhookId":"w1","eventType":"CONNECTION_ADDED","userId":"u","brokerageAuthorizationId":"b","eventTimestamp":"2026-01-01T00:00:00.000000+00:00"}`: {
			ID: "w1", Type: EventConnectionAdded, UserID: "u", ConnectionID: "b", Timestamp: vectorTime.UTC()},
		`{"webookId":"w2","eventType":"X","eventTimestamp":"2026-01-01 00:00:00.000000+00:00"}`: {ID: "w2", Type: "X", Timestamp: vectorTime.UTC()},
		`{"eventType":"X","schemaVersion":"oauth_v1","connectionId":"c","accountId":"a"}`:       {Type: "X", ConnectionID: "c", AccountID: "a"},
	} {
		if got, err := ParseEvent([]byte(body)); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
}

func TestTimesAreReadInBothForms(t *testing.T) {
	t.Parallel()
	want := time.Date(2024, 7, 23, 22, 50, 22, 761390000, time.UTC)
	for _, s := range []string{
		"2024-07-23T22:50:22.761390Z", "2024-07-23 22:50:22.761390+00:00", "2024-07-23T18:50:22.761390-04:00", "2024-07-23T22:50:22.76139",
	} {
		if got, err := parseTime(s); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	if d, err := parseDay("2024-07-23T23:50:22-04:00"); err != nil || d.Format(time.RFC3339) != "2024-07-23T00:00:00Z" {
		t.Errorf("a day moved: %v, %v", d, err)
	}
	for _, s := range []string{"", "null", "1970-01-01T00:00:00Z", "yesterday", "2024-13-01", strings.Repeat("2", 100)} {
		if got, err := parseTime(s); err == nil {
			t.Errorf("%q was read as %v", s, got)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2024-07-23T22:50:22.761390Z", "2024-07-23 22:50:22.761390+00:00", "2024-07-23", "1970-01-01", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseTime(s); err == nil && got.Year() < 1970 {
			t.Fatalf("%q became %v", s, got)
		}
		if got, err := parseDay(s); err == nil && !strings.HasPrefix(s, got.Format(time.DateOnly)) {
			t.Fatalf("the day of %q became %v", s, got)
		}
	})
}

func FuzzExplain(f *testing.F) {
	for _, s := range []string{"", "{}", `{"detail":{},"code":[]}`, `{"code":3003}`, `{"default_detail":"x","default_code":"1"}`,
		`{"detail":"Request was throttled. Expected available in 99999 seconds."}`, `{"error":"no"}`} {
		f.Add(401, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, b []byte) {
		if v := explain(status, b); v.RetryAfter < 0 {
			t.Fatal(v.RetryAfter)
		}
	})
}

func FuzzVerifyWebhook(f *testing.F) {
	v := readVectors(f)
	for _, w := range v.Webhooks {
		f.Add(w.Signature, []byte(w.Body))
	}
	f.Add("", []byte("{"))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		if VerifyWebhook([]config.Secret{config.NewSecret("a key nobody has")}, header, body, vectorTime) == nil {
			t.Fatal("forged")
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{`1`, `"1.50"`, `null`, `"1E-8"`, `1e999999999`, `"NaN"`, `""`, `"1\u0030"`, `-0.0`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var n number
		if json.Unmarshal(b, &n) == nil && n.known && len(n.value.String()) > 200 {
			t.Fatalf("%q is %d digits", b, len(n.value.String()))
		}
	})
}
