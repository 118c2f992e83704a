package teller

import (
	"crypto/ed25519"
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"flint/sandbox/bank"
	"flint/sandbox/hook"
	"flint/sandbox/world"
)

// version is the only dated version of the API that is played.
const version = "2020-10-12"

// Config is what the far end needs.
type Config struct {
	Seed    uint64
	Clock   world.Clock
	State   *world.State
	Hooks   *hook.Sender
	Log     *slog.Logger
	BaseURL func() string // of the API, for links; known after listening
	SiteURL func() string // of the site that serves Connect
	// Application is the application's id; default "app_flintsandbox000".
	Application string
	// Secrets sign webhooks, the newest first; default two made at the first start.
	Secrets []string
}

// API is Teller. It is safe for several goroutines.
type API struct {
	cfg    Config
	banks  *bank.Banks
	book   *world.Section[book]
	keys   keys
	visits *visits
}

// New opens what was remembered in the state's sections "teller" and
// "teller-keys".
func New(cfg Config) (*API, error) {
	if cfg.Application == "" {
		cfg.Application = "app_flintsandbox000"
	}
	stored, err := world.Open(cfg.State, "teller", func() book { return book{Enrollments: map[string]*enrollment{}} })
	if err != nil {
		return nil, err
	}
	secrets, err := world.Open(cfg.State, "teller-keys", newKeys)
	if err != nil {
		return nil, err
	}
	a := &API{cfg: cfg, banks: bank.New(cfg.Seed, cfg.Clock.Start), book: stored, visits: newVisits()}
	secrets.Read(func(k *keys) { a.keys = *k })
	if len(cfg.Secrets) > 0 {
		a.keys.Secrets = cfg.Secrets
	}
	return a, nil
}

// Application is the application's id.
func (a *API) Application() string { return a.cfg.Application }

// SigningKey is the public token signing key, in base64.
func (a *API) SigningKey() string {
	public := ed25519.NewKeyFromSeed(a.keys.Signing).Public().(ed25519.PublicKey)
	return base64.StdEncoding.EncodeToString(public)
}

// Secrets are the webhook signing secrets, the newest first.
func (a *API) Secrets() []string { return slices.Clone(a.keys.Secrets) }

// Handler is the API. Serve it over TLS that asks for a client certificate and
// verifies it if given.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /institutions", a.institutions)
	mux.HandleFunc("GET /identity", a.authenticated(a.identity))
	mux.HandleFunc("GET /accounts", a.authenticated(a.accounts))
	mux.HandleFunc("DELETE /accounts", a.authenticated(a.dropEnrollment))
	mux.HandleFunc("GET /accounts/{account}", a.authenticated(a.one))
	mux.HandleFunc("DELETE /accounts/{account}", a.authenticated(a.dropAccount))
	mux.HandleFunc("GET /accounts/{account}/details", a.authenticated(a.details))
	mux.HandleFunc("GET /accounts/{account}/balances", a.authenticated(a.balances))
	mux.HandleFunc("GET /accounts/{account}/transactions", a.authenticated(a.transactions))
	mux.HandleFunc("GET /accounts/{account}/transactions/{transaction}", a.authenticated(a.transaction))
	mux.HandleFunc("/", a.authenticated(func(http.ResponseWriter, *http.Request, *enrollment) *apiError { return errNotFound }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v := r.Header.Get("Teller-Version"); v != "" && v != version {
			(&apiError{400, "bad_request", "Unknown Teller-Version"}).write(w)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		mux.ServeHTTP(w, r)
	})
}

// endpoint answers a request that holds a good token. e is a snapshot.
type endpoint func(w http.ResponseWriter, r *http.Request, e *enrollment) *apiError

func (a *API) authenticated(next endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e, failure := a.authenticate(r)
		if failure == nil {
			failure = next(w, r, e)
		}
		if failure != nil {
			failure.write(w)
		}
	}
}

func (a *API) authenticate(r *http.Request) (*enrollment, *apiError) {
	token, _, ok := r.BasicAuth()
	if !ok || token == "" {
		return nil, errNoToken
	}
	if !strings.HasPrefix(token, "test_") && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0) {
		return nil, errNoCertificate
	}
	var found *enrollment
	a.book.Read(func(b *book) {
		if e := b.byToken(token); e != nil && !e.Deleted {
			c := e.copy()
			found = &c
		}
	})
	if found == nil {
		return nil, errBadToken
	}
	return found, nil
}

// healthy breaks what is meant to break, and refuses the data of a broken
// enrollment.
func (a *API) healthy(e *enrollment) *apiError {
	if e.Breaks != "" && e.Health == "" {
		if err := a.Disconnect(e.ID, e.Breaks, false); err != nil {
			a.cfg.Log.Error("break enrollment", "enrollment", e.ID, "err", err)
		}
		e.Health = e.Breaks
	}
	if e.Health != "" {
		return &apiError{404, "enrollment." + e.Health, "Enrollment is not healthy"}
	}
	return nil
}

// open finds the account of a request whose data may be read.
func (a *API) open(r *http.Request, e *enrollment) (bank.Account, *apiError) {
	acc, ok := a.account(e, r.PathValue("account"))
	if !ok {
		return acc, errNotFound
	}
	if failure := a.healthy(e); failure != nil {
		return acc, failure
	}
	if acc.Closed {
		return acc, errClosed
	}
	return acc, nil
}

func (a *API) institutions(w http.ResponseWriter, _ *http.Request) {
	out := []institutionObject{}
	for _, i := range bank.Institutions() {
		out = append(out, institutionObject{ID: i.ID, Name: i.Name, Products: []string{"balance", "identity", "transactions", "verify"}})
	}
	reply(w, http.StatusOK, out)
}

