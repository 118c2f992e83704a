package outbound

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Class sorts failures by what Flint does about them.
type Class string

// The classes, with what follows from each.
const (
	Transient    Class = "transient"     // back off and try again; nobody is told
	RateLimited  Class = "rate_limited"  // wait until RetryAfter
	Reauth       Class = "reauth"        // the person must connect again
	ProviderDown Class = "provider_down" // the provider, or our key to it, is out of order
	Bug          Class = "bug"           // we and the provider don't understand each other
	NotFound     Class = "not_found"     // the thing isn't there, or no longer
)

// Error is a failed call. Its text and its fields are safe to log and to store:
// they hold no address, query, header, body or credential.
type Error struct {
	Provider   string
	Op         string
	Status     int           // HTTP status; 0: no answer came
	Code       string        // the provider's code, or ours: timeout, connection_failed, tls_failed, circuit_open, budget, answer_too_large, bad_answer
	RequestID  string        // the provider's X-Request-ID
	RetryAfter time.Duration // 0: it didn't say
	Class      Class

	again bool  // another attempt may mend it
	cause error // context.Canceled or context.DeadlineExceeded only
}

// Error names the call and what came of it.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Provider, e.Op)
	if e.Status != 0 {
		fmt.Fprintf(&b, "%d ", e.Status)
	}
	if e.Code != "" {
		b.WriteString(e.Code + " ")
	}
	fmt.Fprintf(&b, "(%s)", e.Class)
	if e.RequestID != "" {
		b.WriteString(" request " + e.RequestID)
	}
	return b.String()
}

// Unwrap returns the context's error, if that ended the call.
func (e *Error) Unwrap() error { return e.cause }

// Of returns the *Error in err's chain, or nil.
func Of(err error) *Error {
	e, _ := errors.AsType[*Error](err)
	return e
}

// ClassOf returns the class of err: Bug for an error that didn't come from a
// call, empty for nil.
func ClassOf(err error) Class {
	if err == nil {
		return ""
	}
	if e := Of(err); e != nil {
		return e.Class
	}
	return Bug
}

// BadAnswer is the Error for an answer with a good status that can't be
// understood. The reason is a constant such as "amount"; never the text that
// was read.
func BadAnswer(provider, op, reason, requestID string) *Error {
	return &Error{Provider: provider, Op: op, Status: http.StatusOK, Code: clean("bad_answer." + reason), Class: Bug, RequestID: requestID}
}

// byStatus is the class of a status that the provider didn't explain, and
// whether another attempt may help.
func byStatus(status int) (Class, bool) {
	switch status {
	case http.StatusTooManyRequests:
		return RateLimited, true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Transient, true
	case http.StatusUnauthorized, http.StatusForbidden:
		return Reauth, false
	case http.StatusNotFound, http.StatusGone:
		return NotFound, false
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return Transient, false
	}
	if status >= 500 {
		return Transient, false
	}
	return Bug, false
}

// clean keeps what a code or a request id is made of. Both come from outside
// and end up in logs and columns.
func clean(s string) string {
	if len(s) > 80 {
		s = s[:80]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._-:", r):
			return r
		}
		return -1
	}, s)
}
