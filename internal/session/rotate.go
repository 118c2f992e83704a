package session

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/queue"
)

// The life of a signing key. RotateKeys makes it when the newest is KeyAge old.
// It is published at once and signs only when it is two reloads old: by then
// every node, and whoever reads the key set, knows it. When the next one signs,
// it verifies until its last token has expired. Then it is retired: its private
// half is destroyed, and its public one is known for as long as a session lives
// unused, so that who comes back is told to refresh rather than to sign in.
//
// An operator who fears that a key was stolen renews them with RenewKeys: the
// earlier ones are retired on the spot and the new one signs at once.

// askedEvery is how often, at most, unknown keys make a node ask the database:
// whoever makes them up must not be able to keep it busy.
const askedEvery = time.Second

// overlap is how old a key gets before it signs.
func (s *Service) overlap() time.Duration { return 2 * s.cfg.KeyReload }

// firstKey makes a signing key if there is none. Nodes that start together wait
// for each other here and end up with the same.
func (s *Service) firstKey(ctx context.Context) error {
	return s.withKeys(ctx, func(tx pgx.Tx, rows []keyRow) error {
		if len(rows) > 0 {
			return nil
		}
		row, err := s.makeKey(ctx, tx)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, row.CreatedAt, audit.Entry{
			Actor: access.SystemActor("session.start", id.User{}), Verb: "signing_key.create", Object: row.Kid,
		})
	})
}

// withKeys runs fn with the keys that aren't retired, newest first, while nobody
// else changes them.
func (s *Service) withKeys(ctx context.Context, fn func(pgx.Tx, []keyRow) error) error {
	ctx = postgres.AsSystem(ctx, "signing keys are Flint's own, and what is done to them is recorded as nobody's")
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := postgres.Serialize(ctx, tx, "session.signing_keys"); err != nil {
			return err
		}
		rows, err := listKeys(ctx, tx, s.now())
		if err != nil {
			return fmt.Errorf("list signing keys: %w", err)
		}
		for len(rows) > 0 && rows[len(rows)-1].RetiredAt != nil { // by a clock ahead of ours
			rows = rows[:len(rows)-1]
		}
		return fn(tx, rows)
	})
}

// RotateKeys makes a new signing key if the newest is old enough, and retires
// those of which no token can be alive.
func (s *Service) RotateKeys(ctx context.Context) error {
	err := s.withKeys(ctx, func(tx pgx.Tx, rows []keyRow) error {
		if err := s.retireKeys(ctx, tx, rows); err != nil {
			return err
		}
		now := s.now()
		if len(rows) == 0 || now.Sub(rows[0].CreatedAt) < s.cfg.KeyAge {
			return nil
		}
		row, err := s.makeKey(ctx, tx)
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, now, audit.Entry{
			Actor: access.SystemActor("session.keys", id.User{}), Verb: "signing_key.rotate", Object: row.Kid,
			Detail: map[string]any{"replaces": rows[0].Kid},
		})
	})
	if err != nil {
		return fmt.Errorf("rotate signing keys: %w", err)
	}
	return s.loadKeys(ctx)
}

// RenewKeys makes a new signing key at once on behalf of actor, an operator, who
// needn't wait for the old one's age. With revoke no earlier key is trusted any
// more, on any node, within a second: they may have been stolen. Every access
// token is void then, and every client refreshes. It returns the new key's id.
func (s *Service) RenewKeys(ctx context.Context, actor access.Actor, revoke bool) (string, error) {
	var kid string
	err := s.withKeys(ctx, func(tx pgx.Tx, rows []keyRow) error {
		now := s.now()
		row, err := s.makeKey(ctx, tx)
		if err != nil {
			return err
		}
		kid = row.Kid
		detail := map[string]any{"revoked": revoke}
		if len(rows) > 0 {
			detail["replaces"] = rows[0].Kid
		}
		if err := audit.Record(ctx, tx, now, audit.Entry{Actor: actor, Verb: "signing_key.rotate", Object: kid, Detail: detail}); err != nil {
			return err
		}
		for i := 0; revoke && i < len(rows); i++ {
			if err := retireKey(ctx, tx, rows[i].Kid, now); err != nil {
				return fmt.Errorf("retire signing key: %w", err)
			}
			if err := audit.Record(ctx, tx, now, audit.Entry{
				Actor: actor, Verb: "signing_key.retire", Object: rows[i].Kid, Detail: map[string]any{"revoked": true},
			}); err != nil {
				return err
			}
		}
		return postgres.Notify(ctx, tx, KeysChanged, kid)
	})
	if err != nil {
		return "", fmt.Errorf("renew signing keys: %w", err)
	}
	return kid, s.loadKeys(ctx)
}

