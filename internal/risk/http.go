package risk

import (
	"context"
	"fmt"
	"time"

	"flint/internal/access"
	"flint/internal/device"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// Explained is a decision as the person may see it, and an operator too.
type Explained struct {
	ID      id.Decision `json:"id" format:"uuid"`
	At      time.Time   `json:"at"`
	Action  Action      `json:"action" enum:"password,link,passkey" doc:"By what somebody signed in"`
	Outcome Outcome     `json:"outcome" enum:"allow,step_up,verify_email,block"`
	Score   int         `json:"score" doc:"The sum of the weights, at least 0"`
	Place   *geo.Where  `json:"place" doc:"Where it came from; null if that isn't known"`
	Device  string      `json:"device" doc:"Such as Firefox on Linux"`
	Address string      `json:"address" doc:"IP address it came from; empty if it isn't known"`
	Begun   bool        `json:"begun" doc:"Whether a session began"`
	Reasons []Because   `json:"reasons" doc:"The weightiest first; empty if nothing was unusual"`
}

// Because is a reason in words.
type Because struct {
	Signal string `json:"signal" doc:"For programs, such as new_country; new ones may come"`
	Weight int    `json:"weight"`
	Says   string `json:"says" doc:"For people"`
}

// Decisions returns what was decided about sign-ins of user, newest first, at
// most limit, older than before (zero: the newest).
func (s *Service) Decisions(ctx context.Context, user id.User, before id.Decision, limit int) ([]Explained, error) {
	list := []Explained{}
	if s == nil {
		return list, nil
	}
	rows, err := listDecisions(ctx, s.pool, user, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list decisions: %w", err)
	}
	for _, r := range rows {
		list = append(list, s.explain(r))
	}
	return list, nil
}

// explain puts a decision into words.
func (s *Service) explain(r row) Explained {
	e := Explained{
		ID: r.ID, At: r.At, Action: r.Action, Outcome: r.Outcome, Score: r.Score, Place: s.atlas.Where(r.from.Address),
		Device: device.Of(r.from.Agent).String(), Address: r.from.Address, Begun: r.BegunAt != nil, Reasons: []Because{},
	}
	for _, why := range r.Reasons {
		e.Reasons = append(e.Reasons, Because{why.Signal, why.Weight, why.Says()})
	}
	return e
}

type decisionsIn struct {
	Cursor id.Decision `query:"cursor" doc:"nextCursor of the page before"`
	Limit  int         `query:"limit" minimum:"1" maximum:"100" default:"50"`
}

// Page is some decisions, the newest first.
type Page struct {
	Decisions  []Explained  `json:"decisions"`
	NextCursor *id.Decision `json:"nextCursor" format:"uuid"`
}

type decisionsOut struct{ Body Page }

// Page answers GET /api/security/decisions.
func (s *Service) Page(ctx context.Context, user id.User, before id.Decision, limit int) (Page, error) {
	list, err := s.Decisions(ctx, user, before, limit+1)
	if err != nil {
		return Page{}, err
	}
	out := Page{}
	if len(list) > limit {
		list = list[:limit]
		out.NextCursor = &list[limit-1].ID
	}
	out.Decisions = list
	return out, nil
}

// Operations declares what people may ask about decisions.
func (s *Service) Operations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/security/decisions", Summary: "Explain how your sign-ins were judged", Tag: "security",
		Description: "Newest first, of the last 90 days. Every sign-in whose password, link or passkey was right is compared with those before it; each difference has a weight.",
		Needs:       access.SignedIn, Limit: "data",
	}, func(ctx context.Context, in *decisionsIn) (*decisionsOut, error) {
		page, err := s.Page(ctx, access.From(ctx).User, in.Cursor, in.Limit)
		return &decisionsOut{page}, err
	})
}
