package compliance

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/web"
)

type exportView struct {
	ID        id.Export  `json:"id" format:"uuid"`
	Status    string     `json:"status" enum:"making,ready,expired,failed" doc:"failed: it is too large"`
	AskedAt   time.Time  `json:"askedAt"`
	ExpiresAt *time.Time `json:"expiresAt" doc:"It can be downloaded until then"`
	Bytes     int64      `json:"bytes"`
}

func (s *Service) view(e Export) exportView {
	return exportView{ID: e.ID, Status: e.Status(s.now()), AskedAt: e.AskedAt, ExpiresAt: e.ExpiresAt, Bytes: e.Bytes}
}

type exportOut struct{ Body exportView }

type exportsOut struct {
	Body struct {
		Exports []exportView `json:"exports"`
	}
}

func (s *Service) exportOperations(api *web.Server) {
	proof := access.StepUp{Within: 10 * time.Minute, Factor: true}
	web.Handle(api, web.Op{
		Method: "POST", Path: "/api/privacy/export", Summary: "Ask for a copy of your data", Tag: "privacy", Status: 202,
		Description: "A zip of JSON and CSV files, made in the background, at most three a day.",
		Needs:       access.SignedIn, Assurance: proof, Limit: "write", MaxBody: 8 << 10,
	}, func(ctx context.Context, _ *struct{}) (*exportOut, error) {
		e, err := s.AskExport(ctx, access.From(ctx))
		return &exportOut{s.view(e)}, err
	})
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/privacy/export", Summary: "List the copies of your data of the last seven days", Tag: "privacy",
		Needs: access.SignedIn, Limit: "data",
	}, func(ctx context.Context, _ *struct{}) (*exportsOut, error) {
		list, err := s.Exports(ctx, access.From(ctx))
		out := &exportsOut{}
		out.Body.Exports = []exportView{}
		for _, e := range list {
			out.Body.Exports = append(out.Body.Exports, s.view(e))
		}
		return out, err
	})
	web.Raw(api, web.Op{
		Method: "GET", Path: "/api/privacy/export/{id}/download", Summary: "Download a copy of your data, within a day", Tag: "privacy",
		Needs: access.SignedIn, Assurance: proof, Limit: "write", Produce: "application/zip",
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		export, err := id.Parse[id.Export](r.PathValue("id"))
		if err != nil {
			web.Problem(w, r, fault.BadField("path.id", "must be an id"))
			return
		}
		archive, err := s.FetchExport(r.Context(), access.From(r.Context()), export)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Content-Disposition", `attachment; filename="flint-data.zip"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(archive)))
		_, _ = w.Write(archive) // who has gone asks for another
	}))
}
