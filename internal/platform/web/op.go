package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"flint/internal/access"
	"flint/internal/fault"
)

// Handle declares a typed operation. I's fields are bound from the request by
// their tags (path, query, header) and its field Body from JSON; O's fields
// with a header tag become headers, its field Body the answer:
//
//	type in struct {
//		ID   id.Account `path:"id"`
//		Body struct{ Nickname *string `json:"nickname,omitempty" maxLength:"80"` }
//	}
//
// What doesn't fit is refused before fn is called. fn's error is answered as
// Problem does. Handle panics if op isn't completely declared: that's a mistake
// in the program, found when it starts.
func Handle[I, O any](s *Server, op Op, fn func(ctx context.Context, in *I) (*O, error)) {
	op = s.declare(op)
	desc := s.operation(op)
	desc.BodyReadTimeout = -1          // the body has been read by then
	desc.MaxBodyBytes = op.MaxBody + 1 // and measured
	if _, hasBody := reflect.TypeFor[O]().FieldByName("Body"); !hasBody && op.Status == 0 {
		desc.DefaultStatus = http.StatusNoContent
	}
	huma.Register(s.api, desc, func(ctx context.Context, in *I) (*O, error) {
		out, err := fn(ctx, in)
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return out, nil
	})
	h := s.renewing(s.capture.take())
	if _, hasBody := reflect.TypeFor[I]().FieldByName("Body"); hasBody {
		h = readJSON(h)
	}
	s.mount(op, h)
}

// Raw declares an operation that reads and writes by itself: webhooks, uploads,
// streams. The same is declared and enforced as for Handle, except for the
// body, which h reads: at most MaxBody bytes of it, then reading fails with an
// error that Problem answers with 413.
func Raw(s *Server, op Op, h http.Handler) {
	op = s.declare(op)
	s.documentRaw(op)
	if op.Accepts != "" {
		h = only(op.Accepts, h)
	}
	s.mount(op, h)
}

// declare checks op and fills in defaults.
func (s *Server) declare(op Op) Op {
	name := op.Method + " " + op.Path
	switch {
	case op.Method == "" || !strings.HasPrefix(op.Path, "/api/"):
		panic(fmt.Sprintf("web: %q: an operation needs a method and a path under /api/", name))
	case op.Summary == "":
		panic(fmt.Sprintf("web: %s declares no Summary", name))
	case op.Needs == "":
		panic(fmt.Sprintf("web: %s declares no Needs (access.Public must be said)", name))
	case op.Assurance.Demanded() && (op.Assurance.Within <= 0 || op.Needs == access.Public):
		panic(fmt.Sprintf("web: %s: a fresh proof needs an age and somebody signed in", name))
	case op.Keys && (op.Method != "GET" || op.Needs == access.Public || op.Assurance.Demanded()):
		panic(fmt.Sprintf("web: %s: API keys read what is somebody's own, and prove nothing", name))
	case op.Needs.Staff() && !(op.Assurance.Factor && op.Assurance.Required):
		panic(fmt.Sprintf("web: %s: staff need a second factor", name))
	case op.Support && (op.Method != "GET" || op.Needs != access.ViewOwn && op.Needs != access.SignedIn || op.Assurance.Demanded()):
		panic(fmt.Sprintf("web: %s: support looks at what people read about themselves, and nothing else", name))
	case op.Limit == "":
		panic(fmt.Sprintf("web: %s declares no Limit (\"none\" must be said)", name))
	case !s.policies[op.Limit]:
		panic(fmt.Sprintf("web: %s: there is no rate limit named %q", name, op.Limit))
	case op.Needs != access.Public && s.cfg.Authenticate == nil:
		panic(fmt.Sprintf("web: %s needs %s, but Config.Authenticate is missing", name, op.Needs))
	case op.Limit != "none" && s.cfg.Limit == nil:
		panic(fmt.Sprintf("web: %s is limited, but Config.Limit is missing", name))
	}
	if op.MaxBody == 0 {
		op.MaxBody = defaultMaxBody
	}
	if op.ID == "" {
		op.ID = operationID(op.Method, op.Path)
	}
	return op
}

// operationID names an operation for generated clients: GET /api/accounts/{id}
// is get-accounts-by-id.
func operationID(method, path string) string {
	path = strings.TrimPrefix(path, "/api")
	path = strings.NewReplacer("/{", "-by-", "}", "", "/", "-", ".", "-").Replace(path)
	return strings.ToLower(method) + path
}

// mount puts h behind op's declarations, in the order: is there room, origin, who, may they
// (and is it surely them), how often, how much.
func (s *Server) mount(op Op, h http.Handler) {
	s.routes = append(s.routes, Route{Method: op.Method, Path: op.Path, Needs: op.Needs, Assurance: op.Assurance, Limit: op.Limit, MaxBody: op.MaxBody, CrossSite: op.CrossSite, Keys: op.Keys, Support: op.Support})
	class := classOf(op)
	s.mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) {
		ev := eventOf(r.Context())
		ev.route = op.Path
		place := &ev.pass
		if err := s.shield.enter(place, class, ev.addr); err != nil {
			Problem(w, r, err)
			return
		}
		defer place.leave()
		if !op.CrossSite && !bearer(r) && !s.befriended(r) {
			if err := s.sameOrigin(r); err != nil {
				Problem(w, r, err)
				return
			}
		}
		actor, err := s.admit(op, r)
		if err == nil {
			err = place.of(actor)
		}
		if err != nil {
			Problem(w, r, err)
			return
		}
		ev.actor, ev.ctx = actor, access.With(r.Context(), actor)
		r = r.WithContext(ev.ctx) //nolint:contextcheck // made of the request's own; the event keeps it for the log line
		well, err := s.limit(r, op, counted(actor))
		if err != nil {
			Problem(w, r, err)
			return
		}
		if actor.ReadOnly {
			if err := s.cfg.Looked(r.Context(), actor, op.Method+" "+op.Path); err != nil { //nolint:contextcheck // it is the request's
				Problem(w, r, err)
				return
			}
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, &awaited{r.Body, place}, op.MaxBody)
		}
		if op.MaxBody > 1<<20 { // an upload may be slow, but not endless
			rc, until := http.NewResponseController(w), time.Now().Add(5*time.Minute)
			_ = rc.SetReadDeadline(until)
			_ = rc.SetWriteDeadline(until.Add(s.cfg.HandlerWrites))
		}
		h.ServeHTTP(w, r)
		if well != nil && ev.code == "" { // no problem was answered
			well()
		}
	})
}

