// Package telemetry says what the program is doing: structured logs, and the
// request id and address that follow a request through it.
//
// A request enters at package web, which calls WithRequest. From there every
// log line written with that context carries the request id and the actor, so
// that one id finds everything that belongs to one request, its audit entries
// included. Errors are logged once, where they stop travelling.
//
// What must never be in a log is kept out three times over: by type (a
// config.Secret shows "[secret]"), by key (an attribute called "password" is
// masked whatever it holds) and by look (mail addresses, bearer tokens and
// passwords within URLs are masked inside texts).
package telemetry

import (
	"context"
	"io"
	"log/slog"

	"flint/internal/access"
)

// NewLogger returns a logger that writes one JSON object per line to w, from
// level upwards, with secrets masked and the request's id and actor added from
// the context.
func NewLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(contextual{slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level:       level,
		ReplaceAttr: redact,
	})})
}

// contextual adds what the context knows to every line.
type contextual struct{ next slog.Handler }

func (h contextual) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h contextual) Handle(ctx context.Context, r slog.Record) error {
	r.Message = scrub(r.Message)
	var room [3]slog.Attr
	more := room[:0] // added at once: a record makes room anew each time
	if id := RequestID(ctx); id != "" {
		more = append(more, slog.String("request_id", id))
	}
	if actor := access.From(ctx); !actor.User.IsZero() {
		more = append(more, slog.String("actor", actor.User.String()))
		if actor.System != "" {
			more = append(more, slog.String("job", actor.System))
		}
	}
	r.AddAttrs(more...)
	return h.next.Handle(ctx, r)
}

func (h contextual) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextual{h.next.WithAttrs(attrs)}
}

func (h contextual) WithGroup(name string) slog.Handler { return contextual{h.next.WithGroup(name)} }
