package identity

import (
	"context"
	"errors"

	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/fault"
)

// screen does what a public form asks for if it looks like a person's. For a
// bot's it only seems to, so that a bot learns nothing.
func (s *Service) screen(ctx context.Context, f bot.Form, action string, do, seem func() error) error {
	err := s.cfg.Bots.Check(ctx, bot.Attempt{Form: f, Action: action})
	switch {
	case errors.Is(err, bot.ErrDecoy):
		return seem()
	case err != nil:
		return err
	}
	return do()
}

// screenAsked is screen for the forms that ask for a mail.
func (s *Service) screenAsked(ctx context.Context, f bot.Form, action, email string, do func(context.Context, string) error) error {
	return s.screen(ctx, f, action, func() error { return do(ctx, email) }, func() error {
		defer s.onTheBeat(ctx)()
		_, err := CanonicalEmail(email)
		return err
	})
}

// seemToRegister takes as long as Register, and refuses what it refuses.
func (s *Service) seemToRegister(ctx context.Context, n Newcomer) error {
	n, err := s.checkNewcomer(n)
	if err != nil {
		return err
	}
	_, err = s.prepare(ctx, "body.password", n.Password)
	return err
}

// SeemToCheck takes as long as Check of a wrong password.
func (s *Service) SeemToCheck(ctx context.Context, password config.Secret) error {
	if s.hasher.full() {
		return fault.After(ErrBusy, s.hasher.wait)
	}
	_, err := s.hasher.verify(ctx, password, "")
	return err
}
