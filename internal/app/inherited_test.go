package app_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// older is how many people there are in a database of an older version: more than
// one batch.
const older = 1200

// TestWhatAnOlderVersionLeftInClearIsSealedAtStart has the rows of a database that
// was just migrated: one start is killed in the middle, then two nodes start at
// once, and then everybody is found by their address and nothing is in clear.
func TestWhatAnOlderVersionLeftInClearIsSealedAtStart(t *testing.T) {
	t.Parallel()
	program, all := pgtest.Strict(t)
	for _, sql := range []string{
		`insert into users (id, clear_email, clear_first_name, password_hash, tier, created_at, updated_at)
			select gen_random_uuid(), 'canary' || n || '@example.com', 'Canary ' || n, '', 'free', now(), now() from generate_series(1, @older::int) n`,
		`insert into email_changes (id, user_id, clear_old_email, clear_new_email, created_at, expires_at, confirmed_at, undo_until)
			select gen_random_uuid(), id, 'old' || clear_email, clear_email, now(), now() + interval '1 day', now(), now() + interval '3 days' from users where @older > 0`,
		`insert into passkeys (id, user_id, credential_id, public_key, sign_count, synced, transports, clear_name, created_at)
			select gen_random_uuid(), id, id::text::bytea, '\x00', 0, false, '{}', 'Canary''s phone', now() from users where @older > 0`,
		`insert into api_keys (id, user_id, clear_name, hint, key_hash, created_at, expires_at)
			select gen_random_uuid(), id, 'Canary''s sheet', 'flint_x', id::text::bytea, now(), now() + interval '1 day' from users where @older > 0`,
		`insert into devices (token_hash, user_id, session_id, clear_agent, clear_address, created_at, last_used_at)
			select id::text::bytea, id, gen_random_uuid(), 'Canary/5.0', '192.0.2.1', now(), now() from users where @older > 0`,
		`insert into risk_decisions (id, user_id, at, action, clear_address, clear_network, clear_agent, clear_country, clear_latitude, clear_longitude, clear_reach,
				score, outcome, enforced, reasons, clear_inputs)
			select gen_random_uuid(), id, now(), 'password', '192.0.2.1', '192.0.2.0', 'Canary/5.0', 'GB', 51.5, -0.1, 20, 0, 'allow', false, '[]', '{"canary": 1}' from users where @older > 0`,
		`insert into sessions (id, user_id, delivery, clear_device, clear_address, created_at, last_used_at, expires_at)
			select gen_random_uuid(), id, 'web', 'Canary/5.0', '192.0.2.1', now(), now(), now() + interval '1 day' from users where @older > 0`,
		`insert into legal_holds (id, user_id, clear_reason, placed_at)
			select gen_random_uuid(), id, 'a canary in court', now() from users where @older > 0`,
	} {
		if err := postgres.Exec(t.Context(), all, sql, postgres.Args{"older": older}); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"FLINT_ORIGIN": "http://localhost:8080", "FLINT_STATE": t.TempDir()}
	var cfg app.Config
	if err := config.Load(t.Context(), config.Map(env), &cfg); err != nil {
		t.Fatal(err)
	}
	clear := func() int { return count(t, all, `select count(*)::int from users where clear_email is not null`) }

	ctx, kill := context.WithCancel(t.Context())
	died := make(chan error, 1)
	go func() {
		keys, err := app.OpenKeys(ctx, cfg, program)
		if err == nil {
			keys.Close()
		}
		died <- err
	}()
	for clear() == older {
		select {
		case err := <-died:
			t.Fatalf("the first start ended: %v", err)
		default:
		}
	}
	kill()
	if err := <-died; err == nil || clear() == 0 {
		t.Fatalf("the first start ended with %v, and %d rows in clear", err, clear())
	}

	var nodes sync.WaitGroup
	for range 2 {
		nodes.Go(func() {
			keys, err := app.OpenKeys(t.Context(), cfg, program)
			if err != nil {
				t.Error(err)
				return
			}
			keys.Close()
		})
	}
	nodes.Wait()
	h := &house{t: t, pool: all}
	for place, text := range h.tables() {
		if strings.Contains(strings.ToLower(text), "canary") {
			t.Errorf("%s has something in clear", place)
		}
	}

	flint, err := app.Build(t.Context(), cfg, program, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(flint.Close)
	ctx = postgres.AsSystem(t.Context(), "a test")
	p, err := flint.Identity.PersonByEmail(ctx, "Canary77@example.com")
	if err != nil || p.FirstName != "Canary 77" || p.Email != "canary77@example.com" {
		t.Errorf("found %q %q, %v", p.FirstName, p.Email, err)
	}
	if n := count(t, all, `select count(*)::int from email_changes where sealed is not null and old_mac is not null`); n != older {
		t.Errorf("%d changes are sealed", n)
	}
	// An address that can be taken back stays reserved.
	if _, err := flint.Identity.Invite(ctx, access.SystemActor("operator", id.User{}), "Eve", "oldcanary5@example.com", "free"); err == nil {
		t.Error("a reserved address was given away")
	}
	keys, err := app.OpenKeys(t.Context(), cfg, program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	found, err := keys.Verify(t.Context(), app.SealedPlaces())
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int{}
	for _, f := range found {
		if f.Failed > 0 {
			t.Errorf("%s: %d values don't open", f.Place, f.Failed)
		}
		values[f.Place] = f.Values
	}
	for _, place := range []string{"users.sealed", "email_changes.sealed", "passkeys.sealed", "api_keys.sealed", "sessions.sealed", "devices.sealed", "risk_decisions.sealed", "legal_holds.sealed"} {
		if values[place] != older {
			t.Errorf("%s: %d of %d values", place, values[place], older)
		}
	}
}

func count(t *testing.T, pool *pgxpool.Pool, sql string) int {
	t.Helper()
	n, err := postgres.Scalar[int](t.Context(), pool, sql, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
