// Package fault is the one error vocabulary of Flint.
//
// A Fault is an error that a person may read: it has a kind (what sort of
// thing went wrong), a stable code that clients switch on, and one safe
// sentence. Its cause is for the log alone and never leaves the process.
// Every other error is Internal: the caller learns only that something broke.
//
// Features declare their faults as package variables and return them, wrapped
// with a cause where there is one:
//
//	var ErrPlanLimit = fault.New(fault.Forbidden, "connection_limit", "Your plan allows no more connections.")
//	return fault.Because(ErrPlanLimit, err)
//
// errors.Is compares by code, so a fault stays itself after Because, About,
// After and Saying.
package fault

import (
	"errors"
	"time"
)

// Kind sorts faults by what the caller can do about them. Package web alone
// turns a kind into an HTTP status.
type Kind int

// The kinds, with the status that the HTTP API answers.
const (
	Internal        Kind = iota // 500: our mistake; the text never leaves
	Invalid                     // 422: the input is wrong; the problem names the field
	Malformed                   // 400: the request can't be read at all
	Unauthenticated             // 401: nobody is signed in
	Forbidden                   // 403: signed in, but not allowed
	NotFound                    // 404: no such thing, or not yours
	Gone                        // 410: was there once
	Conflict                    // 409: not in this state
	TooLarge                    // 413: over a size limit
	TooMany                     // 429: over a rate limit; see Retry
	Unavailable                 // 503: try again later; see Retry
)

// Field is one rejected input: where it stood ("body.email") and what is wrong
// with it, in a sentence that says what to do.
type Field struct {
	Where   string `json:"where"`
	Message string `json:"message"`
}

// Proof is what somebody could show to get past a fault.
type Proof struct {
	Methods   []string // ways to show it, the strongest first
	Challenge string   // what the proof has to name, if anything; secret, for the caller alone
}

// Fault is an error with a kind, a code and a sentence that is safe to show.
type Fault struct {
	Kind   Kind
	Code   string        // stable, snake_case; clients switch on it
	Detail string        // one sentence for people, with no secret in it
	Fields []Field       // rejected inputs, if any
	Retry  time.Duration // when trying again makes sense; 0 if it doesn't say
	Asks   *Proof        // what would overcome it, if a proof would
	Limits []string      // the limits that refuse, by name, of a TooMany
	cause  error
}

// New declares a fault.
func New(kind Kind, code, detail string) *Fault {
	return &Fault{Kind: kind, Code: code, Detail: detail}
}

// Error returns the detail and, for the log, the cause.
func (f *Fault) Error() string {
	if f.cause != nil {
		return f.Code + ": " + f.cause.Error()
	}
	return f.Code + ": " + f.Detail
}

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.cause }

// Is reports whether target is the same fault, by code.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code
}

// Because returns f with a cause that only the log sees.
func Because(f *Fault, cause error) *Fault {
	c := *f
	c.cause = cause
	return &c
}

// About returns f with one more rejected field.
func About(f *Fault, where, message string) *Fault {
	c := *f
	c.Fields = append(append([]Field(nil), f.Fields...), Field{where, message})
	return &c
}

// After returns f with the time after which a retry makes sense.
func After(f *Fault, wait time.Duration) *Fault {
	c := *f
	c.Retry = wait
	return &c
}

// Saying returns f with another sentence for people.
func Saying(f *Fault, detail string) *Fault {
	c := *f
	c.Detail = detail
	return &c
}

// Asking returns f with what would overcome it.
func Asking(f *Fault, p Proof) *Fault {
	c := *f
	c.Asks = &p
	return &c
}

// Exceeding returns f with the names of the limits that refuse.
func Exceeding(f *Fault, limits ...string) *Fault {
	c := *f
	c.Limits = limits
	return &c
}

// Of returns the fault in err's chain, or nil if there is none.
func Of(err error) *Fault {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return nil
}

// KindOf returns the kind of err; an error that is no Fault is Internal.
func KindOf(err error) Kind {
	if f := Of(err); f != nil {
		return f.Kind
	}
	return Internal
}

// ErrInvalid is the fault for input that fails a check; name the field with About.
var ErrInvalid = New(Invalid, "invalid_input", "Some of what was sent is not valid.")

// ErrNotFound is the fault for a thing that doesn't exist or belongs to somebody else.
var ErrNotFound = New(NotFound, "not_found", "There is no such thing here.")

// BadField is a short way to refuse one field of the input.
func BadField(where, message string) *Fault { return About(ErrInvalid, where, message) }
