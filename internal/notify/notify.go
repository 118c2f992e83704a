// Package notify tells people what has just changed.
//
// So far that means live events: whoever changes something says so with
// postgres.Notify on Channel, in the transaction of the change, so that nothing
// is told that didn't happen. A Hub on every node listens and hands each
// message to the streams of the person whom it concerns (GET /api/events).
//
// An event says "fetch this again". It's allowed to lose some, as long as the
// client learns that it did: it gets the event hello when its stream begins,
// after the connection to the database was interrupted, and when it has been
// too slow to take everything, and then fetches all that it shows.
//
// The life cycle of a Hub: New, Start, Stop.
package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// Channel is the Postgres channel of live events.
const Channel = "flint_live"

// Hello is the event that says: fetch everything again.
const Hello = "hello"

// MaxStreams is how many streams one person may have open on one node. The web
// app shares one between its tabs.
const MaxStreams = 6

// ErrTooManyStreams is answered to the stream after MaxStreams.
var ErrTooManyStreams = fault.New(fault.TooMany, "too_many_streams", "Flint is already open in as many places as we keep up to date at once.")

// message is what goes over Channel.
type message struct {
	User  id.User         `json:"user"`
	Topic string          `json:"topic"`
	Data  json.RawMessage `json:"data"`
}

var topics = regexp.MustCompile(`^[a-z][a-z-]{0,31}$`)

// parse reads a message. Only our own code writes them, so a bad one is a
// mistake worth a log line; its text stays out of the error.
func parse(payload string) (id.User, web.Event, error) {
	var m message
	if err := json.Unmarshal([]byte(payload), &m); err != nil {
		return id.User{}, web.Event{}, fmt.Errorf("read live event of %d bytes: %w", len(payload), err)
	}
	switch {
	case m.User.IsZero():
		return id.User{}, web.Event{}, errors.New("live event without a user")
	case !topics.MatchString(m.Topic) || m.Topic == Hello:
		return id.User{}, web.Event{}, errors.New("live event without a topic")
	}
	if len(m.Data) == 0 {
		m.Data = json.RawMessage("{}")
	}
	return m.User, web.Event{Name: m.Topic, Data: m.Data}, nil
}
