package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/activity"
	"flint/internal/apikey"
	"flint/internal/audit"
	"flint/internal/audit/tlog"
	"flint/internal/compliance"
	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/envelope"
	"flint/internal/identity"
	"flint/internal/mfa"
	"flint/internal/platform/aws"
	"flint/internal/platform/vault"
	"flint/internal/portfolio"
	"flint/internal/risk"
	"flint/internal/rotation"
	"flint/internal/screening"
	"flint/internal/session"
	"flint/internal/webhook"
)

// Keys says where the master key is.
type Keys struct {
	// KMS holds the master key: "ring" (a file in the state folder),
	// "vault:transit/NAME" (mount and key) or "aws:KEY" (id, ARN or alias).
	KMS string `env:"FLINT_KMS,default=ring"`
	// Ring is the file. Default: keyring in State.
	Ring string `env:"FLINT_KEYRING"`
	// Passphrase locks the file; it is needed at every start from then on.
	Passphrase config.Secret `env:"FLINT_KEYRING_PASSPHRASE"`
	// AuditMirror is the file that the audit log's signed checkpoints are added to,
	// best on another machine. Default: audit/checkpoints.jsonl in State.
	AuditMirror string `env:"FLINT_AUDIT_MIRROR"`
}

// Validate reports what is wrong with the settings, by variable.
func (k Keys) Validate() error {
	kind, name, _ := strings.Cut(k.KMS, ":")
	mount, key, _ := strings.Cut(name, "/")
	switch {
	case k.KMS == "" || k.KMS == "ring":
		return nil
	case kind == "vault" && mount != "" && key != "" && !strings.Contains(key, "/"), kind == "aws" && name != "":
		return nil
	}
	return errors.New(`FLINT_KMS: must be "ring", "vault:MOUNT/KEY" or "aws:KEY"`)
}

// openKMS returns the KMS that is named, and what lets go of it.
func openKMS(ctx context.Context, cfg Config, named string) (envelope.KMS, func(), error) {
	kind, name, _ := strings.Cut(named, ":")
	switch kind {
	case "vault":
		if !cfg.Vault.Enabled() {
			return nil, nil, errors.New("VAULT_ADDR: must be set, since FLINT_KMS is in Vault")
		}
		client, err := vault.Open(ctx, cfg.Vault)
		if err != nil {
			return nil, nil, err
		}
		mount, key, _ := strings.Cut(name, "/")
		return client.Transit(mount, key), client.Close, nil
	case "aws":
		client, err := aws.Open(ctx, cfg.AWS)
		if err != nil {
			return nil, nil, err
		}
		return client.Key(name), func() {}, nil
	}
	path, err := cfg.keyRing()
	if err != nil {
		return nil, nil, err
	}
	ring, err := envelope.OpenRing(path, cfg.Keys.Passphrase)
	return ring, func() {}, err
}

// OpenKeys returns the keys of the database behind pool, once all that they are
// there for is sealed. The caller closes them.
func OpenKeys(ctx context.Context, cfg Config, pool *pgxpool.Pool) (*envelope.Keys, error) {
	kms, done, err := openKMS(ctx, cfg, cfg.Keys.KMS)
	if err != nil {
		return nil, err
	}
	keys, err := envelope.Open(ctx, envelope.Config{KMS: kms, Pool: pool, Release: done})
	if err != nil {
		done()
		return nil, fmt.Errorf("open the keys: %w", err)
	}
	if _, err := keys.Inherit(ctx, inherited(), nil); err != nil {
		keys.Close()
		return nil, err
	}
	return keys, nil
}

// inherited are all columns that older versions of Flint left in clear.
func inherited() []envelope.Inherited {
	var all []envelope.Inherited
	for _, list := range [][]envelope.Inherited{
		identity.Inherited(), compliance.Inherited(), mfa.Inherited(), apikey.Inherited(), session.Inherited(), risk.Inherited(), portfolio.Inherited(), activity.Inherited(),
	} {
		all = append(all, list...)
	}
	return all
}

// MoveKeys wraps the keys of the database with another master key.
func MoveKeys(ctx context.Context, cfg Config, keys *envelope.Keys, to string) error {
	if err := (Keys{KMS: to}).Validate(); err != nil {
		return errors.New(`the other master key must be "ring", "vault:MOUNT/KEY" or "aws:KEY"`)
	}
	kms, done, err := openKMS(ctx, cfg, to)
	if err != nil {
		return err
	}
	defer done()
	return keys.Move(ctx, kms)
}

// rotation makes what exchanges keys when their time is over.
func (a *App) rotation(g ground) *rotation.Service {
	return rotation.New(rotation.Config{
		Pool: g.pool, Keys: g.keys, Places: SealedPlaces(), Jobs: g.jobs, Now: g.now, Log: g.log, SignsSince: a.Sessions.SignsSince,
		Renew: func(ctx context.Context, actor access.Actor) error {
			_, err := a.Sessions.RenewKeys(ctx, actor, true)
			return err
		},
	})
}

// SealedPlaces are all columns with sealed values.
func SealedPlaces() []envelope.Place {
	var all []envelope.Place
	for _, places := range [][]envelope.Place{
		identity.Places(), apikey.Places(), risk.Places(), connection.Places(), mfa.Places(), session.Places(), webhook.Places(), tlog.Places(), audit.Places(), compliance.Places(),
		portfolio.Places(), activity.Places(),
		screening.Places(),
	} {
		all = append(all, places...)
	}
	return all
}

// auditMirror returns the second place of the audit log's checkpoints.
func auditMirror(cfg Config) (tlog.Mirror, error) {
	path := cfg.Keys.AuditMirror
	if path == "" {
		dir, err := cfg.stateDir()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(dir, "audit", "checkpoints.jsonl")
	}
	return tlog.NewFile(path)
}
