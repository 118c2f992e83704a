package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flint/internal/access"
	"flint/internal/compliance"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// Holds lists the legal holds on user's data.
func (s *Service) Holds(ctx context.Context, actor access.Actor, user id.User) ([]compliance.LegalHold, error) {
	return s.cfg.Privacy.Holds(ctx, actor, user)
}

// PlaceHold keeps user's data from retention and from deletion. The person isn't
// told, and nothing of theirs shows it.
func (s *Service) PlaceHold(ctx context.Context, actor access.Actor, user id.User, why string) (compliance.LegalHold, error) {
	why, err := reason(why)
	if err != nil {
		return compliance.LegalHold{}, err
	}
	if user == actor.User {
		return compliance.LegalHold{}, ErrYourself
	}
	return s.cfg.Privacy.Hold(ctx, actor, user, why)
}

// EndHold ends a hold. What waited for it goes on by itself.
func (s *Service) EndHold(ctx context.Context, actor access.Actor, user id.User, hold id.LegalHold, why string) (compliance.LegalHold, error) {
	why, err := reason(why)
	if err != nil {
		return compliance.LegalHold{}, err
	}
	if user == actor.User {
		return compliance.LegalHold{}, ErrYourself
	}
	return s.cfg.Privacy.Release(ctx, actor, user, hold, why)
}

// nameOf returns the address of one of the staff, if they are still there.
func (s *Service) nameOf(ctx context.Context, user id.User) (string, error) {
	p, err := s.cfg.People.Person(ctx, user)
	if errors.Is(err, fault.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find who it was: %w", err)
	}
	return p.Email, nil
}

type holdView struct {
	ID        id.LegalHold `json:"id" format:"uuid"`
	Reason    string       `json:"reason"`
	CreatedAt time.Time    `json:"createdAt"`
	CreatedBy string       `json:"createdBy" doc:"Address of one of the staff; operator: on the command line"`
	EndedAt   *time.Time   `json:"endedAt"`
}

func (s *Service) viewOfHold(ctx context.Context, h compliance.LegalHold) (holdView, error) {
	v := holdView{ID: h.ID, Reason: h.Reason, CreatedAt: h.PlacedAt, CreatedBy: "operator", EndedAt: h.ReleasedAt}
	if h.PlacedBy == nil {
		return v, nil
	}
	var err error
	v.CreatedBy, err = s.nameOf(seeStaff(ctx), *h.PlacedBy)
	return v, err
}

type holdsOut struct {
	Body struct {
		Holds []holdView `json:"holds" doc:"The newest first"`
	}
}

type holdOut struct{ Body holdView }

type endHoldIn struct {
	ID   id.User      `path:"id"`
	Hold id.LegalHold `path:"hold"`
	Body struct {
		Reason string `json:"reason" minLength:"3" maxLength:"1000" doc:"Why; it is recorded"`
	}
}

func (s *Service) holdOperations(api *web.Server) {
	web.Handle(api, look("/api/admin/users/{id}/holds", "List the legal holds on somebody's data"), func(ctx context.Context, in *oneIn) (*holdsOut, error) {
		holds, err := s.Holds(ctx, access.From(ctx), in.ID)
		out := &holdsOut{}
		out.Body.Holds = []holdView{}
		for _, h := range holds {
			v, err := s.viewOfHold(ctx, h)
			if err != nil {
				return nil, err
			}
			out.Body.Holds = append(out.Body.Holds, v)
		}
		return out, err
	})
	place := act("/api/admin/users/{id}/holds", "Keep somebody's data from retention and deletion")
	place.Status, place.Description = 201, "The person isn't told. 409 already_held if there is a hold."
	web.Handle(api, place, func(ctx context.Context, in *whyIn) (*holdOut, error) {
		h, err := s.PlaceHold(ctx, access.From(ctx), in.ID, in.Body.Reason)
		if err != nil {
			return nil, err
		}
		v, err := s.viewOfHold(ctx, h)
		return &holdOut{v}, err
	})
	end := act("/api/admin/users/{id}/holds/{hold}/end", "End a legal hold")
	end.Status = 200
	web.Handle(api, end, func(ctx context.Context, in *endHoldIn) (*holdOut, error) {
		h, err := s.EndHold(ctx, access.From(ctx), in.ID, in.Hold, in.Body.Reason)
		if err != nil {
			return nil, err
		}
		v, err := s.viewOfHold(ctx, h)
		return &holdOut{v}, err
	})
}
