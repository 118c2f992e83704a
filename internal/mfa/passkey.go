package mfa

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// The faults of passkeys.
var (
	ErrPasskey    = fault.New(fault.Unauthenticated, "passkey_refused", "That passkey doesn't open anything here. Try again, or sign in another way.")
	ErrNotNew     = fault.New(fault.Conflict, "passkey_known", "That passkey is here already.")
	ErrLimit      = fault.New(fault.Conflict, "passkey_limit", "There are twenty passkeys. Remove one first.")
	ErrNoPasskeys = fault.New(fault.Conflict, "passkeys_unavailable", "This Flint has no name that a passkey could be bound to: its address is a number.")
)

const maxPasskeys = 20

// Passkey is one as its owner sees it.
type Passkey struct {
	ID         id.Passkey `json:"id" format:"uuid"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"createdAt"`
	LastUsedAt *time.Time `json:"lastUsedAt"`
	Synced     bool       `json:"synced" doc:"It may be on several devices of its owner"`
}

// relyingParty returns how WebAuthn sees this Flint; nil if its origin has no
// domain name. User verification is demanded always: that makes a passkey two
// factors in one.
func relyingParty(o config.Origin) *webauthn.WebAuthn {
	w, err := webauthn.New(&webauthn.Config{
		RPID: o.Hostname(), RPDisplayName: issuer, RPOrigins: []string{o.String()},
		AttestationPreference: protocol.PreferNoAttestation,
		// Browsers volunteer results that nobody asked for; nothing here reads them.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil || protocol.ValidateRPID(o.Hostname()) != nil {
		return nil
	}
	return w
}

// algorithms are the kinds of keys that are taken, the best first.
func algorithms() []protocol.CredentialParameter {
	var list []protocol.CredentialParameter
	for _, a := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgEdDSA, webauthncose.AlgES256, webauthncose.AlgRS256} {
		list = append(list, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: a})
	}
	return list
}

// holder is a person as the WebAuthn library wants to see them.
type holder struct {
	user        id.User
	name        string
	credentials []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return h.user[:] }
func (h holder) WebAuthnName() string                       { return h.name }
func (h holder) WebAuthnDisplayName() string                { return h.name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }

// AddPasskey makes what a browser answered to registration options a passkey of
// actor. With their first factor it returns backup codes.
func (s *Service) AddPasskey(ctx context.Context, actor access.Actor, name string, answer []byte) (Passkey, []string, error) {
	if s.rp == nil {
		return Passkey{}, nil, ErrNoPasskeys
	}
	name, err := cleanName(name)
	if err != nil {
		return Passkey{}, nil, err
	}
	refuse := func(why error) error {
		return fault.Because(fault.BadField("body.credential", "isn't a passkey made for this page, just now"), why)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, nil, refuse(err)
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	end, err := s.posed(register, actor.User, challenge)
	if err != nil {
		return Passkey{}, nil, refuse(err)
	}
	made, err := s.rp.CreateCredential(holder{user: actor.User}, webauthn.SessionData{
		Challenge: challenge, RelyingPartyID: s.rp.Config.RPID, UserID: actor.User[:],
		UserVerification: protocol.VerificationRequired, CredParams: algorithms(),
	}, parsed)
	if err != nil {
		return Passkey{}, nil, refuse(err)
	}
	row := passkeyRow{
		ID: id.New[id.Passkey](), UserID: actor.User, CredentialID: made.ID, PublicKey: made.PublicKey,
		SignCount: int64(made.Authenticator.SignCount), Synced: made.Flags.BackupEligible, Transports: transports(made.Transport),
		Name: name, CreatedAt: s.now(),
	}
	var codes []string
	err = postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if err := s.spend(ctx, tx, challenge, end); err != nil {
			return refuse(err)
		}
		codes, err = s.storePasskey(ctx, tx, actor, row)
		return err
	})
	return row.view(), codes, err
}

func (s *Service) storePasskey(ctx context.Context, tx pgx.Tx, actor access.Actor, row passkeyRow) (codes []string, err error) {
	if err := postgres.Serialize(ctx, tx, "passkeys:"+actor.User.String()); err != nil {
		return nil, err
	}
	before, err := factorsOf(ctx, tx, actor.User)
	if err != nil {
		return nil, fmt.Errorf("look for second factors: %w", err)
	}
	known, err := listPasskeys(ctx, tx, actor.User)
	if err != nil {
		return nil, fmt.Errorf("list passkeys: %w", err)
	}
	if len(known) >= maxPasskeys {
		return nil, ErrLimit
	}
	if err := insertPasskey(ctx, tx, row); err != nil {
		return nil, fmt.Errorf("store passkey: %w", postgres.Conflict(err, "passkeys_credential_key", ErrNotNew))
	}
	if !before.Any() {
		if codes, err = s.replaceBackup(ctx, tx, actor.User); err != nil {
			return nil, err
		}
	}
	return codes, s.changed(ctx, tx, actor, actor.User, true, audit.Entry{Verb: "factor.add", Detail: map[string]any{"how": string(access.Passkey)}})
}

