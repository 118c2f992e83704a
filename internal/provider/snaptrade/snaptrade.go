// Package snaptrade is SnapTrade's API as it is: brokerages and crypto
// exchanges, their accounts, balances, positions and activities. It knows
// nothing of Flint's tables and rules; vendor words stop here.
//
// Every request is signed with the consumer key (see sign.go). A person is
// registered once, which yields a user secret that is shown only then; each
// call on their behalf carries it in the query string. That is SnapTrade's
// design, and why this client never lets an address into an error or a log.
// The person then visits the connection portal, whose link Login makes, and
// comes back with a connection (an "authorization" in older words).
//
// A disabled connection keeps answering with its last data and no error: look
// at Connection.Disabled. Older objects write JSON numbers, newer ones decimal
// strings; both are read exactly.
package snaptrade

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"flint/internal/config"
	"flint/internal/platform/outbound"
)

// name is what this provider is called in errors, logs and metrics.
const name = "snaptrade"

// Config says where SnapTrade is and who we are there.
type Config struct {
	BaseURL     string        `env:"SNAPTRADE_BASE_URL, default=https://api.snaptrade.com"`
	ClientID    string        `env:"SNAPTRADE_CLIENT_ID"`    // empty: SnapTrade is switched off
	ConsumerKey config.Secret `env:"SNAPTRADE_CONSUMER_KEY"` // signs requests and webhooks
	// PreviousConsumerKey still verifies webhooks while the key is rotated.
	PreviousConsumerKey config.Secret `env:"SNAPTRADE_PREVIOUS_CONSUMER_KEY"`
	PortalOrigin        string        `env:"SNAPTRADE_PORTAL_ORIGIN, default=https://app.snaptrade.com"`
	PerMinute           int           `env:"SNAPTRADE_CALLS_PER_MINUTE, default=240"` // of the 250 that a client id has

	Quota func(ctx context.Context, person bool) time.Duration // see outbound.Config
}

// Enabled reports whether SnapTrade is configured at all.
func (c Config) Enabled() bool { return c.ClientID != "" }

// WebhookKeys are the keys that may have signed a webhook; none when SnapTrade
// is switched off.
func (c Config) WebhookKeys() []config.Secret {
	var keys []config.Secret
	for _, k := range []config.Secret{c.ConsumerKey, c.PreviousConsumerKey} {
		if c.Enabled() && !k.IsZero() {
			keys = append(keys, k)
		}
	}
	return keys
}

// Validate returns all that is wrong with c, joined, or nil.
func (c Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	var faults []error
	base, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || base.Host == "":
		faults = append(faults, errors.New("SNAPTRADE_BASE_URL must be a URL such as https://api.snaptrade.com"))
	case base.Scheme != "https" && !local(base.Hostname()):
		// The user secret travels in the query string.
		faults = append(faults, errors.New("SNAPTRADE_BASE_URL must be https, except on this machine"))
	}
	if c.ConsumerKey.IsZero() {
		faults = append(faults, errors.New("SNAPTRADE_CONSUMER_KEY is needed with SNAPTRADE_CLIENT_ID"))
	}
	if u, err := url.Parse(c.PortalOrigin); err != nil || u.Host == "" || u.Path != "" {
		faults = append(faults, errors.New("SNAPTRADE_PORTAL_ORIGIN must be an origin such as https://app.snaptrade.com"))
	}
	return errors.Join(faults...)
}

func local(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// User is a person's identity at SnapTrade.
type User struct {
	ID     string
	Secret config.Secret
}

// Client calls SnapTrade. It is safe for concurrent use.
type Client struct {
	cfg  Config
	key  atomic.Pointer[config.Secret] // the consumer key
	now  func() time.Time
	http *outbound.Client
}

// New returns a Client. onCall is told of each attempt and may be nil.
func New(cfg Config, now func() time.Time, log *slog.Logger, onCall func(outbound.Call)) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	http, err := outbound.New(outbound.Config{
		Provider: name, BaseURL: cfg.BaseURL, PerMinute: cfg.PerMinute, Quota: cfg.Quota,
		Explain: explain, OnCall: onCall, Log: log, Now: now,
	})
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, now: now, http: http}
	c.UseKey(cfg.ConsumerKey)
	return c, nil
}

// UseKey signs requests with another consumer key of the same client id from now
// on.
func (c *Client) UseKey(key config.Secret) { c.key.Store(&key) }

// Close drops idle connections.
func (c *Client) Close() { c.http.Close() }

