package session

import (
	"context"
	"errors"
	"net/http"
	"time"

	"flint/internal/access"
	"flint/internal/bot"
	"flint/internal/config"
	"flint/internal/device"
	"flint/internal/fault"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/mfa"
	"flint/internal/platform/web"
)

type loginIn struct {
	Caller
	Body struct {
		bot.Form
		Email    string `json:"email" maxLength:"1000"`
		Password string `json:"password" maxLength:"256"`
		MFACode  string `json:"mfaCode,omitempty" maxLength:"40" doc:"A code of the authenticator app, or a backup code; without it, who needs one gets a challenge"`
	}
}

type challengeIn struct {
	Caller
	Body struct {
		Challenge  string         `json:"challenge" minLength:"1" maxLength:"200" doc:"As the first step answered it"`
		Code       string         `json:"code,omitempty" maxLength:"40" doc:"Of the authenticator app"`
		BackupCode string         `json:"backupCode,omitempty" maxLength:"40"`
		Assertion  mfa.Credential `json:"assertion,omitempty" doc:"Of a passkey, to /api/auth/passkeys/sign-in/options"`
	}
}

type passkeyIn struct {
	Caller
	Body struct {
		Credential mfa.Credential `json:"credential" doc:"As PublicKeyCredential.toJSON() gives it"`
	}
}

