package main

import (
	"os"
	"strings"
	"testing"

	"flint/internal/platform/postgres/pgtest"
)

// printed returns what fn prints.
func printed(t *testing.T, fn func() error) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := os.Stdout
	os.Stdout = f
	err = fn()
	os.Stdout = out
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Not parallel, since it is told of its database by the environment.
func TestAnOperatorExchangesAllKeysAfterAnIncidentAndSeesWhatIsDue(t *testing.T) {
	pool := pgtest.New(t)
	t.Setenv("DATABASE_URL", pool.Config().ConnString())
	t.Setenv("FLINT_ORIGIN", "http://localhost:8080")
	t.Setenv("FLINT_STATE", t.TempDir())
	t.Setenv("FLINT_SIEM", "file:///nowhere/audit.jsonl")
	ctx := t.Context()
	said := printed(t, func() error { return keysRotate{Incident: "a laptop was stolen"}.Run(ctx) })
	if !strings.Contains(said, "Everything hangs on the keys in use") || !strings.Contains(said, "Every access token is void") {
		t.Error(said)
	}
	if n := scalar(t, pool, `select count(*)::int from key_rotations where finished_at is not null and cause = 'incident'`); n != 4 {
		t.Errorf("%d layers were exchanged", n)
	}
	if n := scalar(t, pool, `select count(*)::int from audit_entries where verb = 'key.rotate' and actor_name = 'operator' and sealed is not null`); n != 4 {
		t.Errorf("%d acts are recorded", n)
	}
	if n := scalar(t, pool, `select count(*)::int from keyring.key_encryption_keys where retired_at is null`); n != 1 {
		t.Errorf("%d key-encryption keys are in use", n)
	}
	said = printed(t, func() error { return keysList{}.Run(ctx) })
	for _, line := range []string{"key-encryption key 2", "hashing key", "365d", "operator", "in time"} {
		if !strings.Contains(said, line) {
			t.Errorf("%q isn't in %s", line, said)
		}
	}
	if said = printed(t, func() error { return keysRotate{Data: true}.Run(ctx) }); !strings.Contains(said, "Everything") {
		t.Error(said)
	}
	if said = printed(t, func() error { return keysRewrap{}.Run(ctx) }); !strings.Contains(said, "Everything") {
		t.Error(said)
	}
	if _, err := pool.Exec(ctx, `update key_rotations set made_at = made_at - interval '400 days' where layer = 'master'`); err != nil {
		t.Fatal(err)
	}
	if said = printed(t, func() error { return keysList{}.Run(ctx) }); !strings.Contains(said, "overdue") {
		t.Error(said)
	}
	if said = printed(t, func() error { return auditSIEM{}.Run(ctx) }); !strings.Contains(said, "file:///nowhere/audit.jsonl") || !strings.Contains(said, "never") {
		t.Error(said)
	}
}
