package teller

import (
	"crypto/rand"
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"flint/sandbox/bank"
	"flint/sandbox/look"
)

//go:embed pages
var files embed.FS

// Limits of visits to Connect.
const (
	maxVisits = 1000
	visitLife = 30 * time.Minute
)

// visit is one person in front of Connect. It is forgotten after half an hour.
type visit struct {
	ID      string
	Expires time.Time
	Origin  string // of the page that opened it; empty when it stands alone
	Order   EnrollOrder
	Select  string // disabled, single or multiple
	Step    string // institution, login, contact, code, challenge, accounts, done
	Problem string
	Picked  bool // the opener chose the institution
	Made    Enrollment
}

type visits struct {
	mu   sync.Mutex
	open map[string]*visit
}

func newVisits() *visits { return &visits{open: map[string]*visit{}} }

// with lends a visit that hasn't expired; it reports whether there is one.
func (v *visits) with(id string, now time.Time, fn func(*visit)) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	found := v.open[id]
	if found == nil || found.Expires.Before(now) {
		return false
	}
	fn(found)
	return true
}

func (v *visits) add(one *visit, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, old := range v.open {
		if old.Expires.Before(now) {
			delete(v.open, id)
		}
	}
	if len(v.open) >= maxVisits {
		return false
	}
	one.ID, one.Expires = strings.ToLower(rand.Text()), now.Add(visitLife)
	v.open[one.ID] = one
	return true
}

// Pages is Connect, to be served on the site under /teller/:
//
//	GET  /teller/connect.js                  TellerConnect.setup for a page
//	GET  /teller/connect/{application}?…     the widget; begins a visit
//	GET  /teller/connect/visit/{visit}       where the visit stands
//	POST /teller/connect/visit/{visit}       the next step
func (a *API) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /teller/connect.js", script("pages/connect.js"))
	mux.HandleFunc("GET /teller/frame.js", script("pages/frame.js"))
	mux.HandleFunc("GET /teller/connect/{application}", a.arrive)
	mux.HandleFunc("GET /teller/connect/visit/{visit}", a.show)
	mux.HandleFunc("POST /teller/connect/visit/{visit}", a.step)
	return mux
}

func script(name string) http.HandlerFunc {
	data, err := files.ReadFile(name)
	if err != nil {
		panic("teller: " + err.Error()) // embedded: wrong only if the build is
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		_, _ = w.Write(data)
	}
}

// arrive begins a visit from the parameters that Teller's own widget takes.
func (a *API) arrive(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	v := &visit{
		Origin: origin(q.Get("origin")), Select: orDefault(q.Get("select_account"), "disabled"), Step: "institution",
		Order: EnrollOrder{
			Institution: q.Get("institution"), Environment: q.Get("environment"), Nonce: q.Get("nonce"),
			User: q.Get("user_id"), Enrollment: q.Get("enrollment_id"),
		},
	}
	if r.PathValue("application") != a.cfg.Application {
		a.refuse(w, v.Origin, "This application is not known here.")
		return
	}
	if !slices.Contains([]string{"disabled", "single", "multiple"}, v.Select) || !slices.Contains([]string{"", "sandbox", "development", "production"}, v.Order.Environment) {
		a.refuse(w, v.Origin, "The page that opened this asked for something unknown.")
		return
	}
	if v.Order.Enrollment != "" {
		e, err := a.snapshot(v.Order.Enrollment)
		if err != nil {
			a.refuse(w, v.Origin, "The connection to repair is not there any more.")
			return
		}
		v.Order.Institution, v.Order.Environment = e.Institution, e.Environment
	}
	if v.Order.Institution != "" {
		if _, ok := bank.FindInstitution(v.Order.Institution); !ok {
			a.refuse(w, v.Origin, "This bank is not known here.")
			return
		}
		v.Step, v.Picked = "login", true
	}
	if !a.visits.add(v, a.cfg.Clock.Now()) {
		a.refuse(w, v.Origin, "Too many people are connecting. Try again in a few minutes.")
		return
	}
	http.Redirect(w, r, "/teller/connect/visit/"+v.ID, http.StatusSeeOther)
}

// origin returns s if it is the origin of a page, else nothing.
func origin(s string) string {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || s != u.Scheme+"://"+u.Host || strings.ContainsAny(s, " ;,'\"*") {
		return ""
	}
	return s
}

// screen is what the widget's template gets.
type screen struct {
	*visit
	Query        string
	Institution  bank.Institution
	Institutions []bank.Institution
	Accounts     []bank.Account
	Message      string // JSON for the opener, when done
	Gone         string
}

