package bot

import (
	"context"

	"flint/internal/access"
	"flint/internal/platform/telemetry"
	"flint/internal/platform/web"
)

type challengeIn struct {
	Action string `query:"action" enum:"register,login,reset,resend,link,lead" default:"login" doc:"The form"`
	Work   bool   `query:"work" doc:"Ask for a proof of work even where a service is set: for clients that can't run its script. It is hard"`
}

type challengeOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         Challenge
}

// Operations declares bot's part of the API.
func (g *Guard) Operations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/auth/challenge", Summary: "Get a form's token and challenge", Tag: "auth",
		Description: "Asked for when a form is shown, and again after challenge_required and captcha_failed. The token goes back as formToken. " +
			"If a proof is required, it is, with pow, a nonce for each piece, so that SHA-256 of \"token:piece:nonce\" begins with that many zero bits; " +
			"else what the service's script gave. Each proof is good once.",
		Needs: access.Public, Limit: "public",
	}, func(ctx context.Context, in *challengeIn) (*challengeOut, error) {
		c, err := g.Challenge(ctx, in.Action, telemetry.Address(ctx), in.Work)
		return &challengeOut{"no-store", c}, err
	})
}
