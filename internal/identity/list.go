package identity

import (
	"context"

	"flint/internal/id"
	"flint/internal/platform/postgres"

	"flint/internal/envelope"
)

// Search is what staff look for: one address, one account, or everybody. There is
// no looking for a part of an address or of a name: they are sealed.
type Search struct {
	Email string  // canonical
	User  id.User // zero: whoever
	After id.User // zero: from the newest
	Limit int
}

// List returns whom q finds, the newest first. It asks for everybody: the
// operations behind it are for staff alone.
func (s *Service) List(ctx context.Context, db postgres.DB, q Search) ([]Person, error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, err
	}
	args := postgres.Args{"mac": nil, "user": nil, "after": nil, "limit": q.Limit}
	if q.Email != "" {
		args["mac"] = macOf(keys, q.Email)
	}
	if !q.User.IsZero() {
		args["user"] = q.User
	}
	if !q.After.IsZero() {
		args["after"] = q.After
	}
	rows, err := postgres.Many[personRow](ctx, db, `
		select `+columns+` from users
		where (@mac::bytea is null or email_mac = @mac) and (@user::uuid is null or id = @user)
		  and (@after::uuid is null or (created_at, id) < (select c.created_at, c.id from users c where c.id = @after::uuid))
		order by created_at desc, id desc limit @limit`, args)
	if err != nil {
		return nil, err
	}
	sealed := make([][]byte, 0, len(rows))
	for _, row := range rows {
		sealed = append(sealed, row.Sealed)
	}
	if err := keys.Ahead(ctx, sealed...); err != nil {
		return nil, err
	}
	people := make([]Person, 0, len(rows))
	for _, row := range rows {
		p, err := openPerson(ctx, db, row, nil)
		if err != nil {
			return nil, err
		}
		people = append(people, p)
	}
	return people, nil
}
