package session

import (
	"context"
	"errors"

	"flint/internal/bot"
	"flint/internal/mfa"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
)

// screen lets a sign-in through that looks like a person's. A bot's is answered
// as a wrong password is, after as much work, whatever it tried.
func (s *Service) screen(ctx context.Context, f bot.Form, given Credentials, c Client) error {
	v := s.visitor(ctx, c)
	a := bot.Attempt{Form: f, Action: bot.Login}
	if v.Device != nil {
		a.Known = func(ctx context.Context) (bool, error) {
			return s.people.KnownOn(postgres.AsSystem(ctx, "a sign-in: who it is turns out later"), given.Email, v)
		}
	}
	err := s.cfg.Bots.Check(ctx, a)
	if !errors.Is(err, bot.ErrDecoy) {
		return err
	}
	if err := s.people.SeemToCheck(ctx, given.Password); err != nil {
		return err
	}
	return ErrCredentials
}

// tell lets the guard know how a sign-in ended. Being asked for the second step
// is a success: the password was right.
func (s *Service) tell(ctx context.Context, email string, err error) {
	switch {
	case err == nil, errors.Is(err, ErrFactor):
		s.cfg.Bots.SignedIn(ctx, email, true)
	case errors.Is(err, ErrCredentials), errors.Is(err, mfa.ErrCode), errors.Is(err, web.ErrTooMany):
		s.cfg.Bots.SignedIn(ctx, email, false)
	}
}
