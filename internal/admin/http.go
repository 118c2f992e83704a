package admin

import (
	"context"
	"errors"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/web"
	"flint/internal/risk"
)

// Standing is somebody as staff see them, built field by field: no balance, no
// institution, nothing that proves who they are.
type Standing struct {
	ID            id.User     `json:"id" format:"uuid"`
	Email         string      `json:"email"`
	FirstName     string      `json:"firstName"`
	LastName      string      `json:"lastName" doc:"Empty: not given"`
	Tier          access.Tier `json:"tier" enum:"free,basic,pro,premium"`
	Role          access.Role `json:"role" enum:"SUPER_ADMIN,ADMIN,PRO_USER,BASIC_USER,FREE_USER"`
	EmailVerified bool        `json:"emailVerified"`
	MFAEnabled    bool        `json:"mfaEnabled"`
	CreatedAt     time.Time   `json:"createdAt"`
	BannedAt      *time.Time  `json:"bannedAt"`
}

func standingOf(a Account) Standing {
	return Standing{
		ID: a.ID, Email: a.Email, FirstName: a.FirstName, LastName: a.LastName, Tier: a.Tier, Role: a.Role, EmailVerified: a.Confirmed(),
		MFAEnabled: a.SecondFactor, CreatedAt: a.CreatedAt, BannedAt: a.BannedAt,
	}
}

type listIn struct {
	Text   string  `query:"q" maxLength:"200" doc:"A whole e-mail address, or an account's id. Names and parts of addresses can't be looked for: they are stored unreadable"`
	Cursor id.User `query:"cursor" doc:"nextCursor of the page before"`
	Limit  int     `query:"limit" minimum:"1" maximum:"100" default:"50"`
}

type listOut struct {
	Body struct {
		Users      []Standing `json:"users"`
		NextCursor *id.User   `json:"nextCursor" format:"uuid"`
	}
}

type oneIn struct {
	ID id.User `path:"id"`
}

type oneOut struct {
	Body struct {
		Standing
		Sessions  int              `json:"sessions" doc:"How many live ones there are"`
		Held      bool             `json:"held" doc:"It was confirmed that they are on a list: no orders, no transfers. They must not be told"`
		Decisions []risk.Explained `json:"decisions" doc:"The latest about sign-ins, with their reasons"`
	}
}

type whyIn struct {
	ID   id.User `path:"id"`
	Body struct {
		Reason string `json:"reason" minLength:"3" maxLength:"1000" doc:"Why; it is recorded"`
	}
}

type tierIn struct {
	ID   id.User `path:"id"`
	Body struct {
		Tier   access.Tier `json:"tier" enum:"free,basic,pro,premium"`
		Reason string      `json:"reason" minLength:"3" maxLength:"1000" doc:"Why; it is recorded"`
	}
}

type endedOut struct {
	Body struct {
		Ended int `json:"ended" doc:"How many sessions there were"`
	}
}

// look is an operation of staff that reads.
func look(path, summary string) web.Op {
	g := access.AdminLook()
	return web.Op{Method: "GET", Path: path, Summary: summary, Tag: "admin", Needs: g.Needs, Limit: g.Limit, Assurance: g.Assurance}
}

// act is an operation of staff that changes something.
func act(path, summary string) web.Op {
	g := access.AdminAct()
	return web.Op{Method: "POST", Path: path, Summary: summary, Tag: "admin", Needs: g.Needs, Limit: g.Limit, Assurance: g.Assurance, MaxBody: 8 << 10, Status: 204}
}

// Operations declares what staff can do, and what people decide about support.
func (s *Service) Operations(api *web.Server) {
	web.Handle(api, look("/api/admin/users", "List people's accounts, without what they own"), func(ctx context.Context, in *listIn) (*listOut, error) {
		accounts, err := s.List(ctx, access.From(ctx), Query{Text: in.Text, After: in.Cursor, Limit: in.Limit + 1})
		if err != nil {
			return nil, err
		}
		out := &listOut{}
		out.Body.Users = []Standing{}
		for i, a := range accounts {
			if i == in.Limit { // one more than asked for: there is another page
				out.Body.NextCursor = &accounts[i-1].ID
				break
			}
			out.Body.Users = append(out.Body.Users, standingOf(a))
		}
		return out, nil
	})
	web.Handle(api, look("/api/admin/users/{id}", "See how somebody's account stands, without what they own"), func(ctx context.Context, in *oneIn) (*oneOut, error) {
		a, err := s.Get(ctx, access.From(ctx), in.ID)
		out := &oneOut{}
		out.Body.Standing, out.Body.Sessions, out.Body.Held, out.Body.Decisions = standingOf(a), a.Sessions, a.Held, a.Judged
		return out, err
	})
	web.Handle(api, act("/api/admin/users/{id}/tier", "Change somebody's plan"), func(ctx context.Context, in *tierIn) (*struct{}, error) {
		return nil, s.SetTier(ctx, access.From(ctx), in.ID, in.Body.Tier, in.Body.Reason)
	})
	web.Handle(api, act("/api/admin/users/{id}/ban", "Close somebody's account to sign-ins"), func(ctx context.Context, in *whyIn) (*struct{}, error) {
		return nil, s.Ban(ctx, access.From(ctx), in.ID, in.Body.Reason)
	})
	web.Handle(api, act("/api/admin/users/{id}/unban", "Open somebody's account to sign-ins again"), func(ctx context.Context, in *whyIn) (*struct{}, error) {
		return nil, s.Unban(ctx, access.From(ctx), in.ID, in.Body.Reason)
	})
	out := act("/api/admin/users/{id}/sign-out", "Sign somebody out everywhere")
	out.Status = 200
	web.Handle(api, out, func(ctx context.Context, in *whyIn) (*endedOut, error) {
		n, err := s.SignOut(ctx, access.From(ctx), in.ID, in.Body.Reason)
		out := &endedOut{}
		out.Body.Ended = n
		return out, err
	})
	s.holdOperations(api)
	s.screeningOperations(api)
	s.riskOperations(api)
	s.supportOperations(api)
}

