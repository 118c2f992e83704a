package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"flint/internal/access"
)

// Event is one message of a stream: a name, and JSON that it's about.
type Event struct {
	Name string // letters and dashes, on one line
	Data json.RawMessage
}

const (
	streamWrite = 10 * time.Second // a client that takes longer for one event is gone
	streamLook  = time.Second      // how long a stream may outlive its session
)

// errSlow says that the client took no more.
var errSlow = errors.New("client takes no more events")

// Stream answers r with server-sent events until the client goes away, events
// is closed, the session ends or the server stops. Between events it sends a
// comment every Config.Heartbeat, so that proxies keep the connection, and asks
// Authenticate again every second, so that a revoked or expired session hears no
// more and its open page notices.
// Clients reconnect by themselves. It returns nil unless writing failed.
func (s *Server) Stream(w http.ResponseWriter, r *http.Request, events <-chan Event) error {
	eventOf(r.Context()).pass.pause() // from here on it only listens
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // else the connection ends with the read timeout
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would collect events
	w.WriteHeader(http.StatusOK)

	send := func(text []byte) error {
		_ = rc.SetWriteDeadline(time.Now().Add(streamWrite))
		if _, err := w.Write(text); err != nil {
			return errors.Join(errSlow, err)
		}
		if err := rc.Flush(); err != nil {
			return errors.Join(errSlow, err)
		}
		_ = rc.SetWriteDeadline(time.Time{}) // silence is no slowness: the end of the answer must get out, and HTTP/2 would cut the stream
		return nil
	}
	if err := send([]byte("retry: 3000\n\n")); err != nil {
		return err
	}
	beat := time.NewTicker(s.cfg.Heartbeat)
	defer beat.Stop()
	look := time.NewTicker(min(streamLook, s.cfg.Heartbeat))
	defer look.Stop()
	for {
		select {
		case <-r.Context().Done():
			return nil
		case <-s.stopping:
			return nil
		case e, ok := <-events:
			if !ok {
				return nil
			}
			if err := send(e.encode()); err != nil {
				return err
			}
		case <-look.C:
			if !s.sameSession(r) {
				return nil
			}
		case <-beat.C:
			if err := send([]byte(":\n\n")); err != nil {
				return err
			}
		}
	}
}

// sameSession reports whether r's session still lives.
func (s *Server) sameSession(r *http.Request) bool {
	before := access.From(r.Context())
	if before.User.IsZero() {
		return true // a public stream
	}
	now, err := s.cfg.Authenticate(r)
	return err == nil && now.User == before.User && now.Session == before.Session
}

// encode writes e as it goes over the wire. A line break in the data, which
// compact JSON doesn't have, would begin a new field.
func (e Event) encode() []byte {
	var data bytes.Buffer
	if err := json.Compact(&data, e.Data); err != nil {
		data.Reset()
		data.WriteString("null")
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, e.Name)
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, data.Bytes())
}
