package risk_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/risk"
)

// TestAReviewTeachesTheJudge: where the owner was is theirs from then on, also if
// they were stopped there; where a thief was isn't, even if they got in.
func TestAReviewTeachesTheJudge(t *testing.T) {
	t.Parallel()
	d, staff := setup(t, usual), id.New[id.User]()
	d.past(t, 30)
	review := func(which id.Decision, v risk.Verdict) error {
		var err error
		d.in(t, func(ctx context.Context, tx pgx.Tx) error {
			_, err = d.Review(ctx, tx, d.user, which, v, staff)
			if errors.Is(err, fault.ErrNotFound) {
				return nil
			}
			return err
		})
		return err
	}
	there := risk.Attempt{Address: tokyo, Agent: firefox, At: now}
	held := d.judge(t, there, false)
	if held.Outcome != risk.VerifyEmail || !slices.Contains(names(held), "new_country") {
		t.Fatalf("abroad: %+v", held)
	}
	if err := review(held.ID, risk.WasOwner); err != nil {
		t.Fatal(err)
	}
	there.At = now.Add(time.Hour)
	if again := d.judge(t, there, false); again.Outcome != risk.Allow || slices.Contains(names(again), "new_country") || slices.Contains(names(again), "new_network") {
		t.Errorf("where the owner was: %+v", again)
	}
	if err := review(held.ID, risk.WasThief); err != nil { // a later verdict counts
		t.Fatal(err)
	}
	there.At = now.Add(2 * time.Hour)
	if again := d.judge(t, there, true); again.Outcome != risk.VerifyEmail {
		t.Errorf("where a thief was: %+v", again)
	} else if err := review(again.ID, risk.WasThief); err != nil { // who had the mailbox, too
		t.Fatal(err)
	}
	there.At = now.Add(3 * time.Hour)
	if again := d.judge(t, there, false); again.Outcome != risk.VerifyEmail {
		t.Errorf("where a thief got in: %+v", again)
	}
	list, err := d.Judged(d.all(t), d.user, id.Decision{}, 10)
	if err != nil || len(list) != 10 || list[1].Verdict == nil || *list[1].Verdict != risk.WasThief || list[1].ReviewedAt == nil || len(list[1].Inputs) == 0 || list[0].Verdict != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if err := review(id.New[id.Decision](), risk.WasOwner); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("a decision that isn't there: %v", err)
	}
	d.user = id.New[id.User]()
	if err := review(held.ID, risk.WasOwner); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("a decision about somebody else: %v", err)
	}
}