type permitIn struct {
	Body struct {
		Hours int `json:"hours,omitempty" minimum:"1" maximum:"24" default:"1"`
	}
}

type permitOut struct {
	Body struct {
		Code  string    `json:"code" doc:"Shown this once; read it to whom you talk to"`
		Until time.Time `json:"until"`
	}
}

type inUse struct {
	By    string    `json:"by" doc:"First name"`
	Until time.Time `json:"until"`
}

type consent struct {
	CreatedAt time.Time `json:"createdAt"`
	Until     time.Time `json:"until"`
	InUse     *inUse    `json:"inUse" doc:"Who looks right now, if anybody"`
}

// Leave is whether support may look at somebody's data.
type Leave struct {
	Consent *consent `json:"consent" doc:"null: support can't look"`
}

type consentOut struct{ Body Leave }

type openIn struct {
	Body struct {
		Code   string `json:"code" minLength:"1" maxLength:"40" doc:"As the person read it out"`
		Reason string `json:"reason" minLength:"3" maxLength:"1000" doc:"Why; it is recorded"`
	}
}

type openOut struct {
	Body struct {
		ID    id.Support `json:"id" format:"uuid" doc:"To be sent as X-Flint-Support with each request, in the same session"`
		User  id.User    `json:"user" format:"uuid"`
		Until time.Time  `json:"until"`
	}
}

type lookIn struct {
	ID id.Support `path:"id"`
}

func (s *Service) supportOperations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/support/consent", Summary: "Let support look at your data for some hours", Tag: "support", Status: 201,
		Description: "They can read what you see and do nothing. You can see each look in your security log and end it at any time.",
		Needs:       access.ManageOwn, Assurance: access.StepUp{Within: 10 * time.Minute, Factor: true}, Limit: "write", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *permitIn) (*permitOut, error) {
		code, c, err := s.Permit(ctx, access.From(ctx), in.Body.Hours)
		out := &permitOut{}
		out.Body.Code, out.Body.Until = code, c.Until
		return out, err
	})
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/support/consent", Summary: "Say whether support may look, and whether it does", Tag: "support",
		Needs: access.ViewOwn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (*consentOut, error) {
		leave, err := s.Leave(ctx, access.From(ctx))
		return &consentOut{leave}, err
	})
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/support/consent", Summary: "Stop support from looking", Tag: "support", Status: 204,
		Needs: access.ManageOwn, Limit: "write",
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, s.Forbid(ctx, access.From(ctx))
	})
	g := access.AdminAct()
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/admin/support/sessions", Summary: "Look at somebody's data with their code", Tag: "admin", Status: 201,
		Description: "Read-only, for an hour at most, in this session only; the person is told, and sees each look.",
		Needs:       g.Needs, Assurance: g.Assurance, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *openIn) (*openOut, error) {
		l, err := s.Open(ctx, access.From(ctx), in.Body.Code, in.Body.Reason)
		out := &openOut{}
		out.Body.ID, out.Body.User, out.Body.Until = l.ID, l.UserID, l.Until
		return out, err
	})
	g = access.AdminLook()
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/admin/support/sessions/{id}", Summary: "Stop looking at somebody's data", Tag: "admin", Status: 204,
		Needs: g.Needs, Assurance: g.Assurance, Limit: "write",
	}, func(ctx context.Context, in *lookIn) (*struct{}, error) {
		return nil, s.Close(ctx, access.From(ctx), in.ID)
	})
}

// Leave answers GET /api/support/consent.
func (s *Service) Leave(ctx context.Context, actor access.Actor) (Leave, error) {
	c, looks, err := s.Permitted(ctx, actor)
	if errors.Is(err, fault.ErrNotFound) {
		return Leave{}, nil
	}
	if err != nil {
		return Leave{}, err
	}
	out := Leave{&consent{CreatedAt: c.CreatedAt, Until: c.Until}}
	for _, l := range looks {
		out.Consent.InUse = &inUse{By: l.By, Until: l.Until}
	}
	return out, nil
}
