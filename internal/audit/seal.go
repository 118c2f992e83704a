package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

const sealedPlace = "audit_entries.sealed"

// Places are where sealed values are. They are never sealed anew: the log
// commits to their bytes.
func Places() []envelope.Place {
	return []envelope.Place{{Table: "audit_entries", Column: "sealed", Row: "id", Owner: "sealed_for", Fixed: true}}
}

// personal is what of an entry is sealed.
type personal struct {
	Address string         `json:"address,omitempty"`
	Detail  map[string]any `json:"detail,omitempty"`
}

// inClear lists the details that are nobody's: counts, codes and names of our own.
// What isn't here, nor has words in names.go, is personal.
var inClear = []string{
	"after", "before", "days", "delivery", "duplicates", "form", "format", "found", "hours", "how", "kept_history", "level", "new",
	"outcome", "count", "partitions", "possible", "provider", "replaces", "revoked", "rows", "score", "sessions", "tier", "unrevoked", "until", "version",
}

// code is a text that says nothing but what a program put there.
var code = regexp.MustCompile(`^[A-Za-z0-9_.+-]{0,64}$`)

// split returns what of the detail stays in clear, and what is personal.
func (e Entry) split() (ours, theirs map[string]any) {
	ours, theirs = map[string]any{}, map[string]any{}
	words := NameOf(e.Verb).Words
	for name, v := range e.Detail {
		clear := false
		switch v := v.(type) {
		case string:
			_, said := words[name][v]
			clear = said || slices.Contains(inClear, name) && code.MatchString(v)
		case nil, bool, int, int32, int64, time.Time, time.Duration:
			clear = slices.Contains(inClear, name) || e.Verb == "bot.refuse" // counts by reason
		}
		if clear {
			ours[name] = v
		} else {
			theirs[name] = v
		}
	}
	return ours, theirs
}

// holder is whose key an entry is sealed under: the subject's, else the actor's.
// What somebody did who isn't signed in is sealed under Flint's own: whose
// address that is isn't known, and to look for a person's key, or to make the
// first one, takes time, which would tell strangers who has an account.
func holder(kind string, subject, actor id.User) id.User {
	switch {
	case kind == anonymous:
		return id.User{}
	case subject.IsZero():
		return actor
	}
	return subject
}

func sealedAt(owner id.User, entry id.Entry) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: sealedPlace, Row: entry.String()}
}

// seal returns what is personal under the key of owner; nil if nothing is.
func seal(ctx context.Context, tx pgx.Tx, owner id.User, entry id.Entry, p personal) ([]byte, error) {
	if p.Address == "" && len(p.Detail) == 0 {
		return nil, nil
	}
	keys, err := envelope.Of(ctx, tx)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write what is personal: %w", err)
	}
	return keys.Seal(ctx, sealedAt(owner, entry), plain)
}

// open puts what is personal back into lines. What doesn't open is said in the
// line, and the others are shown.
func open(ctx context.Context, db postgres.DB, lines []Line) error {
	if !slices.ContainsFunc(lines, func(l Line) bool { return len(l.Sealed) > 0 }) {
		return nil
	}
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return err
	}
	for i := range lines {
		if len(lines[i].Sealed) == 0 {
			continue
		}
		if err := lines[i].open(ctx, keys); err != nil {
			return err
		}
	}
	return nil
}

func (l *Line) open(ctx context.Context, keys *envelope.Keys) error {
	plain, err := keys.Open(ctx, sealedAt(holder(l.ActorKind, l.SubjectID, l.ActorID), l.ID), l.Sealed)
	switch {
	case errors.Is(err, envelope.ErrErased):
		l.Lost = Erased
		return nil
	case errors.Is(err, envelope.ErrSealed):
		l.Lost = Unreadable
		return nil
	case err != nil:
		return fmt.Errorf("open entry %s: %w", l.ID, err)
	}
	var p personal
	if err := json.Unmarshal(plain, &p); err != nil {
		return fmt.Errorf("read entry %s: %w", l.ID, err)
	}
	l.Address = p.Address
	for name, v := range p.Detail {
		if l.Detail == nil {
			l.Detail = map[string]any{}
		}
		l.Detail[name] = v
	}
	return nil
}