// counted returns whose calls count against a limit: support's are their own.
func counted(actor access.Actor) access.Actor {
	if !actor.Behind.IsZero() {
		actor.User = actor.Behind
	}
	return actor
}

// bearer reports whether r carries its own proof in the Authorization header.
// A browser never adds one by itself, so such a request can't be forged from
// another site; and whoever sends one is never known by cookie.
func bearer(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && token != ""
}

// admit says who is calling, if they may.
func (s *Server) admit(op Op, r *http.Request) (access.Actor, error) {
	var actor access.Actor
	var err error
	if s.cfg.Authenticate != nil && !(op.Needs == access.Public && op.Limit == "none") {
		actor, err = s.cfg.Authenticate(r)
	}
	if err != nil {
		if op.Needs != access.Public {
			return access.Actor{}, fmt.Errorf("authenticate: %w", err)
		}
		actor = access.Actor{} // an outdated cookie doesn't close public doors
	}
	if !actor.Key.IsZero() && !op.Keys {
		if op.Needs != access.Public {
			return actor, ErrKeyScope
		}
		actor = access.Actor{} // to a public door a key is nothing
	}
	if actor.ReadOnly && (!op.Support || s.cfg.Looked == nil) {
		return actor, ErrReadOnlySupport
	}
	switch access.Decide(actor, op.Needs) {
	case access.Allow:
		return s.assure(r.Context(), op, actor)
	case access.SignInFirst:
		return actor, ErrSignIn
	case access.ConfirmFirst:
		return actor, ErrConfirm
	case access.UpgradeFirst:
		return actor, fault.About(access.ErrPlan, "permission", string(op.Needs))
	}
	return actor, ErrForbidden
}

// assure demands the fresh proof that op declares.
func (s *Server) assure(ctx context.Context, op Op, actor access.Actor) (access.Actor, error) {
	if op.Assurance.Met(actor, s.cfg.Now()) {
		return actor, nil
	}
	if s.cfg.Proofs != nil {
		now, err := s.cfg.Proofs(ctx, actor)
		if err != nil {
			return access.Actor{}, fmt.Errorf("read proofs: %w", err)
		}
		if actor = now; op.Assurance.Met(actor, s.cfg.Now()) {
			return actor, nil
		}
	}
	if op.Assurance.Lacking(actor) {
		return actor, ErrFactorFirst
	}
	var proof fault.Proof
	refused := ErrStepUp
	for _, m := range op.Assurance.Methods(actor) {
		proof.Methods = append(proof.Methods, string(m))
		refused = fault.About(refused, "step-up", string(m))
	}
	return actor, fault.Asking(refused, proof)
}

// readJSON reads the body whole and refuses it unless it is strict JSON, said
// to be JSON. An empty body passes: whether there must be one is up to the type.
func readJSON(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			if _, ok := errors.AsType[*http.MaxBytesError](err); !ok {
				err = fault.Because(ErrMalformed, err) // cut off on the way
			}
			Problem(w, r, err)
			return
		}
		if len(data) > 0 {
			if err := isJSON(r.Header); err != nil {
				Problem(w, r, err)
				return
			}
			if err := checkJSON(data); err != nil {
				Problem(w, r, err)
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(data))
		next.ServeHTTP(w, r)
	})
}

// isJSON refuses a body that isn't said to be JSON: a form of another site can
// send text/plain without asking first, but not application/json.
func isJSON(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	switch {
	case err != nil || kind != "application/json":
		return fault.About(ErrMediaType, "header.Content-Type", "must be application/json")
	case charset != "" && charset != "utf-8":
		return fault.About(ErrMediaType, "header.Content-Type", "must have no charset, or utf-8")
	case h.Get("Content-Encoding") != "":
		return fault.About(ErrMediaType, "header.Content-Encoding", "must be absent")
	}
	return nil
}

// only refuses a body of another media type than kind.
func only(kind string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if r.ContentLength != 0 && (err != nil || got != kind) {
			Problem(w, r, fault.About(ErrMediaType, "header.Content-Type", "must be "+kind))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// noSuchOperation answers what no operation matches: 405 if the address exists
// for another method (204 for OPTIONS, which only asks), else 404.
func (s *Server) noSuchOperation(w http.ResponseWriter, r *http.Request) {
	allowed := s.methods(r)
	switch {
	case len(allowed) == 0:
		Problem(w, r, ErrNoRoute)
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		Problem(w, r, ErrMethod)
	}
}

// methods lists what may be done at r's address.
func (s *Server) methods(r *http.Request) []string {
	var allowed []string
	for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host, Header: http.Header{}}
		if _, pattern := s.mux.Handler(probe); !slices.Contains([]string{"", "/", "/api", "/api/"}, pattern) {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) > 0 {
		allowed = append(allowed, "OPTIONS")
	}
	return allowed
}
