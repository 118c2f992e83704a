package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/device"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
)

// ErrNoDevice says that there is nothing to trust.
var ErrNoDevice = fault.New(fault.Conflict, "device_unknown", "This device can't be recognised next time, so it can't be trusted. Sign out and in again, in a browser.")

// trustTTL is how long trust lasts without a sign-in.
const trustTTL = 90 * 24 * time.Hour

func (d KnownDevice) trusted(now time.Time) bool {
	return d.TrustedAt != nil && d.LastUsedAt.After(now.Add(-trustTTL))
}

// Devices returns the devices that actor has signed in on, the latest first.
func (s *Service) Devices(ctx context.Context, actor access.Actor) ([]KnownDevice, error) {
	list, err := listDevices(ctx, s.pool, actor.User, s.now().Add(-deviceTTL))
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return list, nil
}

// ForgetDevice makes a device of actor unknown, so that the next sign-in there
// is news, and ends the session that began on it, unless that is the present one.
// A device that isn't theirs is fault.ErrNotFound.
func (s *Service) ForgetDevice(ctx context.Context, actor access.Actor, which id.Device) error {
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		session, err := dropDevice(ctx, tx, actor.User, which)
		if err != nil {
			return fmt.Errorf("forget device: %w", err)
		}
		if session != actor.Session {
			if _, err := s.revoke(ctx, tx, actor, actor.User, session, "revoked"); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Subject: actor.User, Verb: "device.forget", Object: which.String()})
	})
}

// Trust trusts the device that actor is on, or stops to. The person is told by
// mail when one becomes trusted. A client that keeps no device's token is
// ErrNoDevice.
func (s *Service) Trust(ctx context.Context, actor access.Actor, c Client, trusted bool) error {
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		d, err := s.present(ctx, tx, actor, c)
		if err != nil {
			return err
		}
		now := s.now()
		if d.trusted(now) == trusted {
			return nil
		}
		e := audit.Entry{Actor: actor, Subject: actor.User, Verb: "device.distrust", Object: d.ID.String(), Detail: map[string]any{"device": c.Device}}
		if !trusted {
			if err := trustDevice(ctx, tx, actor.User, d.ID, nil); err != nil {
				return fmt.Errorf("trust device no more: %w", err)
			}
			return audit.Record(ctx, tx, now, e)
		}
		e.Verb = "device.trust"
		if err := trustDevice(ctx, tx, actor.User, d.ID, &now); err != nil {
			return fmt.Errorf("trust device: %w", err)
		}
		return s.people.Tell(ctx, tx, e)
	})
}

// present returns the device that c is.
func (s *Service) present(ctx context.Context, db postgres.DB, actor access.Actor, c Client) (KnownDevice, error) {
	token := s.deviceToken(actor.User, c)
	if token.IsZero() {
		return KnownDevice{}, ErrNoDevice
	}
	d, err := findDevice(ctx, db, hash(token), actor.User, s.now().Add(-deviceTTL))
	if errors.Is(err, fault.ErrNotFound) {
		return KnownDevice{}, ErrNoDevice
	}
	if err != nil {
		return KnownDevice{}, fmt.Errorf("find device: %w", err)
	}
	return d, nil
}

// currentDevice is the id of the device that actor is on; zero if it isn't known.
func (s *Service) currentDevice(ctx context.Context, actor access.Actor, c Caller) (id.Device, error) {
	d, err := s.present(ctx, s.pool, actor, s.client(c))
	if errors.Is(err, ErrNoDevice) {
		return id.Device{}, nil
	}
	return d.ID, err
}

type deviceView struct {
	ID         id.Device `json:"id" format:"uuid"`
	Name       string    `json:"name" doc:"What its owner calls it, else such as Firefox on Linux"`
	Named      bool      `json:"named" doc:"Whether its owner gave it that name"`
	Browser    string    `json:"browser" doc:"Empty if unknown"`
	OS         string    `json:"os" doc:"Empty if unknown"`
	CreatedAt  time.Time `json:"createdAt" doc:"First sign-in on it"`
	LastUsedAt time.Time `json:"lastUsedAt" doc:"Last sign-in on it"`
	LastPlace  *string   `json:"lastPlace" doc:"Where that was; null if it isn't known"`
	Current    bool      `json:"current"`
	Trusted    bool      `json:"trusted"`
}

