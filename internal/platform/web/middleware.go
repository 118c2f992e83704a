package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/platform/telemetry"
)

// event is what is known about a request, filled on the way and logged at the
// end: one line per request.
type event struct {
	id    string
	addr  netip.Addr
	route string // the pattern, never the path: paths hold ids
	code  string // of the problem that was answered
	log   *slog.Logger
	actor access.Actor
	pass  pass // its place, while it is worked on

	header   http.Header // of the answer
	quotas   []Quota     // what the answer says of limits, when it begins
	unshield func()      // takes the call back from the shield of addresses
	ctx      context.Context
	said     [1]string // the id, in the shape of a header
}

type eventKey struct{}

// eventOf returns the event of the request, or a fresh one outside of a Server.
func eventOf(ctx context.Context) *event {
	if ev, ok := ctx.Value(eventKey{}).(*event); ok {
		return ev
	}
	return &event{log: slog.Default()}
}

// writer notes what was answered.
type writer struct {
	http.ResponseWriter
	status int
	bytes  int64
	event  event
}

func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
		sayQuotas(w.event.header, w.event.quotas)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
		sayQuotas(w.event.header, w.event.quotas)
	}
	w.event.pass.pause() // however long it takes to be taken
	n, err := w.ResponseWriter.Write(b)
	w.event.pass.resume()
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// enter gives the request its id and address, answers panics, and writes the
// log line. The id is ours: one from outside could forge another's log lines.
func (s *Server) enter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(plain http.ResponseWriter, r *http.Request) {
		start := s.cfg.Now()
		w := &writer{ResponseWriter: plain, event: event{id: strings.ToLower(rand.Text()), addr: clientAddress(r, s.cfg.TrustedProxies), log: s.cfg.Log, header: plain.Header()}}
		ev := &w.event
		ev.ctx = telemetry.WithRequest(context.WithValue(r.Context(), eventKey{}, ev), ev.id, ev.addr)
		r = r.WithContext(ev.ctx) //nolint:contextcheck // made of the request's own; the event keeps it for the log line
		ev.said[0] = ev.id
		ev.header["X-Request-Id"] = ev.said[:]
		s.secure(ev.header)
		_ = http.NewResponseController(plain).SetWriteDeadline(time.Now().Add(s.cfg.HandlerWrites)) // recorders can't; servers can
		defer func() {
			status := w.status
			if v := recover(); v != nil {
				status = s.recovered(w, r, v)
			}
			if ev.code == errClientGone.Code {
				status = statusClientGone
			}
			ev.log.LogAttrs(ev.ctx, slog.LevelInfo, "request",
				slog.String("method", method(r)), slog.String("route", cmp.Or(ev.route, "-")),
				slog.Int("status", cmp.Or(status, http.StatusOK)), slog.String("code", ev.code),
				slog.Float64("ms", float64(s.cfg.Now().Sub(start).Microseconds())/1000), slog.Int64("bytes", w.bytes))
			if status == statusAborted {
				panic(http.ErrAbortHandler) // net/http closes the connection: the client must not take half an answer for a whole one
			}
		}()
		next.ServeHTTP(w, r)
	})
}

const statusAborted = -1

// recovered answers a panic. If an answer has already begun the connection is
// cut instead.
func (s *Server) recovered(w *writer, r *http.Request, v any) int {
	if v == http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
		return statusAborted
	}
	err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	if w.status != 0 {
		_ = problemOf(r.Context(), err) // logs it; nothing can be answered any more
		return statusAborted
	}
	Problem(w, r, err)
	return w.status
}

// method is r's, if it's one that may be logged as it is.
func method(r *http.Request) string {
	switch r.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return r.Method
	}
	return "other"
}

// guard refuses what no operation should see: what is odd, a foreign Host (a name
// that an attacker points at us), and whatever the method OPTIONS might ask of
// another site.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api := r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/")
		if api {
			w.Header()["Cache-Control"] = noStore
		}
		oneMessage(w, r)
		strange := odd(r)
		switch {
		case strange != nil:
			if r.ProtoMajor == 1 {
				w.Header().Set("Connection", "close") // nothing good follows
			}
			Problem(w, r, strange)
		// Probes come by address, know no name, and learn nothing.
		case !s.hosts[strings.ToLower(r.Host)] && !strings.HasPrefix(r.URL.Path, "/api/health/"):
			Problem(w, r, ErrHost)
		case api && s.cors(w, r):
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// oddQuery refuses a query that two readers could understand differently: one
// that isn't well formed, or names a parameter twice.
func oddQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.About(ErrMalformed, "url", "has a query that isn't well formed")
	}
	for name, values := range query {
		for _, v := range values {
			if !storable(name) || !storable(v) {
				return fault.About(ErrMalformed, "url", "must be UTF-8 without null characters")
			}
		}
		if len(values) > 1 && strings.HasPrefix(r.URL.Path, "/api/") {
			where := "query." + name
			if !safeWhere.MatchString(where) {
				where = "url"
			}
			return fault.About(ErrMalformed, where, "must be given once")
		}
	}
	return nil
}

// clientAddress returns the address of the client. X-Forwarded-For is believed
// only as far as trusted proxies wrote it: from the right, up to the first
// address that isn't one of them.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	for _, hops := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for more := true; more; {
			if !within(trusted, addr) {
				return addr
			}
			last := hops
			i := strings.LastIndexByte(hops, ',')
			if more = i >= 0; more {
				hops, last = hops[:i], hops[i+1:]
			}
			hop, err := netip.ParseAddr(strings.TrimSpace(last))
			if err != nil {
				return addr // whoever wrote that isn't ours
			}
			addr = hop.Unmap().WithZone("")
		}
	}
	return addr
}

func within(nets []netip.Prefix, a netip.Addr) bool {
	for _, n := range nets {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
