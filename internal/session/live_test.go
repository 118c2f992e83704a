package session_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web/webtest"
)

// warm waits until the node answers token without a look at the database.
func warm(t *testing.T, h *house, n *node, token string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		before := h.pool.Stat().AcquireCount()
		if err := authenticate(t, n.Service, token); err != nil {
			t.Fatal(err)
		}
		if h.pool.Stat().AcquireCount() == before {
			return
		}
	}
	t.Fatal("the node never trusted its cache")
}

func bearerPost(path string, p phone) webtest.Scenario {
	return webtest.Scenario{Method: "POST", Path: path, Bearer: p.Access, Status: 200}
}

func TestACheckTakesNoLookAtTheDatabase(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	warm(t, h, h.node, p.Access)
	before := h.pool.Stat().AcquireCount()
	for range 1000 {
		if err := authenticate(t, h.Service, p.Access); err != nil {
			t.Fatal(err)
		}
	}
	// On a machine that is held up for a second the cache may be distrusted.
	if misses := h.pool.Stat().AcquireCount() - before; misses > 20 {
		t.Errorf("1000 checks took %d connections", misses)
	}
}

// D5: ban, logout elsewhere and password change left sessions alive.
func TestD5EveryNodeRefusesWithinASecond(t *testing.T) {
	t.Parallel()
	h := setup(t)
	far := h.start(t, origin)
	revoke := map[string]func(p phone){
		"signed out": func(p phone) {
			h.web.Check(t, bearerPost("/api/auth/logout", p))
		},
		"revoked from elsewhere": func(p phone) {
			if err := h.Revoke(t.Context(), access.Actor{User: h.ana.ID}, sessionOf(t, h, p)); err != nil {
				t.Error(err)
			}
		},
		"all ended, as a new password does": func(phone) {
			err := postgres.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
				_, err := h.EndAll(t.Context(), tx, access.SystemActor("test", h.ana.ID), h.ana.ID, id.Session{}, "password")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		},
		"banned": func(phone) {
			if err := h.Ban(t.Context(), access.SystemActor("test", h.ana.ID), h.ana.ID, "fraud"); err != nil {
				t.Error(err)
			}
			if _, err := h.pool.Exec(t.Context(), `update users set banned_at = null`); err != nil { // for whichever comes next
				t.Error(err)
			}
		},
	}
	for how, end := range revoke {
		p := h.signInByPhone(t)
		warm(t, h, h.node, p.Access)
		warm(t, h, far, p.Access)
		end(p)
		eventually(t, how+", near", func() bool { return authenticate(t, h.Service, p.Access) != nil })
		eventually(t, how+", far", func() bool { return authenticate(t, far.Service, p.Access) != nil })
		h.web.Check(t, p.renew(401))
	}
}

func TestARolledBackRevocationSignsNobodyOut(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	warm(t, h, h.node, p.Access)
	tx, err := h.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.EndAll(t.Context(), tx, access.SystemActor("test", h.ana.ID), h.ana.ID, id.Session{}, "password"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, bearer(p.Access, 200))
	h.web.Check(t, p.renew(200))
}

func TestANodeThatLostTheFeedAsksTheDatabase(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p, q := h.signInByPhone(t), h.signInByPhone(t)
	warm(t, h, h.node, p.Access)
	warm(t, h, h.node, q.Access)
	const others = `select count(pg_terminate_backend(pid))::int from pg_stat_activity
		where datname = current_database() and pid <> pg_backend_pid() and query ilike 'listen%' or query = '-- ping' and datname = current_database()`
	if n := h.count(t, others); n == 0 {
		t.Fatal("no listening connection was found")
	}
	// A change that nobody announces is seen as soon as the cache isn't trusted.
	if _, err := h.pool.Exec(t.Context(), `update sessions set revoked_at = now() where id = $1`, sessionOf(t, h, p)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the session is over", func() bool { return authenticate(t, h.Service, p.Access) != nil })
	warm(t, h, h.node, q.Access) // the feed comes back by itself
	if err := h.Revoke(t.Context(), access.Actor{User: h.ana.ID}, sessionOf(t, h, q)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "announcements are heard again", func() bool { return authenticate(t, h.Service, q.Access) != nil })
}

func TestUnannouncedChangesAreSeenWithinAMinute(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	warm(t, h, h.node, p.Access)
	if _, err := h.pool.Exec(t.Context(), `delete from users`); err != nil {
		t.Fatal(err)
	}
	h.pass(61 * time.Second)
	h.web.Check(t, bearer(p.Access, 401))
}

func TestAStoppedNodeStillChecks(t *testing.T) {
	t.Parallel()
	h := setup(t)
	p := h.signInByPhone(t)
	warm(t, h, h.node, p.Access)
	h.Stop()
	if err := authenticate(t, h.Service, p.Access); err != nil {
		t.Error(err)
	}
}