type linkIn struct {
	Caller
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"200"`
	}
}

type signedIn struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      struct {
		Success            bool          `json:"success"`
		User               identity.View `json:"user"`
		MobileAccessToken  string        `json:"mobileAccessToken,omitempty" doc:"In the mobile app only"`
		MobileRefreshToken string        `json:"mobileRefreshToken,omitempty" doc:"In the mobile app only"`
		MobileDeviceToken  string        `json:"mobileDeviceToken,omitempty" doc:"In the mobile app only, if it sent X-Flint-Device: to be sent there at later sign-ins of this person"`
	}
}

func (s *Service) signedIn(g Grant, d Delivery) *signedIn {
	out := &signedIn{}
	out.Body.Success, out.Body.User = true, identity.ViewOf(g.Person)
	if d == Mobile {
		out.Body.MobileAccessToken, out.Body.MobileRefreshToken, out.Body.MobileDeviceToken = g.Access.Reveal(), g.Refresh.Reveal(), g.Device.Reveal()
	} else {
		out.SetCookie = s.cookies().set(g)
	}
	return out
}

// said is a plain answer, with cookies in the web.
type said struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
	}
}

// signedOut tells a browser to forget what it kept of this site: pages that Back
// would show again, and whatever lies in storage. Not "cookies": ours are cleared
// one by one, and that of a known device stays.
type signedOut struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Clear     string        `header:"Clear-Site-Data"`
	Body      struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
	}
}

func say(message string) *said {
	out := &said{}
	out.Body.Success, out.Body.Message = true, message
	return out
}

type refreshMobileIn struct {
	UserAgent string `header:"User-Agent" hidden:"true"`
	Body      struct {
		RefreshToken string `json:"refreshToken" minLength:"1" maxLength:"200"`
	}
}

type refreshedMobile struct {
	Body struct {
		Success            bool   `json:"success"`
		MobileAccessToken  string `json:"mobileAccessToken"`
		MobileRefreshToken string `json:"mobileRefreshToken"`
	}
}

type logoutIn struct {
	Caller
	Body *struct {
		RefreshToken string `json:"refreshToken,omitempty" maxLength:"200" doc:"In the mobile app only"`
	}
}

// Listing is where somebody is signed in.
type Listing struct {
	Sessions []view `json:"sessions"`
}

type listed struct{ Body Listing }

type view struct {
	ID         id.Session `json:"id" format:"uuid"`
	DeviceInfo string     `json:"deviceInfo"`
	IPAddress  string     `json:"ipAddress"`
	CreatedAt  time.Time  `json:"createdAt"`
	LastUsedAt time.Time  `json:"lastUsedAt"`
	IsCurrent  bool       `json:"isCurrent"`

	Device  device.Device `json:"device" doc:"deviceInfo, as people call it"`
	Place   *geo.Where    `json:"place" doc:"Where the address is; null if that isn't known"`
	Current bool          `json:"current" doc:"The same as isCurrent"`
}

type oneIn struct {
	ID id.Session `path:"id"`
}

type keySet struct {
	Body struct {
		Keys []JWK `json:"keys"`
	}
}

// Operations declares session's part of the API.
func (s *Service) Operations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/login", Summary: "Sign in", Tag: "auth",
		Description: "Who has a second factor gets 401 mfa_required with a challenge, and sends it with a code to /api/auth/mfa/challenge.",
		Needs:       access.Public, Limit: "login", MaxBody: 8 << 10,
	}, s.login)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/mfa/challenge", Summary: "Take the second step of signing in", Tag: "auth",
		Description: "The challenge is good for five minutes. Tries are counted per person, whatever the challenge.",
		Needs:       access.Public, Limit: "auth", MaxBody: 32 << 10,
	}, s.answerChallenge)
	if s.cfg.Factors != nil {
		web.Handle(api, web.Op{
			Method: "POST", Path: "/api/auth/mfa/recover", Summary: "Say that the second factor is lost", Tag: "auth",
			Description: "With the challenge of a sign-in whose password was right. After three days, in which the owner is told by mail and can stop it, a mail brings the link that removes the factors.",
			Needs:       access.Public, Limit: "auth", MaxBody: 8 << 10,
		}, s.recover)
	}
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/verify-sign-in", Summary: "Go on with an unusual sign-in", Tag: "auth",
		Description: "Who signs in unusually and has no second factor gets 401 verification_required with a challenge, and a code by mail. It is good for ten minutes and five tries, in the browser that asked.",
		Needs:       access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, s.verifySignIn)
	s.deviceOperations(api)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/link", Summary: "Sign in with a one-time link", Tag: "auth",
		Needs: access.Public, Limit: "auth", MaxBody: 8 << 10,
	}, s.link)
	if s.cfg.Factors != nil {
		web.Handle(api, web.Op{
			Method: "POST", Path: "/api/auth/passkeys/sign-in", Summary: "Sign in with a passkey", Tag: "auth",
			Needs: access.Public, Limit: "login",
		}, s.passkey)
	}
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/refresh", Summary: "Renew the session of a browser", Tag: "auth",
		Needs: access.Public, Limit: "refresh", MaxBody: 8 << 10,
	}, s.refreshWeb)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/refresh-token", Summary: "Renew the session of the mobile app", Tag: "auth",
		Needs: access.Public, Limit: "refresh", MaxBody: 8 << 10,
	}, s.refreshMobile)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/logout", Summary: "Sign out", Tag: "auth",
		Needs: access.Public, Limit: "refresh", MaxBody: 8 << 10,
	}, s.logout)
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/auth/step-up", Summary: "Prove once more who you are", Tag: "auth",
		Description: "Operations with x-flint-step-up answer 403 step_up_required, with the methods, until this was done within their time.",
		Needs:       access.SignedIn, Limit: "auth", MaxBody: 32 << 10,
	}, s.stepUp)
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/auth/sessions", Summary: "List where you are signed in", Tag: "auth",
		Needs: access.SignedIn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (*listed, error) {
		list, err := s.Listing(ctx, access.From(ctx))
		return &listed{list}, err
	})
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/auth/sessions/{id}", Summary: "Sign one device out", Tag: "auth",
		Needs: access.SignedIn, Limit: "write",
	}, func(ctx context.Context, in *oneIn) (*said, error) {
		return say("That device is signed out."), s.Revoke(ctx, access.From(ctx), in.ID)
	})
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/auth/sessions", Summary: "Sign all other devices out", Tag: "auth",
		Needs: access.SignedIn, Limit: "write",
	}, s.endAll)
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/auth/jwks", Summary: "Show the keys that sign access tokens", Tag: "auth",
		Needs: access.Public, Limit: "public",
	}, func(context.Context, *struct{}) (*keySet, error) {
		out := &keySet{}
		out.Body.Keys = s.JWKS()
		return out, nil
	})
}

type stepUpIn struct {
	Body struct {
		Method   access.Method `json:"method" enum:"password,passkey,totp,backup_code"`
		Password string        `json:"password,omitempty" maxLength:"256"`
		Code     string        `json:"code,omitempty" maxLength:"40" doc:"With totp and backup_code"`

		Assertion mfa.Credential `json:"assertion,omitempty" doc:"With passkey: the answer to /api/auth/passkeys/sign-in/options"`
	}
}

type steppedUp struct {
	Body struct {
		Success    bool         `json:"success"`
		Level      access.Level `json:"level" enum:"aal1,aal2"`
		PasswordAt *time.Time   `json:"passwordAt" doc:"When the password was last proven in this session"`
		FactorAt   *time.Time   `json:"factorAt" doc:"When a second factor or a passkey was"`
	}
}

func (s *Service) stepUp(ctx context.Context, in *stepUpIn) (*steppedUp, error) {
	proofs, err := s.StepUp(ctx, access.From(ctx), Proof{
		Method: in.Body.Method, Password: config.NewSecret(in.Body.Password), Code: config.NewSecret(in.Body.Code),
		Assertion: in.Body.Assertion.JSON(),
	})
	if err != nil {
		return nil, err
	}
	out := &steppedUp{}
	out.Body.Success, out.Body.Level = true, proofs.Level()
	if at := proofs.PasswordAt; !at.IsZero() {
		out.Body.PasswordAt = &at
	}
	if at := proofs.FactorAt; !at.IsZero() {
		out.Body.FactorAt = &at
	}
	return out, nil
}

func (s *Service) login(ctx context.Context, in *loginIn) (*signedIn, error) {
	before, err := s.refreshCookie(in.Caller)
	if err != nil {
		before = config.Secret{} // ambiguous cookies are overwritten, not believed
	}
	given := Credentials{Email: in.Body.Email, Password: config.NewSecret(in.Body.Password), Code: config.NewSecret(in.Body.MFACode)}
	if err := s.screen(ctx, in.Body.Form, given, s.client(in.Caller)); err != nil {
		return nil, err
	}
	g, err := s.SignIn(ctx, given, before, s.client(in.Caller))
	s.tell(ctx, given.Email, err)
	if err != nil {
		return nil, err
	}
	return s.signedIn(g, in.delivery()), nil
}

func (s *Service) answerChallenge(ctx context.Context, in *challengeIn) (*signedIn, error) {
	before, err := s.refreshCookie(in.Caller)
	if err != nil {
		before = config.Secret{}
	}
	var answers []mfa.Answer
	if c := in.Body.Code; c != "" {
		answers = append(answers, mfa.Answer{Method: access.TOTP, Code: config.NewSecret(c)})
	}
	if c := in.Body.BackupCode; c != "" {
		answers = append(answers, mfa.Answer{Method: access.BackupCode, Code: config.NewSecret(c)})
	}
	if a := in.Body.Assertion; a != nil {
		answers = append(answers, mfa.Answer{Method: access.Passkey, Assertion: a.JSON()})
	}
	if len(answers) != 1 {
		return nil, fault.BadField("body", "needs exactly one of code, backupCode and assertion")
	}
	g, err := s.SignInWithFactor(ctx, config.NewSecret(in.Body.Challenge), answers[0], before, s.client(in.Caller))
	if err != nil {
		return nil, err
	}
	return s.signedIn(g, in.delivery()), nil
}

func (s *Service) passkey(ctx context.Context, in *passkeyIn) (*signedIn, error) {
	before, err := s.refreshCookie(in.Caller)
	if err != nil {
		before = config.Secret{}
	}
	g, err := s.SignInByPasskey(ctx, in.Body.Credential.JSON(), before, s.client(in.Caller))
	if err != nil {
		return nil, err
	}
	return s.signedIn(g, in.delivery()), nil
}

func (s *Service) link(ctx context.Context, in *linkIn) (*signedIn, error) {
	before, err := s.refreshCookie(in.Caller)
	if err != nil {
		before = config.Secret{}
	}
	g, err := s.SignInByLink(ctx, config.NewSecret(in.Body.Token), before, s.client(in.Caller))
	if err != nil {
		return nil, err
	}
	return s.signedIn(g, in.delivery()), nil
}

func (s *Service) refreshWeb(ctx context.Context, in *Caller) (*said, error) {
	token, err := s.refreshCookie(*in)
	if err != nil {
		return nil, err
	}
	if token.IsZero() {
		return nil, ErrNoToken
	}
	g, err := s.Refresh(ctx, token, s.client(*in))
	if errors.Is(err, ErrToken) { // nothing brings these back: the browser needn't keep them
		for _, c := range s.cookies().clear() {
			web.Header(ctx).Add("Set-Cookie", c.String())
		}
	}
	if err != nil {
		return nil, err
	}
	out := say("The session is renewed.")
	out.SetCookie = s.cookies().set(g)
	return out, nil
}

func (s *Service) refreshMobile(ctx context.Context, in *refreshMobileIn) (*refreshedMobile, error) {
	g, err := s.Refresh(ctx, config.NewSecret(in.Body.RefreshToken), ClientOf(Mobile, in.UserAgent))
	if err != nil {
		return nil, err
	}
	out := &refreshedMobile{}
	out.Body.Success = true
	out.Body.MobileAccessToken, out.Body.MobileRefreshToken = g.Access.Reveal(), g.Refresh.Reveal()
	return out, nil
}

func (s *Service) logout(ctx context.Context, in *logoutIn) (*signedOut, error) {
	byCookie := in.Authorization == "" && in.delivery() == Web
	d, token := Mobile, config.Secret{}
	if byCookie {
		d = Web
		token, _ = s.refreshCookie(in.Caller) // whatever it is, it goes
	} else if in.Body != nil {
		token = config.NewSecret(in.Body.RefreshToken)
	}
	if err := s.SignOut(ctx, access.From(ctx), token, d); err != nil {
		return nil, err
	}
	out := &signedOut{}
	out.Body.Success, out.Body.Message = true, "You are signed out."
	if byCookie {
		out.SetCookie, out.Clear = s.cookies().clear(), `"cache", "storage"`
	}
	return out, nil
}

// Listing answers GET /api/auth/sessions.
func (s *Service) Listing(ctx context.Context, actor access.Actor) (Listing, error) {
	live, err := s.List(ctx, actor)
	if err != nil {
		return Listing{}, err
	}
	out := Listing{Sessions: []view{}}
	for _, l := range live {
		out.Sessions = append(out.Sessions, view{
			ID: l.ID, DeviceInfo: l.Device, IPAddress: l.Address, CreatedAt: l.CreatedAt, LastUsedAt: l.LastUsedAt, IsCurrent: l.ID == actor.Session,
			Device: device.Of(l.Device), Place: s.cfg.Atlas.Where(l.Address), Current: l.ID == actor.Session,
		})
	}
	return out, nil
}
