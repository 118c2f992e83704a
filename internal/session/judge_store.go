package session

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// holdRow is a sign-in that waits for its mailbox.
type holdRow struct {
	ID             id.Hold
	UserID         id.User
	DecisionID     id.Decision
	Delivery       Delivery
	Agent, Address string `db:"-"` // sealed where they are stored
	CodeMac        []byte
	CreatedAt      time.Time
	ExpiresAt      time.Time
}

func insertHold(ctx context.Context, tx pgx.Tx, hash []byte, h holdRow) error {
	sealed, _, err := sealWhence(ctx, tx, holdRef(h), whence{h.Agent, h.Address})
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into sign_in_holds (id, token_hash, user_id, decision_id, delivery, sealed, created_at, expires_at)
		values (@id, @hash, @user, @decision, @delivery, @sealed, @now, @end)`,
		postgres.Args{
			"id": h.ID, "hash": hash, "user": h.UserID, "decision": h.DecisionID, "delivery": h.Delivery, "sealed": sealed,
			"now": h.CreatedAt, "end": h.ExpiresAt,
		})
}

func findHold(ctx context.Context, db postgres.DB, hash []byte, d Delivery, now time.Time) (holdRow, error) {
	row, err := postgres.One[sealedHold](ctx, db, `
		select id, user_id, decision_id, delivery, sealed, code_mac, created_at, expires_at from sign_in_holds
		where token_hash = @hash and delivery = @delivery and used_at is null and expires_at > @now`,
		postgres.Args{"hash": hash, "delivery": d, "now": now})
	return openHold(ctx, db, row, err)
}

type sealedHold struct {
	holdRow
	Sealed []byte
}

func openHold(ctx context.Context, db postgres.DB, row sealedHold, err error) (holdRow, error) {
	if err != nil {
		return holdRow{}, err
	}
	w, err := openWhence(ctx, db, holdRef(row.holdRow), row.Sealed)
	row.Agent, row.Address = w.Device, w.Address
	return row.holdRow, err
}

// waiting returns a sign-in that may still be told its code.
func waiting(ctx context.Context, db postgres.DB, hold id.Hold, now time.Time) (holdRow, error) {
	row, err := postgres.One[sealedHold](ctx, db, `
		select id, user_id, decision_id, delivery, sealed, code_mac, created_at, expires_at from sign_in_holds
		where id = @id and used_at is null and expires_at > @now`,
		postgres.Args{"id": hold, "now": now})
	return openHold(ctx, db, row, err)
}

func tryHold(ctx context.Context, tx pgx.Tx, hold id.Hold, now time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		update sign_in_holds set tries = tries + 1
		where id = @id and used_at is null and expires_at > @now and tries < @most`,
		postgres.Args{"id": hold, "now": now, "most": holdTries})
}

func useHold(ctx context.Context, tx pgx.Tx, hold id.Hold, now time.Time) error {
	return postgres.Exec(ctx, tx, `update sign_in_holds set used_at = @now where id = @id`, postgres.Args{"id": hold, "now": now})
}

func setHoldCode(ctx context.Context, db postgres.DB, hold id.Hold, mac []byte, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `update sign_in_holds set code_mac = @mac where id = @id and used_at is null and expires_at > @now`,
		postgres.Args{"id": hold, "mac": mac, "now": now})
}

func endHolds(ctx context.Context, tx pgx.Tx, user id.User) error {
	return postgres.Exec(ctx, tx, `delete from sign_in_holds where user_id = @user`, postgres.Args{"user": user})
}

func sweepHolds(ctx context.Context, db postgres.DB, now time.Time) (int64, error) {
	return postgres.Touch(ctx, db, `delete from sign_in_holds where expires_at < @now`, postgres.Args{"now": now})
}
