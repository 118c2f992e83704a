package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/mfa"
	"flint/internal/platform/postgres"
)

// ErrPasswordFirst says that a link in the mailbox isn't enough.
var ErrPasswordFirst = fault.New(fault.Forbidden, "password_first", "Sign in with your password first; a link isn't enough for this.")

// AskRecovery begins the removal of the factors of whoever a challenge was given
// to for the right password. It uses the challenge up. One that is over, or of
// another kind of client, is ErrChallenge.
func (s *Service) AskRecovery(ctx context.Context, challenge config.Secret, c Client) (mfa.Recovery, error) {
	ctx = postgres.AsSystem(ctx, "the challenge of a sign-in says who it is")
	var r mfa.Recovery
	err := postgres.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		ch, err := findChallenge(ctx, tx, hash(challenge), c.Delivery, s.now())
		if errors.Is(err, fault.ErrNotFound) {
			return fault.Because(ErrChallenge, err)
		}
		if err != nil {
			return fmt.Errorf("find challenge: %w", err)
		}
		if ch.How != "password" {
			return ErrPasswordFirst
		}
		p, err := s.people.PersonIn(ctx, tx, ch.UserID)
		if err != nil {
			return fmt.Errorf("find person: %w", err)
		}
		still, err := s.people.StillProven(ctx, tx, p)
		if err != nil {
			return err
		}
		n, err := useChallenge(ctx, tx, hash(challenge), s.now())
		if err != nil {
			return fmt.Errorf("use challenge: %w", err)
		}
		if !still || n == 0 {
			return ErrChallenge
		}
		r, err = s.cfg.Factors.AskRecovery(ctx, tx, p.ID, c.Device)
		return err
	})
	return r, err
}

type recoverIn struct {
	Caller
	Body struct {
		Challenge string `json:"challenge" minLength:"1" maxLength:"200" doc:"As the first step of signing in answered it"`
	}
}

type recoverOut struct {
	Body struct {
		Success bool      `json:"success"`
		Message string    `json:"message"`
		Until   time.Time `json:"until" doc:"When the link comes that removes the factors"`
	}
}

func (s *Service) recover(ctx context.Context, in *recoverIn) (*recoverOut, error) {
	r, err := s.AskRecovery(ctx, config.NewSecret(in.Body.Challenge), s.client(in.Caller))
	if err != nil {
		return nil, err
	}
	out := &recoverOut{}
	out.Body.Success, out.Body.Until = true, r.Due
	out.Body.Message = "We have sent you a mail. In three days another one brings a link that removes the second step, unless somebody stops it."
	return out, nil
}
