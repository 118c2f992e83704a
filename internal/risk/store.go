package risk

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// mostAccounts is how far the accounts under attack are counted: beyond that
// nothing changes, and counting would cost what the attacker likes.
const mostAccounts = 500

// book is a Book in the database.
type book struct{ db postgres.DB }

// Past implements Book.
func (b book) Past(ctx context.Context, user id.User, since time.Time) ([]Past, error) {
	type past struct {
		ID     id.Decision
		At     time.Time
		Sealed []byte
	}
	rows, err := postgres.Many[past](ctx, b.db, `
		select id, at, sealed from risk_decisions
		where user_id = @user and at > @since
		  and (begun_at is not null or verdict = 'owner') and verdict is distinct from 'thief'
		order by at desc, id desc
		limit @most`,
		postgres.Args{"user": user, "since": since, "most": mostPast})
	if err != nil {
		return nil, err
	}
	list := make([]Past, 0, len(rows))
	for _, r := range rows {
		c, err := openCircumstances(ctx, b.db, user, r.ID, r.Sealed)
		if err != nil {
			return nil, err
		}
		list = append(list, Past{
			At: r.At, Network: c.Network, Agent: c.Agent, Country: c.Country, Latitude: c.Latitude, Longitude: c.Longitude, Reach: c.Reach,
		})
	}
	return list, nil
}

// Failed implements Book.
func (b book) Failed(ctx context.Context, account, network string, at time.Time) (Failures, error) {
	return postgres.One[Failures](ctx, b.db, `
		select
			(select count(*) from risk_failures where account = @account and at between @hour and @at) as account_hour,
			(select count(*) from risk_failures where account = @account and at between @day and @at) as account_day,
			(select count(*) from risk_failures where network = @network and @network <> '' and at between @hour and @at) as network_hour,
			(select count(distinct account) from risk_failures where network = @network and @network <> '' and at between @hour and @at) as network_accounts,
			(select count(distinct account) from (select account from risk_failures where at between @soon and @at limit @most) late) as every_accounts`,
		postgres.Args{
			"account": []byte(account), "network": network, "at": at, "hour": at.Add(-time.Hour), "day": at.Add(-24 * time.Hour),
			"soon": at.Add(-10 * time.Minute), "most": mostAccounts,
		})
}

func insertFailure(ctx context.Context, tx pgx.Tx, account, network string, at time.Time) error {
	return postgres.Exec(ctx, tx, `insert into risk_failures (at, account, network) values (@at, @account, @network)`,
		postgres.Args{"at": at, "account": []byte(account), "network": network})
}

// row is a decision as it is stored.
type row struct {
	ID       id.Decision
	At       time.Time
	Action   Action
	Sealed   []byte
	Score    int
	Outcome  Outcome
	Enforced bool
	Reasons  []Reason
	BegunAt  *time.Time

	Verdict    *Verdict
	ReviewedAt *time.Time

	from circumstances
}

func insertDecision(ctx context.Context, tx pgx.Tx, user id.User, r row, reasons []byte) error {
	sealed, err := r.from.seal(ctx, tx, user, r.ID)
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into risk_decisions (id, user_id, at, action, sealed, score, outcome, enforced, reasons)
		values (@id, @user, @at, @action, @sealed, @score, @outcome, @enforced, @reasons)`,
		postgres.Args{
			"id": r.ID, "user": user, "at": r.At, "action": r.Action, "sealed": sealed,
			"score": r.Score, "outcome": r.Outcome, "enforced": r.Enforced, "reasons": reasons,
		})
}

// markBegun notes that a decision's sign-in became a session.
func markBegun(ctx context.Context, tx pgx.Tx, user id.User, decision id.Decision, now time.Time) error {
	return postgres.Exec(ctx, tx, `update risk_decisions set begun_at = @now where id = @id and user_id = @user`,
		postgres.Args{"id": decision, "user": user, "now": now})
}

// setVerdict returns the outcome of the decision that it is about.
func setVerdict(ctx context.Context, tx pgx.Tx, user id.User, decision id.Decision, v Verdict, by id.User, now time.Time) (Outcome, error) {
	return postgres.Scalar[Outcome](ctx, tx, `
		update risk_decisions set verdict = @verdict, reviewed_at = @now, reviewed_by = @by where id = @id and user_id = @user
		returning outcome`,
		postgres.Args{"id": decision, "user": user, "verdict": v, "by": by, "now": now})
}

func listDecisions(ctx context.Context, db postgres.DB, user id.User, before id.Decision, limit int) ([]row, error) {
	rows, err := postgres.Many[row](ctx, db, `
		select id, at, action, sealed, score, outcome, enforced, reasons, begun_at, verdict, reviewed_at
		from risk_decisions
		where user_id = @user
		  and (@before::uuid is null or (at, id) < (select at, id from risk_decisions where id = @before and user_id = @user))
		order by at desc, id desc
		limit @limit`,
		postgres.Args{"user": user, "before": before, "limit": limit})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i].from, err = openCircumstances(ctx, db, user, rows[i].ID, rows[i].Sealed); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func sweepFailures(ctx context.Context, db postgres.DB, before time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `delete from risk_failures where at < @before`, postgres.Args{"before": before})
}
