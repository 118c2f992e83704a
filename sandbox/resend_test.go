package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"flint/sandbox/resend"
)

func TestResendsMailShowsInTheInbox(t *testing.T) {
	t.Parallel()
	s := start(t)
	post := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URLs().Resend+"/emails", strings.NewReader(`{"from":"f@example.com","to":["ada@example.com"],"subject":"By Resend","text":"t"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+resend.Key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	order(t, "POST", s.URLs().Site+"/control/misbehave", map[string]any{"provider": "resend", "kind": "5xx", "status": 503, "count": 1}, nil)
	if first, second := post(), post(); first != 503 || second != 200 {
		t.Errorf("%d, then %d", first, second)
	}
	if status, body := get(t, http.DefaultClient, s.URLs().Site+"/inbox", ""); status != 200 || !strings.Contains(string(body), "By Resend") {
		t.Errorf("%d %s", status, body)
	}
	if _, there := s.Environment()["RESEND_API_KEY"]; there {
		t.Error("the demo mails by SMTP")
	}
}
