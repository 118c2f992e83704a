package site

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"flint/sandbox/hook"
	"flint/sandbox/inbox"
	"flint/sandbox/look"
	"flint/sandbox/misbehave"
	"flint/sandbox/teller"
)

//go:embed pages assets
var files embed.FS

var (
	simulatePage   = look.Parse(files, "pages/simulate.html")
	accountsPage   = look.Parse(files, "pages/accounts.html")
	deliveriesPage = look.Parse(files, "pages/deliveries.html")
	inboxPage      = look.Parse(files, "pages/inbox.html")
	mailPage       = look.Parse(files, "pages/mail.html")
)

func (s *Site) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.simulate)
	mux.HandleFunc("POST /simulate", s.act)
	mux.HandleFunc("GET /accounts", func(w http.ResponseWriter, _ *http.Request) {
		look.Render(w, http.StatusOK, accountsPage, look.Page{Title: "Accounts", Wide: true, Data: board{Enrollments: s.cfg.Teller.Enrollments(), Brokers: s.brokers()}})
	})
	mux.HandleFunc("GET /deliveries", func(w http.ResponseWriter, _ *http.Request) {
		look.Render(w, http.StatusOK, deliveriesPage, look.Page{Title: "Webhooks", Wide: true, Data: s.cfg.Hooks.Outcomes()})
	})
	mux.HandleFunc("GET /inbox", func(w http.ResponseWriter, _ *http.Request) {
		look.Render(w, http.StatusOK, inboxPage, look.Page{Title: "Inbox", Script: "/assets/site.js", Data: s.cfg.Inbox.List("")})
	})
	mux.HandleFunc("GET /inbox/{id}", s.mail)
	mux.HandleFunc("GET /inbox/{id}/html", s.mailHTML)
	mux.HandleFunc("GET /assets/site.js", func(w http.ResponseWriter, _ *http.Request) {
		data, _ := files.ReadFile("assets/site.js") // embedded
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(data)
	})
}

// board is what the Simulate page shows.
type board struct {
	Note        string
	Today       string
	Seed        uint64
	Enrollments []teller.Truth
	Reasons     []string
	Behaviour   hook.Behaviour
	Orders      []misbehave.Order
	Deliveries  []hook.Outcome
	Mails       int
	Brokers     []brokerConnection
}

func (s *Site) simulate(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	note := s.note
	s.note = ""
	s.mu.Unlock()
	b := board{
		Note: note, Today: s.cfg.Clock.Today().String(), Seed: s.cfg.Seed, Enrollments: s.cfg.Teller.Enrollments(), Reasons: teller.Reasons(),
		Behaviour: s.cfg.Hooks.Behaviour(), Orders: s.cfg.Desk.Orders(), Deliveries: s.cfg.Hooks.Outcomes(),
		Mails: len(s.cfg.Inbox.List("")), Brokers: s.brokers(),
	}
	b.Deliveries = b.Deliveries[:min(8, len(b.Deliveries))]
	look.Render(w, http.StatusOK, simulatePage, look.Page{Title: "Simulate", Wide: true, Data: b})
}

