package session

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// What somebody calls a device is theirs and sealed; the log says that it got a
// name, not which.

// NameDevice gives a device of actor a name. A device that isn't theirs is
// fault.ErrNotFound.
func (s *Service) NameDevice(ctx context.Context, actor access.Actor, which id.Device, name string) (d KnownDevice, err error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n < 1 || n > 60 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return d, fault.BadField("body.name", "must have 1 to 60 characters on one line")
	}
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if d, err = nameDevice(ctx, tx, actor.User, which, name, s.now().Add(-deviceTTL)); err != nil {
			return fmt.Errorf("name device: %w", err)
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Subject: actor.User, Verb: "device.name", Object: which.String()})
	})
	return d, err
}

type renameIn struct {
	Caller
	ID   id.Device `path:"id"`
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"60"`
	}
}

type deviceOut struct {
	Body deviceView
}

func (s *Service) renameDevice(ctx context.Context, in *renameIn) (*deviceOut, error) {
	actor := access.From(ctx)
	d, err := s.NameDevice(ctx, actor, in.ID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	own, err := s.currentDevice(ctx, actor, in.Caller)
	if err != nil {
		return nil, err
	}
	return &deviceOut{s.deviceView(d, own)}, nil
}
