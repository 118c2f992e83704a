package compliance

import (
	"context"
	"time"

	"flint/internal/access"
	"flint/internal/platform/web"
)

type askedView struct {
	Document        string     `json:"document" enum:"terms,privacy,general,trading,connect,data"`
	Version         string     `json:"version" doc:"The one in force"`
	Title           string     `json:"title"`
	Summary         string     `json:"summary"`
	URL             string     `json:"url" doc:"Where its text is"`
	Required        bool       `json:"required" doc:"To use Flint at all; the others are asked for where they matter"`
	AcceptedVersion *string    `json:"acceptedVersion" doc:"The latest that you accepted; null: none"`
	AcceptedAt      *time.Time `json:"acceptedAt"`
}

func viewOf(a Asked) askedView {
	v := askedView{Document: a.Name, Version: a.Version, Title: a.Title, Summary: a.Summary, URL: a.url(), Required: a.Required, AcceptedAt: a.AcceptedAt}
	if a.AcceptedAt != nil {
		v.AcceptedVersion = &a.AcceptedVersion
	}
	return v
}

type consentsOut struct {
	Body struct {
		Documents []askedView `json:"documents"`
	}
}

type acceptIn struct {
	Body struct {
		Document string `json:"document" enum:"terms,privacy,general,trading,connect,data"`
		Version  string `json:"version" minLength:"1" maxLength:"40" doc:"The one that you have read"`
	}
}

type acceptOut struct{ Body askedView }

type documentIn struct {
	Document string `path:"document" maxLength:"40"`
	Version  string `query:"version" maxLength:"40" doc:"An earlier one; default: the one in force"`
}

type documentOut struct {
	Body struct {
		Document string `json:"document"`
		Version  string `json:"version"`
		Title    string `json:"title"`
		Summary  string `json:"summary"`
		Required bool   `json:"required"`
		Digest   string `json:"sha256" doc:"Of the text, in hexadecimal"`
		Text     string `json:"text" doc:"Markdown"`
	}
}

func (s *Service) consentOperations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/privacy/consents", Summary: "List what you are asked to accept, and what you accepted", Tag: "privacy",
		Needs: access.SignedIn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (*consentsOut, error) {
		list, err := s.Consents(ctx, access.From(ctx))
		out := &consentsOut{}
		out.Body.Documents = []askedView{}
		for _, a := range list {
			out.Body.Documents = append(out.Body.Documents, viewOf(a))
		}
		return out, err
	})
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/privacy/consents", Summary: "Accept a text", Tag: "privacy", Status: 201,
		Description: "409 not_current if there is a newer version by now. To accept once more changes nothing.",
		Needs:       access.SignedIn, Limit: "write", MaxBody: 8 << 10,
	}, func(ctx context.Context, in *acceptIn) (*acceptOut, error) {
		a, err := s.Accept(ctx, access.From(ctx), in.Body.Document, in.Body.Version)
		return &acceptOut{viewOf(a)}, err
	})
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/privacy/documents/{document}", Summary: "Read the terms, the privacy notice or a disclaimer", Tag: "privacy",
		Needs: access.Public, Limit: "public",
	}, func(_ context.Context, in *documentIn) (*documentOut, error) {
		d, err := documentOf(in.Document, in.Version)
		if err != nil {
			return nil, err
		}
		out := &documentOut{}
		out.Body.Document, out.Body.Version, out.Body.Title, out.Body.Summary, out.Body.Required, out.Body.Digest = d.Name, d.Version, d.Title, d.Summary, d.Required, d.Digest
		out.Body.Text, err = d.Text()
		return out, err
	})
}
