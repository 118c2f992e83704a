package risk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/fault"
	"flint/internal/id"
)

// Verdict is what somebody found out about a sign-in that was judged.
type Verdict string

// The verdicts. Whoever was the owner is compared with from then on, as if the
// sign-in had gone through: their network, country and kind of device are theirs.
// What was a thief's is compared with no more, even if it went through.
const (
	WasOwner Verdict = "owner"
	WasThief Verdict = "thief"
)

// Reviewed is a decision as an operator sees it: with what it was counted from.
type Reviewed struct {
	Explained
	Enforced   bool           `json:"enforced" doc:"false: nothing followed from it (FLINT_RISK=watch)"`
	Network    string         `json:"network" doc:"Autonomous system, or a block of addresses"`
	Inputs     map[string]any `json:"inputs" doc:"What the weights were counted from"`
	Verdict    *Verdict       `json:"verdict" enum:"owner,thief" doc:"What an operator found out; null: nobody looked"`
	ReviewedAt *time.Time     `json:"reviewedAt"`
}

// Judged returns decisions about sign-ins of user as Decisions does, with their
// inputs.
func (s *Service) Judged(ctx context.Context, user id.User, before id.Decision, limit int) ([]Reviewed, error) {
	list := []Reviewed{}
	if s == nil {
		return list, nil
	}
	rows, err := listDecisions(ctx, s.pool, user, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list decisions: %w", err)
	}
	for _, r := range rows {
		e := Reviewed{Explained: s.explain(r), Enforced: r.Enforced, Network: r.from.Network, Inputs: map[string]any{}, Verdict: r.Verdict, ReviewedAt: r.ReviewedAt}
		if err := json.Unmarshal(r.from.Inputs, &e.Inputs); err != nil && len(r.from.Inputs) > 0 {
			return nil, fmt.Errorf("read a decision's inputs: %w", err)
		}
		list = append(list, e)
	}
	return list, nil
}

// Review notes, within tx, what by found out about a decision, and returns what
// had followed from it. A later verdict takes the place of an earlier one. A
// decision that isn't about user is fault.ErrNotFound.
func (s *Service) Review(ctx context.Context, tx pgx.Tx, user id.User, decision id.Decision, v Verdict, by id.User) (Outcome, error) {
	if s == nil {
		return "", fault.ErrNotFound // nothing is judged
	}
	outcome, err := setVerdict(ctx, tx, user, decision, v, by, s.now().UTC())
	if err != nil {
		return "", fmt.Errorf("review a decision: %w", err)
	}
	return outcome, nil
}
