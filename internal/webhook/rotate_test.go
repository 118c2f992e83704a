package webhook_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"flint/internal/config"
	"flint/internal/webhook"
)

func TestTwoVersionsOfASecretCountWhileItIsRotated(t *testing.T) {
	t.Parallel()
	var later atomic.Int64 // nanoseconds since now
	clock := func() time.Time { return now.Add(time.Duration(later.Load())) }
	b := newBench(t, func(c *webhook.Config) {
		c.Teller, c.SnapTrade, c.Now = []config.Secret{config.NewSecret("one")}, nil, clock
	})
	n := 0
	taken := func(when string, want map[string]int) {
		t.Helper()
		for secret, status := range want {
			n++
			s := fromTeller(tellerEvent(fmt.Sprint("wh_", n), "transactions.processed", "enr_9", ""), secret, clock())
			b.http.Run(t, named(when+" under "+secret, s, status))
		}
	}
	rotate := func(secrets ...string) {
		var all []config.Secret
		for _, s := range secrets {
			all = append(all, config.NewSecret(s))
		}
		b.service.Rotate(all, nil)
	}
	taken("at first", map[string]int{"one": 200, "two": 401})
	rotate("two")
	rotate("two") // again, as every poll does
	taken("just rotated", map[string]int{"one": 200, "two": 200, "three": 401})
	later.Add(int64(webhook.Overlap / 2))
	rotate("three")
	taken("rotated once more", map[string]int{"one": 200, "two": 200, "three": 200})
	later.Add(int64(webhook.Overlap/2) + int64(time.Second))
	taken("an hour after the first", map[string]int{"one": 401, "two": 200, "three": 200})
	later.Add(int64(webhook.Overlap))
	taken("long after", map[string]int{"one": 401, "two": 401, "three": 200})
	rotate()
	later.Add(int64(webhook.Overlap))
	taken("switched off", map[string]int{"three": 503})
}
