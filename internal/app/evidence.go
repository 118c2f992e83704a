package app

import (
	"context"
	"path/filepath"
	"time"

	"flint/internal/envelope"
	"flint/internal/evidence"
	"flint/internal/platform/postgres"
)

// Evidence returns the system that is configured, for a report about its
// controls. keys are those of db, and stay the caller's.
func (a *App) Evidence(cfg Config, db *Database, keys *envelope.Keys) (evidence.System, error) {
	table, loosened, err := cfg.Limits.Table()
	if err != nil {
		return evidence.System{}, err
	}
	ring := ""
	if cfg.Keys.KMS == "" || cfg.Keys.KMS == "ring" {
		if ring, err = cfg.keyRing(); err != nil {
			return evidence.System{}, err
		}
	}
	mirror := cfg.Keys.AuditMirror
	if mirror == "" {
		dir, err := cfg.stateDir()
		if err != nil {
			return evidence.System{}, err
		}
		mirror = filepath.Join(dir, "audit", "checkpoints.jsonl")
	}
	return evidence.System{
		Version: Version(), Origin: cfg.Origin.String(), Pool: a.pool, Handler: a.Web.Handler(), Routes: a.Web.Routes(),
		Limits: table, Loosened: loosened,
		Layers: keys.List, Ages: a.Rotation.Ages, Receivers: a.SIEM.Status,
		Opens: func(ctx context.Context) ([]envelope.Finding, error) {
			return keys.Verify(ctx, SealedPlaces())
		},
		Ring: ring, Export: a.Proof.Export, Mirror: mirror,
		Migrations: func(ctx context.Context) ([]postgres.Migration, error) { return db.Migrations(ctx) },
		HashMemory: cfg.Identity.HashMemory, HashPasses: cfg.Identity.HashPasses,
		AccessTTL: cfg.Session.AccessTTL, IdleTTL: cfg.Session.IdleTTL, MaxTTL: cfg.Session.MaxTTL, SigningKeyAge: cfg.Session.KeyAge,
		Breaches: cfg.Breaches.Enabled(), Modules: evidence.Modules(), Now: time.Now,
	}, nil
}
