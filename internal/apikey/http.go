package apikey

import (
	"context"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web"
)

type makeIn struct {
	Body struct {
		Name          string `json:"name" minLength:"1" maxLength:"200" doc:"What it is for, for its owner"`
		ExpiresInDays int    `json:"expiresInDays,omitempty" minimum:"1" maximum:"365" default:"90"`
	}
}

// view is a key as the API shows it.
type view struct {
	ID          id.APIKey  `json:"id" format:"uuid"`
	Name        string     `json:"name"`
	Prefix      string     `json:"prefix" doc:"How the key begins"`
	Scope       string     `json:"scope" enum:"data:read" doc:"What it may do: read balances, holdings, history and transactions"`
	CreatedAt   time.Time  `json:"createdAt"`
	ExpiresAt   time.Time  `json:"expiresAt"`
	LastUsedAt  *time.Time `json:"lastUsedAt" doc:"To the minute"`
	LastAddress string     `json:"lastAddress" doc:"IP address of the last use, or empty"`
}

func viewOf(k Key) view {
	return view{
		ID: k.ID, Name: k.Name, Prefix: k.Hint, Scope: "data:read", CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt,
		LastUsedAt: k.LastUsedAt, LastAddress: k.LastAddress,
	}
}

type madeOut struct {
	Body struct {
		Key    string `json:"key" doc:"Shown this once; sent as Authorization: Bearer"`
		APIKey view   `json:"apiKey"`
	}
}

// Listing is somebody's keys.
type Listing struct {
	Keys    []view `json:"keys"`
	Allowed bool   `json:"allowed" doc:"Whether the plan includes API keys; without, none of them works"`
}

type listOut struct{ Body Listing }

type oneIn struct {
	ID id.APIKey `path:"id"`
}

// Operations declares how keys are managed.
func (s *Service) Operations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/keys", Summary: "Make an API key", Tag: "keys", Status: 201,
		Description: "For plans with API access. The key is in this answer and nowhere else. It reads the operations marked x-flint-keys.",
		Needs:       access.To(access.APIAccess), Assurance: access.StepUp{Within: 10 * time.Minute, Factor: true}, Limit: "write", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *makeIn) (*madeOut, error) {
		k, secret, err := s.Make(ctx, access.From(ctx), in.Body.Name, in.Body.ExpiresInDays)
		out := &madeOut{}
		out.Body.Key, out.Body.APIKey = secret.Reveal(), viewOf(k)
		return out, err
	})
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/keys", Summary: "List your API keys", Tag: "keys",
		Needs: access.SignedIn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (*listOut, error) {
		list, err := s.Listing(ctx, access.From(ctx))
		return &listOut{list}, err
	})
	web.Handle(api, web.Op{
		Method: "DELETE", Path: "/api/keys/{id}", Summary: "Remove an API key", Tag: "keys",
		Needs: access.SignedIn, Limit: "write",
	}, func(ctx context.Context, in *oneIn) (*struct{}, error) {
		return nil, s.Revoke(ctx, access.From(ctx), in.ID)
	})
}

// Listing answers GET /api/keys.
func (s *Service) Listing(ctx context.Context, actor access.Actor) (Listing, error) {
	keys, err := s.List(ctx, actor)
	out := Listing{Keys: []view{}, Allowed: access.RoleOf(actor).Has(access.APIAccess)}
	for _, k := range keys {
		out.Keys = append(out.Keys, viewOf(k))
	}
	return out, err
}
