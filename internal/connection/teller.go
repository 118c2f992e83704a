package connection

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"time"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/provider/teller"
)

// attemptTime is how long a visit to a provider may take.
const attemptTime = 30 * time.Minute

// attempt is a started visit to a provider.
type attempt struct {
	ID        id.Attempt
	UserID    id.User
	Provider  string
	Nonce     string
	Reconnect *id.Connection
	ExpiresAt time.Time
}

// nonce returns 256 random bits, in letters that hold no dot: Teller joins what
// it signs with dots.
func nonce() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// TellerStart is what the page needs to open Teller's widget.
type TellerStart struct {
	Attempt       id.Attempt
	ApplicationID string
	Environment   string
	Nonce         string
	ScriptURL     string
	EnrollmentID  string // to repair; empty for a new connection
	Products      []string
}

// StartTeller begins a visit to Teller's widget: for a new bank, or to repair
// the connection reconnect. It returns ErrPlanLimit when the plan has no room.
func (s *Service) StartTeller(ctx context.Context, actor access.Actor, reconnect id.Connection) (TellerStart, error) {
	if s.cfg.Teller == nil {
		return TellerStart{}, fault.Saying(ErrUnavailable, "Banks can't be connected here: Teller isn't configured.")
	}
	a, old, err := s.begin(ctx, actor, Teller, reconnect)
	if err != nil {
		return TellerStart{}, err
	}
	return TellerStart{
		Attempt: a.ID, ApplicationID: s.cfg.TellerConfig.ApplicationID, Environment: s.cfg.TellerConfig.Environment,
		Nonce: a.Nonce, ScriptURL: s.cfg.TellerConfig.ConnectScript, EnrollmentID: old.ProviderConnectionID,
		Products: []string{"balance", "transactions"},
	}, nil
}

// TellerEnrollment is what the widget handed to the page.
type TellerEnrollment struct {
	Attempt         id.Attempt
	Token           config.Secret
	UserID          string // Teller's
	EnrollmentID    string
	InstitutionName string // used when Teller itself doesn't tell
	Signatures      []string
}

// FinishTeller links the bank that e proves. The signature over the attempt's
// nonce must verify, and the token must open the enrollment it was signed with.
// It returns ErrAttempt, ErrSignature, ErrRefused, ErrUnavailable, ErrPlanLimit
// or ErrElsewhere; after ErrUnavailable the same may be tried again.
func (s *Service) FinishTeller(ctx context.Context, actor access.Actor, e TellerEnrollment) (Connection, error) {
	if s.cfg.Teller == nil {
		return Connection{}, ErrUnavailable
	}
	a, err := s.open(ctx, actor, Teller, e.Attempt)
	if err != nil {
		return Connection{}, err
	}
	signed := teller.Enrollment{Nonce: a.Nonce, AccessToken: e.Token.Reveal(), UserID: e.UserID, EnrollmentID: e.EnrollmentID}
	if err := s.cfg.Teller.VerifyEnrollment(signed, e.Signatures); err != nil {
		return Connection{}, fault.Because(ErrSignature, err)
	}
	accounts, err := s.cfg.Teller.Accounts(urgent(ctx), e.Token)
	if err != nil {
		return Connection{}, asked(err)
	}
	if len(accounts) == 0 {
		return Connection{}, fault.Saying(ErrRefused, "The bank shared no account. Start again and choose at least one.")
	}
	for _, account := range accounts {
		if account.EnrollmentID != e.EnrollmentID {
			return Connection{}, fault.Saying(ErrSignature, "What came back from the bank doesn't belong together. Start connecting again.")
		}
	}
	at := accounts[0].Institution
	o := offer{
		provider: Teller, providerID: e.EnrollmentID, kind: Bank, institutionID: at.ID, institutionName: at.Name,
		access: "read", token: e.Token, attempt: &a,
	}
	if o.institutionName == "" {
		o.institutionName = e.InstitutionName
	}
	return s.link(ctx, actor, o)
}
