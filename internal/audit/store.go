package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// row is an entry as it is stored.
type row struct {
	id             id.Entry
	at             time.Time
	actor          id.User
	kind, name     string
	subject        id.User
	verb, object   string
	request        string
	detail, sealed []byte
	holder         id.User // of the key
}

func insert(ctx context.Context, tx pgx.Tx, r row) error {
	// Package tlog numbers what waits in audit_pending.
	return postgres.Exec(ctx, tx, `
		with entry as (
			insert into audit_entries
				(id, at, actor_id, actor_kind, actor_name, subject_id, verb, object, request_id, detail, sealed, sealed_for)
			values
				(@id, @at, @actor, @kind, @name, @subject, @verb, @object, @request, @detail, @sealed, @holder))
		insert into audit_pending (entry_id) values (@id)`,
		postgres.Args{
			"id": r.id, "at": r.at, "actor": r.actor, "kind": r.kind, "name": r.name, "subject": r.subject,
			"verb": r.verb, "object": r.object, "request": r.request, "detail": r.detail, "sealed": r.sealed, "holder": r.holder,
		})
}

// Page says which entries to list: at most Limit of them (1 to 200), older than
// the entry Before, or the newest ones if Before is zero; only those with one of
// the Verbs, unless Verbs is nil.
type Page struct {
	Before id.Entry
	Limit  int
	Verbs  []string
}

// ListFor returns the entries that concern subject, newest first. The last
// one's id is the next page's Before; a page shorter than its limit is the last.
func ListFor(ctx context.Context, db postgres.DB, subject id.User, p Page) ([]Line, error) {
	p.Limit = min(max(p.Limit, 1), 200)
	// Entries of one moment are told apart by their id, so none is skipped or
	// shown twice when a page ends between them.
	lines, err := postgres.Many[Line](ctx, db, `
		select id, at, actor_id, actor_kind, actor_name, subject_id, verb, object, request_id, address, detail, sealed
		from audit_entries
		where subject_id = @subject and (@verbs::text[] is null or verb = any(@verbs))
		  and (@before::uuid is null
		       or (at, id) < (select at, id from audit_entries where id = @before and subject_id = @subject))
		order by at desc, id desc
		limit @limit`,
		postgres.Args{"subject": subject, "before": p.Before, "limit": p.Limit, "verbs": p.Verbs})
	if err != nil {
		return nil, fmt.Errorf("list audit entries: %w", err)
	}
	return lines, open(ctx, db, lines)
}

// Find returns one entry, or fault.ErrNotFound.
func Find(ctx context.Context, db postgres.DB, entry id.Entry) (Line, error) {
	line, err := postgres.One[Line](ctx, db, `
		select id, at, actor_id, actor_kind, actor_name, subject_id, verb, object, request_id, address, detail, sealed
		from audit_entries where id = @entry`, postgres.Args{"entry": entry})
	if err != nil {
		return line, err
	}
	found := []Line{line}
	err = open(ctx, db, found)
	return found[0], err
}

// Happened reports whether something with this verb has ever concerned subject.
func Happened(ctx context.Context, db postgres.DB, subject id.User, verb string) (bool, error) {
	return postgres.Scalar[bool](ctx, db, `
		select exists (select from audit_entries where subject_id = @subject and verb = @verb)`,
		postgres.Args{"subject": subject, "verb": verb})
}
