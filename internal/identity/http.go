package identity

import (
	"context"
	"time"

	"flint/internal/access"
	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// View is a person as the API shows them to themselves. It is built field by
// field: what isn't named here can't leave.
type View struct {
	ID               id.User     `json:"id" format:"uuid"`
	Email            string      `json:"email"`
	FirstName        string      `json:"firstName"`
	LastName         string      `json:"lastName" doc:"Empty: not given"`
	Role             string      `json:"role" enum:"admin,user"`
	SubscriptionTier access.Tier `json:"subscriptionTier" enum:"free,basic,pro,premium"`
	MFAEnabled       bool        `json:"mfaEnabled"`
	EmailVerified    bool        `json:"emailVerified"`
	Currency         string      `json:"currency"`
	TimeZone         string      `json:"timeZone"`

	Support *supportView `json:"support,omitempty" doc:"Present while support looks at this account in the person's place"`
}

// supportView is for the banner that says who looks, and until when.
type supportView struct {
	By    string    `json:"by" doc:"First name"`
	Until time.Time `json:"until"`
}

// ViewOf returns p as the API shows it.
func ViewOf(p Person) View {
	role := "user"
	if p.IsAdmin {
		role = "admin"
	}
	return View{
		ID: p.ID, Email: p.Email, FirstName: p.FirstName, LastName: p.LastName, Role: role, SubscriptionTier: p.Tier,
		MFAEnabled: p.SecondFactor, EmailVerified: p.Confirmed(), Currency: p.Currency, TimeZone: p.TimeZone,
	}
}

type registerIn struct {
	Body struct {
		bot.Form
		FirstName string `json:"firstName" minLength:"1" maxLength:"200"`
		LastName  string `json:"lastName,omitempty" maxLength:"200"`
		Email     string `json:"email" minLength:"3" maxLength:"1000"`
		Password  string `json:"password" minLength:"1" maxLength:"1024" doc:"8 to 256 characters of any kind, compared exactly"`
		Terms     string `json:"acceptedTerms,omitempty" maxLength:"40" doc:"The version of the terms that the form showed. The form names the other required texts too: they are accepted with it, as they are in force. Without one they are asked for later"`
	}
}

type verifyIn struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200"`
	}
}

type resendIn struct {
	Body struct {
		bot.Form
		Email string `json:"email" minLength:"3" maxLength:"1000"`
	}
}

// said is a plain answer: it worked, and a sentence.
type said struct {
	Body struct {
		Success         bool   `json:"success"`
		Message         string `json:"message"`
		AlreadyVerified bool   `json:"alreadyVerified,omitempty"`
	}
}

func say(message string) *said {
	out := &said{}
	out.Body.Success, out.Body.Message = true, message
	return out
}

type viewOut struct{ Body View }

type meOut struct {
	Body struct {
		ID        id.User   `json:"id" format:"uuid"`
		Email     string    `json:"email"`
		Name      string    `json:"name"`
		CreatedAt time.Time `json:"createdAt"`
	}
}

// Operations declares identity's part of the API.
func (s *Service) Operations(api *web.Server) {
	s.passwordOperations(api)
	s.lifeOperations(api)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/public-register", Summary: "Open an account", Tag: "auth", Status: 201,
		Description: "Answers the same whether or not the address is known; the mail tells its owner.",
		Needs:       access.Public, Limit: "register", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *registerIn) (*said, error) {
		n := Newcomer{FirstName: in.Body.FirstName, LastName: in.Body.LastName, Email: in.Body.Email, Password: config.NewSecret(in.Body.Password), Terms: in.Body.Terms}
		err := s.screen(ctx, in.Body.Form, bot.Register, func() error { return s.Register(ctx, n) }, func() error { return s.seemToRegister(ctx, n) })
		return say("Almost done: open the link in the mail that we have sent you."), err
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/verify-email", Summary: "Confirm an e-mail address", Tag: "auth",
		Needs: access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *verifyIn) (*said, error) {
		already, err := s.Confirm(ctx, config.NewSecret(in.Body.Token))
		out := say("Your e-mail address is confirmed.")
		out.Body.AlreadyVerified = already
		return out, err
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/resend-verification", Summary: "Send the confirmation mail again", Tag: "auth",
		Description: "Answers the same whether or not the address is known. One mail a minute leaves for an address.",
		Needs:       access.Public, Limit: "mail", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *resendIn) (*said, error) {
		return say("If that address waits to be confirmed, a mail is on its way."),
			s.screenAsked(ctx, in.Body.Form, bot.Resend, in.Body.Email, s.Resend)
	})
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/auth/user", Summary: "Say who is signed in", Tag: "auth",
		Needs: access.SignedIn, Limit: "data", Support: true,
	}, func(ctx context.Context, _ *struct{}) (*viewOut, error) {
		actor := access.From(ctx)
		p, err := s.Person(ctx, actor.User)
		v := ViewOf(p)
		if v.Role = "user"; access.RoleOf(actor).Staff() {
			v.Role = "admin"
		}
		if actor.ReadOnly {
			v.Support = &supportView{By: actor.Support.By, Until: actor.Support.Until}
		}
		return &viewOut{v}, err
	})
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/me", Summary: "Say who is signed in, briefly", Tag: "auth",
		Needs: access.SignedIn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (*meOut, error) {
		p, err := s.Person(ctx, access.From(ctx).User)
		out := &meOut{}
		out.Body.ID, out.Body.Email, out.Body.Name, out.Body.CreatedAt = p.ID, p.Email, p.Name(), p.CreatedAt
		return out, err
	})
}
