package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/private"
	"flint/internal/platform/queue"
)

// Database is an open database: somebody's server, or our own.
type Database struct {
	Pool    *pgxpool.Pool
	cluster *private.Cluster // nil if DATABASE_URL named a server
}

// OpenDatabase connects to DATABASE_URL. Without one it starts a private
// cluster in the state folder, which ends with the program.
func OpenDatabase(ctx context.Context, cfg Config) (*Database, error) {
	db := &Database{}
	if cfg.Database.URL.IsZero() {
		dir, err := cfg.stateDir()
		if err != nil {
			return nil, err
		}
		if db.cluster, err = private.Start(ctx, private.Config{Dir: filepath.Join(dir, "postgres")}); err != nil {
			return nil, err
		}
		cfg.Database.URL = config.NewSecret(db.cluster.URL())
	}
	pool, err := postgres.Open(ctx, cfg.Database)
	if err != nil {
		db.Close()
		return nil, err
	}
	db.Pool = pool
	return db, nil
}

// takeOver lets what a killed program left half done go on at once. Nobody else
// works on a private cluster, so what is marked as running there isn't. Nodes
// that share a server take over from each other too, within a minute.
func (d *Database) takeOver(ctx context.Context, log *slog.Logger) error {
	if d.cluster == nil {
		return nil
	}
	jobs, err := queue.Reclaim(ctx, d.Pool, time.Now())
	if err != nil {
		return fmt.Errorf("reclaim jobs: %w", err)
	}
	leases, err := connection.ReleaseAll(ctx, d.Pool)
	if err == nil && jobs+leases > 0 {
		log.InfoContext(ctx, "the program was killed; its work goes on", "jobs", jobs, "syncs", leases)
	}
	return err
}

// URL returns the connection string of the private cluster, or nothing: the
// string of somebody else's server holds a password.
func (d *Database) URL() string {
	if d.cluster == nil {
		return ""
	}
	return d.cluster.URL()
}

// Lost is closed when the private cluster has ended by itself; it is nil, and
// so never ready, for somebody else's server.
func (d *Database) Lost() <-chan struct{} {
	if d.cluster == nil {
		return nil
	}
	return d.cluster.Done()
}

// Close ends the connections and the private cluster.
func (d *Database) Close() {
	if d.Pool != nil {
		d.Pool.Close()
	}
	if d.cluster != nil {
		_ = d.cluster.Stop() // nothing can be done about it at the end
	}
}
