package connection

import (
	"context"
	"time"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/web"
)

const tag = "connections"

// Operations declares the operations of connections.
func (s *Service) Operations(server *web.Server) {
	web.Handle(server, web.Op{
		Method: "GET", Path: "/api/connections", ID: "list-connections", Summary: "List linked institutions", Tag: tag,
		Needs: access.ViewOwn, Limit: "data", Support: true,
	}, s.handleList)
	web.Handle(server, web.Op{
		Method: "GET", Path: "/api/connections/{id}", ID: "get-connection", Summary: "Show a linked institution and its newest syncs", Tag: tag,
		Needs: access.ViewOwn, Limit: "data", Support: true,
	}, s.handleGet)
	web.Handle(server, web.Op{
		Method: "GET", Path: "/api/connections/{id}/runs", ID: "list-connection-runs", Summary: "List the newest syncs of a linked institution", Tag: tag,
		Needs: access.ViewOwn, Limit: "data", Support: true,
	}, s.handleRuns)
	web.Handle(server, web.Op{
		Method: "POST", Path: "/api/connections/teller/start", ID: "start-teller", Summary: "Begin connecting a bank", Tag: tag,
		Description: "Answers what Teller's widget needs. The attempt is good for 30 minutes and for one use. " +
			"With `reconnect`, the connection of that id is repaired instead.",
		Needs: access.ManageOwn, Limit: "connect",
	}, s.handleStartTeller)
	web.Handle(server, web.Op{
		Method: "POST", Path: "/api/connections/teller", ID: "finish-teller", Summary: "Link the bank that the widget came back with", Tag: tag,
		Needs: access.ManageOwn, Limit: "write", Status: 201, // spends an attempt, which was counted when it began
	}, s.handleFinishTeller)
	web.Handle(server, web.Op{
		Method: "POST", Path: "/api/connections/snaptrade/start", ID: "start-snaptrade", Summary: "Begin connecting a brokerage or a crypto exchange", Tag: tag,
		Description: "Answers where to send the browser. The portal returns to `/connect/return/{attempt}`.",
		Needs:       access.ManageOwn, Limit: "connect",
	}, s.handleStartSnapTrade)
	web.Handle(server, web.Op{
		Method: "POST", Path: "/api/connections/snaptrade", ID: "finish-snaptrade", Summary: "Link what the portal came back with", Tag: tag,
		Needs: access.ManageOwn, Limit: "write", Status: 201, // spends an attempt, which was counted when it began
	}, s.handleFinishSnapTrade)
	web.Handle(server, web.Op{
		Method: "POST", Path: "/api/connections/{id}/refresh", ID: "refresh-connection", Summary: "Sync a linked institution now", Tag: tag,
		Needs: access.ManageOwn, Limit: "connect", Status: 202,
	}, s.handleRefresh)
	web.Handle(server, web.Op{
		Method: "DELETE", Path: "/api/connections/{id}", ID: "remove-connection", Summary: "Remove a linked institution", Tag: tag,
		Needs: access.ManageOwn, Limit: "write", Status: 204,
	}, s.handleRemove)
}

// view is a connection in JSON.
type view struct {
	ID              id.Connection `json:"id" format:"uuid"`
	Provider        string        `json:"provider" enum:"teller,snaptrade"`
	Kind            Kind          `json:"kind" enum:"bank,brokerage,crypto"`
	InstitutionID   string        `json:"institutionId"`
	InstitutionName string        `json:"institutionName"`
	Access          string        `json:"access" enum:"read,trade"`
	Status          Status        `json:"status" enum:"pending,healthy,degraded,reauth,disconnected,quarantined"`
	StatusReason    string        `json:"statusReason"`
	Message         string        `json:"message" doc:"One sentence for people; empty when all is well"`
	Action          Action        `json:"action" enum:"none,reconnect,wait,retry"`
	Accounts        int           `json:"accounts"`
	LastSyncedAt    *time.Time    `json:"lastSyncedAt" doc:"Null before the first sync succeeded"`
	NextSyncAt      *time.Time    `json:"nextSyncAt"`
	Syncing         bool          `json:"syncing"`
	CreatedAt       time.Time     `json:"createdAt"`
}

func (s *Service) view(l Line) view {
	message, action := l.Explain()
	return view{
		ID: l.ID, Provider: l.Provider, Kind: l.Kind, InstitutionID: l.InstitutionID, InstitutionName: l.InstitutionName,
		Access: l.Access, Status: l.Status, StatusReason: l.StatusReason, Message: message, Action: action,
		Accounts: l.Accounts, LastSyncedAt: l.LastSuccessAt, NextSyncAt: l.NextSyncAt,
		Syncing: l.LeaseUntil != nil && l.LeaseUntil.After(s.now()), CreatedAt: l.CreatedAt,
	}
}

