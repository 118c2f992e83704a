package snaptrade

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flint/sandbox/look"
)

//go:embed pages
var pages embed.FS

//go:embed pages/portal.js
var portalJS []byte

// The portal's pages, in the order one sees them.
type views struct{ brokers, login, confirm, done *template.Template }

func parseViews() views {
	page := func(name string) *template.Template {
		return look.Parse(pages, "pages/leave.html", "pages/"+name+".html")
	}
	return views{page("brokers"), page("login"), page("confirm"), page("done")}
}

// visitLife is how long a visit lasts once its link has been opened.
const visitLife = 30 * time.Minute

// Pages is the Connection Portal, mounted at /snaptrade/. A link made by POST
// /snapTrade/login is opened once, within five minutes; its visit then goes
// list of institutions (unless the link names one), sign-in, accounts, done.
//
// At the end the browser is sent to the link's customRedirect with the outcome
// in its query, or, inside a frame, the outcome is posted to the parent window.
func (s *API) Pages() http.Handler {
	mux := http.NewServeMux()
	v := parseViews()
	mux.HandleFunc("GET /snaptrade/portal.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(portalJS)
	})
	mux.HandleFunc("GET /snaptrade/logo/{file}", logo)
	mux.HandleFunc("GET /snaptrade/portal/redeem", s.redeem(v))
	step := func(pattern string, h func(w http.ResponseWriter, r *http.Request, visit session)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
			visit, ok := s.visiting(r.PathValue("visit"))
			if !ok {
				s.expired(w, v)
				return
			}
			if visit.Result != "" && !strings.HasSuffix(r.URL.Path, "/done") {
				http.Redirect(w, r, base(visit)+"/done", http.StatusSeeOther)
				return
			}
			h(w, r, visit)
		})
	}
	step("GET /snaptrade/portal/{visit}", func(w http.ResponseWriter, r *http.Request, visit session) { s.showBrokers(w, r, v, visit) })
	step("GET /snaptrade/portal/{visit}/broker/{slug}", s.pickBroker)
	step("GET /snaptrade/portal/{visit}/login", func(w http.ResponseWriter, _ *http.Request, visit session) {
		s.showLogin(w, v, visit, "")
	})
	step("POST /snaptrade/portal/{visit}/login", func(w http.ResponseWriter, r *http.Request, visit session) { s.signIn(w, r, v, visit) })
	step("GET /snaptrade/portal/{visit}/confirm", func(w http.ResponseWriter, _ *http.Request, visit session) { s.showAccounts(w, v, visit) })
	step("POST /snaptrade/portal/{visit}/confirm", func(w http.ResponseWriter, r *http.Request, visit session) { s.confirm(w, r, v, visit) })
	step("GET /snaptrade/portal/{visit}/leave", func(w http.ResponseWriter, _ *http.Request, visit session) { s.leave(w, v, visit) })
	step("GET /snaptrade/portal/{visit}/done", func(w http.ResponseWriter, _ *http.Request, visit session) { s.showDone(w, v, visit) })
	return mux
}

func base(v session) string { return "/snaptrade/portal/" + v.ID }

// app is how the portal calls whoever asks for access.
const app = "Flint"

