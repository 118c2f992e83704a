package identity

import (
	"context"
	"fmt"

	"flint/internal/access"
	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/platform/web"
)

type askResetIn struct {
	Body struct {
		bot.Form
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

type strengthIn struct {
	Body struct {
		Password string   `json:"password" maxLength:"1024"`
		Words    []string `json:"words,omitempty" maxItems:"10" doc:"What the person typed next to it, such as name and address: guessed first"`
	}
}

type strengthOut struct {
	Body struct {
		Score      int    `json:"score" minimum:"0" maximum:"4" doc:"0: guessed at once, 4: very hard to guess"`
		Message    string `json:"message" doc:"For people"`
		Acceptable bool   `json:"acceptable" doc:"Whether Flint would take it, as far as can be said before it is chosen"`
		Code       string `json:"code,omitempty" doc:"Why it would be refused, as the problem's code"`
		Breached   *bool  `json:"breached" doc:"Whether it is in a known breach; null: not known"`
	}
}

// rate is what the person is told of a password while they type it.
func (s *Service) rate(ctx context.Context, in *strengthIn) (*strengthOut, error) {
	words := in.Body.Words
	for i, w := range words {
		if len(w) > 200 {
			return nil, fault.BadField(fmt.Sprintf("body.words[%d]", i), "must have at most 200 characters")
		}
	}
	if who := access.From(ctx); !who.User.IsZero() {
		p, err := s.Person(ctx, who.User)
		if err != nil {
			return nil, fmt.Errorf("find person: %w", err)
		}
		words = append(words, p.FirstName, p.Email)
	}
	leave, err := s.hasher.enter(ctx) // it is work for a processor, and anybody may ask for it
	if err != nil {
		return nil, err
	}
	p := config.NewSecret(in.Body.Password)
	e, refused := s.strength(p, words), fault.Of(s.checkChoice("body.password", p, words...))
	leave()
	out := &strengthOut{}
	out.Body.Score, out.Body.Message, out.Body.Acceptable = e.Score, e.Message, true
	if refused != nil {
		out.Body.Acceptable, out.Body.Code, out.Body.Message = false, refused.Code, refused.Detail
		return out, nil //nolint:nilerr // the refusal is the answer; nobody else is asked about half a password
	}
	if yes, known := s.breached(ctx, p); known {
		out.Body.Breached = &yes
		if yes {
			out.Body.Acceptable, out.Body.Code, out.Body.Message = false, ErrPasswordBreached.Code, ErrPasswordBreached.Detail
		}
	}
	return out, nil
}

// passwordOperations declares how passwords change.
func (s *Service) passwordOperations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/request-reset", Summary: "Ask for a mail to choose another password", Tag: "auth",
		Description: "Answers the same whether or not the address is known. The link works once, within an hour, and ends earlier ones.",
		Needs:       access.Public, Limit: "mail", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *askResetIn) (*said, error) {
		return say("If there is an account with that address, a mail is on its way."), s.screenAsked(ctx, in.Body.Form, bot.Reset, in.Body.Email, s.RequestReset)
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
		Method: "POST", Path: "/api/auth/password-strength", Summary: "Say how hard a password is to guess", Tag: "auth",
		Description: "While somebody types: the same estimate that decides whether the password is taken. Nothing is kept or logged.",
		Needs:       access.Public, Limit: "write", MaxBody: 16 << 10,
	}, s.rate)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/user/change-password", Summary: "Change one's password", Tag: "auth",
		Description: "Ends every other session and every link that could open the account; the session that asks goes on. The person is told by mail.",
		Needs:       access.SignedIn, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *changePasswordIn) (*said, error) {
		err := s.ChangePassword(ctx, access.From(ctx), config.NewSecret(in.Body.CurrentPassword), config.NewSecret(in.Body.NewPassword))
		return say("Your password is changed. Every other device is signed out."), err
	})
}
