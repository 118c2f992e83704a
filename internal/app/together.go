package app

import (
	"context"

	"flint/internal/access"
	"flint/internal/admin"
	"flint/internal/apikey"
	"flint/internal/audit"
	"flint/internal/compliance"
	"flint/internal/id"
	"flint/internal/mfa"
	"flint/internal/platform/web"
	"flint/internal/risk"
	"flint/internal/session"
)

// The reads here answer in one what a page shows at once, each part as its own
// operation answers it. A page that asked for them one by one would use up what
// the free plan allows at a time.

// safety is all that the security page shows.
type safety struct {
	Body struct {
		Factors   mfa.Status            `json:"factors" doc:"As GET /api/auth/mfa"`
		Sessions  session.Listing       `json:"sessions" doc:"As GET /api/auth/sessions"`
		Devices   session.DeviceListing `json:"devices" doc:"As GET /api/auth/devices"`
		Keys      apikey.Listing        `json:"keys" doc:"As GET /api/keys"`
		Support   admin.Leave           `json:"support" doc:"As GET /api/support/consent"`
		Log       audit.Listing         `json:"log" doc:"As GET /api/security/log, the newest ten"`
		Decisions risk.Page             `json:"decisions" doc:"As GET /api/security/decisions, the newest fifty"`
	}
}

// notices is what every page says above itself.
type notices struct {
	Body struct {
		Support   admin.Leave          `json:"support" doc:"As GET /api/support/consent"`
		Deletion  *compliance.Leaving  `json:"deletion" doc:"As GET /api/privacy/deletion; null: the account stays"`
		Documents []compliance.Awaited `json:"documents" doc:"The required texts that you have yet to accept, in the versions in force"`
	}
}

// mountTogether declares the reads that concern several features.
func (a *App) mountTogether(s *web.Server, log *audit.Log) {
	web.Handle(s, web.Op{
		Method: "GET", Path: "/api/security", Summary: "Show how you sign in, where, and what has happened", Tag: "security",
		Description: "One read for a page that shows all of it. Each part is what its own operation answers.",
		Needs:       access.SignedIn, Limit: "data",
	}, func(ctx context.Context, in *session.Caller) (*safety, error) { return a.safety(ctx, log, *in) })
	web.Handle(s, web.Op{
		Method: "GET", Path: "/api/notices", Summary: "Say what concerns you on every page", Tag: "app",
		Description: "Whether support may look, or looks, whether the account is to be deleted, and which texts wait to be accepted.",
		Needs:       access.SignedIn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (out *notices, err error) {
		out, actor := &notices{}, access.From(ctx)
		if out.Body.Support, err = a.staff.Leave(ctx, actor); err != nil {
			return nil, err
		}
		if out.Body.Deletion, err = a.Privacy.Leaving(ctx, actor); err != nil {
			return nil, err
		}
		out.Body.Documents, err = a.Privacy.Awaited(ctx, actor)
		return out, err
	})
}

func (a *App) safety(ctx context.Context, log *audit.Log, caller session.Caller) (out *safety, err error) {
	out, actor := &safety{}, access.From(ctx)
	b := &out.Body
	for _, read := range []func() error{
		func() (err error) { b.Factors, err = a.Factors.Status(ctx, actor); return err },
		func() (err error) { b.Sessions, err = a.Sessions.Listing(ctx, actor); return err },
		func() (err error) { b.Devices, err = a.Sessions.DeviceListing(ctx, actor, caller); return err },
		func() (err error) { b.Keys, err = a.programs.Listing(ctx, actor); return err },
		func() (err error) { b.Support, err = a.staff.Leave(ctx, actor); return err },
		func() (err error) { b.Log, err = log.Listing(ctx, actor.User, audit.Page{Limit: 10}); return err },
		func() (err error) {
			b.Decisions, err = a.Risk.Page(ctx, actor.User, id.Decision{}, 50)
			return err
		},
	} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
