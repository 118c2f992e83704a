package resend_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/sandbox/inbox"
	"flint/sandbox/resend"
	"flint/sandbox/world"
)

const letter = `{"from":"Flint <flint@example.com>","to":["ada@example.com"],"subject":"s","text":"Open http://localhost/verify#a."}`

type desk struct {
	t     testing.TB
	api   http.Handler
	mails *inbox.Inbox
}

func setup(t testing.TB, now func() time.Time) desk {
	t.Helper()
	state, err := world.OpenState("")
	if err != nil {
		t.Fatal(err)
	}
	mails, err := inbox.New(inbox.Config{State: state, Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return desk{t, resend.New(mails, now).Handler(), mails}
}

// post hands a message in; it returns the status and the id or the error's name.
func (d desk) post(body string, header ...string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, "/emails", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+resend.Key)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	var out struct {
		ID, Name, Message string
		StatusCode        int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || (w.Code != 200 && (out.StatusCode != w.Code || out.Message == "")) {
		d.t.Errorf("%.60s: %d %s", body, w.Code, w.Body)
	}
	return w.Code, out.ID + out.Name
}

func TestMailGoesToTheInbox(t *testing.T) {
	t.Parallel()
	d := setup(t, time.Now)
	status, id := d.post(letter)
	got := d.mails.List("ada@example.com")
	if status != 200 || len(id) != 36 || len(got) != 1 || got[0].From != "flint@example.com" || len(got[0].Links) != 1 {
		t.Errorf("%d %s %+v", status, id, got)
	}
	if status, other := d.post(strings.Replace(letter, `["ada@example.com"]`, `"Ada <ada@example.com>"`, 1)); status != 200 || other == id || len(d.mails.List("ada@example.com")) != 2 {
		t.Errorf("%d %s", status, other)
	}
}

func TestAnIdempotencyKeySendsOnceADay(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	d := setup(t, func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wg.Go(func() { _, ids[i] = d.post(letter, "Idempotency-Key", "k") })
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || len(id) != 36 {
			t.Errorf("ids %v", ids)
		}
	}
	if status, name := d.post(strings.Replace(letter, `"s"`, `"other"`, 1), "Idempotency-Key", "k"); status != 409 || name != "invalid_idempotent_request" {
		t.Errorf("%d %s", status, name)
	}
	if n := len(d.mails.List("")); n != 1 {
		t.Errorf("%d mails", n)
	}
	mu.Lock()
	now = now.Add(24 * time.Hour)
	mu.Unlock()
	if _, id := d.post(letter, "Idempotency-Key", "k"); id == ids[0] || len(d.mails.List("")) != 2 {
		t.Error("a key is kept for longer than a day")
	}
}

func TestWhatResendRefusesIsRefused(t *testing.T) {
	t.Parallel()
	d := setup(t, time.Now)
	with := func(old, now string) string { return strings.Replace(letter, old, now, 1) }
	for body, want := range map[string]struct {
		status int
		name   string
	}{
		"": {400, "validation_error"}, "[]": {400, "validation_error"}, letter + "{}": {400, "validation_error"},
		with(`"subject"`, `"bcc":["x@example.com"],"subject"`):                     {400, "validation_error"},
		with(`"from":"Flint <flint@example.com>",`, ""):                            {422, "missing_required_field"},
		with(`"subject":"s",`, ""):                                                 {422, "missing_required_field"},
		with(`["ada@example.com"]`, "[]"):                                          {422, "missing_required_field"},
		with(`"text"`, `"headers":{},"text":"","html"`):                            {200, ""},
		with("Open http://localhost/verify#a.", ""):                                {422, "missing_required_field"},
		with("<flint@example.com>", "flint"):                                       {422, "invalid_from_address"},
		with("ada@example.com", "ada"):                                             {422, "validation_error"},
		with("ada@example.com", `ada@example.com\r\nBcc: x@example.com`):           {422, "validation_error"},
		with(`["ada@example.com"]`, `["`+strings.Repeat(`a@b.c","`, 50)+`a@b.c"]`): {422, "validation_error"},
		with(`"s"`, `"s\r\nBcc: x@example.com"`):                                   {422, "validation_error"},
		with(`"text"`, `"headers":{"X":"a\nb"},"text"`):                            {422, "validation_error"},
		with(`"text"`, `"headers":{"X: y":"a"},"text"`):                            {422, "validation_error"},
		with("Open", strings.Repeat("x", 1<<20)):                                   {422, "validation_error"},
	} {
		if status, name := d.post(body); status != want.status || (status != 200 && name != want.name) {
			t.Errorf("%.120s: %d %s", body, status, name)
		}
	}
	for key, want := range map[string]int{"": 400, strings.Repeat("k", 256): 200, strings.Repeat("k", 257): 400} {
		if status, _ := d.post(letter, "Idempotency-Key", key); status != want {
			t.Errorf("a key of %d: %d", len(key), status)
		}
	}
	for auth, want := range map[string]int{"": 401, "Bearer ": 401, resend.Key: 401, "Bearer re_other": 403} {
		if status, _ := d.post(letter, "Authorization", auth); status != want {
			t.Errorf("%q: %d", auth, status)
		}
	}
	for path, want := range map[string]int{"/emails": 405, "/emails/batch": 404, "/": 404} {
		w := httptest.NewRecorder()
		d.api.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want || !strings.Contains(w.Body.String(), `"statusCode"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func FuzzEmails(f *testing.F) {
	for _, s := range []string{"", "{}", letter, `{"to":null}`, `{"to":{"a":1}}`} {
		f.Add(s)
	}
	d := setup(f, time.Now)
	f.Fuzz(func(t *testing.T, body string) {
		if status, _ := d.post(body); status != 200 && status != 400 && status != 422 {
			t.Errorf("%d", status)
		}
	})
}
