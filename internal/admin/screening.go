package admin

import (
	"context"
	"errors"
	"math"
	"time"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
	"flint/internal/screening"
)

// seeStaff is for who a decision or a hold was made by.
func seeStaff(ctx context.Context) context.Context {
	return postgres.AsSystem(ctx, "staff read who of them did something")
}

// Decide says whether somebody is whom a list names.
func (s *Service) Decide(ctx context.Context, actor access.Actor, is id.Screening, verdict, note string) (screening.Screening, error) {
	note, err := reason(note)
	if err != nil {
		return screening.Screening{}, fault.BadField("body.note", "must say why, in 3 to 500 characters on one line")
	}
	to := screening.Cleared
	if verdict == "confirm" {
		to = screening.Confirmed
	}
	return s.cfg.Screening.Decide(ctx, actor, is, to, note)
}

type screeningsIn struct {
	State  string       `query:"state" enum:"open,all" default:"open"`
	Cursor id.Screening `query:"cursor" doc:"nextCursor of the page before"`
	Limit  int          `query:"limit" minimum:"1" maximum:"100" default:"50"`
}

type screeningView struct {
	ID        id.Screening `json:"id" format:"uuid"`
	UserID    id.User      `json:"userId" format:"uuid"`
	Email     string       `json:"email"`
	Name      string       `json:"name" doc:"Who was compared: the person, or whom they want to pay"`
	Occasion  string       `json:"occasion" enum:"registration,transfer,list"`
	List      string       `json:"list"`
	Entry     string       `json:"entry" doc:"The name in the list that is alike"`
	EntryID   string       `json:"entryId" doc:"The entry's id in that list"`
	EntryName string       `json:"entryName" doc:"The entry's main name"`
	Born      string       `json:"born" doc:"The entry's, as far as it is known"`
	Countries []string     `json:"countries" doc:"The entry's"`
	Score     float64      `json:"score" doc:"How alike the names are, to 1"`
	State     string       `json:"state" enum:"open,cleared,confirmed"`
	CreatedAt time.Time    `json:"createdAt"`
	DecidedAt *time.Time   `json:"decidedAt"`
	DecidedBy *string      `json:"decidedBy" doc:"Address of one of the staff"`
	Note      string       `json:"note"`
}

type screeningsOut struct {
	Body struct {
		Screenings []screeningView `json:"screenings"`
		NextCursor *id.Screening   `json:"nextCursor" format:"uuid"`
	}
}

type decideIn struct {
	ID   id.Screening `path:"id"`
	Body struct {
		Verdict string `json:"verdict" enum:"clear,confirm"`
		Note    string `json:"note" minLength:"3" maxLength:"1000" doc:"Why; it is kept"`
	}
}

type screeningOut struct{ Body screeningView }

// names remembers addresses while a list is written.
type names map[id.User]string

func (s *Service) viewOfScreening(ctx context.Context, is screening.Screening, known names) (screeningView, error) {
	v := screeningView{
		ID: is.ID, UserID: is.User, Name: is.Name, Occasion: string(is.Occasion), List: is.Entry.List, Entry: is.Alike, EntryID: is.Entry.ID, EntryName: is.Entry.Name,
		Born: is.Entry.Born, Countries: is.Entry.Countries, Score: math.Round(is.Score*1000) / 1000, State: string(is.State),
		CreatedAt: is.CreatedAt, DecidedAt: is.DecidedAt, Note: is.Note,
	}
	if v.Countries == nil {
		v.Countries = []string{}
	}
	find := func(user id.User) (string, error) {
		if name, ok := known[user]; ok {
			return name, nil
		}
		name, err := s.nameOf(seeStaff(ctx), user)
		known[user] = name
		return name, err
	}
	var err, err2 error
	v.Email, err = find(is.User)
	if is.DecidedBy != nil {
		var by string
		if by, err2 = find(*is.DecidedBy); by != "" {
			v.DecidedBy = &by
		}
	}
	return v, errors.Join(err, err2)
}

func (s *Service) screeningOperations(api *web.Server) {
	list := look("/api/admin/screenings", "List who may be on a list of those whom one may not do business with")
	list.Description = "The person must not be told."
	web.Handle(api, list, func(ctx context.Context, in *screeningsIn) (*screeningsOut, error) {
		found, err := s.cfg.Screening.List(ctx, access.From(ctx), in.State == "all", in.Cursor, in.Limit+1)
		if err != nil {
			return nil, err
		}
		out, known := &screeningsOut{}, names{}
		out.Body.Screenings = []screeningView{}
		for i, is := range found {
			if i == in.Limit { // one more than asked for: there is another page
				out.Body.NextCursor = &found[i-1].ID
				break
			}
			v, err := s.viewOfScreening(ctx, is, known)
			if err != nil {
				return nil, err
			}
			out.Body.Screenings = append(out.Body.Screenings, v)
		}
		return out, nil
	})
	decide := act("/api/admin/screenings/{id}/decide", "Say whether somebody is whom a list names")
	decide.Status = 200
	decide.Description = "confirm: the person's orders and transfers are stopped until it is cleared. The person must not be told. It can be decided again the other way."
	web.Handle(api, decide, func(ctx context.Context, in *decideIn) (*screeningOut, error) {
		is, err := s.Decide(ctx, access.From(ctx), in.ID, in.Body.Verdict, in.Body.Note)
		if err != nil {
			return nil, err
		}
		v, err := s.viewOfScreening(ctx, is, names{})
		return &screeningOut{v}, err
	})
}
