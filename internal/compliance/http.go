package compliance

import (
	"context"
	"errors"
	"time"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/platform/web"
)

// Leaving is a deletion that was asked for.
type Leaving struct {
	AskedAt time.Time `json:"askedAt"`
	DueAt   time.Time `json:"dueAt" doc:"Until then it can be undone"`
	Begun   bool      `json:"begun" doc:"It can't be undone any more"`
}

type deletionOut struct {
	Body struct {
		Deletion *Leaving  `json:"deletion" doc:"null: the account stays"`
		Kept     []Remains `json:"kept" doc:"What stays of an account that is deleted"`
	}
}

type undoIn struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"From the mail's link"`
	}
}

type undoOut struct {
	Body struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
	}
}

func leaving(d Deletion) *Leaving {
	return &Leaving{AskedAt: d.AskedAt, DueAt: d.DueAt, Begun: d.BegunAt != nil}
}

// Leaving says whether actor's account is to be deleted; nil: it stays.
func (s *Service) Leaving(ctx context.Context, actor access.Actor) (*Leaving, error) {
	d, err := s.Waiting(ctx, actor)
	if errors.Is(err, fault.ErrNotFound) {
		return nil, nil //nolint:nilnil // that nothing is asked for is the usual answer
	}
	if err != nil {
		return nil, err
	}
	return leaving(d), nil
}

func outOf(d *Deletion) *deletionOut {
	out := &deletionOut{}
	out.Body.Kept = Kept()
	if d != nil {
		out.Body.Deletion = leaving(*d)
	}
	return out
}

// Operations declares what people do about their own data.
func (s *Service) Operations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/privacy/deletion", Summary: "Delete your account, in 14 days", Tag: "privacy", Status: 202,
		Description: "A mail brings a link that undoes it. When the time is over the institutions are disconnected, everything is erased, and the keys to what backups hold are destroyed. The answer says what stays.",
		Needs:       access.SignedIn, Assurance: access.StepUp{Within: 10 * time.Minute, Factor: true}, Limit: "write", MaxBody: 8 << 10,
	}, func(ctx context.Context, _ *struct{}) (*deletionOut, error) {
		d, err := s.Ask(ctx, access.From(ctx))
		return outOf(&d), err
	})
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/privacy/deletion", Summary: "Say whether your account is to be deleted, and what would stay", Tag: "privacy",
		Needs: access.SignedIn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (*deletionOut, error) {
		d, err := s.Waiting(ctx, access.From(ctx))
		if errors.Is(err, fault.ErrNotFound) {
			return outOf(nil), nil
		}
		return outOf(&d), err
	})
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/privacy/deletion", Summary: "Keep your account after all", Tag: "privacy", Status: 204,
		Needs: access.SignedIn, Limit: "write",
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, s.Undo(ctx, access.From(ctx))
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/privacy/deletion/undo", Summary: "Keep your account after all, with the link of the mail", Tag: "privacy",
		Needs: access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *undoIn) (*undoOut, error) {
		out := &undoOut{}
		out.Body.Success, out.Body.Message = true, "Your account stays."
		return out, s.UndoByLink(ctx, config.NewSecret(in.Body.Token))
	})
	s.exportOperations(api)
	retentionOperation(api)
	s.consentOperations(api)
}
