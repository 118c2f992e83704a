package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"flint/sandbox/hook"
	"flint/sandbox/inbox"
	"flint/sandbox/misbehave"
	"flint/sandbox/teller"
)

const (
	maxBody = 64 << 10
	maxWait = 30 * time.Second
)

// control adds the control API. Answers are JSON; a mistake is 400 or 404 with
// {"error": sentence}.
func (s *Site) control(mux *http.ServeMux) {
	t := s.cfg.Teller
	handle(mux, "GET /control/state", func(*http.Request, struct{}) (any, error) {
		state := map[string]any{
			"seed": s.cfg.Seed, "start": s.cfg.Clock.Start.String(), "today": s.cfg.Clock.Today().String(), "now": s.cfg.Clock.Now().UTC(),
			"teller": map[string]any{"application": t.Application(), "enrollments": t.Enrollments()},
		}
		if truth, err := s.through(http.MethodGet, "truth", nil); err == nil {
			state[broker] = json.RawMessage(truth)
		}
		return state, nil
	})
	handle(mux, "GET /control/teller/enrollments", func(*http.Request, struct{}) (any, error) {
		return map[string]any{"enrollments": t.Enrollments()}, nil
	})
	handle(mux, "POST /control/teller/enroll", func(_ *http.Request, o teller.EnrollOrder) (any, error) { return t.Enroll(o) })
	handle(mux, "POST /control/teller/webhook-test", func(*http.Request, struct{}) (any, error) { return done, t.SendTest() })
	handle(mux, "POST /control/teller/{enrollment}/transactions", func(r *http.Request, o teller.PostOrder) (any, error) {
		return t.Post(r.PathValue("enrollment"), o, quiet(r))
	})
	handle(mux, "POST /control/teller/{enrollment}/post-pending", func(r *http.Request, o teller.SettleOrder) (any, error) {
		return t.PostPending(r.PathValue("enrollment"), o, quiet(r))
	})
	type which struct {
		Transaction string `json:"transaction"`
		Account     string `json:"account"`
		Reason      string `json:"reason"`
	}
	handle(mux, "POST /control/teller/{enrollment}/remove", func(r *http.Request, o which) (any, error) {
		return done, t.Remove(r.PathValue("enrollment"), o.Transaction)
	})
	handle(mux, "POST /control/teller/{enrollment}/close", func(r *http.Request, o which) (any, error) {
		return done, t.CloseAccount(r.PathValue("enrollment"), o.Account)
	})
	handle(mux, "POST /control/teller/{enrollment}/disconnect", func(r *http.Request, o which) (any, error) {
		return done, t.Disconnect(r.PathValue("enrollment"), o.Reason, quiet(r))
	})
	handle(mux, "POST /control/teller/{enrollment}/repair", func(r *http.Request, _ struct{}) (any, error) {
		return done, t.Repair(r.PathValue("enrollment"), quiet(r))
	})
	s.controlTrouble(mux)
	s.controlInbox(mux)
}

