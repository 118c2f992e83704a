package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

func TestARefusalToProveOneselfIsNeverGivenFromTheCache(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	stored, gone, asked := access.Actor{}, false, 0
	s := web.New(web.Config{
		Origin: origin, Now: func() time.Time { return now },
		Authenticate: func(*http.Request) (access.Actor, error) { return alice, nil },
		Proofs: func(context.Context, access.Actor) (access.Actor, error) {
			asked++
			if gone {
				return access.Actor{}, fault.ErrNotFound
			}
			return stored, nil
		},
	})
	web.Handle(s, web.Op{
		Method: "POST", Path: "/api/vault", Summary: "Open the vault", Needs: access.ManageOwn, Limit: "none",
		Assurance: access.StepUp{Within: 5 * time.Minute, Factor: true},
	}, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	if !strings.Contains(string(s.OpenAPI()), `"x-flint-step-up": {`) || s.Routes()[len(s.Routes())-1].Assurance.Within != 5*time.Minute {
		t.Error("what is demanded isn't described")
	}
	c := webtest.New(t, s.Handler(), origin)
	open := webtest.Scenario{Method: "POST", Path: "/api/vault"}
	expect := func(status int, contains ...string) {
		t.Helper()
		open.Status, open.Contains = status, contains
		c.Check(t, open)
	}
	stored = alice
	stored.Factors = access.Factors{TOTP: true, BackupCodes: true}
	expect(403, `"code":"step_up_required"`, `"errors":[{"where":"step-up","message":"totp"},{"where":"step-up","message":"backup_code"}]`,
		`"methods":["totp","backup_code"]`)
	stored.Proofs.PasswordAt = now
	expect(403)
	stored.Proofs.FactorAt = now
	expect(204)
	gone = true
	expect(404)
	if asked != 4 {
		t.Errorf("asked %d times", asked)
	}
}
