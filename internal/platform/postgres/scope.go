package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"flint/internal/access"
	"flint/internal/id"
)

// Whose rows a transaction is about is decided when it begins, by its context:
// what AsSystem or AsUser said last, else the person whose request it is, else
// nobody. It reaches Postgres with the begin, as a setting of this transaction
// alone, and the policies of the tables (migration 00008) read it there.

// system is the scope that sees everybody's rows.
const system = "system"

type scopeKey struct{}

// AsSystem returns ctx for work that is nobody's or everybody's: a sign-in
// before it is known who comes, a webhook, a sweep, a job. The reason is for
// readers; every call is listed in testdata/system.txt, so that a new one is seen
// when it is reviewed. What a signed-in person asks for isn't such work.
func AsSystem(ctx context.Context, why string) context.Context {
	if why == "" {
		panic("postgres: AsSystem without a reason")
	}
	return context.WithValue(ctx, scopeKey{}, system)
}

// AsUser returns ctx for work on the rows of user, by whomever: a job about one
// person, an operator, support. It is listed as AsSystem is.
func AsUser(ctx context.Context, user id.User) context.Context {
	if user.IsZero() {
		return context.WithValue(ctx, scopeKey{}, "") // nobody, whoever asks
	}
	return context.WithValue(ctx, scopeKey{}, user.String())
}

// scopeOf returns what flint.user is to be: a UUID, "system", or "" for nobody.
func scopeOf(ctx context.Context) string {
	if s, ok := ctx.Value(scopeKey{}).(string); ok {
		return s
	}
	if user := access.From(ctx).User; !user.IsZero() {
		return user.String()
	}
	return ""
}

// beginQuery begins a transaction with its scope, in one round trip.
func beginQuery(scope string) string {
	if scope == "" {
		return ""
	}
	return `begin; set local flint."user" = '` + scope + `'` // a UUID or "system"
}

// setScope is beginQuery for a statement alone.
const setScope = `select set_config('flint.user', $1, true)`

// explain says what Postgres means when it met somebody's row on nobody's behalf.
func explain(ctx context.Context, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || scopeOf(ctx) != "" {
		return err
	}
	unset := pg.Code == "42704" && strings.Contains(pg.Message, "flint.user")  // undefined_object
	emptied := pg.Code == "22P02" && strings.HasSuffix(pg.Message, `uuid: ""`) // invalid_text_representation
	if unset || emptied {
		return fmt.Errorf("whose rows these are isn't known: the context carries no person, and nothing said AsSystem: %w", err)
	}
	return err
}
