package webhook_test

import (
	"testing"
	"time"

	"github.com/riverqueue/river"

	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/webhook"
)

func TestOldDeliveriesAreSweptAndOpenOnesStay(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for event, processed := range map[string]any{"old": now.AddDate(0, 0, -91), "recent": now.AddDate(0, 0, -89), "open": nil} {
		err := postgres.Exec(t.Context(), pool, `
			insert into webhook_inbox (id, provider, event_id, event_type, body, received_at, processed_at)
			values (@id, 'teller', @event, 'webhook.test', '', @received, @processed)`,
			postgres.Args{"id": id.New[id.Delivery](), "event": event, "received": now.AddDate(-1, 0, 0), "processed": processed})
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &webhook.SweepWorker{Service: webhook.New(pool, nil, nil, webhook.Config{Now: func() time.Time { return now }})}
	if err := w.Work(t.Context(), &river.Job[webhook.SweepArgs]{}); err != nil {
		t.Fatal(err)
	}
	left, err := postgres.Many[string](t.Context(), pool, `select event_id from webhook_inbox order by event_id`, nil)
	if err != nil || len(left) != 2 || left[0] != "open" || left[1] != "recent" {
		t.Errorf("left are %v, %v", left, err)
	}
}
