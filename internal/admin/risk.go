package admin

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
	"flint/internal/risk"
)

// Judged returns how sign-ins of user were judged, newest first, with what the
// weights were counted from. The person sees in their log that somebody looked.
func (s *Service) Judged(ctx context.Context, actor access.Actor, user id.User, before id.Decision, limit int) ([]risk.Reviewed, error) {
	ctx = postgres.AsUser(ctx, user)
	err := postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := s.cfg.People.PersonIn(ctx, tx, user); err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Subject: user, Verb: "account.look", Object: user.String()})
	})
	if err != nil {
		return nil, err
	}
	return s.cfg.Risk.Judged(ctx, user, before, limit)
}

// Review notes what actor found out about a sign-in of user. If it was the owner,
// their network, country and kind of device are taken for theirs from then on. If
// it was a thief, every session ends at once, and the person is told by mail, as
// they are when staff sign them out. It returns how many sessions ended.
func (s *Service) Review(ctx context.Context, actor access.Actor, user id.User, decision id.Decision, v risk.Verdict, why string) (ended int, err error) {
	err = s.act(ctx, actor, user, why, func(ctx context.Context, tx pgx.Tx, _ identity.Person, reason string) error {
		outcome, err := s.cfg.Risk.Review(ctx, tx, user, decision, v, actor.User)
		if err != nil {
			return err
		}
		if v == risk.WasThief {
			if ended, err = s.signOut(ctx, tx, actor, user, reason); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{
			Actor: actor, Subject: user, Verb: "risk.review", Object: decision.String(),
			Detail: map[string]any{"verdict": string(v), "outcome": string(outcome), "sessions": ended, "reason": reason},
		})
	})
	return ended, err
}

type judgedIn struct {
	ID     id.User     `path:"id"`
	Cursor id.Decision `query:"cursor" doc:"nextCursor of the page before"`
	Limit  int         `query:"limit" minimum:"1" maximum:"100" default:"50"`
}

type judgedOut struct {
	Body struct {
		Decisions  []risk.Reviewed `json:"decisions"`
		NextCursor *id.Decision    `json:"nextCursor" format:"uuid"`
	}
}

type reviewIn struct {
	ID       id.User     `path:"id"`
	Decision id.Decision `path:"decision"`
	Body     struct {
		Verdict risk.Verdict `json:"verdict" enum:"owner,thief"`
		Reason  string       `json:"reason" minLength:"3" maxLength:"1000" doc:"Why; it is recorded"`
	}
}

// riskOperations declares what staff see and say about judged sign-ins.
func (s *Service) riskOperations(api *web.Server) {
	look, act := access.AdminLook(), access.AdminAct()
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/admin/users/{id}/risk", Summary: "See how somebody's sign-ins were judged, and from what", Tag: "admin",
		Needs: look.Needs, Limit: look.Limit, Assurance: look.Assurance,
	}, func(ctx context.Context, in *judgedIn) (*judgedOut, error) {
		list, err := s.Judged(ctx, access.From(ctx), in.ID, in.Cursor, in.Limit+1)
		if err != nil {
			return nil, err
		}
		out := &judgedOut{}
		if len(list) > in.Limit {
			list = list[:in.Limit]
			out.Body.NextCursor = &list[in.Limit-1].ID
		}
		out.Body.Decisions = list
		return out, nil
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/admin/users/{id}/risk/{decision}/review", Summary: "Say who a judged sign-in was", Tag: "admin",
		Description: "owner: where it came from is taken for theirs from now on. thief: every session of theirs ends, and they are told by mail.",
		Needs:       act.Needs, Limit: act.Limit, Assurance: act.Assurance, MaxBody: 8 << 10,
	}, func(ctx context.Context, in *reviewIn) (*endedOut, error) {
		n, err := s.Review(ctx, access.From(ctx), in.ID, in.Decision, in.Body.Verdict, in.Body.Reason)
		out := &endedOut{}
		out.Body.Ended = n
		return out, err
	})
}