var connectPages = look.Parse(files, "pages/connect.html")

func (a *API) refuse(w http.ResponseWriter, origin, why string) {
	look.Render(w, http.StatusBadRequest, connectPages, look.Page{
		Title: "Connect", Bare: true, Embed: origin, Script: "/teller/frame.js", Data: screen{visit: &visit{Origin: origin, Step: "gone"}, Gone: why},
	})
}

func (a *API) show(w http.ResponseWriter, r *http.Request) {
	var s screen
	found := a.visits.with(r.PathValue("visit"), a.cfg.Clock.Now(), func(v *visit) { c := *v; s.visit = &c })
	if !found {
		a.refuse(w, "", "This visit has expired. Close it and begin again.")
		return
	}
	s.Query = strings.TrimSpace(r.URL.Query().Get("q"))
	s.Institution, _ = bank.FindInstitution(s.Order.Institution)
	switch s.Step {
	case "institution":
		for _, i := range bank.Institutions() {
			if strings.Contains(strings.ToLower(i.Name), strings.ToLower(s.Query)) {
				s.Institutions = append(s.Institutions, i)
			}
		}
	case "accounts":
		s.Accounts = a.offered(s.Order.Institution, s.Order.Username)
	case "done":
		message, err := json.Marshal(map[string]any{"event": "success", "data": s.Made})
		if err != nil {
			http.Error(w, "the answer could not be written", http.StatusInternalServerError)
			return
		}
		s.Message = string(message)
	}
	look.Render(w, http.StatusOK, connectPages, look.Page{Title: "Connect", Bare: true, Embed: s.Origin, Script: "/teller/frame.js", Data: s})
}

func (a *API) step(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := r.ParseForm(); err != nil {
		a.refuse(w, "", "The form could not be read.")
		return
	}
	id := r.PathValue("visit")
	if !a.visits.with(id, a.cfg.Clock.Now(), func(v *visit) { a.advance(v, r.PostForm) }) {
		a.refuse(w, "", "This visit has expired. Close it and begin again.")
		return
	}
	http.Redirect(w, r, "/teller/connect/visit/"+id, http.StatusSeeOther)
}

// advance takes a visit one step further, or says what is wrong. A form that
// belongs to another step changes nothing.
func (a *API) advance(v *visit, form url.Values) {
	if v.Step == "done" || (form.Get("step") != v.Step && form.Get("step") != "back") {
		return
	}
	v.Problem = ""
	switch form.Get("step") {
	case "back":
		v.Step = "login"
		if !v.Picked {
			v.Step = "institution"
		}
	case "institution":
		if _, ok := bank.FindInstitution(form.Get("institution")); !ok {
			v.Problem = "Choose a bank from the list."
			return
		}
		v.Order.Institution, v.Step = form.Get("institution"), "login"
	case "login":
		a.login(v, strings.TrimSpace(form.Get("username")), form.Get("password"))
	case "contact":
		v.Step = "code"
	case "code":
		if strings.TrimSpace(form.Get("code")) != "0000" {
			v.Problem = "That code isn't right. In this simulation it is 0000."
			return
		}
		a.choice(v)
	case "challenge":
		if !strings.EqualFold(strings.TrimSpace(form.Get("answer")), "blue") {
			v.Problem = "That answer isn't right. In this simulation it is blue."
			return
		}
		a.choice(v)
	case "accounts":
		v.Order.Accounts = form["account"]
		if len(v.Order.Accounts) == 0 || (v.Select == "single" && len(v.Order.Accounts) != 1) {
			v.Problem = "Choose at least one account."
			return
		}
		a.finish(v)
	}
}

func (a *API) login(v *visit, username, password string) {
	if _, known := credentials(username); !known || password != "password" {
		v.Problem = "The bank doesn't know this user name and password. In this simulation they are username and password."
		return
	}
	v.Order.Username = username
	switch username {
	case "otp":
		v.Step = "contact"
	case "challenge":
		v.Step = "challenge"
	default:
		a.choice(v)
	}
}

// choice asks for accounts, where the opener wants that.
func (a *API) choice(v *visit) {
	if v.Select == "disabled" || v.Order.Enrollment != "" {
		a.finish(v)
		return
	}
	v.Step = "accounts"
}

func (a *API) finish(v *visit) {
	made, err := a.Enroll(v.Order)
	if err != nil {
		v.Problem = "The bank refused: " + err.Error() + "."
		return
	}
	v.Made, v.Step = made, "done"
}
