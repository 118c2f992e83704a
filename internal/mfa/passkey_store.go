package mfa

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// passkeyRow is a row of passkeys.
type passkeyRow struct {
	ID           id.Passkey
	UserID       id.User
	CredentialID []byte
	PublicKey    []byte
	SignCount    int64
	Synced       bool
	Transports   []string
	Name         string `db:"-"`
	Sealed       []byte // its name
	CreatedAt    time.Time
	LastUsedAt   *time.Time
}

const passkeyColumns = `id, user_id, credential_id, public_key, sign_count, synced, transports, sealed, created_at, last_used_at` //nolint:gosec // names of columns

func (r passkeyRow) view() Passkey {
	return Passkey{ID: r.ID, Name: r.Name, CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt, Synced: r.Synced}
}

func (r passkeyRow) credential() webauthn.Credential {
	return webauthn.Credential{
		ID: r.CredentialID, PublicKey: r.PublicKey,
		Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: r.Synced},
		Authenticator: webauthn.Authenticator{SignCount: uint32(r.SignCount)},
	}
}

func listPasskeys(ctx context.Context, db postgres.DB, user id.User) ([]passkeyRow, error) {
	rows, err := postgres.Many[passkeyRow](ctx, db, `
		select `+passkeyColumns+` from passkeys where user_id = @user order by created_at, id`,
		postgres.Args{"user": user})
	if err != nil || len(rows) == 0 {
		return rows, err
	}
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		var n named
		if err := keys.Unpack(ctx, nameRef(user, rows[i].ID), rows[i].Sealed, &n); err != nil {
			return nil, fmt.Errorf("passkey %s: %w", rows[i].ID, err)
		}
		rows[i].Name = n.Name
	}
	return rows, nil
}

// named is what passkeys.sealed holds.
type named struct {
	Name string `json:"name"`
}

func nameRef(owner id.User, passkey id.Passkey) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "passkeys.sealed", Row: passkey.String()}
}

func sealName(ctx context.Context, tx pgx.Tx, owner id.User, passkey id.Passkey, name string) ([]byte, error) {
	keys, err := envelope.Of(ctx, tx)
	if err != nil {
		return nil, err
	}
	return keys.Pack(ctx, nameRef(owner, passkey), named{name})
}

// Inherited are the columns that older versions left in clear.
func Inherited() []envelope.Inherited {
	return []envelope.Inherited{{
		Place: passkeyNames(), Clear: []string{"clear_name"},
		Pack: func(clear []*string) ([]byte, error) { return json.Marshal(named{envelope.Text(clear[0])}) },
	}}
}

func passkeyNames() envelope.Place {
	return envelope.Place{Table: "passkeys", Column: "sealed", Row: "id", Owner: "user_id"}
}

func lockPasskey(ctx context.Context, tx pgx.Tx, credential []byte) (passkeyRow, error) {
	return postgres.One[passkeyRow](ctx, tx, `
		select `+passkeyColumns+` from passkeys where credential_id = @credential for update`,
		postgres.Args{"credential": credential})
}

func insertPasskey(ctx context.Context, tx pgx.Tx, r passkeyRow) error {
	sealed, err := sealName(ctx, tx, r.UserID, r.ID, r.Name)
	if err != nil {
		return err
	}
	return postgres.Exec(ctx, tx, `
		insert into passkeys (id, user_id, credential_id, public_key, sign_count, synced, transports, sealed, created_at)
		values (@id, @user, @credential, @key, @count, @synced, @transports, @sealed, @now)`,
		postgres.Args{
			"id": r.ID, "user": r.UserID, "credential": r.CredentialID, "key": r.PublicKey, "count": r.SignCount,
			"synced": r.Synced, "transports": r.Transports, "sealed": sealed, "now": r.CreatedAt,
		})
}

func usePasskey(ctx context.Context, tx pgx.Tx, passkey id.Passkey, count int64, now time.Time) error {
	return postgres.Exec(ctx, tx, `update passkeys set sign_count = @count, last_used_at = @now where id = @id`,
		postgres.Args{"id": passkey, "count": count, "now": now})
}

func renamePasskey(ctx context.Context, tx pgx.Tx, owner id.User, passkey id.Passkey, name string) (int64, error) {
	sealed, err := sealName(ctx, tx, owner, passkey, name)
	if err != nil {
		return 0, err
	}
	return postgres.Touch(ctx, tx, `update passkeys set sealed = @sealed where id = @id and user_id = @owner`,
		postgres.Args{"id": passkey, "owner": owner, "sealed": sealed})
}

func deletePasskey(ctx context.Context, tx pgx.Tx, owner id.User, passkey id.Passkey) (int64, error) {
	return postgres.Touch(ctx, tx, `delete from passkeys where id = @id and user_id = @owner`,
		postgres.Args{"id": passkey, "owner": owner})
}

func deletePasskeys(ctx context.Context, tx pgx.Tx, owner id.User) (int64, error) {
	return postgres.Touch(ctx, tx, `delete from passkeys where user_id = @owner`, postgres.Args{"owner": owner})
}

// insertSpent counts nothing if the challenge was spent before.
func insertSpent(ctx context.Context, tx pgx.Tx, hash []byte, end time.Time) (int64, error) {
	return postgres.Touch(ctx, tx, `
		insert into passkey_challenges (challenge_hash, expires_at) values (@hash, @end)
		on conflict (challenge_hash) do nothing`,
		postgres.Args{"hash": hash, "end": end})
}

func sweepSpent(ctx context.Context, db postgres.DB, before time.Time) error {
	return postgres.Exec(ctx, db, `delete from passkey_challenges where expires_at < @before`, postgres.Args{"before": before})
}
