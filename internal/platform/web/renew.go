package web

import (
	"context"
	"net/http"
)

// Header returns the headers of the answer to the request of ctx, for what must
// go out with a refusal too. Outside of a Server nobody reads it.
func Header(ctx context.Context) http.Header {
	if h := eventOf(ctx).header; h != nil {
		return h
	}
	return http.Header{}
}

// renewing lets Config.Renew add fresh cookies to the answers of h: to those of
// people who came with one, and only once h is about to say that all went well.
// An answer that sets cookies by itself, as signing out does, is left alone.
func (s *Server) renewing(h http.Handler) http.Handler {
	if s.cfg.Renew == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if eventOf(r.Context()).actor.Lapses.IsZero() {
			h.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(&renewer{ResponseWriter: w, s: s, r: r}, r)
	})
}

// renewer renews before the first byte of an answer that says yes.
type renewer struct {
	http.ResponseWriter
	s     *Server
	r     *http.Request
	begun bool
}

func (w *renewer) WriteHeader(status int) {
	if !w.begun && status >= 200 {
		w.begun = true
		if status < 400 && len(w.Header()["Set-Cookie"]) == 0 {
			w.s.cfg.Renew(w.ResponseWriter, w.r, eventOf(w.r.Context()).actor)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *renewer) Write(b []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *renewer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
