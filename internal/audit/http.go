package audit

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/geo"
	"flint/internal/id"
	"flint/internal/platform/web"
)

// Log shows people what concerns them.
type Log struct {
	pool  *pgxpool.Pool
	atlas *geo.Atlas
	now   func() time.Time
}

// NewLog returns a Log of the entries in pool. Where an address is, atlas says
// when somebody reads; it isn't kept.
func NewLog(pool *pgxpool.Pool, atlas *geo.Atlas, now func() time.Time) *Log {
	return &Log{pool, atlas, now}
}

type logIn struct {
	Area   string   `query:"area" enum:"sign-in,account,connections,data" doc:"Only events of this kind"`
	Cursor id.Entry `query:"cursor" doc:"nextCursor of the page before"`
	Limit  int      `query:"limit" minimum:"1" maximum:"100" default:"50"`
}

// event is an entry as its subject may see it, built field by field.
type event struct {
	ID      id.Entry  `json:"id" format:"uuid"`
	At      time.Time `json:"at"`
	Event   string    `json:"event" doc:"For programs, such as session.start; new ones may come"`
	Title   string    `json:"title" doc:"For people, such as Signed in"`
	Detail  string    `json:"detail" doc:"A sentence more, or empty"`
	Area    Area      `json:"area" enum:"sign-in,account,connections,data"`
	By      string    `json:"by" enum:"you,flint,support,unknown" doc:"unknown: somebody who wasn't signed in"`
	Device  string    `json:"device" doc:"Such as Firefox on Linux; empty if there was none"`
	Address string    `json:"address" doc:"IP address it came from; empty if there was none"`

	Place *geo.Where `json:"place" doc:"Where that address is; null if that isn't known"`
}

// Listing is some entries as their subject may see them, the newest first.
type Listing struct {
	Entries    []event   `json:"entries"`
	NextCursor *id.Entry `json:"nextCursor" format:"uuid"`
}

type logOut struct{ Body Listing }

func (g *Log) eventOf(l Line) event {
	n := NameOf(l.Verb)
	e := event{
		ID: l.ID, At: l.At, Event: l.Verb, Title: n.Title, Detail: l.Says(), Area: n.Area, By: l.By(),
		Device: l.Device(), Address: l.Address,
	}
	switch l.Lost {
	case Erased:
		e.Detail = "What was personal here was erased."
	case Unreadable:
		e.Detail = "What was personal here can't be read."
	}
	if e.By == "support" { // where our own people sit is theirs
		e.Address, e.Device = "", ""
	}
	e.Place = g.atlas.Where(e.Address)
	return e
}

// Operations declares the person's security log.
func (g *Log) Operations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/security/log", Summary: "List what happened to your account", Tag: "security",
		Description: "Newest first. Every sign-in, refused attempt and change that concerns the person who asks, and nobody else's.",
		Needs:       access.SignedIn, Limit: "data",
	}, func(ctx context.Context, in *logIn) (*logOut, error) {
		list, err := g.Listing(ctx, access.From(ctx).User, Page{Before: in.Cursor, Limit: in.Limit, Verbs: verbsOf(Area(in.Area))})
		return &logOut{list}, err
	})
	g.fileOperation(api)
}

// Listing answers GET /api/security/log; a page without verbs is of all of them.
func (g *Log) Listing(ctx context.Context, user id.User, p Page) (Listing, error) {
	limit := p.Limit
	p.Limit++
	lines, err := ListFor(ctx, g.pool, user, p)
	if err != nil {
		return Listing{}, err
	}
	out := Listing{Entries: []event{}}
	for i, l := range lines {
		if i == limit { // one more than asked for: there is another page
			out.NextCursor = &lines[i-1].ID
			break
		}
		out.Entries = append(out.Entries, g.eventOf(l))
	}
	return out, nil
}
