package connection_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/connection"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/queue"
	"flint/internal/provider/snaptrade"
	"flint/internal/provider/teller"
)

// bench is a Service with the far ends of both providers.
type bench struct {
	t       *testing.T
	pool    *pgxpool.Pool
	service *connection.Service
	bank    *bank
	broker  *broker
	clock   *clock
	removed []string // what Config.Removed was told
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	c.at = c.at.Add(d)
	c.mu.Unlock()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, pool: pgtest.New(t), bank: newBank(t), broker: newBroker(t), clock: &clock{at: time.Now().UTC().Truncate(time.Second)}}
	keys := envelopetest.New(t, b.pool)
	inserter, err := queue.NewInserter(b.pool)
	if err != nil {
		t.Fatal(err)
	}
	tellerConfig := teller.Config{
		BaseURL: b.bank.url, ApplicationID: "app_test", Environment: "sandbox", SigningKey: b.bank.publicKey(), ConnectScript: "https://connect.test/connect.js",
	}
	tellerClient, err := teller.New(tellerConfig, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	snaptradeClient, err := snaptrade.New(snaptrade.Config{
		BaseURL: b.broker.url, ClientID: "CLIENT", ConsumerKey: config.NewSecret("key"), PortalOrigin: "https://portal.test",
	}, time.Now, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.service = connection.New(b.pool, keys, inserter, connection.Config{
		Origin: "https://flint.test", Teller: tellerClient, TellerConfig: tellerConfig, SnapTrade: snaptradeClient, Now: b.clock.now,
		RoleOf: func(ctx context.Context, db postgres.DB, user id.User) (access.Role, error) {
			tier, err := postgres.Scalar[access.Tier](ctx, db, `select tier from users where id = @id`, postgres.Args{"id": user})
			return tier.Role(), err
		},
		Removed: func(_ context.Context, _ pgx.Tx, _ id.User, c id.Connection, keep bool) error {
			b.removed = append(b.removed, fmt.Sprint(c, " ", keep))
			return nil
		},
	})
	return b
}

// person stores a person and returns them as an actor.
func (b *bench) person(tier access.Tier) access.Actor {
	b.t.Helper()
	return access.Actor{User: addUser(b.t, b.pool, string(tier)), Tier: tier, Confirmed: true}
}

// visit starts a visit and returns what Teller's widget would hand over after it.
func (b *bench) visit(actor access.Actor, token, enrollment string, reconnect id.Connection) connection.TellerEnrollment {
	b.t.Helper()
	start, err := b.service.StartTeller(b.t.Context(), actor, reconnect)
	if err != nil {
		b.t.Fatalf("start: %v", err)
	}
	return b.bank.handOver(start.Attempt, start.Nonce, token, enrollment)
}

func (b *bench) scalar(sql string, args postgres.Args) int {
	b.t.Helper()
	n, err := postgres.Scalar[int](b.t.Context(), b.pool, sql, args)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// bank is Teller's far end.
type bank struct {
	url string
	key ed25519.PrivateKey

	mu      sync.Mutex
	tokens  map[string]string // token -> enrollment
	down    int               // status to answer, if not 0
	deleted []string
}

func newBank(t *testing.T) *bank {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &bank{key: key, tokens: map[string]string{}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

func (b *bank) publicKey() string {
	return base64.StdEncoding.EncodeToString(b.key.Public().(ed25519.PublicKey))
}

func (b *bank) handOver(attempt id.Attempt, nonce, token, enrollment string) connection.TellerEnrollment {
	b.mu.Lock()
	b.tokens[token] = enrollment
	b.mu.Unlock()
	message := strings.Join([]string{nonce, token, "usr_1", enrollment, "sandbox"}, ".")
	return connection.TellerEnrollment{
		Attempt: attempt, Token: config.NewSecret(token), UserID: "usr_1", EnrollmentID: enrollment,
		Signatures: []string{base64.StdEncoding.EncodeToString(ed25519.Sign(b.key, []byte(message)))},
	}
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	token, _, _ := r.BasicAuth()
	enrollment, ok := b.tokens[token]
	switch {
	case b.down != 0:
		w.WriteHeader(b.down)
	case !ok:
		w.WriteHeader(http.StatusForbidden)
	case r.Method == http.MethodDelete:
		b.deleted = append(b.deleted, token)
		w.WriteHeader(http.StatusNoContent)
	case strings.HasSuffix(enrollment, "_empty"):
		fmt.Fprint(w, `[]`)
	default:
		institution := "first_example"
		if strings.Contains(enrollment, "second") {
			institution = "second_example"
		}
		fmt.Fprintf(w, `[{"id":"acc_%s","enrollment_id":%q,"currency":"USD","institution":{"id":%q,"name":"Bank %s"}}]`, enrollment, enrollment, institution, institution)
	}
}

// broker is SnapTrade's far end.
type broker struct {
	url string

	mu          sync.Mutex
	secrets     map[string]string            // user -> secret
	connections map[string]map[string]string // user -> id -> JSON
	registered  int
	redirects   []string
	deleted     []string
	down        int
}

func newBroker(t *testing.T) *broker {
	b := &broker{secrets: map[string]string{}, connections: map[string]map[string]string{}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	b.url = s.URL
	return b
}

// connect is what the person does in the portal.
func (b *broker) connect(user id.User, slug, kind string, disabled bool) (authorization string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	authorization = uuid.NewString()
	if b.connections[user.String()] == nil {
		b.connections[user.String()] = map[string]string{}
	}
	b.connections[user.String()][authorization] = fmt.Sprintf(
		`{"id":%q,"created_date":"2026-01-01T00:00:00Z","type":"read","disabled":%t,"brokerage":{"slug":%q,"name":%q,"display_name":%q,"brokerage_type":{"name":%q}}}`,
		authorization, disabled, slug, slug, strings.ToLower(slug), kind)
	return authorization
}

func (b *broker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fail := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"detail":"no","status_code":%d,"code":%q}`, status, code)
	}
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	user := r.URL.Query().Get("userId")
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case b.down != 0:
		w.WriteHeader(b.down)
		return
	case r.URL.Path == "/snapTrade/registerUser":
		name := body["userId"].(string)
		if b.secrets[name] != "" {
			fail(400, "1010")
			return
		}
		b.registered++
		b.secrets[name] = fmt.Sprintf("user-secret-%d", b.registered)
		fmt.Fprintf(w, `{"userId":%q,"userSecret":%q}`, name, b.secrets[name])
		return
	case r.URL.Path == "/snapTrade/deleteUser":
		delete(b.secrets, user)
		delete(b.connections, user)
		fmt.Fprint(w, `{"status":"deleted"}`)
		return
	case b.secrets[user] == "" || r.URL.Query().Get("userSecret") != b.secrets[user]:
		fail(401, "1083")
		return
	}
	switch path[0] {
	case "snapTrade":
		redirect, _ := body["customRedirect"].(string)
		b.redirects = append(b.redirects, redirect)
		fmt.Fprint(w, `{"redirectURI":"https://portal.test/?t=1","sessionId":"s"}`)
	case "authorizations":
		c, ok := b.connections[user][path[1]]
		if !ok {
			fail(404, "1011")
			return
		}
		fmt.Fprint(w, c)
	case "connection":
		b.deleted = append(b.deleted, path[1])
		fmt.Fprint(w, `{"detail":"queued"}`)
	}
}

// work runs the stored jobs of a kind, as River would.
func (b *bench) work(kind string, do func(connection.RevokeArgs) error) {
	b.t.Helper()
	all, err := postgres.Many[string](b.t.Context(), b.pool, `select args::text from river_job where kind = @kind`, postgres.Args{"kind": kind})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, raw := range all {
		var args connection.RevokeArgs
		if err := json.Unmarshal([]byte(raw), &args); err != nil {
			b.t.Fatal(err)
		}
		if err := do(args); err != nil {
			b.t.Errorf("%s: %v", kind, err)
		}
	}
}