func (a *API) accounts(w http.ResponseWriter, _ *http.Request, e *enrollment) *apiError {
	out := []accountObject{} // answered even for a broken enrollment, as the real one does
	for _, acc := range a.shared(e) {
		out = append(out, a.accountObject(e, acc))
	}
	reply(w, http.StatusOK, out)
	return nil
}

func (a *API) one(w http.ResponseWriter, r *http.Request, e *enrollment) *apiError {
	acc, ok := a.account(e, r.PathValue("account"))
	if !ok {
		return errNotFound
	}
	reply(w, http.StatusOK, a.accountObject(e, acc))
	return nil
}

func (a *API) balances(w http.ResponseWriter, r *http.Request, e *enrollment) *apiError {
	acc, failure := a.open(r, e)
	if failure != nil {
		return failure
	}
	v := a.look(e, acc, a.cfg.Clock.Today())
	ledger, available := v.Ledger.StringFixed(2), v.Available.StringFixed(2)
	reply(w, http.StatusOK, balancesObject{AccountID: v.ID, Ledger: &ledger, Available: &available, Links: a.links(v.ID, "/balances")})
	return nil
}

func (a *API) details(w http.ResponseWriter, r *http.Request, e *enrollment) *apiError {
	acc, failure := a.open(r, e)
	if failure != nil {
		return failure
	}
	if acc.NoDetails {
		return errNotFound
	}
	if e.Username == "verify.microdeposit" {
		if failure := a.verification(e, acc); failure != nil {
			return failure
		}
	}
	id := a.accountID(e, acc.Key)
	out := detailsObject{AccountID: id, AccountNumber: acc.Number, Links: a.links(id, "/details")}
	if !acc.Credit() {
		out.RoutingNumbers.ACH, out.RoutingNumbers.Wire = &acc.Routing, &acc.Routing
	}
	reply(w, http.StatusOK, out)
	return nil
}

func (a *API) transactions(w http.ResponseWriter, r *http.Request, e *enrollment) *apiError {
	q, failure := parseQuery(r.URL.RawQuery)
	if failure != nil {
		return failure
	}
	acc, failure := a.open(r, e)
	if failure != nil {
		return failure
	}
	v := a.look(e, acc, a.cfg.Clock.Today())
	rows, failure := q.apply(v.Rows)
	if failure != nil {
		return failure
	}
	out := make([]transactionObject, 0, len(rows))
	for _, row := range rows {
		out = append(out, a.transactionObject(v.ID, row))
	}
	reply(w, http.StatusOK, out)
	return nil
}

func (a *API) transaction(w http.ResponseWriter, r *http.Request, e *enrollment) *apiError {
	acc, failure := a.open(r, e)
	if failure != nil {
		return failure
	}
	v := a.look(e, acc, a.cfg.Clock.Today())
	for _, row := range v.Rows {
		if row.ID == r.PathValue("transaction") {
			reply(w, http.StatusOK, a.transactionObject(v.ID, row))
			return nil
		}
	}
	return errNotFound
}

func (a *API) dropEnrollment(w http.ResponseWriter, _ *http.Request, e *enrollment) *apiError {
	return a.drop(w, e.ID, func(e *enrollment) { e.Deleted = true })
}

func (a *API) dropAccount(w http.ResponseWriter, r *http.Request, e *enrollment) *apiError {
	acc, ok := a.account(e, r.PathValue("account"))
	if !ok {
		return errNotFound
	}
	return a.drop(w, e.ID, func(e *enrollment) {
		e.Accounts = slices.DeleteFunc(e.Accounts, func(key string) bool { return key == acc.Key })
	})
}

func (a *API) drop(w http.ResponseWriter, id string, change func(*enrollment)) *apiError {
	if err := a.change(id, func(_ *book, e *enrollment) error { change(e); return nil }); err != nil {
		a.cfg.Log.Error("drop enrollment", "enrollment", id, "err", err)
		return &apiError{500, "internal_server_error", "Something went wrong"}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// query is a page of transactions.
type query struct {
	count    int // 0: all
	from     string
	start    world.Day // 0: from the beginning
	end      world.Day // 0: to the end
	hasStart bool
	hasEnd   bool
}

func parseQuery(raw string) (query, *apiError) {
	bad := func(what string) (query, *apiError) {
		return query{}, &apiError{400, "bad_request", "Invalid " + what}
	}
	values, err := parseValues(raw)
	if err != nil {
		return bad("query")
	}
	var q query
	if s, ok := values["count"]; ok {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return bad("count")
		}
		q.count = n
	}
	q.from = values["from_id"]
	if s, ok := values["start_date"]; ok {
		if q.start, err = world.ParseDay(s); err != nil {
			return bad("start_date")
		}
		q.hasStart = true
	}
	if s, ok := values["end_date"]; ok {
		if q.end, err = world.ParseDay(s); err != nil {
			return bad("end_date")
		}
		q.hasEnd = true
	}
	return q, nil
}

// apply cuts the page out of all rows, which are the newest first. from_id
// means what is strictly older than it.
func (q query) apply(rows []row) ([]row, *apiError) {
	if q.from != "" {
		i := slices.IndexFunc(rows, func(r row) bool { return r.ID == q.from })
		if i < 0 {
			return nil, &apiError{400, "bad_request", "Invalid from_id"}
		}
		rows = rows[i+1:]
	}
	var out []row
	for _, r := range rows {
		if q.count > 0 && len(out) == q.count {
			break
		}
		if (q.hasStart && r.Date < q.start) || (q.hasEnd && r.Date > q.end) {
			continue
		}
		out = append(out, r)
	}
	return out, nil
}
