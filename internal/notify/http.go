package notify

import (
	"net/http"

	"flint/internal/access"
	"flint/internal/platform/web"
)

// Operations declares the operations.
func (h *Hub) Operations(api *web.Server) {
	web.Raw(api, web.Op{
		Method: "GET", Path: "/api/events", ID: "stream-events", Tag: "events",
		Summary: "Stream live events",
		Description: "Server-sent events about the caller's own data. The first is `hello`; when it comes again, something may " +
			"have been missed: fetch everything anew. Topics: `wealth` (accounts or net worth changed), `transactions`, `connection`, " +
			"`import`, and `sync` with the counts of a running sync. Only the counts are data; all else says what to fetch. " +
			"The stream ends when the session does; reconnect after refreshing it.",
		Needs: access.SignedIn, Limit: "stream", Produce: "text/event-stream",
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		events, leave, err := h.Subscribe(access.From(r.Context()).User)
		if err != nil {
			web.Problem(w, r, err)
			return
		}
		defer leave()
		_ = api.Stream(w, r, events) // fails only when the client is gone
	}))
}