// RenamePasskey gives one of actor's passkeys another name.
func (s *Service) RenamePasskey(ctx context.Context, actor access.Actor, passkey id.Passkey, name string) error {
	name, err := cleanName(name)
	if err != nil {
		return err
	}
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		n, err := renamePasskey(ctx, tx, actor.User, passkey, name)
		if err != nil {
			return fmt.Errorf("rename passkey: %w", err)
		}
		if n == 0 {
			return fault.ErrNotFound
		}
		return audit.Record(ctx, tx, s.now(), audit.Entry{Actor: actor, Subject: actor.User, Verb: "factor.rename", Object: passkey.String()})
	})
}

// RemovePasskey removes one of actor's passkeys, and with the last factor their
// backup codes.
func (s *Service) RemovePasskey(ctx context.Context, actor access.Actor, passkey id.Passkey) error {
	return postgres.InTx(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		n, err := deletePasskey(ctx, tx, actor.User, passkey)
		if err != nil {
			return fmt.Errorf("remove passkey: %w", err)
		}
		if n == 0 {
			return fault.ErrNotFound
		}
		return s.changed(ctx, tx, actor, actor.User, false, audit.Entry{Verb: "factor.remove", Detail: map[string]any{"how": string(access.Passkey)}})
	})
}

// Assert says whose passkey answered sign-in options, and uses the answer up in
// tx. Whatever is wrong is ErrPasskey; the owner is returned with it if the
// passkey is known, so that the attempt can be recorded as theirs.
func (s *Service) Assert(ctx context.Context, tx pgx.Tx, answer []byte) (id.User, error) {
	if s.rp == nil {
		return id.User{}, ErrNoPasskeys
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return id.User{}, fault.Because(ErrPasskey, err)
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	end, err := s.posed(assert, id.User{}, challenge)
	if err != nil {
		return id.User{}, fault.Because(ErrPasskey, err)
	}
	row, err := lockPasskey(ctx, tx, parsed.RawID) // the same one waits, and finds its counter used
	if errors.Is(err, fault.ErrNotFound) {
		return id.User{}, fault.Because(ErrPasskey, err)
	}
	if err != nil {
		return id.User{}, fmt.Errorf("find passkey: %w", err)
	}
	owner := holder{user: row.UserID, credentials: []webauthn.Credential{row.credential()}}
	_, used, err := s.rp.ValidatePasskeyLogin(
		func(_, _ []byte) (webauthn.User, error) { return owner, nil }, // it compares the handle with the owner's
		webauthn.SessionData{Challenge: challenge, RelyingPartyID: s.rp.Config.RPID, UserVerification: protocol.VerificationRequired},
		parsed)
	if err != nil {
		return row.UserID, fault.Because(ErrPasskey, err)
	}
	if used.Authenticator.CloneWarning {
		return row.UserID, fault.Because(ErrPasskey, errors.New("its counter went back: there may be a copy"))
	}
	if err := s.spend(ctx, tx, challenge, end); err != nil {
		return row.UserID, fault.Because(ErrPasskey, err)
	}
	if err := usePasskey(ctx, tx, row.ID, int64(used.Authenticator.SignCount), s.now()); err != nil {
		return id.User{}, fmt.Errorf("note use of passkey: %w", err)
	}
	return row.UserID, s.notLost(ctx, tx, row.UserID)
}

// useAssertion is Use for a passkey.
func (s *Service) useAssertion(ctx context.Context, tx pgx.Tx, user id.User, answer []byte) error {
	whose, err := s.Assert(ctx, tx, answer)
	if errors.Is(err, ErrPasskey) || (err == nil && whose != user) {
		return fault.Because(ErrCode, errors.Join(errors.New("no passkey of theirs"), err))
	}
	return err
}

// transports keeps what a browser may be told again; anything else is dropped.
func transports(given []protocol.AuthenticatorTransport) []string {
	list := []string{}
	for _, t := range given {
		switch t {
		case protocol.USB, protocol.NFC, protocol.BLE, protocol.Hybrid, protocol.Internal, protocol.SmartCard:
			list = append(list, string(t))
		}
	}
	return list
}

// cleanName returns a name as it can be shown in one line.
func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := len([]rune(name)); n < 1 || n > 60 || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return "", fault.BadField("body.name", "must be 1 to 60 letters, digits, signs or spaces")
	}
	return name, nil
}
