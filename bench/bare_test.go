package bench_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
)

// bare is an API on which nothing guards an operation. What is left is what every
// handler needs, guarded or not: an id for the request, a route among as many, binding and describing by
// huma, JSON as package web writes it, and the log line. There are no headers but
// those of the content, no address of the client, no shield, no hosts, no limits,
// no session, no permission, no deadline, and nobody in the context, so that no
// statement says whose rows it is about.
type bare struct {
	mux *http.ServeMux
	api huma.API
	log *slog.Logger
}

func newBare(n *node) *bare {
	x := &bare{mux: http.NewServeMux(), log: telemetry.NewLogger(io.Discard, slog.LevelInfo)}
	for _, r := range n.Web.Routes() { // finding one among so many guards nothing, either
		x.mux.HandleFunc(r.Method+" "+r.Path, http.NotFound)
	}
	format := huma.Format{Marshal: marshal, Unmarshal: json.Unmarshal}
	x.api = huma.NewAPI(huma.Config{
		OpenAPI:       &huma.OpenAPI{OpenAPI: "3.1.0", Info: &huma.Info{Title: "Bare"}, Components: &huma.Components{Schemas: huma.NewMapRegistry("#/", huma.DefaultSchemaNamer)}},
		Formats:       map[string]huma.Format{"application/json": format},
		DefaultFormat: "application/json", RejectUnknownQueryParameters: true,
	}, humago.NewAdapter(x.mux, ""))
	return x
}

// marshal is package web's.
func marshal(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// noting counts what is answered, for the log line.
type noting struct {
	http.ResponseWriter
	status, bytes int
}

func (w *noting) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *noting) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.bytes += n
	return n, err
}

func (x *bare) ServeHTTP(plain http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := strings.ToLower(rand.Text())
	ctx := telemetry.WithRequest(r.Context(), id, netip.Addr{})
	w := &noting{ResponseWriter: plain}
	w.Header().Set("X-Request-Id", id)
	r = r.WithContext(ctx)
	x.mux.ServeHTTP(w, r)
	x.log.LogAttrs(ctx, slog.LevelInfo, "request",
		slog.String("method", r.Method), slog.String("route", r.Pattern),
		slog.Int("status", cmp.Or(w.status, http.StatusOK)), slog.String("code", ""),
		slog.Float64("ms", float64(time.Since(start).Microseconds())/1000), slog.Int64("bytes", int64(w.bytes)))
}

// workers are the processes of the database that work for a pool. What they take
// is part of a request's price, but no part of this process's.
type workers []string

func workersOf(b *testing.B, pools ...*pgxpool.Pool) workers {
	b.Helper()
	pids, err := postgres.Many[int](b.Context(), pools[0], `select pid from pg_stat_activity where datname = current_database()`, nil)
	if err != nil {
		b.Fatal(err)
	}
	var w workers
	for _, pid := range pids {
		w = append(w, "/proc/"+strconv.Itoa(pid)+"/schedstat")
	}
	return w
}

// worked is how long cores have worked for them.
func (w workers) worked() time.Duration {
	var sum time.Duration
	for _, name := range w {
		data, _ := os.ReadFile(name) // one that has gone works no more
		first, _, _ := strings.Cut(string(data), " ")
		n, _ := strconv.ParseInt(first, 10, 64)
		sum += time.Duration(n)
	}
	return sum
}
