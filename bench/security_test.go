package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/web"
	"flint/internal/portfolio"
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

// crowd is who asks: so many people with a session each, and addresses. Each
// person and each address asks now and then, as people do.
type crowd struct {
	people  []identity.Person
	cookies []string
	asked   int
	turn    atomic.Uint32
}

const (
	crowdPeople    = 128
	crowdAddresses = 1024
)

func (h *house) gather(n *node) *crowd {
	h.b.Helper()
	c := &crowd{}
	for range crowdPeople {
		p := h.admit(n)
		r := carry(get(mine), h.enter(n, p, session.Web), session.Web)
		h.warm(n, r)
		c.people, c.cookies = append(c.people, p), append(c.cookies, r.Header.Get("Cookie"))
	}
	return c
}

// anyone is one of them, each in turn.
func (c *crowd) anyone() id.User {
	return c.people[c.turn.Add(1)%uint32(len(c.people))].ID
}

// next is the next request for path.
func (c *crowd) next(path string) []byte {
	c.asked++
	i := c.asked % len(c.people)
	address := netip.AddrFrom4([4]byte{100, 64, byte(c.asked % crowdAddresses >> 8), byte(c.asked)})
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36\r\n"+
		"Accept: application/json\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"+
		"X-Forwarded-For: %s\r\nCookie: %s\r\n\r\n", path, host, address, c.cookies[i])
}

// BenchmarkSecurity asks one handler behind everything that guards Flint (headers,
// odd requests, hosts, address, shield, origin, session by cookie, permission, two
// rate limits, deadlines, whose rows the database may show) and bare, in turns;
// and, to be told, as plain net/http with encoding/json, without the binding and
// the log line that every operation has. So many clients as there are callers ask
// at once, over the loopback network, doing next to nothing themselves: the node
// has always something to do, as one has whose throughput matters. What a request
// takes is time of the processor: this process's, clients and kernel included, for
// all doors alike, and apart from it the database's.
//
// "nothing" answers a constant: no handler is as cheap, so no handler's share is
// larger. "read" asks the database for twenty rows that are nobody's. "standing" is
// the read behind GET /api/accounts and GET /api/dashboard for a person with ten
// accounts: held by policies behind the guarded door, by a superuser, whom none
// holds, behind the bare ones.
//
//	cost-%         of the throughput: 100 · (1 − bare / guarded)
//	whole-cost-%   the same with the database's time in it
//	nethttp-%      cost-% of plain net/http
func BenchmarkSecurity(b *testing.B) {
	h := newHouse(b)
	h.limits = "data=premium:10000"
	n := h.start()
	h.owner = true
	free := h.start()
	people := h.gather(n)
	settle(b, free, people.people[0])
	held, loose := portfolio.New(portfolio.Config{Pool: n.pool, Now: time.Now}), portfolio.New(portfolio.Config{Pool: free.pool, Now: time.Now})
	simple, plain := newBare(n), http.NewServeMux()
	addDoors(n, simple, plain, "nothing", func(context.Context, bool) (page, error) { return page{[]row{}}, nil })
	addDoors(n, simple, plain, "read", func(ctx context.Context, guarded bool) (page, error) {
		if guarded {
			return read(ctx, n.pool)
		}
		return read(ctx, free.pool)
	})
	addDoors(n, simple, plain, "standing", func(ctx context.Context, guarded bool) (page, error) {
		if guarded {
			return standing(ctx, held, access.From(ctx).User)
		}
		return standing(ctx, loose, people.anyone())
	})
	doors := []*door{{name: "guarded"}, {name: "bare"}, {name: "nethttp"}}
	for i, handler := range []http.Handler{n.Web.Handler(), simple, plain} {
		doors[i].callers = answering(b, handler, atOnce)
	}
	for _, what := range []string{"nothing", "read", "standing"} {
		b.Run(what, func(b *testing.B) {
			for _, d := range doors {
				d.ask(b, people, what, nil) // so that everybody's session and connection is known
				d.own, d.database, d.wall = nil, nil, nil
			}
			database := workersOf(b, free.pool)
			const turns = 10
			for b.Loop() {
				for range turns {
					for _, d := range doors {
						d.ask(b, people, what, database)
					}
				}
			}
			guarded, bare, nethttp := doors[0], doors[1], doors[2]
			share := func(of, whole time.Duration) float64 { return 100 * (1 - float64(of)/float64(whole)) }
			b.ReportMetric(0, "ns/op")
			for _, d := range doors {
				b.ReportMetric(float64(d.own.mean().Nanoseconds())/1000, d.name+"-µs")
				b.ReportMetric(float64(d.database.mean().Nanoseconds())/1000, d.name+"-db-µs")
			}
			b.ReportMetric(share(bare.own.mean(), guarded.own.mean()), "cost-%")
			b.ReportMetric(share(nethttp.own.mean(), guarded.own.mean()), "nethttp-%")
			b.ReportMetric(share(bare.own.mean()+bare.database.mean(), guarded.own.mean()+guarded.database.mean()), "whole-cost-%")
			b.ReportMetric(share(bare.wall.at(.5), guarded.wall.at(.5)), "wall-cost-%")
		})
	}
}

