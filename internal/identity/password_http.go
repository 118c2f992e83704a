package identity

import (
	"context"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/platform/web"
)

type askResetIn struct {
	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"1000"`
	}
}

type choosePasswordIn struct {
	Body struct {
		Token    string `json:"token" minLength:"1" maxLength:"200" doc:"What stood behind # in the mailed link"`
		Password string `json:"password" minLength:"1" maxLength:"1024" doc:"8 to 256 characters of any kind, compared exactly"`
	}
}

type changePasswordIn struct {
	Body struct {
		CurrentPassword string `json:"currentPassword" minLength:"1" maxLength:"1024"`
		NewPassword     string `json:"newPassword" minLength:"1" maxLength:"1024" doc:"8 to 256 characters of any kind, compared exactly"`
	}
}

// passwordOperations declares how passwords change.
func (s *Service) passwordOperations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/request-reset", Summary: "Ask for a mail to choose another password", Tag: "auth",
		Description: "Answers the same whether or not the address is known. The link works once, within an hour, and ends earlier ones.",
		Needs:       access.Public, Limit: "mail", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *askResetIn) (*said, error) {
		return say("If there is an account with that address, a mail is on its way."), s.RequestReset(ctx, in.Body.Email)
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/reset-password", Summary: "Choose another password by a mailed link", Tag: "auth",
		Description: "Ends every session and every other link of the person. Signs nobody in, and leaves second factors as they are. A refused password doesn't use the link up.",
		Needs:       access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *choosePasswordIn) (*said, error) {
		err := s.Reset(ctx, config.NewSecret(in.Body.Token), config.NewSecret(in.Body.Password))
		return say("Your password is changed. Sign in with it."), err
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/setup-password", Summary: "Choose the first password by an invitation", Tag: "auth",
		Description: "For accounts that an operator opened. Confirms the address, since the link came there.",
		Needs:       access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *choosePasswordIn) (*said, error) {
		err := s.Setup(ctx, config.NewSecret(in.Body.Token), config.NewSecret(in.Body.Password))
		return say("Your password is set. Sign in with it."), err
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/user/change-password", Summary: "Change one's password", Tag: "auth",
		Description: "Ends every other session and every link that could open the account; the session that asks goes on. The person is told by mail.",
		Needs:       access.SignedIn, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *changePasswordIn) (*said, error) {
		err := s.ChangePassword(ctx, access.From(ctx), config.NewSecret(in.Body.CurrentPassword), config.NewSecret(in.Body.NewPassword))
		return say("Your password is changed. Every other device is signed out."), err
	})
}