// Register makes a user. The secret in the answer is shown this once. It fails
// with code CodeUserExists when the user is there already; then only
// DeleteUser and another Register get a secret.
func (c *Client) Register(ctx context.Context, userID string) (User, error) {
	type answer struct {
		UserID     string `json:"userId"`
		UserSecret string `json:"userSecret"`
	}
	a, err := call[answer](ctx, c, request{op: "register_user", method: http.MethodPost, path: "/snapTrade/registerUser",
		body: map[string]any{"userId": userID}})
	if err != nil {
		return User{}, err
	}
	if a.UserID != userID || a.UserSecret == "" {
		return User{}, outbound.BadAnswer(name, "register_user", "user", "")
	}
	return User{ID: a.UserID, Secret: config.NewSecret(a.UserSecret)}, nil
}

// DeleteUser deletes a user with all their connections. SnapTrade does it in
// the background and then sends USER_DELETED. A user that isn't there is no
// error.
func (c *Client) DeleteUser(ctx context.Context, userID string) error {
	_, err := call[struct{}](ctx, c, request{op: "delete_user", method: http.MethodDelete, path: "/snapTrade/deleteUser",
		query: [][2]string{{"userId", userID}}, repeat: true})
	return unlessGone(err)
}

// Portal says how the connection portal opens.
type Portal struct {
	Broker     string // slug; empty: the person picks
	Redirect   string // where the portal returns to
	Reconnect  string // connection to repair
	Connection string // read (default), trade or trade-if-available
}

// Login returns the address of the connection portal, good for five minutes,
// and the session's id. The address signs the person in at SnapTrade: hand it
// to their browser and to nobody else.
func (c *Client) Login(ctx context.Context, u User, p Portal) (address config.Secret, session string, err error) {
	type answer struct {
		RedirectURI string `json:"redirectURI"`
		SessionID   string `json:"sessionId"`
	}
	body := map[string]any{"immediateRedirect": true, "connectionPortalVersion": "v4", "connectionType": "read"}
	for key, value := range map[string]string{
		"broker": p.Broker, "customRedirect": p.Redirect, "reconnect": p.Reconnect, "connectionType": p.Connection,
	} {
		if value != "" {
			body[key] = value
		}
	}
	a, err := call[answer](ctx, c, request{op: "login", method: http.MethodPost, path: "/snapTrade/login", user: &u, body: body})
	if err != nil {
		return config.Secret{}, "", err
	}
	if to, err := url.Parse(a.RedirectURI); err != nil || to.Scheme+"://"+to.Host != c.cfg.PortalOrigin {
		return config.Secret{}, "", outbound.BadAnswer(name, "login", "portal_origin", "")
	}
	return config.NewSecret(a.RedirectURI), a.SessionID, nil
}

// Connections lists the user's connections.
func (c *Client) Connections(ctx context.Context, u User) ([]Connection, error) {
	return call[[]Connection](ctx, c, request{op: "connections", path: "/authorizations", user: &u})
}

// Connection returns one of the user's connections. Somebody else's is not
// found.
func (c *Client) Connection(ctx context.Context, u User, id string) (Connection, error) {
	return call[Connection](ctx, c, request{op: "connection", path: "/authorizations/" + url.PathEscape(id), user: &u})
}

// DeleteConnection ends a connection. SnapTrade does it in the background and
// then sends CONNECTION_DELETED. A connection that isn't there is no error.
func (c *Client) DeleteConnection(ctx context.Context, u User, id string) error {
	_, err := call[struct{}](ctx, c, request{op: "delete_connection", method: http.MethodDelete,
		path: "/connection/" + url.PathEscape(id), user: &u, repeat: true})
	return unlessGone(err)
}

// RefreshConnection asks SnapTrade to read the brokerage again. It is billed,
// works in the background, and ends with ACCOUNT_HOLDINGS_UPDATED.
func (c *Client) RefreshConnection(ctx context.Context, u User, id string) error {
	_, err := call[struct{}](ctx, c, request{op: "refresh_connection", method: http.MethodPost,
		path: "/authorizations/" + url.PathEscape(id) + "/refresh", user: &u})
	return err
}

// Accounts lists the accounts of all the user's connections.
func (c *Client) Accounts(ctx context.Context, u User) ([]Account, error) {
	return list(ctx, c, request{op: "accounts", path: "/accounts", user: &u}, wireAccount.read)
}

