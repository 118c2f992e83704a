package session_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/mfa"
	"flint/internal/platform/mail"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

// box collects mails.
type box struct{ mails []mail.Message }

func (b *box) Send(_ context.Context, m mail.Message) error {
	b.mails = append(b.mails, m)
	return nil
}

// recoverySteps takes the steps of recoveries that are due by the clock, and
// returns their mails.
func (h *house) recoverySteps(t *testing.T, which string) []mail.Message {
	t.Helper()
	type job struct {
		ID   int64
		Args []byte
	}
	jobs, err := postgres.Many[job](t.Context(), h.pool, `
		select id, args from river_job where kind = 'mfa.recovery' and args->>'step' = @which order by id`, postgres.Args{"which": which})
	if err != nil {
		t.Fatal(err)
	}
	var b box
	for _, j := range jobs {
		args := mfa.RecoveryArgs{}
		if err := json.Unmarshal(j.Args, &args); err != nil {
			t.Fatal(err)
		}
		w := &mfa.RecoveryWorker{Service: h.factors, Sender: &b}
		if err := w.Work(t.Context(), &river.Job[mfa.RecoveryArgs]{JobRow: &rivertype.JobRow{ID: j.ID}, Args: args}); err != nil {
			t.Fatal(err)
		}
	}
	return b.mails
}

var recoveryLink = regexp.MustCompile(`https://flint\.example(/[a-z-]+)#([A-Za-z0-9_-]+)`)

// tokenIn returns the token of the one mail there is, and its page.
func tokenIn(t *testing.T, mails []mail.Message) (page, token string) {
	t.Helper()
	if len(mails) != 1 || mails[0].To != "ana@example.com" {
		t.Fatalf("mails %+v", mails)
	}
	found := recoveryLink.FindStringSubmatch(mails[0].Text)
	if found == nil {
		t.Fatalf("no link: %s", mails[0].Text)
	}
	return found[1], found[2]
}

func recovering(step, token string, status int, code string) webtest.Scenario {
	s := webtest.Scenario{
		Path: "/api/auth/mfa/recover/" + step, Body: map[string]string{"token": token}, Status: status,
		NeverContains: []string{token}, Headers: map[string]string{"Set-Cookie": ""},
	}
	if code != "" {
		s.Contains = []string{code}
	}
	return s
}

func (n *node) askRecovery(t *testing.T, challenge string, status int) webtest.Answer {
	t.Helper()
	return n.web.Check(t, webtest.Scenario{
		Path: "/api/auth/mfa/recover", Body: map[string]string{"challenge": challenge}, Status: status,
		Header: map[string]string{"User-Agent": firefox}, Headers: map[string]string{"Set-Cookie": ""},
	})
}

func (h *house) factorsLeft(t *testing.T) int {
	t.Helper()
	return h.count(t, `select (select count(*) from totp_factors)::int + (select count(*) from backup_codes)::int + (select count(*) from passkeys)::int`)
}

func TestALostFactorIsRemovedAfterThreeDaysByMailAndPassword(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.enrol(t, b)
	challenge := h.firstStep(t, nil)
	var told struct{ Until time.Time }
	h.askRecovery(t, challenge, 200).JSON(t, &told)
	if due := h.now().Add(72 * time.Hour); !told.Until.Equal(due) {
		t.Errorf("due %s, not %s", told.Until, due)
	}
	h.askRecovery(t, challenge, 410) // a challenge is good once
	h.pass(time.Hour)
	var again struct{ Until time.Time }
	h.askRecovery(t, h.firstStep(t, nil), 200).JSON(t, &again)
	if !again.Until.Equal(told.Until) || h.count(t, `select count(*)::int from factor_recoveries`) != 1 {
		t.Error("asking twice begins anew")
	}
	first, stop := tokenIn(t, h.recoverySteps(t, "asked"))
	if mails := h.recoverySteps(t, "asked"); first != "/stop-recovery" || len(mails) != 1 || !strings.Contains(mails[0].Text, stop) {
		t.Error("the same mail, sent again, is another")
	}
	h.pass(71*time.Hour - time.Second)
	page, finish := tokenIn(t, h.recoverySteps(t, "due"))
	if page != "/finish-recovery" || finish == stop {
		t.Errorf("page %s", page)
	}
	h.web.Check(t, recovering("finish", finish, 409, "recovery_too_soon"))
	h.pass(time.Second)
	h.web.Check(t, recovering("finish", stop, 410, "recovery_over")) // each token does one thing
	h.web.Check(t, recovering("cancel", finish, 410, "recovery_over"))
	if h.factorsLeft(t) == 0 {
		t.Fatal("they are gone already")
	}
	h.web.Check(t, recovering("finish", finish, 200, ""))
	h.web.Check(t, recovering("finish", finish, 410, "recovery_over"))
	if n := h.factorsLeft(t); n != 0 {
		t.Errorf("%d factors and codes are left", n)
	}
	eventually(t, "every session ended", func() bool { return h.web.Do(t, b.user(0)).Status == 401 })
	h.signIn(t) // with the password alone
	if vs := h.verbs(t); !strings.Contains(vs, "factor.ask_recovery") || !strings.Contains(vs, "factor.remove session.end") {
		t.Errorf("audit: %s", vs)
	}
}

