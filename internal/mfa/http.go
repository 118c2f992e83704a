package mfa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/platform/web"
)

// fresh is what a change of factors demands: a factor that was just proven, or
// the password of those who have none.
func fresh() access.StepUp { return access.StepUp{Within: 10 * time.Minute, Factor: true} }

// Status is what somebody proves themself with beside their password.
type Status struct {
	TOTP            totpView  `json:"totp"`
	Passkeys        []Passkey `json:"passkeys"`
	BackupCodesLeft int       `json:"backupCodesLeft"`
}

type statusOut struct{ Body Status }

type totpView struct {
	Enabled bool       `json:"enabled"`
	Since   *time.Time `json:"since"`
}

type setupOut struct {
	Body struct {
		Secret     string `json:"secret" doc:"Base32, to be typed in where the QR code can't be read; shown once"`
		OTPAuthURI string `json:"otpauthUri"`
		QRCode     string `json:"qrCode" doc:"The same as a picture: a data URL of an SVG image"`
	}
}

type codeIn struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"40"`
	}
}

type codesOut struct {
	Body struct {
		Success     bool     `json:"success"`
		BackupCodes []string `json:"backupCodes" doc:"Ten, each good for one sign-in without the app; shown once"`
	}
}

type said struct {
	Body struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
	}
}

// Operations declares mfa's part of the API.
func (s *Service) Operations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/auth/mfa", Summary: "Show your second factors", Tag: "auth",
		Needs: access.SignedIn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (*statusOut, error) {
		status, err := s.Status(ctx, access.From(ctx))
		return &statusOut{status}, err
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/mfa/setup", Summary: "Begin to set up an authenticator app", Tag: "auth",
		Description: "Nothing changes until a code of the app is confirmed, within 15 minutes.",
		Needs:       access.ManageOwn, Limit: "write", Assurance: fresh(),
	}, s.setup)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/mfa/verify-setup", Summary: "Confirm the authenticator app", Tag: "auth",
		Description: "The backup codes are shown this once.",
		Needs:       access.ManageOwn, Limit: "auth", MaxBody: 8 << 10,
		Assurance: access.StepUp{Within: fresh().Within + pendingTTL, Factor: true}, // whoever may begin may end
	}, func(ctx context.Context, in *codeIn) (*codesOut, error) {
		return codes(s.Confirm(ctx, access.From(ctx), config.NewSecret(in.Body.Code)))
	})
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/auth/mfa/disable", Summary: "Remove the authenticator app", Tag: "auth",
		Description: "With the last factor the backup codes go too. The owner is told by mail.",
		Needs:       access.ManageOwn, Limit: "write", Assurance: fresh(),
	}, func(ctx context.Context, _ *struct{}) (*said, error) {
		out := &said{}
		out.Body.Success, out.Body.Message = true, "The authenticator app isn't asked for any more."
		return out, s.Disable(ctx, access.From(ctx))
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/mfa/backup-codes", Summary: "Make new backup codes", Tag: "auth",
		Description: "The earlier ones stop working. The new ones are shown this once.",
		Needs:       access.ManageOwn, Limit: "write", Assurance: fresh(),
	}, func(ctx context.Context, _ *struct{}) (*codesOut, error) {
		return codes(s.Renew(ctx, access.From(ctx)))
	})
	s.recoveryOperations(api)
	s.passkeyOperations(api)
}

type recoveryIn struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"As the mail brought it, after #"`
	}
}

func (s *Service) recoveryOperations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/mfa/recover/cancel", Summary: "Stop the removal of a lost second factor", Tag: "auth",
		Needs: access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *recoveryIn) (*said, error) {
		out := &said{}
		out.Body.Success, out.Body.Message = true, "It is stopped. If you didn't ask for it, choose another password now."
		return out, s.StopRecovery(ctx, config.NewSecret(in.Body.Token))
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/mfa/recover/finish", Summary: "Remove a lost second factor", Tag: "auth",
		Description: "With the token of the mail that comes three days after it was asked for.",
		Needs:       access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *recoveryIn) (*said, error) {
		out := &said{}
		out.Body.Success, out.Body.Message = true, "The second step is removed. Sign in with your password, and set one up again."
		return out, s.FinishRecovery(ctx, config.NewSecret(in.Body.Token))
	})
}

func codes(list []string, err error) (*codesOut, error) {
	out := &codesOut{}
	out.Body.Success, out.Body.BackupCodes = true, list
	return out, err
}

// Status answers GET /api/auth/mfa.
func (s *Service) Status(ctx context.Context, actor access.Actor) (Status, error) {
	out := Status{Passkeys: []Passkey{}}
	keys, err := listPasskeys(ctx, s.cfg.Pool, actor.User)
	if err != nil {
		return out, fmt.Errorf("list passkeys: %w", err)
	}
	for _, k := range keys {
		out.Passkeys = append(out.Passkeys, k.view())
	}
	since, err := confirmedSince(ctx, s.cfg.Pool, actor.User)
	if err != nil && !errors.Is(err, fault.ErrNotFound) {
		return out, fmt.Errorf("find authenticator: %w", err)
	}
	out.TOTP = totpView{since != nil, since}
	if out.BackupCodesLeft, err = backupLeft(ctx, s.cfg.Pool, actor.User); err != nil {
		return out, fmt.Errorf("count backup codes: %w", err)
	}
	return out, nil
}

func (s *Service) setup(ctx context.Context, _ *struct{}) (*setupOut, error) {
	e, err := s.Setup(ctx, access.From(ctx))
	out := &setupOut{}
	out.Body.Secret, out.Body.OTPAuthURI, out.Body.QRCode = e.Secret.Reveal(), e.URI.Reveal(), e.QR.Reveal()
	return out, err
}