func (s *Site) controlTrouble(mux *http.ServeMux) {
	handle(mux, "GET /control/misbehave", func(*http.Request, struct{}) (any, error) {
		return map[string]any{"orders": append([]misbehave.Order{}, s.cfg.Desk.Orders()...)}, nil
	})
	handle(mux, "POST /control/misbehave", func(_ *http.Request, o misbehave.Order) (any, error) {
		if err := s.cfg.Desk.Add(o); err != nil {
			return nil, bad{err}
		}
		return done, nil
	})
	handle(mux, "DELETE /control/misbehave", func(r *http.Request, _ struct{}) (any, error) {
		s.cfg.Desk.Clear(r.URL.Query().Get("provider"))
		return done, nil
	})
	handle(mux, "GET /control/webhooks", func(*http.Request, struct{}) (any, error) {
		return map[string]any{"behaviour": s.cfg.Hooks.Behaviour(), "targets": s.cfg.Hooks.Targets(), "deliveries": s.cfg.Hooks.Outcomes()}, nil
	})
	handle(mux, "POST /control/webhooks", func(_ *http.Request, b hook.Behaviour) (any, error) {
		if err := s.cfg.Hooks.Behave(b); err != nil {
			return nil, bad{err}
		}
		return done, nil
	})
	handle(mux, "POST /control/webhooks/flush", func(*http.Request, struct{}) (any, error) {
		return map[string]int{"released": s.cfg.Hooks.Flush()}, nil
	})
	handle(mux, "POST /control/webhooks/wait", func(r *http.Request, _ struct{}) (any, error) {
		ctx, cancel := context.WithTimeout(r.Context(), maxWait)
		defer cancel()
		return map[string]bool{"idle": s.cfg.Hooks.Wait(ctx) == nil}, nil
	})
	type target struct{ Provider, URL string }
	handle(mux, "POST /control/webhooks/target", func(_ *http.Request, o target) (any, error) {
		s.cfg.Hooks.Target(o.Provider, o.URL)
		return done, nil
	})
	handle(mux, "GET /control/requests", func(*http.Request, struct{}) (any, error) { return s.cfg.Meter.Read(), nil })
	handle(mux, "DELETE /control/requests", func(*http.Request, struct{}) (any, error) { s.cfg.Meter.Reset(); return done, nil })
}

func (s *Site) controlInbox(mux *http.ServeMux) {
	handle(mux, "GET /control/inbox", func(r *http.Request, _ struct{}) (any, error) {
		mails, err := s.mails(r)
		return map[string]any{"messages": mails}, err
	})
	handle(mux, "GET /control/inbox/{id}", func(r *http.Request, _ struct{}) (any, error) {
		id, _ := strconv.Atoi(r.PathValue("id")) // not a number: not found
		m, ok := s.cfg.Inbox.Find(id)
		if !ok {
			return nil, teller.ErrNotFound
		}
		return m, nil
	})
	handle(mux, "DELETE /control/inbox", func(*http.Request, struct{}) (any, error) { return done, s.cfg.Inbox.Clear() })
}

// mails lists the inbox. With ?to= only one person's, with ?after=ID only later
// ones, and with ?wait=SECONDS it answers when there is one, or in the end.
func (s *Site) mails(r *http.Request) ([]inbox.Message, error) {
	q := r.URL.Query()
	after, _ := strconv.Atoi(q.Get("after"))
	wait, _ := strconv.Atoi(q.Get("wait"))
	ctx, cancel := context.WithTimeout(r.Context(), min(time.Duration(max(wait, 0))*time.Second, maxWait))
	defer cancel()
	for {
		next := s.cfg.Inbox.Arrived() // before looking, or a mail between the two is missed
		found := []inbox.Message{}
		for _, m := range s.cfg.Inbox.List(q.Get("to")) {
			if m.ID > after {
				found = append(found, m)
			}
		}
		if len(found) > 0 || wait <= 0 {
			return found, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return found, nil
		}
	}
}

var done = map[string]bool{"ok": true}

func quiet(r *http.Request) bool { return r.URL.Query().Get("quiet") == "1" }

// bad marks a mistake of the caller.
type bad struct{ error }

// handle adds a route that takes JSON (nothing at all is fine) and gives JSON.
func handle[I any](mux *http.ServeMux, pattern string, fn func(*http.Request, I) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		in, err := decode[I](w, r)
		var out any
		if err == nil {
			out, err = fn(r, in)
		}
		status := http.StatusOK
		if err != nil {
			status, out = statusOf(err), map[string]string{"error": err.Error()}
		}
		data, err := json.Marshal(out)
		if err != nil {
			status, data = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(data)
	})
}

func decode[I any](w http.ResponseWriter, r *http.Request) (I, error) {
	var in I
	if r.Method == http.MethodGet {
		return in, nil
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil && !errors.Is(err, io.EOF) {
		return in, bad{fmt.Errorf("read order: %w", err)}
	}
	return in, nil
}

func statusOf(err error) int {
	var mistake bad
	switch {
	case errors.Is(err, teller.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, teller.ErrInvalid), errors.As(err, &mistake):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}
