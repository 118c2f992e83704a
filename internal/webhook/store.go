package webhook

import (
	"context"
	"time"

	"flint/internal/connection"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// store keeps a delivery and reports whether it is new. What it asks for is
// done in the same transaction, hence processed_at.
func store(ctx context.Context, db postgres.DB, delivery id.Delivery, e event, c *connection.Connection, sealed []byte, now time.Time) (bool, error) {
	var known id.Connection
	var owner id.User
	if c != nil {
		known, owner = c.ID, c.UserID
	}
	n, err := postgres.Touch(ctx, db, `
		insert into webhook_inbox (id, provider, event_id, event_type, connection_id, sealed_for, body, received_at, processed_at, attempts)
		values (@id, @provider, @event, @kind, @connection, @owner, @body, @now, @now, 1)
		on conflict on constraint webhook_inbox_event_key do nothing`,
		postgres.Args{
			"id": delivery, "provider": e.provider, "event": e.id, "kind": printable(e.kind), "connection": known, "owner": owner, "body": sealed, "now": now,
		})
	return n == 1, err
}

// deleteProcessed removes the deliveries that were done with before a time; not
// those about people under a legal hold.
func deleteProcessed(ctx context.Context, db postgres.DB, before time.Time) error {
	return postgres.Exec(ctx, db, `
		delete from webhook_inbox w where w.processed_at < @before
			and not exists (select from legal_holds h where h.user_id = w.sealed_for and h.released_at is null)`, postgres.Args{"before": before})
}
