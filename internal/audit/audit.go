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
// The address, and whatever of the detail isn't a count or a code of our own, is
// sealed under the key of the person concerned (seal.go; under Flint's own if
// nobody was signed in), and opened for whoever
// may read the entry. When the key is destroyed, that is erased; who did what,
// and when, stays, and so does the proof of it, since it is over the sealed bytes.
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
	Sealed    []byte // what is personal; opened into the two above
	Lost      Loss   `db:"-"`
}

// Loss says why what is personal in an entry isn't there.
type Loss string

// The reasons.
const (
	Erased     Loss = "erased"     // the person's key was destroyed
	Unreadable Loss = "unreadable" // it was altered
)

// anonymous is the kind of actor who isn't signed in.
const anonymous = "anonymous"

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
	if err := e.check(); err != nil {
		return id.Entry{}, fmt.Errorf("audit %q: %w", e.Verb, err)
	}
	kind, actor := anonymous, id.User{}
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
	ours, theirs := e.split()
	detail, err := json.Marshal(ours)
	if err != nil {
		return id.Entry{}, fmt.Errorf("audit %q: %w", e.Verb, err)
	}
	owner := holder(kind, e.Subject, actor)
	sealed, err := seal(ctx, tx, owner, entry, personal{address, theirs})
	if err != nil {
		return id.Entry{}, fmt.Errorf("audit %q: %w", e.Verb, err)
	}
	if err := insert(ctx, tx, row{
		id: entry, at: now, actor: actor, kind: kind, name: e.Actor.System, subject: e.Subject,
		verb: e.Verb, object: e.Object, request: telemetry.RequestID(ctx), detail: detail, sealed: sealed, holder: owner,
	}); err != nil {
		return id.Entry{}, fmt.Errorf("audit %q: %w", e.Verb, err)
	}
	return entry, nil
}

// check returns why the entry can't be kept.
func (e Entry) check() error {
	if !verb.MatchString(e.Verb) {
		return fmt.Errorf("a verb reads noun.verb in lower case")
	}
	if len(e.Object) > maxObject {
		return fmt.Errorf("an object is at most %d bytes, not %d", maxObject, len(e.Object))
	}
	for name, v := range e.Detail {
		if err := plain(v); err != nil {
			return fmt.Errorf("detail %q: %w", name, err)
		}
	}
	b, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("detail: %w", err)
	}
	if len(b) > maxDetail {
		return fmt.Errorf("a detail is at most %d bytes, not %d", maxDetail, len(b))
	}
	return nil
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