const (
	atOnce = 16 // clients
	each   = 50 // requests of each in a turn
)

// door is a way to the handler, and what a request through it took: this process,
// the database's, and by the clock on the wall.
type door struct {
	name                string
	callers             []*caller
	own, database, wall times
}

// ask sends a turn's requests through d.
func (d *door) ask(b *testing.B, people *crowd, what string, database workers) {
	requests := make([][]byte, atOnce*each)
	for i := range requests {
		requests[i] = people.next("/api/bench/" + what)
	}
	there := database.worked() // outside of what is measured here
	start, began := worked(), time.Now()
	var all sync.WaitGroup
	for i, c := range d.callers {
		all.Go(func() {
			for _, r := range requests[i*each : (i+1)*each] {
				if status := c.call(b, r); status != http.StatusOK {
					b.Errorf("%s: %d", d.name, status)
				}
			}
		})
	}
	all.Wait()
	d.own = append(d.own, (worked()-start)/atOnce/each)
	d.wall = append(d.wall, time.Since(began)/atOnce/each)
	d.database = append(d.database, (database.worked()-there)/atOnce/each)
}

// standing reads what the dashboard and the list of accounts rest on.
func standing(ctx context.Context, s *portfolio.Service, whose id.User) (page, error) {
	st, err := s.Standing(ctx, whose)
	if err == nil && len(st.Accounts) != 10 {
		err = fmt.Errorf("%d accounts", len(st.Accounts))
	}
	p := page{}
	for i, a := range st.Accounts {
		p.Rows = append(p.Rows, row{i, a.Name, string(a.Currency)})
	}
	return p, err
}

// addDoors puts handler behind all three doors.
func addDoors[T any](n *node, simple *bare, plain *http.ServeMux, name string, handler func(ctx context.Context, guarded bool) (T, error)) {
	type answered struct{ Body T }
	path := "/api/bench/" + name
	web.Handle(n.Web, web.Op{Method: "GET", Path: path, Summary: "Read", Tag: "bench", Needs: access.SignedIn, Limit: "data"},
		func(ctx context.Context, _ *struct{}) (*answered, error) {
			v, err := handler(ctx, true)
			return &answered{v}, err
		})
	huma.Register(simple.api, huma.Operation{Method: "GET", Path: path, OperationID: name}, func(ctx context.Context, _ *struct{}) (*answered, error) {
		v, err := handler(ctx, false)
		return &answered{v}, err
	})
	plain.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		v, err := handler(r.Context(), false)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	})
}

// caller is a client of one connection that reads no more of an answer than where
// it ends.
type caller struct {
	conn net.Conn
	buf  []byte
}

// answering serves h on the loopback network, to so many clients.
func answering(b *testing.B, h http.Handler, clients int) []*caller {
	b.Helper()
	ln, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(ln) }()
	b.Cleanup(func() { _ = srv.Close() })
	var list []*caller
	for range clients {
		conn, err := new(net.Dialer).DialContext(b.Context(), "tcp", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = conn.Close() })
		list = append(list, &caller{conn, make([]byte, 64<<10)})
	}
	return list
}

// call sends request and returns the status of the answer, once all of it came.
func (c *caller) call(b *testing.B, request []byte) int {
	if _, err := c.conn.Write(request); err != nil {
		b.Error(err)
		return 0
	}
	have := 0
	for {
		n, err := c.conn.Read(c.buf[have:])
		if err != nil {
			b.Error(err)
			return 0
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
