package tlog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"flint/internal/id"
)

// Entry is an audit entry as the log commits to it: all that is stored of it.
type Entry struct {
	ID        id.Entry        `json:"id"`
	At        time.Time       `json:"at"`
	ActorID   id.User         `json:"actorId,omitzero"`
	ActorKind string          `json:"actorKind"`
	ActorName string          `json:"actorName,omitempty"`
	SubjectID id.User         `json:"subjectId,omitzero"`
	Verb      string          `json:"verb"`
	Object    string          `json:"object,omitempty"`
	RequestID string          `json:"requestId,omitempty"`
	Address   string          `json:"address,omitempty"`
	Detail    json.RawMessage `json:"detail"`
	Sealed    []byte          `json:"sealed,omitempty"`
}

// leafVersion begins every leaf: another layout takes another number.
const leafVersion = "flint.audit.1"

// Leaf returns e as bytes, the same wherever e was read from: each field with its
// length, times in microseconds (as the database keeps them), the detail in
// canonical JSON.
func (e Entry) Leaf() ([]byte, error) {
	detail, err := canonical(e.Detail)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", e.ID, err)
	}
	var b bytes.Buffer
	for _, part := range [][]byte{
		[]byte(leafVersion), e.ID[:], binary.BigEndian.AppendUint64(nil, uint64(e.At.UnixMicro())),
		e.ActorID[:], []byte(e.ActorKind), []byte(e.ActorName), e.SubjectID[:], []byte(e.Verb), []byte(e.Object),
		[]byte(e.RequestID), []byte(e.Address), detail, e.Sealed,
	} {
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		b.Write(part)
	}
	return b.Bytes(), nil
}

// canonical returns JSON with sorted names and without white space.
func canonical(b []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read its detail: %w", err)
	}
	return json.Marshal(v)
}
