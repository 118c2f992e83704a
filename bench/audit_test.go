package bench_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/telemetry"
)

// BenchmarkAudit asks what an entry of the audit log costs, in turns: a
// transaction that changes one row, the same with an entry that says nothing
// personal, and with one whose address and device are sealed.
func BenchmarkAudit(b *testing.B) {
	pool := pgtest.New(b)
	envelopetest.New(b, pool)
	if err := postgres.Exec(b.Context(), pool, `
		insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at)
		values (gen_random_uuid(), 'ana@example.com', 'Ana', '', 'free', now(), now())`, nil); err != nil {
		b.Fatal(err)
	}
	ana := id.New[id.User]()
	quiet := b.Context()
	told := telemetry.WithRequest(quiet, "req-1", netip.MustParseAddr("203.0.113.9"))
	write := func(ctx context.Context, detail map[string]any) time.Duration {
		start := time.Now()
		err := postgres.InTx(ctx, pool, func(tx pgx.Tx) error {
			if err := postgres.Exec(ctx, tx, `update users set updated_at = now() where email_mac = 'ana@example.com'`, nil); err != nil || detail == nil {
				return err
			}
			return audit.Record(ctx, tx, start, audit.Entry{
				Actor: access.Actor{User: ana}, Subject: ana, Verb: "session.start", Object: ana.String(), Detail: detail,
			})
		})
		if err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var bare, clear, sealed []time.Duration
	for b.Loop() {
		for range 300 {
			bare = append(bare, write(quiet, nil))
			clear = append(clear, write(quiet, map[string]any{"how": "password"}))
			sealed = append(sealed, write(told, map[string]any{"how": "password", "device": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"}))
		}
	}
	b.ReportMetric(0, "ns/op")
	us := func(d []time.Duration) float64 { return float64(middle(d).Nanoseconds()) / 1000 }
	b.ReportMetric(us(bare), "write-us")
	b.ReportMetric(us(clear)/us(bare), "audited/write")
	b.ReportMetric(us(sealed)/us(bare), "sealed/write")
	b.ReportMetric(us(sealed)/us(clear), "sealed/audited")
}
