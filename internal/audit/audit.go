// Package audit keeps what was done, by whom and to whom.
//
// An entry is written in the transaction of the change it tells of: no entry,
// no change. Record checks the entry before it stores it, so that a careless
// caller fails in a test and not in an investigation: a verb reads noun.verb
// ("connection.link"), the actor is a person, a named job or nobody, and the
// detail holds plain words and numbers, never a secret and never anything that
// a person typed as a password.
//
// The request id and the address come from the context, where the web server
// put them. Entries are only ever added; this package has no way to change one.
//
// People read what concerns them, in plain words: GET /api/security/log, made of
// the table of names in names.go. Every verb has a name there.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/telemetry"
)

// Entry is one act.
type Entry struct {
	Actor   access.Actor   // who did it; the zero Actor is somebody not signed in
	Subject id.User        // the person concerned; zero if there is none
	Verb    string         // noun.verb, past things in the present tense: "session.revoke"
	Object  string         // id of the thing
	Detail  map[string]any // plain values only; see the package comment
}

// Line is a stored entry.
type Line struct {
	ID        id.Entry
	At        time.Time
	ActorID   id.User
	ActorKind string // person, system or anonymous
	ActorName string // the job's name, for a system actor
	SubjectID id.User
	Verb      string
	Object    string
	RequestID string
	Address   string
	Detail    map[string]any
}

const (
	maxObject = 200  // bytes
	maxDetail = 8192 // bytes of JSON
)

var verb = regexp.MustCompile(`^[a-z][a-z_]*\.[a-z][a-z_]*$`)

// Record stores e in tx as done at now. An entry that says too little or too
// much is an error, and with it the change fails.
func Record(ctx context.Context, tx pgx.Tx, now time.Time, e Entry) error {
	_, err := Write(ctx, tx, now, e)
	return err
}

// Write is Record for those who refer to the entry later. It returns its id.
func Write(ctx context.Context, tx pgx.Tx, now time.Time, e Entry) (id.Entry, error) {
	detail, err := e.check()
	if err != nil {
		return id.Entry{}, fmt.Errorf("audit %q: %w", e.Verb, err)
	}
	kind, actor := "anonymous", id.User{}
	switch {
	case e.Actor.System != "":
		kind = "system"
	case !e.Actor.User.IsZero():
		kind, actor = "person", e.Actor.User
	}
	address := ""
	if a := telemetry.Address(ctx); a.IsValid() {
		address = a.String()
	}
	entry := id.New[id.Entry]()
	if err := insert(ctx, tx, row{
		id: entry, at: now, actor: actor, kind: kind, name: e.Actor.System, subject: e.Subject,
		verb: e.Verb, object: e.Object, request: telemetry.RequestID(ctx), address: address, detail: detail,
	}); err != nil {
		return id.Entry{}, fmt.Errorf("audit %q: %w", e.Verb, err)
	}
	return entry, nil
}

// check returns the detail as JSON, or why the entry can't be kept.
func (e Entry) check() ([]byte, error) {
	if !verb.MatchString(e.Verb) {
		return nil, fmt.Errorf("a verb reads noun.verb in lower case")
	}
	if len(e.Object) > maxObject {
		return nil, fmt.Errorf("an object is at most %d bytes, not %d", maxObject, len(e.Object))
	}
	if len(e.Detail) == 0 {
		return []byte("{}"), nil
	}
	for name, v := range e.Detail {
		if err := plain(v); err != nil {
			return nil, fmt.Errorf("detail %q: %w", name, err)
		}
	}
	b, err := json.Marshal(e.Detail)
	if err != nil {
		return nil, fmt.Errorf("detail: %w", err)
	}
	if len(b) > maxDetail {
		return nil, fmt.Errorf("a detail is at most %d bytes, not %d", maxDetail, len(b))
	}
	return b, nil
}

// plain accepts what can't hide a secret: words, numbers, times and lists of
// them. Everything else, config.Secret and structs that may hold one included,
// is refused by type.
func plain(v any) error {
	switch v := v.(type) {
	case nil, bool, string, int, int32, int64, time.Time, time.Duration, []string, []int:
		return nil
	case []any:
		for _, each := range v {
			if err := plain(each); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for _, each := range v {
			if err := plain(each); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("%T is not a plain value; write it as words", v)
	}
}