func (s *API) redeem(v views) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("token")
		now := s.now()
		var visit session
		err := s.state.Write(func(rec *records) error {
			for _, got := range rec.Sessions {
				if token != "" && got.Token == token && now.Before(got.Expires) {
					got.Token, got.Expires = "", now.Add(visitLife)
					visit = *got
					return nil
				}
			}
			return errNotFound
		})
		if err != nil {
			s.expired(w, v)
			return
		}
		to := base(visit)
		if visit.Broker != "" {
			to += "/login"
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// visiting finds a visit that is going on.
func (s *API) visiting(id string) (session, bool) {
	var out session
	ok := false
	now := s.now()
	s.state.Read(func(rec *records) {
		if v := rec.Sessions[id]; v != nil && v.Token == "" && now.Before(v.Expires) {
			out, ok = *v, true
		}
	})
	return out, ok
}

// remember changes a visit.
func (s *API) remember(visit session, fn func(v *session)) error {
	return s.state.Write(func(rec *records) error {
		v := rec.Sessions[visit.ID]
		if v == nil {
			return errNotFound
		}
		fn(v)
		return nil
	})
}

// view is what the pages show.
type view struct {
	App, Base, Query, Error, Login, Scenario string
	Close, Fixed, Trade                      bool
	Reconnect                                string
	Brokers                                  []broker
	Broker                                   broker
	Scenarios                                []string
	Accounts                                 []found
}

type found struct{ Name, Type, Number string }

func (s *API) view(v session) view {
	out := view{App: app, Base: base(v), Close: v.Close, Fixed: v.Fixed, Reconnect: v.Reconnect, Login: v.Login, Scenario: v.Scenario}
	out.Broker, _ = brokerOf(v.Broker)
	out.Trade = v.Type == "trade" || v.Type == "trade-if-available" && out.Broker.Trades
	if out.Broker.Slug == sandboxBroker {
		out.Scenarios = scenarios
	}
	return out
}

func render(w http.ResponseWriter, status int, t *template.Template, title string, data any) {
	look.Render(w, status, t, look.Page{Title: title, Script: "/snaptrade/portal.js", Bare: true, Embed: "*", Data: data})
}

func (s *API) showBrokers(w http.ResponseWriter, r *http.Request, v views, visit session) {
	data := s.view(visit)
	data.Query = r.URL.Query().Get("q")
	for _, b := range brokers {
		if strings.Contains(strings.ToLower(b.Name), strings.ToLower(strings.TrimSpace(data.Query))) && (visit.Type != "trade" || b.Trades) {
			data.Brokers = append(data.Brokers, b)
		}
	}
	render(w, http.StatusOK, v.brokers, "Choose your institution", data)
}

func (s *API) pickBroker(w http.ResponseWriter, r *http.Request, visit session) {
	b, ok := brokerOf(r.PathValue("slug"))
	if !ok || visit.Fixed && b.Slug != visit.Broker {
		http.Redirect(w, r, base(visit), http.StatusSeeOther)
		return
	}
	if err := s.remember(visit, func(v *session) { v.Broker, v.Login, v.Scenario = b.Slug, "", "" }); err != nil {
		http.Error(w, "the visit could not be kept", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, base(visit)+"/login", http.StatusSeeOther)
}

func (s *API) showLogin(w http.ResponseWriter, v views, visit session, problem string) {
	data := s.view(visit)
	if data.Broker.Slug == "" {
		s.expired(w, v)
		return
	}
	if data.Login == "" {
		data.Login = "demo"
		if c, err := s.find(visit.User, visit.Reconnect); err == nil {
			data.Login = c.Login
		}
	}
	data.Error = problem
	render(w, http.StatusOK, v.login, "Sign in at "+data.Broker.Name, data)
}

// signIn checks the credentials, as far as they can be wrong here, and shows
// the form again when they are.
func (s *API) signIn(w http.ResponseWriter, r *http.Request, v views, visit session) {
	login, scenario := normal(r.PostFormValue("username")), r.PostFormValue("scenario")
	if visit.Broker != sandboxBroker || !slices.Contains(scenarios, scenario) {
		scenario = ""
	}
	visit.Login, visit.Scenario = login, scenario
	result, problem := "", ""
	switch {
	case login == "" || len(login) > 60 || r.PostFormValue("password") == "":
		problem = "Enter a user name and a password."
	case strings.EqualFold(r.PostFormValue("password"), "wrong"), scenario == invalidCredentials:
		result, problem = "INVALID_CREDENTIALS", "The user name or password is not right. (1066)"
	case scenario == accountLocked:
		result, problem = "INVALID_CREDENTIALS", "This account is locked. Unlock it at the broker, then try again. (1066)"
	case scenario == rateLimited:
		result, problem = "UNCAUGHT_ERROR", "The broker asks to wait a little. Try again in a minute. (3000)"
	case s.differs(visit):
		result, problem = "DIFFERENT_ACCOUNT", "This is another account than the one that was connected. Use the same user name. (1023)"
	}
	if result != "" {
		s.tell(event{User: visit.User, Type: "CONNECTION_ATTEMPTED", Broker: visit.Broker, Result: result})
	}
	if problem != "" {
		s.showLogin(w, v, visit, problem)
		return
	}
	if err := s.remember(visit, func(v *session) { v.Login, v.Scenario = login, scenario }); err != nil {
		s.expired(w, v)
		return
	}
	http.Redirect(w, r, base(visit)+"/confirm", http.StatusSeeOther)
}

// differs reports whether a visit that repairs a connection comes with another
// login.
func (s *API) differs(visit session) bool {
	if visit.Reconnect == "" {
		return false
	}
	c, err := s.find(visit.User, visit.Reconnect)
	return err != nil || c.Login != visit.Login
}

func (s *API) showAccounts(w http.ResponseWriter, v views, visit session) {
	if visit.Login == "" {
		s.showLogin(w, v, visit, "")
		return
	}
	data := s.view(visit)
	for _, a := range (connection{Broker: visit.Broker, Login: visit.Login, Scenario: visit.Scenario}).accounts() {
		data.Accounts = append(data.Accounts, found{a.Opening.Name, a.Opening.Type, s.number(a)})
	}
	render(w, http.StatusOK, v.confirm, "Accounts at "+data.Broker.Name, data)
}

func (s *API) confirm(w http.ResponseWriter, r *http.Request, v views, visit session) {
	if visit.Login == "" {
		s.expired(w, v)
		return
	}
	c, err := s.connect(visit.User, visit.Broker, visit.Login, visit.Scenario, visit.Type)
	if err != nil {
		s.failed(w, v, visit, err)
		return
	}
	if err := s.remember(visit, func(v *session) { v.Result = c.ID }); err != nil {
		s.expired(w, v)
		return
	}
	http.Redirect(w, r, base(visit)+"/done", http.StatusSeeOther)
}

// outcome is what the last page shows, and how it tells the client program.
type outcome struct {
	Good, Immediate                bool
	Heading, Text, Action, Message string
	Redirect                       template.URL // an app may use a scheme of its own; login refused the harmful ones
}

// back is the client's address with the outcome in its query; pairs are names
// and values, in SnapTrade's order.
func back(visit session, pairs ...string) template.URL {
	if visit.Redirect == "" {
		return ""
	}
	joint := "?"
	if strings.Contains(visit.Redirect, "?") {
		joint = "&"
	}
	to := visit.Redirect
	for i := 0; i < len(pairs); i += 2 {
		to += joint + pairs[i] + "=" + url.QueryEscape(pairs[i+1])
		joint = "&"
	}
	return template.URL(to)
}

func (s *API) showDone(w http.ResponseWriter, v views, visit session) {
	b, _ := brokerOf(visit.Broker)
	message, _ := json.Marshal(map[string]string{"status": "SUCCESS", "authorizationId": visit.Result}) // two strings
	render(w, http.StatusOK, v.done, "Connected", outcome{
		Good: true, Immediate: visit.Immediate, Heading: b.Name + " is connected", Text: "Your accounts will appear in a moment.",
		Action: "Back to " + app, Redirect: back(visit, "status", "SUCCESS", "connection_id", visit.Result), Message: string(message),
	})
}

func (s *API) leave(w http.ResponseWriter, v views, visit session) {
	render(w, http.StatusOK, v.done, "Left", outcome{
		Immediate: true, Heading: "Nothing was connected", Text: "You left before the end.", Action: "Back to " + app,
		Redirect: back(visit, "status", "ABANDONED"), Message: "ABANDONED",
	})
}

func (s *API) failed(w http.ResponseWriter, v views, visit session, err error) {
	var f *failure
	if !errors.As(err, &f) {
		f = errUnexpected
	}
	s.tell(event{User: visit.User, Type: "CONNECTION_FAILED"})
	message, _ := json.Marshal(map[string]string{ // strings only
		"status": "ERROR", "errorCode": f.Code, "statusCode": strconv.Itoa(f.Status), "detail": f.Detail,
	})
	render(w, http.StatusBadGateway, v.done, "Not connected", outcome{
		Heading: "That didn't work", Text: f.Detail, Action: "Back to " + app, Message: string(message),
		Redirect: back(visit, "status", "ERROR", "status_code", strconv.Itoa(f.Status), "error_code", f.Code),
	})
}

func (s *API) expired(w http.ResponseWriter, v views) {
	render(w, http.StatusGone, v.done, "Link expired", outcome{
		Heading: "This link has expired", Text: "A link works once, for five minutes. Go back and start again.",
		Message: `{"status":"ERROR","errorCode":"1006","statusCode":"400","detail":"No authorization in progress"}`,
	})
}

// logo draws a broker's initial on its colour.
func logo(w http.ResponseWriter, r *http.Request) {
	b, ok := brokerOf(strings.TrimSuffix(r.PathValue("file"), ".svg"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "max-age=86400")
	_, _ = fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36" width="36" height="36"><rect width="36" height="36" rx="18" fill="%s"/>`+
		`<text x="18" y="24" text-anchor="middle" font-family="system-ui,sans-serif" font-size="17" font-weight="700" fill="#fff">%s</text></svg>`, b.Colour, b.Name[:1])
}
