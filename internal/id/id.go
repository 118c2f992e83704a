// Package id holds typed identifiers. Each is a UUIDv7: unique without
// coordination and ordered by time, so index inserts stay at the right edge.
// The types keep a user's id out of an account's place at compile time.
package id

import (
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"
)

// Of is the identifier of a K. Its zero value is no identifier.
type Of[K any] uuid.UUID

// The identifiers of Flint.
type (
	User        = Of[user]
	Session     = Of[session]
	Connection  = Of[connection]
	Attempt     = Of[attempt]
	Account     = Of[account]
	Snapshot    = Of[snapshot]
	Transaction = Of[transaction]
	Run         = Of[run]
	Import      = Of[statement]
	Delivery    = Of[delivery]
	Entry       = Of[entry]
	EmailChange = Of[emailChange]
	Passkey     = Of[passkey]
	APIKey      = Of[apiKey]
	Support     = Of[support]
	Consent     = Of[consent]
	Recovery    = Of[recovery]
	Decision    = Of[decision]
	Device      = Of[deviceKind]
	Hold        = Of[hold]
	DataKey     = Of[dataKey]
	Deletion    = Of[deletion]
	LegalHold   = Of[legalHold]
	Export      = Of[export]
	Screening   = Of[screening]
	Acceptance  = Of[acceptance]
)

type (
	user        struct{}
	session     struct{}
	connection  struct{}
	attempt     struct{}
	account     struct{}
	snapshot    struct{}
	transaction struct{}
	run         struct{}
	statement   struct{}
	delivery    struct{}
	emailChange struct{}
	entry       struct{}
	passkey     struct{}
	apiKey      struct{}
	support     struct{}
	consent     struct{}
	recovery    struct{}
	decision    struct{}
	deviceKind  struct{}
	hold        struct{}
	dataKey     struct{}
	deletion    struct{}
	legalHold   struct{}
	export      struct{}
	screening   struct{}
	acceptance  struct{}
)

// New returns a fresh identifier: id.New[id.User]().
func New[T ~[16]byte]() T {
	return T(uuid.Must(uuid.NewV7()))
}

// Parse reads the canonical form, 36 characters. Other spellings that a UUID
// library may know (braces, URN, no dashes) are refused, so that one thing has
// one name.
func Parse[T ~[16]byte](s string) (T, error) {
	var zero T
	if len(s) != 36 {
		return zero, fmt.Errorf("an id has 36 characters, not %d", len(s))
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return zero, fmt.Errorf("not an id: %w", err)
	}
	return T(u), nil
}

// String returns the canonical form.
func (i Of[K]) String() string { return uuid.UUID(i).String() }

// IsZero reports whether i is no identifier.
func (i Of[K]) IsZero() bool { return uuid.UUID(i) == uuid.Nil }

// MarshalText writes the canonical form.
func (i Of[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the canonical form.
func (i *Of[K]) UnmarshalText(b []byte) error {
	v, err := Parse[Of[K]](string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}

// Value stores i as a uuid, the zero value as null.
func (i Of[K]) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil
	}
	return i.String(), nil
}

// Scan reads a uuid column; null becomes the zero value.
func (i *Of[K]) Scan(src any) error {
	var u uuid.UUID
	if err := u.Scan(src); err != nil {
		return fmt.Errorf("scan id: %w", err)
	}
	*i = Of[K](u)
	return nil
}
