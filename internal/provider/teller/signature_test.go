package teller_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/provider/teller"
)

const (
	signingKey = "ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="
	plain      = "ppnvo1g7uWwggcXe2xNOO2NSlGH1fQDIF41ZIQiIgpIqDPqrVWCIgQgx0K4PM4oLk4osb4FdwtNFE4MKLHCqCw=="
	prehashed  = "3NPtO/ycQ9FdR79SKmgCBgX8oz/DcIQVcUINqW6QwPqj/0gdrHVh91/UY4AlvzYqoHggpjX9VWc4PvhlYkFXBQ=="
)

func signed(t *testing.T, key, environment string) *teller.Client {
	t.Helper()
	c, err := teller.New(teller.Config{BaseURL: "https://127.0.0.1:1", ApplicationID: "app_test", Environment: environment, SigningKey: key,
		CertFile: "", KeyFile: ""}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEnrollmentSignatureVectors(t *testing.T) {
	t.Parallel()
	e := teller.Enrollment{Nonce: "nonce-0001", AccessToken: "token_testvector0001", UserID: "usr_testvector0001", EnrollmentID: "enr_testvector0001"}
	c := signed(t, signingKey, "sandbox")
	urlSafe := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace
	for name, signatures := range map[string][]string{
		"plain": {plain}, "pre-hashed": {prehashed}, "url-safe": {urlSafe(plain)}, "second of two": {"AAAA", plain},
	} {
		if err := c.VerifyEnrollment(e, signatures); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := signed(t, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=, "+signingKey, "sandbox").VerifyEnrollment(e, []string{plain}); err != nil {
		t.Errorf("rotated key: %v", err)
	}
	other := func(change func(*teller.Enrollment)) teller.Enrollment { o := e; change(&o); return o }
	for name, o := range map[string]teller.Enrollment{
		"nonce":      other(func(e *teller.Enrollment) { e.Nonce = "nonce-0002" }),
		"token":      other(func(e *teller.Enrollment) { e.AccessToken = "token_other" }),
		"user":       other(func(e *teller.Enrollment) { e.UserID = "usr_other" }),
		"enrollment": other(func(e *teller.Enrollment) { e.EnrollmentID = "enr_other" }),
		"empty":      {},
		"moved a dot": other(func(e *teller.Enrollment) {
			e.Nonce, e.AccessToken = "nonce-0001.token_testvector0001", "usr_testvector0001"
		}),
	} {
		if err := c.VerifyEnrollment(o, []string{plain, prehashed}); !errors.Is(err, teller.ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, signatures := range [][]string{nil, {""}, {"!"}, {"AAAA"}, {strings.Repeat("A", 5000)}} {
		if err := c.VerifyEnrollment(e, signatures); !errors.Is(err, teller.ErrSignature) {
			t.Errorf("%q: got %v", signatures, err)
		}
	}
	if signed(t, "", "sandbox").SignaturesRequired() {
		t.Error("no key, yet signatures are required")
	}
}

const body = `{"id":"wh_oq4vector0000000000","payload":{"enrollment_id":"enr_oq4vector0000000001","reason":"disconnected.credentials_invalid"},"timestamp":"2026-01-01T00:00:00Z","type":"enrollment.disconnected"}`

var (
	newSecret = config.NewSecret("teller-signing-secret-0001")
	oldSecret = config.NewSecret("teller-signing-secret-0000-old")
	stamp     = time.Unix(1767225600, 0)
)

const (
	newV1 = "db7c99a523d27c14da8f7687934d20d526f8d18dfdcd1e89d86a6a845d0c7ab0"
	oldV1 = "792d978d34a95777a5672df55fa7700745ac6c240f10b7e500b9b56efc7957a1"
)

func TestWebhookSignatures(t *testing.T) {
	t.Parallel()
	one, both := []config.Secret{newSecret}, []config.Secret{oldSecret, newSecret}
	for _, c := range []struct {
		name    string
		secrets []config.Secret
		header  string
		body    string
		now     time.Time
		want    error
	}{
		{"vector", one, "t=1767225600,v1=" + newV1, body, stamp, nil},
		{"rotation at Teller", one, "t=1767225600,v1=" + oldV1 + ",v1=" + newV1, body, stamp, nil},
		{"rotation here", both, "t=1767225600,v1=" + oldV1, body, stamp, nil},
		{"spaces", one, "t=1767225600, v1=" + newV1, body, stamp, nil},
		{"unknown scheme beside", one, "t=1767225600,v0=zz,v1=" + newV1, body, stamp, nil},
		{"upper case", one, "t=1767225600,v1=" + strings.ToUpper(newV1), body, stamp, nil},
		{"180 s", one, "t=1767225600,v1=" + newV1, body, stamp.Add(180 * time.Second), nil},
		{"181 s", one, "t=1767225600,v1=" + newV1, body, stamp.Add(181 * time.Second), teller.ErrExpired},
		{"future", one, "t=1767225600,v1=" + newV1, body, stamp.Add(-61 * time.Second), teller.ErrExpired},
		{"old secret only", one, "t=1767225600,v1=" + oldV1, body, stamp, teller.ErrForged},
		{"other body", one, "t=1767225600,v1=" + newV1, body + " ", stamp, teller.ErrForged},
		{"other stamp", one, "t=1767225601,v1=" + newV1, body, stamp, teller.ErrForged},
		{"no secret", nil, "t=1767225600,v1=" + newV1, body, stamp, teller.ErrForged},
		{"empty secret", []config.Secret{{}}, "t=1767225600,v1=" + mac("", "1767225600", body), body, stamp, teller.ErrForged},
		{"no header", one, "", body, stamp, teller.ErrUnsigned},
		{"no v1", one, "t=1767225600", body, stamp, teller.ErrUnsigned},
		{"no t", one, "v1=" + newV1, body, stamp, teller.ErrUnsigned},
		{"two t", one, "t=1767225600,t=1767225601,v1=" + newV1, body, stamp, teller.ErrUnsigned},
		{"negative t", one, "t=-1,v1=" + newV1, body, stamp, teller.ErrUnsigned},
		{"not hex", one, "t=1767225600,v1=zz", body, stamp, teller.ErrUnsigned},
		{"huge", one, "t=1767225600,v1=" + newV1 + strings.Repeat(",v1="+newV1, 50), body, stamp, teller.ErrUnsigned},
	} {
		if err := teller.VerifyWebhook(c.secrets, c.header, []byte(c.body), c.now); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func mac(secret, stamp, body string) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(m, "%s.%s", stamp, body)
	return hex.EncodeToString(m.Sum(nil))
}

func TestEventIsRead(t *testing.T) {
	t.Parallel()
	e, err := teller.ParseEvent([]byte(body))
	if err != nil || e.ID != "wh_oq4vector0000000000" || e.Type != teller.EventDisconnected || e.EnrollmentID != "enr_oq4vector0000000001" ||
		e.Reason != "credentials_invalid" || !e.Timestamp.Equal(stamp) {
		t.Fatalf("got %+v, %v", e, err)
	}
	for _, bad := range []string{"", "null", "[]", `{"id":"wh_1"}`, `{"type":7}`, body + "x"} {
		if _, err := teller.ParseEvent([]byte(bad)); !errors.Is(err, teller.ErrEvent) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func FuzzVerifyWebhook(f *testing.F) {
	for _, h := range []string{"", "t=1767225600,v1=" + newV1, "t=,v1=", "t=1,v1=00,v1=11", "v1==", ",,,", "t=999999999999,v1=" + oldV1} {
		f.Add(h, body)
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		err := teller.VerifyWebhook([]config.Secret{newSecret}, header, []byte(body), stamp)
		if err == nil && !strings.Contains(strings.ToLower(header), mac("teller-signing-secret-0001", strings.Split(strings.Split(header, "t=")[1], ",")[0], body)) {
			t.Fatalf("accepted %q", header)
		}
	})
}

func FuzzParseEvent(f *testing.F) {
	for _, b := range []string{body, "{}", "null", `{"type":"webhook.test","payload":{}}`, `{"type":"x","payload":[]}`} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := teller.ParseEvent(b); err == nil && e.Type == "" {
			t.Fatal("an event without a type")
		}
	})
}

func FuzzEnrollmentSignature(f *testing.F) {
	f.Add("nonce-0001", "token_testvector0001", plain)
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, nonce, token, signature string) {
		c, err := teller.New(teller.Config{BaseURL: "https://127.0.0.1:1", ApplicationID: "a", Environment: "sandbox", SigningKey: signingKey}, time.Now, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		e := teller.Enrollment{Nonce: nonce, AccessToken: token, UserID: "usr_testvector0001", EnrollmentID: "enr_testvector0001"}
		if c.VerifyEnrollment(e, []string{signature}) == nil && (nonce != "nonce-0001" || token != "token_testvector0001") {
			t.Fatal("forged")
		}
	})
}