// DeviceListing is the devices that somebody has signed in on.
type DeviceListing struct {
	Devices []deviceView `json:"devices"`
}

type devicesOut struct{ Body DeviceListing }

type deviceIn struct {
	ID id.Device `path:"id"`
}

type trustIn struct {
	Caller
	Body struct {
		Trusted bool `json:"trusted"`
	}
}

// deviceOperations declares what people do with their devices.
func (s *Service) deviceOperations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/auth/devices", Summary: "List the devices that you have signed in on", Tag: "auth",
		Needs: access.SignedIn, Limit: "data",
	}, func(ctx context.Context, in *Caller) (*devicesOut, error) {
		list, err := s.DeviceListing(ctx, access.From(ctx), *in)
		return &devicesOut{list}, err
	})
	web.Handle(api, web.Op{
		Method: "PATCH", Path: "/api/auth/devices/{id}", Summary: "Give a device a name", Tag: "auth",
		Needs: access.SignedIn, Limit: "write", MaxBody: 8 << 10,
	}, s.renameDevice)
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/auth/devices/{id}", Summary: "Forget a device, and sign it out", Tag: "auth",
		Description: "The next sign-in there is told by mail, as on a new device.",
		Needs:       access.SignedIn, Limit: "write",
	}, func(ctx context.Context, in *deviceIn) (*said, error) {
		return say("That device is forgotten."), s.ForgetDevice(ctx, access.From(ctx), in.ID)
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/devices/trust", Summary: "Trust this device, or stop to", Tag: "auth",
		Description: "An unusual sign-in on a trusted device isn't held for a code from the mailbox. It still takes the password, and the second factor of those who have one.",
		Needs:       access.SignedIn, Assurance: access.StepUp{Within: 10 * time.Minute, Factor: true}, Limit: "write", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *trustIn) (*said, error) {
		done := "This device isn't trusted any more."
		if in.Body.Trusted {
			done = "This device is trusted."
		}
		return say(done), s.Trust(ctx, access.From(ctx), s.client(in.Caller), in.Body.Trusted)
	})
}

// DeviceListing answers GET /api/auth/devices to caller.
func (s *Service) DeviceListing(ctx context.Context, actor access.Actor, caller Caller) (DeviceListing, error) {
	list, err := s.Devices(ctx, actor)
	if err != nil {
		return DeviceListing{}, err
	}
	own, err := s.currentDevice(ctx, actor, caller)
	if err != nil {
		return DeviceListing{}, err
	}
	out := DeviceListing{Devices: []deviceView{}}
	for _, d := range list {
		out.Devices = append(out.Devices, s.deviceView(d, own))
	}
	return out, nil
}

// deviceView shows d to its owner, who is on the device own at the moment.
func (s *Service) deviceView(d KnownDevice, own id.Device) deviceView {
	what := device.Of(d.Agent)
	v := deviceView{
		ID: d.ID, Name: what.String(), Browser: what.Browser, OS: what.OS, CreatedAt: d.CreatedAt, LastUsedAt: d.LastUsedAt,
		Current: d.ID == own, Trusted: d.trusted(s.now()),
	}
	if d.Name != "" {
		v.Name, v.Named = d.Name, true
	}
	if w := s.cfg.Atlas.Where(d.Address); w != nil {
		v.LastPlace = &w.Name
	}
	return v
}

type verifyIn struct {
	Caller
	Body struct {
		Challenge string `json:"challenge" minLength:"1" maxLength:"200" doc:"As verification_required answered it"`
		Code      string `json:"code" minLength:"6" maxLength:"20" doc:"Six digits, from the mail"`
	}
}

func (s *Service) verifySignIn(ctx context.Context, in *verifyIn) (*signedIn, error) {
	before, err := s.refreshCookie(in.Caller)
	if err != nil {
		before = config.Secret{}
	}
	code := strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, in.Body.Code)
	g, err := s.SignInVerified(ctx, config.NewSecret(in.Body.Challenge), code, before, s.client(in.Caller))
	if err != nil {
		return nil, err
	}
	return s.signedIn(g, in.delivery()), nil
}
