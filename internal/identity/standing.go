package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// roll is an operator's list of addresses. The zero roll names nobody.
type roll struct {
	named map[string]bool
	all   bool
}

// newRoll reads a list, in which "*" names everybody if that is allowed. An
// address that can't be read is an error: left out, it would name nobody, and
// nobody would notice.
func newRoll(variable string, list []string, star bool) (roll, error) {
	r := roll{named: map[string]bool{}}
	for i, entry := range list {
		if star && entry == "*" {
			r.all = true
			continue
		}
		email, err := CanonicalEmail(entry)
		if err != nil {
			return roll{}, fmt.Errorf("%s: entry %d is no e-mail address", variable, i+1)
		}
		r.named[email] = true
	}
	return r, nil
}

// names reports whether the roll names p, whose address must be confirmed: else
// anybody could register a named one.
func (r roll) names(p Person) bool { return p.Confirmed() && (r.all || r.named[p.Email]) }

// Subscription returns what p bought. Billing will know more about it.
func (p Person) Subscription() access.Subscription {
	return access.Subscription{Tier: p.Tier, Status: access.Granted}
}

// Actor returns what access knows about p, at now, apart from how they are signed in.
func (s *Service) Actor(p Person, now time.Time) access.Actor {
	return access.Actor{
		User: p.ID, Tier: p.Subscription().Effective(now), Confirmed: p.Confirmed(),
		Admin: p.IsAdmin, Super: p.IsSuperAdmin, Listed: s.admins.names(p), Trader: s.traders.names(p),
	}
}

// RoleIn returns the role that somebody would have in a session, as db sees it:
// what their number of connections is decided by, be they there or not.
func (s *Service) RoleIn(ctx context.Context, db postgres.DB, user id.User) (access.Role, error) {
	p, err := s.PersonIn(ctx, db, user)
	if err != nil {
		return "", fmt.Errorf("find person: %w", err)
	}
	return s.Role(p), nil
}

// Role returns the role that p would have in a session.
func (s *Service) Role(p Person) access.Role {
	a := s.Actor(p, s.now())
	a.Session = id.New[id.Session]()
	return access.RoleOf(a)
}

// ErrUnbanned says that there is no ban to lift.
var ErrUnbanned = fault.New(fault.Conflict, "not_banned", "This account isn't closed to sign-ins.")

// SetTier gives user another tier, in tx. It counts on the next request
// everywhere. The person is told by mail.
func (s *Service) SetTier(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, tier access.Tier, reason string) error {
	if !tier.Valid() {
		return fault.BadField("body.tier", "must be free, basic, pro or premium")
	}
	before, err := lockPerson(ctx, tx, user)
	if err != nil {
		return fmt.Errorf("set tier: %w", err)
	}
	if before.Tier == tier {
		return nil
	}
	if err := setTier(ctx, tx, user, tier, s.now()); err != nil {
		return fmt.Errorf("set tier: %w", err)
	}
	if err := postgres.Notify(ctx, tx, Changed, user.String()); err != nil {
		return err
	}
	return s.Tell(ctx, tx, audit.Entry{Actor: actor, Subject: user, Verb: "account.set_tier", Object: user.String(), Detail: map[string]any{
		"before": string(before.Tier), "after": string(tier), "reason": reason,
	}})
}

// SetRole makes user an administrator (access.Admin or access.SuperAdmin) or
// takes that away (any other role), in tx. Operators alone can: it is the layer
// that no administrator reaches. It counts on the next request everywhere.
func (s *Service) SetRole(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, role access.Role, reason string) error {
	before, err := lockPerson(ctx, tx, user)
	if err != nil {
		return fmt.Errorf("set role: %w", err)
	}
	if err := setFlags(ctx, tx, user, role.Staff(), role == access.SuperAdmin, s.now()); err != nil {
		return fmt.Errorf("set role: %w", err)
	}
	if err := postgres.Notify(ctx, tx, Changed, user.String()); err != nil {
		return err
	}
	return s.Tell(ctx, tx, audit.Entry{Actor: actor, Subject: user, Verb: "account.set_role", Object: user.String(), Detail: map[string]any{
		"before": flag(before.IsAdmin, before.IsSuperAdmin), "after": flag(role.Staff(), role == access.SuperAdmin), "reason": reason,
	}})
}

// flag names what the flags of somebody say.
func flag(admin, super bool) string {
	switch {
	case super:
		return "super"
	case admin:
		return "admin"
	}
	return "none"
}

// Unban lets user sign in again, in tx. ErrUnbanned if they may.
func (s *Service) Unban(ctx context.Context, tx pgx.Tx, actor access.Actor, user id.User, reason string) error {
	before, err := lockPerson(ctx, tx, user)
	if err != nil {
		return fmt.Errorf("unban: %w", err)
	}
	if !before.Banned() {
		return ErrUnbanned
	}
	if err := clearBanned(ctx, tx, user, s.now()); err != nil {
		return fmt.Errorf("unban: %w", err)
	}
	if err := postgres.Notify(ctx, tx, Changed, user.String()); err != nil {
		return err
	}
	return s.Tell(ctx, tx, audit.Entry{
		Actor: actor, Subject: user, Verb: "account.unban", Object: user.String(), Detail: map[string]any{"before": "closed", "after": "open", "reason": reason},
	})
}

// Erase removes user in tx, and with them every row that names its owner. What
// doesn't is the caller's business.
func (s *Service) Erase(ctx context.Context, tx pgx.Tx, user id.User) error {
	err := touchOne(postgres.Touch(ctx, tx, `delete from users where id = @user`, postgres.Args{"user": user}))
	if err != nil {
		return fmt.Errorf("erase person: %w", err)
	}
	return postgres.Notify(ctx, tx, Changed, user.String())
}

// Lock returns who user is and keeps it so until tx ends.
func (s *Service) Lock(ctx context.Context, tx pgx.Tx, user id.User) (Person, error) {
	return lockPerson(ctx, tx, user)
}

func setTier(ctx context.Context, tx pgx.Tx, user id.User, tier access.Tier, now time.Time) error {
	return touchOne(postgres.Touch(ctx, tx, `update users set tier = @tier, updated_at = @now where id = @user`,
		postgres.Args{"user": user, "tier": tier, "now": now}))
}

func setFlags(ctx context.Context, tx pgx.Tx, user id.User, admin, super bool, now time.Time) error {
	return touchOne(postgres.Touch(ctx, tx, `
		update users set is_admin = @admin, is_super_admin = @super, updated_at = @now where id = @user`,
		postgres.Args{"user": user, "admin": admin, "super": super, "now": now}))
}

func clearBanned(ctx context.Context, tx pgx.Tx, user id.User, now time.Time) error {
	return touchOne(postgres.Touch(ctx, tx, `update users set banned_at = null, updated_at = @now where id = @user`,
		postgres.Args{"user": user, "now": now}))
}
