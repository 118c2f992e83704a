package app

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
)

// Version returns the version of the module, or the commit it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "development"
}

type about struct {
	Body struct {
		Name      string     `json:"name" doc:"Always Flint"`
		Version   string     `json:"version"`
		Demo      *demoInfo  `json:"demo" doc:"Present when this is the demo"`
		Teller    tellerInfo `json:"teller"`
		Snaptrade switchInfo `json:"snaptrade"`
	}
}

type demoInfo struct {
	InboxURL   string `json:"inboxUrl" doc:"Where the demo's mails arrive"`
	SandboxURL string `json:"sandboxUrl" doc:"Where the simulated world can be made to act"`
	Note       string `json:"note"`
}

type tellerInfo struct {
	Enabled       bool   `json:"enabled"`
	ConnectScript string `json:"connectScript" doc:"Address of the widget's script"`
}

type switchInfo struct {
	Enabled bool `json:"enabled"`
}

// ErrNotReady is the fault of a node that shouldn't be sent requests.
var ErrNotReady = fault.New(fault.Unavailable, "not_ready", "This node can't reach its database.")

// mountOwn declares the operations that belong to no feature.
func mountOwn(s *web.Server, cfg Config, pool *pgxpool.Pool) {
	web.Handle(s, web.Op{
		Method: "GET", Path: "/api/app", Summary: "Say what this Flint is and can do", Tag: "app",
		Needs: access.Public, Limit: "public",
	}, func(context.Context, *struct{}) (*about, error) {
		out := &about{}
		out.Body.Name, out.Body.Version = "Flint", Version()
		out.Body.Teller = tellerInfo{cfg.Teller.Enabled(), cfg.Teller.ConnectScript}
		out.Body.Snaptrade = switchInfo{cfg.Snaptrade.Enabled()}
		if u := cfg.Demo.SandboxURL; u != "" {
			out.Body.Demo = &demoInfo{InboxURL: u + "/inbox", SandboxURL: u, Note: "Demo data. Nothing leaves this machine."}
		}
		return out, nil
	})

	type token struct {
		Body struct {
			Token string `json:"csrfToken" doc:"Nothing looks at it"`
		}
	}
	web.Handle(s, web.Op{
		Method: "GET", Path: "/api/csrf-token", Summary: "Please clients that still ask for a token", Tag: "app",
		Description: "Where a request comes from is checked by what the browser says, so there is no token to fetch. Older clients ask for one " +
			"and send it as x-csrf-token: they may, and it changes nothing.",
		Needs: access.Public, Limit: "public",
	}, func(context.Context, *struct{}) (*token, error) {
		out := &token{}
		out.Body.Token = "origin-checked"
		return out, nil
	})

	type health struct {
		Body struct {
			Status string `json:"status"`
		}
	}
	web.Handle(s, web.Op{
		Method: "GET", Path: "/api/health/live", Summary: "Say that the process runs", Tag: "health",
		Needs: access.Public, Limit: "none",
	}, func(context.Context, *struct{}) (*health, error) {
		out := &health{}
		out.Body.Status = "alive"
		return out, nil
	})
	web.Handle(s, web.Op{
		Method: "GET", Path: "/api/health/ready", Summary: "Say whether this node can serve", Tag: "health",
		Description: "Asks the database, for two seconds at most: slow is not down.",
		Needs:       access.Public, Limit: "none",
	}, func(ctx context.Context, _ *struct{}) (*health, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		if _, err := postgres.Scalar[int](ctx, pool, `select 1`, nil); err != nil {
			return nil, fault.Because(ErrNotReady, err)
		}
		out := &health{}
		out.Body.Status = "ready"
		return out, nil
	})
}
