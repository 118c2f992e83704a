package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
	"flint/internal/platform/web"
	"flint/internal/session"
)

// row is what a read of one's own data gives back, and twenty of them a page.
type row struct {
	ID     int    `json:"id"`
	Name   string `json:"name"`
	Amount string `json:"amount"`
}

type page struct {
	Rows []row `json:"rows"`
}

// read is the handler that stands behind both doors: one query and twenty rows.
func read(ctx context.Context, pool *pgxpool.Pool) (page, error) {
	rows, err := postgres.Many[row](ctx, pool, `select n as id, 'a row of some length ' || n as name, (n * 1.25)::text as amount from generate_series(1, 20) n`, nil)
	return page{rows}, err
}

// BenchmarkSecurity asks one handler through everything that guards Flint (id and
// log line, headers, odd requests, hosts, shield, origin, session by cookie,
// permission, two rate limits, strict reading, problems) and bare, as plain
// net/http with encoding/json, in turns. Requests come over the loopback
// network from a client that does next to nothing; times are of the processor,
// client and kernel included, for both alike. With "read" the handler asks the
// database for twenty rows, with "nothing" it answers a constant: no handler is
// as cheap, so no handler's share is larger. "Typed" is the third door: the same
// operation without who, how often, where from and room; what it takes more than
// bare is binding, describing and logging, which guard nobody.
//
//	cost-%         of the throughput: 100 · (1 − bare / guarded)
//	security-%     100 · (1 − typed / guarded)
func BenchmarkSecurity(b *testing.B) {
	h := newHouse(b)
	n := h.start()
	g := h.enter(n, h.admit(n), session.Web)
	cookie := carry(get(mine), g, session.Web)
	h.warm(n, cookie)
	type answered struct{ Body page }
	bare := http.NewServeMux()
	typed := web.New(web.Config{Origin: "https://" + host, Log: telemetry.NewLogger(io.Discard, slog.LevelInfo)})
	for path, handler := range map[string]func(context.Context) (page, error){
		"/api/bench/nothing": func(context.Context) (page, error) { return page{[]row{}}, nil },
		"/api/bench/read":    func(ctx context.Context) (page, error) { return read(ctx, n.pool) },
	} {
		web.Handle(n.Web, web.Op{Method: "GET", Path: path, Summary: "Read", Tag: "bench", Needs: access.SignedIn, Limit: "public"},
			func(ctx context.Context, _ *struct{}) (*answered, error) {
				p, err := handler(ctx)
				return &answered{p}, err
			})
		web.Handle(typed, web.Op{Method: "GET", Path: path, Summary: "Read", Tag: "bench", Needs: access.Public, Limit: "none"},
			func(ctx context.Context, _ *struct{}) (*answered, error) {
				p, err := handler(ctx)
				return &answered{p}, err
			})
		bare.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			p, err := handler(r.Context())
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(p)
		})
	}
	doors := []*caller{answering(b, n.Web.Handler()), answering(b, typed.Handler()), answering(b, bare)}
	for _, what := range []string{"nothing", "read"} {
		b.Run(what, func(b *testing.B) {
			request := func() []byte {
				return fmt.Appendf(nil, "GET /api/bench/%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36\r\n"+
					"Accept: application/json\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"+
					"X-Forwarded-For: %s\r\nCookie: %s\r\n\r\n", what, host, elsewhere(), cookie.Header.Get("Cookie"))
			}
			var took [3]times
			const each, turns = 40, 50
			for b.Loop() {
				for range turns {
					for i, c := range doors {
						requests := make([][]byte, each)
						for j := range requests {
							requests[j] = request()
						}
						start := worked()
						for _, r := range requests {
							if status := c.call(b, r); status != http.StatusOK {
								b.Fatalf("door %d: %d", i, status)
							}
						}
						took[i] = append(took[i], (worked()-start)/each)
					}
				}
			}
			with, middle, without := took[0].mean(), took[1].mean(), took[2].mean()
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(with.Microseconds()), "guarded-µs")
			b.ReportMetric(float64(without.Microseconds()), "bare-µs")
			b.ReportMetric(float64(middle.Microseconds()), "typed-µs")
			b.ReportMetric(100*(1-float64(without)/float64(with)), "cost-%")
			b.ReportMetric(100*(1-float64(middle)/float64(with)), "security-%")
		})
	}
}

// caller is a client of one connection that reads no more of an answer than where
// it ends.
type caller struct {
	conn net.Conn
	buf  []byte
}

// answering serves h on the loopback network.
func answering(b *testing.B, h http.Handler) *caller {
	b.Helper()
	ln, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(ln) }()
	b.Cleanup(func() { _ = srv.Close() })
	conn, err := new(net.Dialer).DialContext(b.Context(), "tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return &caller{conn, make([]byte, 64<<10)}
}

// call sends request and returns the status of the answer, once all of it came.
func (c *caller) call(b *testing.B, request []byte) int {
	if _, err := c.conn.Write(request); err != nil {
		b.Fatal(err)
	}
	have := 0
	for {
		n, err := c.conn.Read(c.buf[have:])
		if err != nil {
			b.Fatal(err)
		}
		have += n
		end := bytes.Index(c.buf[:have], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		length := 0
		if _, rest, ok := bytes.Cut(c.buf[:end], []byte("Content-Length: ")); ok {
			digits, _, _ := bytes.Cut(rest, []byte("\r"))
			length, _ = strconv.Atoi(string(digits))
		}
		if have >= end+4+length {
			status, _ := strconv.Atoi(string(c.buf[9:12]))
			return status
		}
	}
}
