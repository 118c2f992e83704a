package siem

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf16"

	"flint/internal/audit"
	"flint/internal/audit/tlog"
	"flint/internal/id"
)

// Event is an entry as receivers see it: without what is personal.
type Event struct {
	// Index is the number of the leaf. Events come in this order, without a gap; one
	// that isn't above the last was told before.
	Index uint64 `json:"index"`
	Log   string `json:"log"`  // which log: its origin, as in its checkpoints
	Hash  string `json:"hash"` // of the leaf, to be compared with an export

	ID      id.Entry       `json:"id,omitzero"`
	At      time.Time      `json:"time,omitzero"`
	Verb    string         `json:"verb"`
	Actor   Actor          `json:"actor,omitzero"`
	Subject id.User        `json:"subject,omitzero"`
	Object  string         `json:"object,omitempty"`
	Request string         `json:"request,omitempty"`
	Detail  map[string]any `json:"detail,omitempty"`
}

// Actor is who did it.
type Actor struct {
	Kind string  `json:"kind"` // person, system or anonymous
	ID   id.User `json:"id,omitzero"`
	Name string  `json:"name,omitempty"` // of a job
}

// gone is the verb of a leaf whose entry was deleted behind the log's back.
const gone = "missing"

func eventOf(log string, leaf tlog.Leaf) (Event, error) {
	e := Event{Index: leaf.Index, Log: log, Hash: hex.EncodeToString(leaf.Hash), Verb: gone}
	if leaf.Entry == nil {
		return e, nil
	}
	from := leaf.Entry
	detail, err := audit.Clear(from.Verb, from.Detail)
	if err != nil {
		return e, fmt.Errorf("leaf %d: %w", leaf.Index, err)
	}
	e.ID, e.At, e.Verb, e.Subject, e.Object, e.Request, e.Detail = from.ID, from.At.UTC(), from.Verb, from.SubjectID, from.Object, from.RequestID, detail
	e.Actor = Actor{from.ActorKind, from.ActorID, from.ActorName}
	return e, nil
}

// line returns e as one line of JSON in printable ASCII, without an end of line:
// whatever is in it, it can't end the line or move a terminal's cursor.
func (e Event) line() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil { // no value of ours
		b.Reset()
		fmt.Fprintf(&b, `{"index":%d,"verb":"unreadable"}`, e.Index)
	}
	var line []byte
	for _, r := range string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))) {
		if r < 0x7f { // control characters are escaped already
			line = append(line, byte(r))
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			line = fmt.Appendf(line, `\u%04x`, unit)
		}
	}
	return line
}
