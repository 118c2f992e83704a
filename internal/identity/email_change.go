package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// How an address changes. Whoever asks proves first that it's them. Two mails
// leave: one to the new address, whose link makes the change within a day, and
// one to the old, whose link stops it. When the change is made the old address
// is told again, and for three days its link undoes it.
//
// That link is for the case that somebody else asked. They knew the password or
// had a factor, so undoing does more than put the address back: every session
// ends, every other link is dead, and the password opens nothing any more; the
// owner chooses a new one through the mailbox that is theirs again. Second
// factors that were added since a day before the change go too; older ones stay,
// so a mailbox alone still doesn't beat them. Of changes
// that followed each other, the earlier one's link undoes the later ones too, so
// a thief who moves on twice gains nothing.
//
// While a change can be undone nobody else can have the old address. An old
// address that was never confirmed may be a stranger's: it is told nothing and
// undoes nothing.
const (
	changeTTL = 24 * time.Hour
	undoTTL   = 72 * time.Hour
	sitting   = 24 * time.Hour // how long before they took the address a thief may have added a factor
)

// emailChange is a row of email_changes.
type emailChange struct {
	ID                 id.EmailChange
	UserID             id.User
	OldEmail, NewEmail string `db:"-"` // sealed where they are stored
	CreatedAt          time.Time
	ExpiresAt          time.Time
	ConfirmedAt        *time.Time
	UndoUntil          *time.Time
	EndedAt            *time.Time
}

// waits reports whether c can still be confirmed at now.
func (c emailChange) waits(now time.Time) bool {
	return c.EndedAt == nil && c.ConfirmedAt == nil && now.Before(c.ExpiresAt)
}

// undoable reports whether c can still be stopped or undone at now.
func (c emailChange) undoable(now time.Time) bool {
	return c.waits(now) || c.EndedAt == nil && c.UndoUntil != nil && now.Before(*c.UndoUntil)
}

// AskEmailChange begins the change of actor's address and ends one that they
// began before. It says nothing about whether somebody else has the address; its
// owner is told by mail.
func (s *Service) AskEmailChange(ctx context.Context, actor access.Actor, email string) error {
	email, err := CanonicalEmail(email)
	if err != nil {
		return fault.BadField("body.newEmail", errEmail.Fields[0].Message)
	}
	// Both mailboxes are spared: the new one by its address, the old one by whose
	// it is, since strangers who count against its address mustn't stop its owner.
	if err := s.mayMail(ctx, email); err != nil {
		return err
	}
	if err := s.mayMail(ctx, "change of "+actor.User.String()); err != nil {
		return err
	}
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		p, err := lockPerson(ctx, tx, actor.User)
		if err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		if p.Email == email {
			return fault.BadField("body.newEmail", "is your address already")
		}
		now := s.now()
		if err := endAsked(ctx, tx, p.ID, now); err != nil {
			return fmt.Errorf("end an earlier change: %w", err)
		}
		c := emailChange{
			ID: id.New[id.EmailChange](), UserID: p.ID, OldEmail: p.Email, NewEmail: email, CreatedAt: now, ExpiresAt: now.Add(changeTTL),
		}
		if err := insertChange(ctx, tx, c); err != nil {
			return fmt.Errorf("store change: %w", err)
		}
		if err := audit.Record(ctx, tx, now, audit.Entry{
			Actor: actor, Subject: p.ID, Verb: "email.ask_change", Object: c.ID.String(),
		}); err != nil {
			return err
		}
		return errors.Join(s.changeMail(ctx, tx, c, mailConfirm), s.changeMail(ctx, tx, c, mailAsked))
	})
}

// ConfirmEmailChange makes the change that a token from the new mailbox belongs
// to. It reports already when the same link had made it before. Any other token,
// and one for an address that somebody else has by now, is ErrLink.
func (s *Service) ConfirmEmailChange(ctx context.Context, token config.Secret) (already bool, err error) {
	ctx = postgres.AsSystem(ctx, "the link of a mail says who it is, and somebody else may have the address")
	err = postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		c, p, err := s.changeOf(ctx, tx, token, "confirm")
		if err != nil {
			return err
		}
		now := s.now()
		if already = c.ConfirmedAt != nil && c.EndedAt == nil && p.Email == c.NewEmail; already {
			return nil
		}
		taken, err := reserved(ctx, tx, c.NewEmail, p.ID, now)
		if err != nil {
			return fmt.Errorf("look who has the address: %w", err)
		}
		if taken || !c.waits(now) || p.Email != c.OldEmail {
			return ErrLink
		}
		var until *time.Time
		if p.Confirmed() {
			u := now.Add(undoTTL)
			until = &u
		}
		if err := setEmail(ctx, tx, p, c.NewEmail, now); err != nil {
			return postgres.Conflict(err, "users_email_mac_key", ErrLink)
		}
		if err := confirmChange(ctx, tx, c.ID, now, until); err != nil {
			return fmt.Errorf("store change: %w", err)
		}
		if err := s.addressChanged(ctx, tx, p.ID, "email.change", c.ID); err != nil {
			return err
		}
		if until == nil {
			return nil
		}
		return s.changeMail(ctx, tx, c, mailDone)
	})
	return already, err
}