// ConnectionAccounts lists the accounts of one connection.
func (c *Client) ConnectionAccounts(ctx context.Context, u User, connection string) ([]Account, error) {
	return list(ctx, c, request{op: "connection_accounts", path: "/authorizations/" + url.PathEscape(connection) + "/accounts", user: &u}, wireAccount.read)
}

// Balances lists an account's cash, one element per currency.
func (c *Client) Balances(ctx context.Context, u User, account string) ([]Balance, error) {
	return list(ctx, c, request{op: "balances", path: "/accounts/" + url.PathEscape(account) + "/balances", user: &u}, wireBalance.read)
}

// Positions lists all that an account holds besides cash.
func (c *Client) Positions(ctx context.Context, u User, account string) (Positions, error) {
	const op = "positions"
	w, err := call[wirePositions](ctx, c, request{op: op, path: "/accounts/" + url.PathEscape(account) + "/positions/all", user: &u})
	if err != nil {
		return Positions{}, err
	}
	return w.read()
}

// Window asks for a part of the activities. Zero fields don't restrict.
type Window struct {
	Start, End time.Time // days, both inclusive
	Offset     int
	Limit      int // at most 1000, which is also the default
}

// Activities returns one page of an account's activities, newest first. They
// are read from the brokerage daily, a day late.
func (c *Client) Activities(ctx context.Context, u User, account string, w Window) (ActivityPage, error) {
	if w.Limit <= 0 || w.Limit > 1000 {
		w.Limit = 1000
	}
	query := [][2]string{{"offset", strconv.Itoa(w.Offset)}, {"limit", strconv.Itoa(w.Limit)}}
	if !w.Start.IsZero() {
		query = append(query, [2]string{"startDate", w.Start.Format(time.DateOnly)})
	}
	if !w.End.IsZero() {
		query = append(query, [2]string{"endDate", w.End.Format(time.DateOnly)})
	}
	page, err := call[wireActivities](ctx, c, request{op: "activities", path: "/accounts/" + url.PathEscape(account) + "/activities", user: &u, query: query})
	if err != nil {
		return ActivityPage{}, err
	}
	return page.read()
}

// request is one call before it is signed.
type request struct {
	op, method, path string
	user             *User
	query            [][2]string
	body             map[string]any // ASCII only; see sign.go
	repeat           bool           // may be repeated although it isn't a GET
}

func call[T any](ctx context.Context, c *Client, r request) (T, error) {
	var out T
	var body []byte
	if r.body != nil {
		var err error
		if body, err = plainJSON(r.body); err != nil {
			return out, outbound.BadAnswer(name, r.op, "request", "")
		}
	}
	header := http.Header{"Accept": {"application/json"}}
	if body != nil {
		header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(ctx, outbound.Request{
		Op: r.op, Method: r.method, Path: r.path, Body: body, Header: header, Idempotent: r.repeat,
		Sign: func(req *http.Request) error {
			req.URL.RawQuery = c.query(r)
			signature, err := Sign(*c.key.Load(), req.URL.EscapedPath(), req.URL.RawQuery, body)
			req.Header.Set("Signature", signature)
			return err
		},
	})
	if err != nil {
		return out, err
	}
	if _, nothing := any(out).(struct{}); nothing {
		return out, nil
	}
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		// json's own text may quote what it read.
		return out, outbound.BadAnswer(name, r.op, "json", answer.RequestID)
	}
	return out, nil
}

// query is the raw query, in the order of the official SDKs.
func (c *Client) query(r request) string {
	pairs := [][2]string{{"clientId", c.cfg.ClientID}}
	if r.user != nil {
		pairs = append(pairs, [2]string{"userId", r.user.ID}, [2]string{"userSecret", r.user.Secret.Reveal()})
	}
	pairs = append(pairs, r.query...)
	pairs = append(pairs, [2]string{"timestamp", strconv.FormatInt(c.now().Unix(), 10)})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p[0]) + "=" + url.QueryEscape(p[1]))
	}
	return b.String()
}

// list calls r, which answers an array, and reads each element.
func list[W, T any](ctx context.Context, c *Client, r request, read func(W) (T, string)) ([]T, error) {
	rows, err := call[[]W](ctx, c, r)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(rows))
	for i, w := range rows {
		var bad string
		if out[i], bad = read(w); bad != "" {
			return nil, outbound.BadAnswer(name, r.op, bad, "")
		}
	}
	return out, nil
}

// unlessGone forgives that the thing to delete isn't there.
func unlessGone(err error) error {
	if e := outbound.Of(err); e != nil && e.Class == outbound.NotFound {
		return nil
	}
	return err
}