func TestARecoveryStops(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(t *testing.T, h *house, a *app){
		"by its link": func(t *testing.T, h *house, _ *app) {
			_, token := tokenIn(t, h.recoverySteps(t, "halfway"))
			h.web.Check(t, recovering("cancel", token, 200, ""))
			if vs := h.verbs(t); !strings.HasSuffix(vs, "factor.stop_recovery") {
				t.Errorf("the log says %q", vs)
			}
			h.web.Check(t, recovering("cancel", token, 410, "recovery_over"))
		},
		"when the factor is used": func(t *testing.T, h *house, a *app) {
			h.web.Check(t, secondStep(h.firstStep(t, nil), "code", a.code(t, 0), 200))
		},
		"when a backup code is used": func(t *testing.T, h *house, a *app) {
			h.web.Check(t, secondStep(h.firstStep(t, nil), "backupCode", a.backup[3], 200))
		},
		"when the password changes": func(t *testing.T, h *house, _ *app) {
			ctx := postgres.AsUser(t.Context(), h.ana.ID)
			tx, err := h.pool.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.EndAll(ctx, tx, access.Actor{User: h.ana.ID}, h.ana.ID, id.Session{}, "password"); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(ctx); err != nil {
				t.Fatal(err)
			}
		},
		"when nobody comes for a week": func(t *testing.T, h *house, _ *app) {
			h.pass(7*24*time.Hour + 36*time.Hour + time.Second)
			if err := h.factors.Sweep(postgres.AsSystem(t.Context(), "a test")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setup(t)
			a := h.enrol(t, h.signIn(t))
			h.askRecovery(t, h.firstStep(t, nil), 200)
			h.pass(36 * time.Hour)
			stop(t, h, a)
			if n := h.count(t, `select count(*)::int from factor_recoveries where ended_at is null`); n != 0 {
				t.Error("it goes on")
			}
			h.pass(36 * time.Hour)
			if mails := h.recoverySteps(t, "due"); len(mails) != 0 {
				t.Errorf("a mail leaves all the same: %+v", mails)
			}
			if h.factorsLeft(t) == 0 {
				t.Error("the factors are gone")
			}
		})
	}
}

func TestAnOperatorsResetWaitsADayOrForASecondOperator(t *testing.T) {
	t.Parallel()
	operator := access.SystemActor("operator", id.User{})
	t.Run("a day", func(t *testing.T) {
		t.Parallel()
		h := setup(t)
		h.enrol(t, h.signIn(t))
		if _, err := h.factors.AskReset(t.Context(), operator, h.ana.ID); err != nil {
			t.Fatal(err)
		}
		page, stop := tokenIn(t, h.recoverySteps(t, "asked"))
		if page != "/stop-recovery" {
			t.Errorf("page %s", page)
		}
		h.pass(24 * time.Hour)
		h.recoverySteps(t, "due")
		if n := h.factorsLeft(t); n != 0 {
			t.Errorf("%d factors and codes are left", n)
		}
		h.web.Check(t, recovering("cancel", stop, 410, "recovery_over"))
		h.signIn(t)
	})
	t.Run("the owner objects", func(t *testing.T) {
		t.Parallel()
		h := setup(t)
		h.enrol(t, h.signIn(t))
		if _, err := h.factors.AskReset(t.Context(), operator, h.ana.ID); err != nil {
			t.Fatal(err)
		}
		_, stop := tokenIn(t, h.recoverySteps(t, "asked"))
		h.web.Check(t, recovering("cancel", stop, 200, ""))
		h.pass(24 * time.Hour)
		h.recoverySteps(t, "due")
		if h.factorsLeft(t) == 0 {
			t.Error("the factors are gone")
		}
	})
	t.Run("a second operator", func(t *testing.T) {
		t.Parallel()
		h := setup(t)
		h.enrol(t, h.signIn(t))
		r, err := h.factors.AskReset(t.Context(), operator, h.ana.ID)
		if err != nil {
			t.Fatal(err)
		}
		bob := h.admit(t, "bob@example.com")
		if err := h.factors.HurryReset(t.Context(), operator, bob.ID, config.NewSecret(r.Hurry)); err == nil {
			t.Error("a code for one is good for another")
		}
		if err := h.factors.HurryReset(t.Context(), operator, h.ana.ID, config.NewSecret(r.Hurry)); err != nil {
			t.Fatal(err)
		}
		if n := h.factorsLeft(t); n != 0 {
			t.Errorf("%d factors and codes are left", n)
		}
	})
}

// A link in the mailbox must not be worth the password as well.
func TestAMailboxAloneRecoversNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.enrol(t, h.signIn(t))
	link, err := h.IssueLink(postgres.AsUser(t.Context(), h.ana.ID), access.SystemActor("test", h.ana.ID), h.ana.ID, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(link.Reveal(), "#")
	var p struct{ Challenge string }
	h.web.Check(t, webtest.Scenario{Path: "/api/auth/link", Body: map[string]string{"token": token}, Status: 401, Header: map[string]string{"User-Agent": firefox}}).JSON(t, &p)
	if a := h.askRecovery(t, p.Challenge, 403); a.Code() != "password_first" {
		t.Errorf("code %s", a.Code())
	}
	h.askRecovery(t, "not a challenge", 410)
	for _, forged := range []string{"x", strings.Repeat("A", 64), strings.Repeat("A", 63)} {
		h.web.Check(t, webtest.Scenario{Path: "/api/auth/mfa/recover/finish", Body: map[string]string{"token": forged}, Status: 410})
		h.web.Check(t, webtest.Scenario{Path: "/api/auth/mfa/recover/cancel", Body: map[string]string{"token": forged}, Status: 410})
	}
}