// UndoEmailChange stops or undoes the change that a token from the old mailbox
// belongs to, with all that followed it, signs everybody out and voids the
// password. A token that isn't good any more is ErrLink.
func (s *Service) UndoEmailChange(ctx context.Context, token config.Secret) error {
	ctx = postgres.AsSystem(ctx, "the link of a mail says who it is")
	if s.cfg.EndSessions == nil {
		return errors.New("undo change of address: nothing ends sessions here")
	}
	return postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		c, p, err := s.changeOf(ctx, tx, token, "undo")
		if err != nil {
			return err
		}
		now := s.now()
		if !c.undoable(now) {
			return ErrLink
		}
		if c.ConfirmedAt != nil {
			if err := setEmail(ctx, tx, p, c.OldEmail, now); err != nil {
				return fmt.Errorf("put the address back: %w", err)
			}
		}
		if err := endChanges(ctx, tx, p.ID, c.CreatedAt, now); err != nil {
			return fmt.Errorf("end changes: %w", err)
		}
		if _, err := replacePassword(ctx, tx, p.ID, p.PasswordVersion, chosen{}, now); err != nil {
			return fmt.Errorf("void the password: %w", err)
		}
		if err := s.addressChanged(ctx, tx, p.ID, "email.undo_change", c.ID); err != nil {
			return err
		}
		if _, err := s.cfg.EndSessions(ctx, tx, access.Actor{User: p.ID}, p.ID, id.Session{}, "email"); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		if forget := s.cfg.ForgetFactors; forget != nil {
			if err := forget(ctx, tx, access.Actor{User: p.ID}, p.ID, c.CreatedAt.Add(-sitting)); err != nil {
				return fmt.Errorf("forget new factors: %w", err)
			}
		}
		if c.ConfirmedAt == nil {
			return nil
		}
		return s.changeMail(ctx, tx, c, mailUndone)
	})
}

// changeOf returns the change that a token is for, and its person, both locked:
// the person first, as everywhere.
func (s *Service) changeOf(ctx context.Context, tx pgx.Tx, token config.Secret, purpose string) (emailChange, Person, error) {
	hash := tokenHash(token)
	c, err := changeByToken(ctx, tx, hash, purpose)
	if errors.Is(err, fault.ErrNotFound) {
		return emailChange{}, Person{}, fault.Because(ErrLink, err)
	}
	if err != nil {
		return emailChange{}, Person{}, fmt.Errorf("find change: %w", err)
	}
	p, err := lockPerson(ctx, tx, c.UserID)
	if err != nil {
		return emailChange{}, Person{}, fmt.Errorf("find person: %w", err)
	}
	if p.Banned() {
		return emailChange{}, Person{}, ErrLink
	}
	if c, err = changeByToken(ctx, tx, hash, purpose); err != nil { // as it is now that nobody else changes it
		return emailChange{}, Person{}, fmt.Errorf("find change: %w", err)
	}
	return c, p, nil
}

// addressChanged ends what was mailed to the address before, and records and
// announces the new one.
func (s *Service) addressChanged(ctx context.Context, tx pgx.Tx, user id.User, verb string, change id.EmailChange) error {
	now := s.now()
	if err := errors.Join(endOpeners(ctx, tx, user, now), endTokens(ctx, tx, user, ConfirmEmail, now)); err != nil {
		return fmt.Errorf("end links: %w", err)
	}
	if err := postgres.Notify(ctx, tx, Changed, user.String()); err != nil {
		return err
	}
	return audit.Record(ctx, tx, now, audit.Entry{Actor: access.Actor{User: user}, Subject: user, Verb: verb, Object: change.String()})
}
