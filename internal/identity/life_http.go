package identity

import (
	"context"
	"time"

	"flint/internal/access"
	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/platform/web"
)

// freshness is how old the proof may be that it's really them who change how
// they are reached.
const freshness = 10 * time.Minute

type changeEmailIn struct {
	Body struct {
		NewEmail string `json:"newEmail" minLength:"3" maxLength:"1000"`
	}
}

type changeTokenIn struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200" doc:"What stood behind # in the mailed link"`
	}
}

type askLinkIn struct {
	Body struct {
		bot.Form
		Email string `json:"email" minLength:"3" maxLength:"1000"`
	}
}

// lifeOperations declares what an account goes through after it was opened.
func (s *Service) lifeOperations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/magic-link", Summary: "Ask for a mail with a sign-in link", Tag: "auth",
		Description: "Answers the same whether or not the address is known. The link works once, within 15 minutes, and ends earlier ones; " +
			"its page sends what stands behind # to POST /api/auth/link.",
		Needs: access.Public, Limit: "mail", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *askLinkIn) (*said, error) {
		return say("If there is an account with that address, a link is on its way."), s.screenAsked(ctx, in.Body.Form, bot.Link, in.Body.Email, s.RequestLink)
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/user/email", Summary: "Ask to change your e-mail address", Tag: "account",
		Description: "Answers the same whether or not somebody has the address. The address changes when the link in the mail to it is opened, within " +
			"24 hours; the present address is told and can stop it.",
		Needs: access.SignedIn, Assurance: access.StepUp{Within: freshness, Factor: true}, Limit: "mail", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *changeEmailIn) (*said, error) {
		return say("A mail is on its way to that address. Your address changes once you open the link in it."),
			s.AskEmailChange(ctx, access.From(ctx), in.Body.NewEmail)
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/user/email/confirm", Summary: "Confirm a new e-mail address", Tag: "account",
		Needs: access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *changeTokenIn) (*said, error) {
		already, err := s.ConfirmEmailChange(ctx, config.NewSecret(in.Body.Token))
		out := say("Your e-mail address is changed.")
		out.Body.AlreadyVerified = already
		return out, err
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/user/email/undo", Summary: "Undo the change of an e-mail address", Tag: "account",
		Description: "For the link in the mail to the earlier address: until the change is confirmed, and 72 hours from then. Ends every session and voids " +
			"the password; POST /api/auth/request-reset is next.",
		Needs: access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *changeTokenIn) (*said, error) {
		return say("The change is undone and everybody is signed out. Now choose a new password."), s.UndoEmailChange(ctx, config.NewSecret(in.Body.Token))
	})
}