// runView is a sync in JSON.
type runView struct {
	ID         id.Run     `json:"id" format:"uuid"`
	Trigger    string     `json:"trigger" enum:"link,webhook,schedule,person,requeue"`
	StartedAt  time.Time  `json:"startedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
	Outcome    *string    `json:"outcome" enum:"succeeded,failed,superseded" doc:"Null while it runs"`
	Phase      string     `json:"phase"`
	Accounts   int        `json:"accounts"`
	Fetched    int        `json:"fetched"`
	Added      int        `json:"added"`
	Updated    int        `json:"updated"`
	Superseded int        `json:"superseded"`
	Removed    int        `json:"removed"`
	Positions  int        `json:"positions"`
	APICalls   int        `json:"apiCalls"`
	ErrorClass *string    `json:"errorClass"`
	Message    string     `json:"message" doc:"One sentence for people; empty when it went well"`
}

func runViews(runs []Run, institution string) []runView {
	out := make([]runView, len(runs))
	for i, r := range runs {
		out[i] = runView{
			ID: r.ID, Trigger: r.Trigger, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, Outcome: r.Outcome, Phase: r.Phase,
			Accounts: r.Accounts, Fetched: r.Fetched, Added: r.Added, Updated: r.Updated, Superseded: r.Superseded,
			Removed: r.Removed, Positions: r.Positions, APICalls: r.APICalls, ErrorClass: r.ErrorClass,
		}
		switch {
		case r.ErrorClass == nil:
		case *r.ErrorClass == "reauth":
			out[i].Message = explainReauth("", institution)
		default:
			out[i].Message = explainError(*r.ErrorClass, institution)
		}
	}
	return out
}

type listed struct {
	Body struct {
		Connections []view `json:"connections"`
		Limit       *int   `json:"limit" doc:"What the plan allows; null: no limit"`
		Used        int    `json:"used"`
	}
}

func (s *Service) handleList(ctx context.Context, _ *struct{}) (*listed, error) {
	l, err := s.List(ctx, access.From(ctx))
	if err != nil {
		return nil, err
	}
	out := &listed{}
	out.Body.Connections = make([]view, len(l.Connections))
	for i, line := range l.Connections {
		out.Body.Connections[i] = s.view(line)
	}
	if l.Limit != access.Unlimited {
		out.Body.Limit = &l.Limit
	}
	out.Body.Used = l.Used
	return out, nil
}

type one struct {
	ID id.Connection `path:"id" format:"uuid"`
}

// View is view by a name that the description of the API can see: it passes over
// what isn't exported.
type View = view

type detail struct {
	Body struct {
		View
		Runs []runView `json:"runs"`
	}
}

func (s *Service) handleGet(ctx context.Context, in *one) (*detail, error) {
	line, err := s.Get(ctx, access.From(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	runs, err := s.Runs(ctx, access.From(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &detail{}
	out.Body.View, out.Body.Runs = s.view(line), runViews(runs, line.InstitutionName)
	return out, nil
}

type runsOut struct {
	Body struct {
		Runs []runView `json:"runs"`
	}
}

func (s *Service) handleRuns(ctx context.Context, in *one) (*runsOut, error) {
	line, err := s.Get(ctx, access.From(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	runs, err := s.Runs(ctx, access.From(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &runsOut{}
	out.Body.Runs = runViews(runs, line.InstitutionName)
	return out, nil
}

type startTeller struct {
	Body struct {
		Reconnect id.Connection `json:"reconnect,omitempty" required:"false" format:"uuid" doc:"Connection to repair"`
	}
}

type startedTeller struct {
	Body struct {
		Attempt       id.Attempt `json:"attempt" format:"uuid"`
		ApplicationID string     `json:"applicationId"`
		Environment   string     `json:"environment"`
		Nonce         string     `json:"nonce"`
		ScriptURL     string     `json:"scriptUrl"`
		EnrollmentID  string     `json:"enrollmentId,omitempty" doc:"To repair a connection; absent for a new one"`
		Products      []string   `json:"products"`
	}
}

func (s *Service) handleStartTeller(ctx context.Context, in *startTeller) (*startedTeller, error) {
	start, err := s.StartTeller(ctx, access.From(ctx), in.Body.Reconnect)
	if err != nil {
		return nil, err
	}
	out := &startedTeller{}
	b := &out.Body
	b.Attempt, b.ApplicationID, b.Environment, b.Nonce = start.Attempt, start.ApplicationID, start.Environment, start.Nonce
	b.ScriptURL, b.EnrollmentID, b.Products = start.ScriptURL, start.EnrollmentID, start.Products
	return out, nil
}

type finishTeller struct {
	Body struct {
		Attempt      id.Attempt `json:"attempt" format:"uuid"`
		AccessToken  string     `json:"accessToken" minLength:"1" maxLength:"200"`
		UserID       string     `json:"userId" maxLength:"100"`
		EnrollmentID string     `json:"enrollmentId" minLength:"1" maxLength:"100"`
		Institution  struct {
			ID   string `json:"id,omitempty" maxLength:"100"`
			Name string `json:"name,omitempty" maxLength:"200"`
		} `json:"institution"`
		Signatures []string `json:"signatures,omitempty" maxItems:"8"`
	}
}

type linked struct {
	Body view
}

func (s *Service) handleFinishTeller(ctx context.Context, in *finishTeller) (*linked, error) {
	c, err := s.FinishTeller(ctx, access.From(ctx), TellerEnrollment{
		Attempt: in.Body.Attempt, Token: config.NewSecret(in.Body.AccessToken), UserID: in.Body.UserID,
		EnrollmentID: in.Body.EnrollmentID, InstitutionName: in.Body.Institution.Name, Signatures: in.Body.Signatures,
	})
	return s.answer(ctx, c, err)
}

func (s *Service) answer(ctx context.Context, c Connection, err error) (*linked, error) {
	if err != nil {
		return nil, err
	}
	line, err := s.Get(ctx, access.From(ctx), c.ID)
	if err != nil {
		return nil, err
	}
	return &linked{s.view(line)}, nil
}

type startSnapTrade struct {
	Body struct {
		Kind      Kind          `json:"kind" enum:"brokerage,crypto"`
		Broker    string        `json:"broker,omitempty" maxLength:"60" pattern:"^[A-Z0-9_-]*$" doc:"SnapTrade's name of the brokerage; without it the person picks"`
		Reconnect id.Connection `json:"reconnect,omitempty" required:"false" format:"uuid" doc:"Connection to repair"`
	}
}

type startedSnapTrade struct {
	Body struct {
		Attempt     id.Attempt `json:"attempt" format:"uuid"`
		RedirectURL string     `json:"redirectUrl" doc:"Good for five minutes, and for this person alone"`
	}
}

func (s *Service) handleStartSnapTrade(ctx context.Context, in *startSnapTrade) (*startedSnapTrade, error) {
	start, err := s.StartSnapTrade(ctx, access.From(ctx), in.Body.Broker, in.Body.Reconnect)
	if err != nil {
		return nil, err
	}
	out := &startedSnapTrade{}
	out.Body.Attempt, out.Body.RedirectURL = start.Attempt, start.Redirect.Reveal()
	return out, nil
}

type finishSnapTrade struct {
	Body struct {
		Attempt         id.Attempt `json:"attempt" format:"uuid"`
		AuthorizationID string     `json:"authorizationId" maxLength:"36"`
	}
}

func (s *Service) handleFinishSnapTrade(ctx context.Context, in *finishSnapTrade) (*linked, error) {
	c, err := s.FinishSnapTrade(ctx, access.From(ctx), in.Body.Attempt, in.Body.AuthorizationID)
	return s.answer(ctx, c, err)
}

type refreshed struct {
	Body struct {
		Queued  bool   `json:"queued"`
		Message string `json:"message"`
	}
}

func (s *Service) handleRefresh(ctx context.Context, in *one) (*refreshed, error) {
	if err := s.Refresh(ctx, access.From(ctx), in.ID); err != nil {
		return nil, err
	}
	out := &refreshed{}
	out.Body.Queued, out.Body.Message = true, "A sync is on its way."
	return out, nil
}

type removal struct {
	ID      id.Connection `path:"id" format:"uuid"`
	History string        `query:"history" enum:"keep,delete" default:"keep" doc:"What becomes of the accounts' history"`
}

func (s *Service) handleRemove(ctx context.Context, in *removal) (*struct{}, error) {
	if in.History != "keep" && in.History != "delete" {
		return nil, fault.BadField("query.history", "Choose keep or delete.")
	}
	return &struct{}{}, s.Remove(ctx, access.From(ctx), in.ID, in.History == "keep")
}
