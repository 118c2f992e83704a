package session

import (
	"context"
	"encoding/json"
	"fmt"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// Where a session is used from says where somebody lives and what they own. It is
// sealed under their key; that a refresh token comes from the same device as before
// is known by a keyed hash.

const (
	sessionPlace = "sessions.sealed"
	holdPlace    = "sign_in_holds.sealed"
	devicePlace  = "devices.sealed"
)

// whence is what sealed columns of sessions hold.
type whence struct {
	Device  string `json:"device"`  // shortened User-Agent
	Address string `json:"address"` // of the last use
}

// Places are where sessions keep sealed values.
func Places() []envelope.Place {
	return []envelope.Place{
		{Table: "signing_keys", Column: "sealed_key", Row: "kid"},
		{Table: "sessions", Column: "sealed", Row: "id", Owner: "user_id"},
		{Table: "sign_in_holds", Column: "sealed", Row: "id", Owner: "user_id"},
		{Table: "devices", Column: "sealed", Row: "id", Owner: "user_id"},
	}
}

// Inherited are the columns that older versions left in clear.
func Inherited() []envelope.Inherited {
	places := Places()
	pack := func(clear []*string) ([]byte, error) {
		return json.Marshal(whence{envelope.Text(clear[0]), envelope.Text(clear[1])})
	}
	return []envelope.Inherited{
		{
			Place: places[1], Clear: []string{"clear_device", "clear_address"}, Pack: pack,
			Marks: []envelope.Mark{{Column: "device_mac", Make: func(k *envelope.Keys, clear []*string) []byte {
				return deviceMac(k, envelope.Text(clear[0]))
			}}},
		},
		{Place: places[2], Clear: []string{"clear_agent", "clear_address"}, Pack: pack},
		{Place: places[3], Clear: []string{"clear_agent", "clear_address"}, Pack: pack},
	}
}

func sessionRef(owner id.User, session id.Session) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: sessionPlace, Row: session.String()}
}

func holdRef(h holdRow) envelope.Ref {
	return envelope.Ref{Owner: h.UserID, Place: holdPlace, Row: h.ID.String()}
}

func deviceRef(owner id.User, device id.Device) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: devicePlace, Row: device.String()}
}

// deviceMac is the keyed hash by which a device is told from another.
func deviceMac(keys *envelope.Keys, device string) []byte {
	return keys.Mac("sessions.device", []byte(device))
}

// sealWhence returns what is stored of w, and the keyed hash of its device.
func sealWhence(ctx context.Context, db postgres.DB, ref envelope.Ref, w whence) (sealed, mac []byte, err error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	sealed, err = keys.Pack(ctx, ref, w)
	return sealed, deviceMac(keys, w.Device), err
}

func openWhence(ctx context.Context, db postgres.DB, ref envelope.Ref, sealed []byte) (w whence, err error) {
	keys, err := envelope.Of(ctx, db)
	if err != nil {
		return w, err
	}
	if err := keys.Unpack(ctx, ref, sealed, &w); err != nil {
		return w, fmt.Errorf("%s %s: %w", ref.Place, ref.Row, err)
	}
	return w, nil
}
