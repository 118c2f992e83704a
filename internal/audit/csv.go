package audit

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
)

// most is how many entries one file holds: the newest.
const most = 10_000

func (g *Log) fileOperation(api *web.Server) {
	web.Raw(api, web.Op{
		Method: "GET", Path: "/api/security/log.csv", Summary: "Download what happened to your account", Tag: "security",
		Description: "The newest 10,000 entries of the log as a table. The download is an entry itself.",
		Needs:       access.SignedIn, Limit: "write", Assurance: access.StepUp{Within: 10 * time.Minute}, Produce: "text/csv",
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		table, err := g.table(r.Context(), access.From(r.Context()))
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
		w.Header().Set("Content-Disposition", `attachment; filename="flint-security-log.csv"`)
		_, _ = w.Write([]byte(table)) // who has gone needs no more
	}))
}

// table records that actor takes their log away, and returns it.
func (g *Log) table(ctx context.Context, actor access.Actor) (string, error) {
	if err := postgres.InTx(ctx, g.pool, func(tx pgx.Tx) error {
		return Record(ctx, tx, g.now().UTC(), Entry{Actor: actor, Subject: actor.User, Verb: "log.export"})
	}); err != nil {
		return "", err
	}
	var text strings.Builder
	out := csv.NewWriter(&text)
	_ = out.Write([]string{"time", "event", "title", "detail", "area", "by", "device", "address", "country"}) // to memory
	var before id.Entry
	for n := 0; n < most; {
		lines, err := ListFor(ctx, g.pool, actor.User, Page{Before: before, Limit: 200, Verbs: verbsOf("")})
		if err != nil {
			return "", err
		}
		for _, l := range lines {
			_ = out.Write(g.cells(g.eventOf(l)))
			before = l.ID
		}
		if n += len(lines); len(lines) < 200 {
			break
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return "", fmt.Errorf("write the log: %w", err)
	}
	return text.String(), nil
}

func (g *Log) cells(e event) []string {
	country := ""
	if e.Place != nil {
		country = e.Place.Country
	}
	cells := []string{e.At.UTC().Format(time.RFC3339), e.Event, e.Title, e.Detail, string(e.Area), e.By, e.Device, e.Address, country}
	for i, c := range cells {
		cells[i] = inert(c)
	}
	return cells
}

// inert returns s as a cell that no spreadsheet takes for a formula: a browser's
// name, for one, is whatever somebody sends.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n|%", rune(s[0])) {
		return "'" + s
	}
	return s
}
