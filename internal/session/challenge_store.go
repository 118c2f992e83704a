package session

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// challengeRow is a sign-in that waits for its second step.
type challengeRow struct {
	UserID     id.User
	How        string
	DecisionID id.Decision
	CreatedAt  time.Time
}

func insertChallenge(ctx context.Context, tx pgx.Tx, hash []byte, user id.User, d Delivery, how string, decision id.Decision, now, end time.Time) error {
	return postgres.Exec(ctx, tx, `
		insert into sign_in_challenges (token_hash, user_id, delivery, how, decision_id, created_at, expires_at)
		values (@hash, @user, @delivery, @how, @decision, @now, @end)`,
		postgres.Args{"hash": hash, "user": user, "delivery": d, "how": how, "decision": decision, "now": now, "end": end})
}

func findChallenge(ctx context.Context, db postgres.DB, hash []byte, d Delivery, now time.Time) (challengeRow, error) {
	return postgres.One[challengeRow](ctx, db, `
		select user_id, how, decision_id, created_at from sign_in_challenges
		where token_hash = @hash and delivery = @delivery and used_at is null and expires_at > @now`,
		postgres.Args{"hash": hash, "delivery": d, "now": now})
}

// useChallenge is one statement, so that of two at once one finds nothing.
func useChallenge(ctx context.Context, tx pgx.Tx, hash []byte, now time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update sign_in_challenges set used_at = @now
		where token_hash = @hash and used_at is null and expires_at > @now`,
		postgres.Args{"hash": hash, "now": now})
}

func endChallenges(ctx context.Context, tx pgx.Tx, user id.User) error {
	return postgres.Exec(ctx, tx, `delete from sign_in_challenges where user_id = @user`, postgres.Args{"user": user})
}

func sweepChallenges(ctx context.Context, db postgres.DB, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `delete from sign_in_challenges where expires_at < @now`, postgres.Args{"now": now})
}

func clearFactor(ctx context.Context, tx pgx.Tx, owner id.User, session id.Session) error {
	return postgres.Exec(ctx, tx, `update sessions set factor_at = null where id = @session and user_id = @owner`,
		postgres.Args{"session": session, "owner": owner})
}