// retireKeys retires those of rows whose last token has expired. The last one
// was signed when the next newer key began to, by the clock of a node that may
// be behind.
func (s *Service) retireKeys(ctx context.Context, tx pgx.Tx, rows []keyRow) error {
	now := s.now()
	for i := 1; i < len(rows); i++ {
		last := rows[i-1].CreatedAt.Add(s.overlap() + skew)
		if now.Before(last.Add(s.cfg.AccessTTL + skew)) {
			continue
		}
		if err := retireKey(ctx, tx, rows[i].Kid, now); err != nil {
			return fmt.Errorf("retire signing key: %w", err)
		}
		if err := audit.Record(ctx, tx, now, audit.Entry{
			Actor: access.SystemActor("session.keys", id.User{}), Verb: "signing_key.retire", Object: rows[i].Kid,
		}); err != nil {
			return err
		}
	}
	return nil
}

// keepKeys looks for newer keys until ctx ends: every KeyReload at the latest,
// and not all nodes at once.
func (s *Service) keepKeys(ctx context.Context) {
	for {
		wait := s.cfg.KeyReload - rand.N(s.cfg.KeyReload/4+1) // spread, so that nodes do not march in step
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if err := s.reload(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "newer signing keys can't be loaded; those known are used on", "error", err)
		}
	}
}

// reload is loadKeys, in bounded time.
func (s *Service) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return s.loadKeys(ctx)
}

// meetUnknownKey loads the keys if nobody did so for that reason within
// askedEvery. Who meets another such key meanwhile waits, for it may be the same.
func (s *Service) meetUnknownKey(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case s.asking <- struct{}{}:
	}
	defer func() { <-s.asking }()
	now := s.now()
	if since := now.Sub(s.asked); since >= 0 && since < askedEvery {
		return
	}
	s.asked = now
	// A caller who hangs up must not spoil it for the others.
	if err := s.reload(context.WithoutCancel(ctx)); err != nil {
		s.cfg.Log.WarnContext(ctx, "an unknown signing key was met, and the keys can't be loaded", "error", err)
	}
}

// surely loads the keys if they may have been revoked without this node's
// hearing of it, once for each belief that it could have had.
func (s *Service) surely(ctx context.Context) error {
	s.unsure.Lock()
	defer s.unsure.Unlock()
	if time.Since(s.sure) < belief {
		return nil
	}
	asked := time.Now() // of the machine: how long a belief holds is no part of the story
	if err := s.reload(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("check the signing keys: %w", err)
	}
	s.sure = asked
	return nil
}

// KeysArgs asks for the signing keys to be rotated if it is time.
type KeysArgs struct{}

// Kind names the job.
func (KeysArgs) Kind() string { return "session.keys" }

// InsertOpts says where it runs.
func (KeysArgs) InsertOpts() river.InsertOpts { return queue.Options(queue.Default) }

// KeysWorker runs KeysArgs.
type KeysWorker struct {
	queue.Defaults[KeysArgs]
	Service *Service
}

// Work rotates the signing keys if it is time.
func (w *KeysWorker) Work(ctx context.Context, _ *river.Job[KeysArgs]) error {
	return w.Service.RotateKeys(ctx)
}

// Hourly returns the job that looks once an hour whether signing keys are to be
// rotated or retired.
func Hourly() *river.PeriodicJob {
	return queue.Every(time.Hour, KeysArgs{})
}
