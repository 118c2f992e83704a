package web

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"flint/internal/fault"
)

// How much of a request is read before anybody knows what it is about. The body
// has a limit of its own, per operation.
const (
	maxURL       = 8 << 10  // bytes of the address; answered 414 beyond
	maxFields    = 100      // header fields, a repeated one counted each time; answered 431 beyond
	maxHeader    = 32 << 10 // bytes of all of them; net/http answers 431 beyond
	maxStreams   = 100      // requests at once on one HTTP/2 connection
	headerReads  = 10 * time.Second
	bodyReads    = 30 * time.Second // headers included; operations that take files give more
	idleKeeps    = 120 * time.Second
	windowOfConn = 1 << 20 // bytes that an HTTP/2 client may send ahead of being read
)

// The refusals of what is too much or too odd to be a request of a client's.
var (
	ErrURLTooLong  = fault.New(fault.TooLarge, "url_too_long", "That address is longer than any of ours.")
	ErrManyHeaders = fault.New(fault.TooLarge, "too_many_headers", "That request has more header fields than any client needs.")
)

// odd refuses requests that no client of ours sends, and on whose meaning this
// server and a proxy before it might disagree.
func odd(r *http.Request) error {
	fields := 0
	for _, values := range r.Header {
		fields += len(values)
	}
	switch {
	case len(r.RequestURI) > maxURL:
		return ErrURLTooLong
	case fields > maxFields:
		return ErrManyHeaders
	case !plainPath(r.URL.EscapedPath()):
		return fault.About(ErrMalformed, "url", "must be a path in its plain form: no empty or dot segments, nothing escaped that needn't be")
	case !storable(r.URL.Path):
		return fault.About(ErrMalformed, "url", "must be UTF-8 without null characters")
	}
	return oddQuery(r)
}

// plainPath reports whether every reader of the path p sees the same segments:
// it begins with a slash, has neither empty nor dot segments nor backslashes, and
// escapes no letter, digit, dot or slash, which is how one path hides in another.
func plainPath(p string) bool {
	if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "\\;") {
		return false
	}
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '/':
			rest := p[i+1:]
			segment, _, more := strings.Cut(rest, "/")
			if segment == "." || segment == ".." || segment == "" && (more || i > 0 && rest != "") {
				return false
			}
		case '%':
			if i+2 >= len(p) {
				return false
			}
			if c := unhex(p[i+1])<<4 | unhex(p[i+2]); c == '/' || c == '\\' || c == '.' || c == '-' || c == '_' || c == '~' || c == '%' ||
				'0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
				return false
			}
		}
	}
	return true
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0
}

// oneMessage ends the connection after a chunked request of HTTP/1.1. net/http
// has read it rightly, but drops a Content-Length that contradicts it; if a proxy
// before us believed that one instead, what follows on this connection would be
// somebody's smuggled request (RFC 9112, 6.1). So nothing follows.
func oneMessage(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
		w.Header().Set("Connection", "close")
	}
}

// httpServer returns the server, with every limit that keeps slow and greedy
// clients from holding what others need.
func (s *Server) httpServer() *http.Server {
	srv := &http.Server{
		Handler:                      s.Handler(),
		ReadHeaderTimeout:            s.cfg.HeaderReads,
		ReadTimeout:                  s.cfg.BodyReads, // streams lift it for themselves
		IdleTimeout:                  idleKeeps,
		MaxHeaderBytes:               maxHeader,
		DisableGeneralOptionsHandler: true, // OPTIONS * is ours to answer, with our headers
		ErrorLog:                     slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: windowOfConn,
			MaxReceiveBufferPerStream:     windowOfConn / 4,
			SendPingTimeout:               30 * time.Second, // a peer that is silent this long is asked,
			PingTimeout:                   15 * time.Second, // has this long to answer,
			WriteByteTimeout:              30 * time.Second, // and must take what it is sent
		},
	}
	if s.cfg.TLSCert != "" {
		pair := &certificate{certFile: s.cfg.TLSCert, keyFile: s.cfg.TLSKey, log: s.cfg.Log}
		srv.TLSConfig = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return pair.current(hello.Context()) },
		}
	}
	return srv
}