// act carries out a form of the Simulate page and goes back to it.
func (s *Site) act(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	note, err := "", r.ParseForm()
	if err == nil {
		note, err = s.do(r)
	}
	if err != nil {
		note = "That didn't work: " + err.Error() + "."
	}
	s.mu.Lock()
	s.note = note
	s.mu.Unlock()
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// do returns a sentence on what was done.
func (s *Site) do(r *http.Request) (string, error) {
	t, form, id := s.cfg.Teller, r.PostForm, r.PostForm.Get("enrollment")
	switch form.Get("do") {
	case "purchase", "pending":
		return s.purchase(id, form)
	case "tip":
		_, err := t.PostPending(id, teller.SettleOrder{}, false)
		return "The newest pending purchase posted with a tip, under a new id.", err
	case "break":
		return "The bank broke the connection.", t.Disconnect(id, form.Get("reason"), false)
	case "repair":
		return "The connection works again.", t.Repair(id, false)
	case "buy", "sell":
		units := strings.TrimSpace(form.Get("units"))
		if form.Get("do") == "sell" {
			units = "-" + units
		}
		_, err := s.through(http.MethodPost, url.PathEscape(id)+"/trade-day", map[string]string{"symbol": strings.ToUpper(strings.TrimSpace(form.Get("symbol"))), "units": units})
		return "The broker carried out the trade.", err
	case "deposit":
		_, err := s.through(http.MethodPost, url.PathEscape(id)+"/deposit", map[string]string{"amount": strings.TrimSpace(form.Get("amount"))})
		return "Money arrived at the broker.", err
	case "disable":
		_, err := s.through(http.MethodPost, url.PathEscape(id)+"/disable", nil)
		return "The broker broke the connection.", err
	case "enable":
		_, err := s.through(http.MethodPost, url.PathEscape(id)+"/repair", nil)
		return "The connection works again.", err
	case "trouble":
		ms, _ := strconv.Atoi(form.Get("ms"))
		count, _ := strconv.Atoi(form.Get("count"))
		o := misbehave.Order{Provider: form.Get("provider"), Kind: misbehave.Kind(form.Get("kind")), Count: count, MS: cmp.Or(ms, 2000), RetryAfter: 2}
		return fmt.Sprintf("The next %d requests meet trouble.", count), s.cfg.Desk.Add(o)
	case "calm":
		s.cfg.Desk.Clear("")
		return "Everything answers properly again.", nil
	case "webhooks":
		b := hook.Behaviour{Reorder: form.Get("reorder") != "", Hold: form.Get("hold") != ""}
		if form.Get("duplicate") != "" {
			b.Duplicate = 1
		}
		return "Webhooks behave so from now on.", s.cfg.Hooks.Behave(b)
	case "flush":
		return fmt.Sprintf("%d webhooks were let go.", s.cfg.Hooks.Flush()), nil
	case "test":
		return "A test webhook is on its way.", t.SendTest()
	}
	return "", fmt.Errorf("there is no such button")
}

// purchase spends a positive amount, whatever kind of account it is; a negative
// one comes in.
func (s *Site) purchase(id string, form url.Values) (string, error) {
	name := cmp.Or(strings.TrimSpace(form.Get("merchant")), "Blue Bottle Coffee")
	amount := strings.TrimSpace(form.Get("amount"))
	for _, e := range s.cfg.Teller.Enrollments() {
		for _, a := range e.Accounts {
			if a.ID != form.Get("account") || a.Type == "credit" {
				continue
			}
			if spent, in := strings.CutPrefix(amount, "-"); in {
				amount = spent
			} else {
				amount = "-" + amount
			}
		}
	}
	_, err := s.cfg.Teller.Post(id, teller.PostOrder{
		Account: form.Get("account"), Amount: amount, Description: strings.ToUpper(name) + " PORTLAND OR",
		Counterparty: strings.ToUpper(name), Category: "dining", Pending: form.Get("do") == "pending",
	}, false)
	return "A purchase at " + name + " is on its way to the product.", err
}

func (s *Site) mail(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id")) // not a number: not found
	m, ok := s.cfg.Inbox.Find(id)
	if !ok {
		http.NotFound(w, r)
		return
	}
	look.Render(w, http.StatusOK, mailPage, look.Page{Title: m.Subject, Data: struct {
		inbox.Message
		Body template.HTML
	}{m, linked(m.Text)}})
}

// linked makes a text's addresses links that open beside the inbox.
func linked(text string) template.HTML {
	var out strings.Builder
	for line := range strings.Lines(text) {
		for _, word := range strings.SplitAfter(line, " ") {
			bare := strings.TrimRight(word, " \n.,;:!?)")
			if strings.HasPrefix(bare, "http://") || strings.HasPrefix(bare, "https://") {
				address := template.HTMLEscapeString(bare)
				fmt.Fprintf(&out, `<a href="%s" target="_blank" rel="noopener noreferrer">%s</a>`, address, address)
				word = word[len(bare):]
			}
			out.WriteString(template.HTMLEscapeString(word))
		}
	}
	return template.HTML(out.String())
}

// mailHTML serves what somebody mailed, locked up: no script, nothing from the
// network, no form, and links open elsewhere.
func (s *Site) mailHTML(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.Atoi(r.PathValue("id")) // not a number: not found
	m, ok := s.cfg.Inbox.Find(id)
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = fmt.Fprintf(w, "<base target=\"_blank\">\n%s", m.HTML)
}
