package envelope_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const (
	rotateURL  = "FLINT_TEST_ROTATE_URL"
	rotateRing = "FLINT_TEST_ROTATE_RING"
)

// TestRotationSurvivesBeingKilled rotates every layer in a process of its own,
// which is killed at random moments and started again, and expects that nothing
// is lost and nothing left behind. FLINT_KEY_RECORDS and FLINT_KEY_KILLS make it
// larger.
func TestRotationSurvivesBeingKilled(t *testing.T) {
	records, kills := setting("FLINT_KEY_RECORDS", 20_000), setting("FLINT_KEY_KILLS", 12)
	pool, path := makeDrawer(t), filepath.Join(t.TempDir(), "ring")
	k := envelopetest.Under(t, pool, path)
	fill(t, pool, k, records)

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func() *osexec.Cmd {
		cmd := osexec.Command(self, "-test.run", "^TestRotateUntilKilled$")
		cmd.Env = append(os.Environ(), rotateURL+"="+pool.Config().ConnString(), rotateRing+"="+path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	ended := 0
	for range kills {
		cmd := start()
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if ended++; err != nil {
				t.Fatalf("a rotation failed by itself: %v", err)
			}
		case <-time.After(time.Duration(80+rand.IntN(900)) * time.Millisecond):
			_ = cmd.Process.Kill()
			<-done
		}
	}
	last := start()
	if err := last.Wait(); err != nil {
		t.Fatalf("the last rotation: %v", err)
	}
	t.Logf("%d records, %d processes, of which %d ended by themselves", records, kills+1, ended+1)

	after := envelopetest.Under(t, pool, path)
	found, err := after.Verify(t.Context(), []envelope.Place{drawer})
	if err != nil || found[0].Values != records || found[0].Failed != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
	layers, err := after.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inUse := 0
	for _, l := range layers {
		if l.State == "in use" && l.Name != "data keys" {
			inUse++
		}
		if l.State == "retired" && l.Name != "data keys" {
			t.Errorf("%s is left with %d keys", l.Name, l.Holding)
		}
	}
	if inUse != 1 {
		t.Errorf("%d key-encryption keys are in use", inUse)
	}
}

// TestRotateUntilKilled is the process of the test above.
func TestRotateUntilKilled(t *testing.T) {
	url, path := os.Getenv(rotateURL), os.Getenv(rotateRing)
	if url == "" {
		return
	}
	ctx := context.Background()
	pool, err := postgres.Open(ctx, postgres.Config{URL: config.NewSecret(url), MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	k := envelopetest.Under(t, pool, path)
	for _, step := range []func() error{
		func() error { return k.RotateMaster(ctx) },
		func() error { _, err := k.RotateKEK(ctx); return err },
		func() error { return k.RewrapDataKeys(ctx, nil) },
		func() error { _, err := k.RetireDataKeys(ctx, nil); return err },
		func() error { return k.Reseal(ctx, []envelope.Place{drawer}, 0, nil) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

// fill seals n values of some people's.
func fill(t *testing.T, pool *pgxpool.Pool, k *envelope.Keys, n int) {
	t.Helper()
	owners := make([]id.User, max(n/20, 1))
	for i := range owners {
		owners[i] = id.New[id.User]()
	}
	rows := make([][]any, n)
	for i := range rows {
		name, owner := fmt.Sprintf("%07d", i), owners[i%len(owners)]
		rows[i] = []any{name, uuid.UUID(owner), seal(t, k, envelope.Ref{Owner: owner, Place: "drawer.value", Row: name}, "value "+name)}
	}
	if _, err := pool.CopyFrom(t.Context(), pgx.Identifier{"drawer"}, []string{"name", "owner_id", "value"}, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}
}

func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}
