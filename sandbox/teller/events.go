package teller

import (
	"encoding/json"
	"slices"
	"time"

	"flint/sandbox/bank"
	"flint/sandbox/hook"
	"flint/sandbox/world"
)

// Provider is Teller's name among the senders of webhooks.
const Provider = "teller"

type event struct {
	ID        string `json:"id"`
	Payload   any    `json:"payload"`
	Timestamp string `json:"timestamp"`
	Type      string `json:"type"`
}

type disconnected struct {
	EnrollmentID string `json:"enrollment_id"`
	Reason       string `json:"reason"`
}

type processed struct {
	EnrollmentID string              `json:"enrollment_id"`
	Transactions []transactionObject `json:"transactions"`
}

type verified struct {
	EnrollmentID string `json:"enrollment_id"`
	AccountID    string `json:"account_id"`
	Status       string `json:"status"`
}

// SendTest sends a webhook.test.
func (a *API) SendTest() error { return a.send("webhook.test", struct{}{}) }

// send makes an event, which gets an id of its own, and hands it to the sender.
func (a *API) send(kind string, payload any) error {
	serial := 0
	if err := a.book.Write(func(b *book) error { serial = b.next(); return nil }); err != nil {
		return err
	}
	e := event{
		ID: "wh_" + world.Code(a.cfg.Seed, 20, "webhook", serial), Payload: payload,
		Timestamp: a.cfg.Clock.Now().UTC().Format(time.RFC3339), Type: kind,
	}
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	a.cfg.Hooks.Send(hook.Delivery{Provider: Provider, ID: e.ID, Type: kind, Body: body, Sign: signer(a.keys.Secrets)})
	return nil
}

// Tick tells about what a new day brought: to each healthy enrollment one
// transactions.processed with the rows that are new or changed since the last.
// While nobody listens it waits, so that nothing is told to the void.
func (a *API) Tick(now time.Time) {
	if a.cfg.Hooks.Targets()[Provider] == "" {
		return
	}
	today := world.DayOf(now)
	var due []enrollment
	a.book.Read(func(b *book) {
		for _, e := range b.live() {
			if e.Seen < today && e.Health == "" && e.Breaks == "" {
				due = append(due, e.copy())
			}
		}
	})
	for _, e := range due {
		fresh := a.fresh(&e, e.Seen, today)
		err := a.change(e.ID, func(_ *book, e *enrollment) error { e.Seen = today; return nil })
		if err == nil && len(fresh) > 0 {
			err = a.send("transactions.processed", processed{e.ID, fresh})
		}
		if err != nil {
			a.cfg.Log.Error("tell about a new day", "enrollment", e.ID, "err", err)
		}
	}
}

// most is how many transactions one webhook carries.
const most = 500

func (a *API) fresh(e *enrollment, before, today world.Day) []transactionObject {
	out := []transactionObject{}
	for _, acc := range a.shared(e) {
		if acc.Closed {
			continue
		}
		known := map[string]bool{} // by id and state
		for _, r := range a.look(e, acc, before).Rows {
			known[state(r)] = true
		}
		v := a.look(e, acc, today)
		for _, r := range v.Rows {
			if !known[state(r)] && len(out) < most {
				out = append(out, a.transactionObject(v.ID, r))
			}
		}
	}
	return out
}

func state(r row) string {
	if r.Pending {
		return r.ID + " pending"
	}
	return r.ID + " posted"
}

// verification plays the two small deposits: the first question starts them,
// and they arrive at once, or never.
func (a *API) verification(e *enrollment, acc bank.Account) *apiError {
	switch e.Verified[acc.Key] {
	case "completed":
		return nil
	case "expired":
		return &apiError{404, "account_number_verification_expired", "The microdeposit verification has expired"}
	}
	status := "completed"
	if acc.Name == "Failure" {
		status = "expired"
	}
	err := a.change(e.ID, func(_ *book, e *enrollment) error {
		if e.Verified == nil {
			e.Verified = map[string]string{}
		}
		e.Verified[acc.Key] = status
		return nil
	})
	if err == nil {
		err = a.send("account.number_verification.processed", verified{e.ID, a.accountID(e, acc.Key), status})
	}
	if err != nil {
		a.cfg.Log.Error("verify account number", "enrollment", e.ID, "err", err)
	}
	return &apiError{404, "account_number_verification_pending", "The microdeposit verification is pending"}
}

// Reasons are what can be wrong with an enrollment, as a webhook says it.
func Reasons() []string { return slices.Clone(reasons) }

var reasons = []string{
	"disconnected", "disconnected.account_locked", "disconnected.credentials_invalid", "disconnected.enrollment_inactive",
	"disconnected.user_action.captcha_required", "disconnected.user_action.contact_information_required",
	"disconnected.user_action.insufficient_permissions", "disconnected.user_action.mfa_required", "disconnected.user_action.web_login_required",
}
