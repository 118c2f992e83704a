package identity

import (
	"context"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Next returns the ids of up to limit people after one, in the order of their
// ids, for work that walks through everybody in steps. The context says whose
// rows may be seen.
func (s *Service) Next(ctx context.Context, after id.User, limit int) ([]id.User, error) {
	return postgres.Many[id.User](ctx, s.pool, `select id from users where @after::uuid is null or id > @after order by id limit @limit`,
		postgres.Args{"after": after, "limit": limit})
}
