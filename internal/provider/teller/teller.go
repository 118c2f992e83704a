// Package teller is Teller's API as it is: accounts, balances and transactions
// of US banks. It knows nothing of Flint's tables and rules; vendor words stop
// here.
//
// A request proves two things. The client certificate (mTLS) says which
// application calls; the access token, sent as the user name of HTTP basic
// authentication, says on whose enrollment. An access token is got by the
// Connect widget in the browser, which hands over an enrollment object;
// VerifyEnrollment checks Teller's signature over it, so that a token stolen
// elsewhere can't be slipped in. Tokens don't expire: an enrollment either
// works or answers enrollment.disconnected until it is repaired.
//
// Amounts are exact. Signs are Teller's: on depository accounts money out is
// negative, on credit accounts a charge is positive, and an owed ledger
// balance is positive. Whoever stores them turns them round.
package teller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flint/internal/config"
	"flint/internal/money"
	"flint/internal/platform/outbound"
)

// name is what this provider is called in errors, logs and metrics.
const name = "teller"

// Version is the edition of the API that this client was written for.
const Version = "2020-10-12"

// Config says where Teller is and who we are there.
type Config struct {
	BaseURL       string `env:"TELLER_BASE_URL, default=https://api.teller.io"`
	ApplicationID string `env:"TELLER_APPLICATION_ID"`               // app_…; empty: Teller is switched off
	Environment   string `env:"TELLER_ENVIRONMENT, default=sandbox"` // sandbox, development or production
	CertFile      string `env:"TELLER_CERT_FILE"`                    // client certificate, PEM; needed outside the sandbox
	KeyFile       string `env:"TELLER_KEY_FILE"`                     // its private key, PEM
	CAFile        string `env:"TELLER_CA_FILE"`                      // only for a stand-in of Teller with its own authority
	ConnectScript string `env:"TELLER_CONNECT_SCRIPT, default=https://cdn.teller.io/connect/connect.js"`
	PerMinute     int    `env:"TELLER_CALLS_PER_MINUTE, default=600"` // Teller publishes no limit; this is ours

	// SigningKey is the dashboard's "Token Signing Key", an Ed25519 public key
	// (base64 or PEM); several, divided by commas, while it is rotated.
	SigningKey string `env:"TELLER_SIGNING_KEY"`
	// WebhookSecrets are the webhook signing secrets that are valid now: one,
	// or two while they are rotated.
	WebhookSecrets []config.Secret `env:"TELLER_WEBHOOK_SECRETS"`

	Quota func(ctx context.Context, person bool) time.Duration // see outbound.Config
}

// Enabled reports whether Teller is configured at all.
func (c Config) Enabled() bool { return c.ApplicationID != "" }

// Validate returns all that is wrong with c, joined, or nil.
func (c Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	var faults []error
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" {
		faults = append(faults, errors.New("TELLER_BASE_URL must be a URL such as https://api.teller.io"))
	}
	live := c.Environment == "development" || c.Environment == "production"
	if !live && c.Environment != "sandbox" {
		faults = append(faults, errors.New("TELLER_ENVIRONMENT must be sandbox, development or production"))
	}
	if live && base != nil && base.Scheme != "https" {
		faults = append(faults, errors.New("TELLER_BASE_URL must be https outside the sandbox"))
	}
	if live && (c.CertFile == "" || c.KeyFile == "") {
		faults = append(faults, errors.New("TELLER_CERT_FILE and TELLER_KEY_FILE are needed outside the sandbox: Teller refuses calls without a client certificate"))
	}
	if live && c.SigningKey == "" {
		faults = append(faults, errors.New("TELLER_SIGNING_KEY is needed outside the sandbox: without it anybody's token could be linked"))
	}
	if _, err := parseKeys(c.SigningKey); err != nil {
		faults = append(faults, fmt.Errorf("TELLER_SIGNING_KEY: %w", err))
	}
	return errors.Join(faults...)
}

// Client calls Teller. It is safe for concurrent use.
type Client struct {
	cfg  Config
	keys []signingKey
	http *outbound.Client
}

// New returns a Client. onCall is told of each attempt and may be nil.
func New(cfg Config, now func() time.Time, log *slog.Logger, onCall func(outbound.Call)) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	keys, err := parseKeys(cfg.SigningKey)
	if err != nil {
		return nil, err
	}
	http, err := outbound.New(outbound.Config{
		Provider: name, BaseURL: cfg.BaseURL, CertFile: cfg.CertFile, KeyFile: cfg.KeyFile, CAFile: cfg.CAFile,
		PerMinute: cfg.PerMinute, Quota: cfg.Quota, Timeout: 45 * time.Second, // a big account's first transactions are slow
		Explain: explain, OnCall: onCall, Log: log, Now: now,
	})
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, keys: keys, http: http}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.Close() }

// Institution is a bank that Teller knows.
type Institution struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Products []string `json:"products"`
}

// Account is one account of an enrollment.
type Account struct {
	ID           string         `json:"id"`
	EnrollmentID string         `json:"enrollment_id"`
	Institution  Institution    `json:"institution"`
	Name         string         `json:"name"`
	Type         string         `json:"type"`    // depository or credit
	Subtype      string         `json:"subtype"` // checking, savings, credit_card, …
	Currency     money.Currency `json:"currency"`
	LastFour     string         `json:"last_four"`
	Status       string         `json:"status"` // open or closed
	Links        Links          `json:"links"`
}

// Links are the addresses of what an account can do; an empty one means that
// the bank doesn't support it.
type Links struct {
	Balances     string `json:"balances"`
	Transactions string `json:"transactions"`
	Details      string `json:"details"`
}

// Balances are the balances of an account, in its currency. nil is unknown.
type Balances struct {
	Ledger    *money.Decimal // booked
	Available *money.Decimal // what can be spent
}

// Transaction is one booked or pending entry.
type Transaction struct {
	ID               string
	Amount           money.Decimal // Teller's sign; see the package comment
	Date             time.Time     // a day, at midnight UTC
	Description      string
	Status           string // posted or pending
	Type             string // open set: card_payment, ach, transfer, fee, …
	RunningBalance   *money.Decimal
	ProcessingStatus string // of the enrichment: pending or complete
	Category         string
	Counterparty     string
	CounterpartyType string // organization or person
}

// Page asks for a part of the transactions, newest first. Zero fields don't
// restrict.
type Page struct {
	Count      int       // most rows; there is no default limit: all rows come
	FromID     string    // strictly older than this transaction
	Start, End time.Time // days, both inclusive
}

// Institutions lists all banks that can be enrolled. It needs no token.
func (c *Client) Institutions(ctx context.Context) ([]Institution, error) {
	return get[[]Institution](ctx, c, "institutions", config.Secret{}, "/institutions", "")
}

// Accounts lists the accounts of the token's enrollment. Beware: a dead
// enrollment may still answer; the transactions know better.
func (c *Client) Accounts(ctx context.Context, token config.Secret) ([]Account, error) {
	accounts, err := get[[]Account](ctx, c, "accounts", token, "/accounts", "")
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if a.ID == "" || a.EnrollmentID == "" {
			return nil, outbound.BadAnswer(name, "accounts", "id", "")
		}
		if _, err := money.ParseCurrency(string(a.Currency)); err != nil {
			return nil, outbound.BadAnswer(name, "accounts", "currency", "")
		}
	}
	return accounts, nil
}

// Balances returns an account's balances, read live from the bank. It is
// billed per call in production.
func (c *Client) Balances(ctx context.Context, token config.Secret, account string) (Balances, error) {
	type wire struct {
		Ledger    *string `json:"ledger"`
		Available *string `json:"available"`
	}
	w, err := get[wire](ctx, c, "balances", token, "/accounts/"+url.PathEscape(account)+"/balances", "")
	if err != nil {
		return Balances{}, err
	}
	var b Balances
	var bad [2]error
	b.Ledger, bad[0] = optional(w.Ledger)
	b.Available, bad[1] = optional(w.Available)
	if bad[0] != nil || bad[1] != nil {
		return Balances{}, outbound.BadAnswer(name, "balances", "amount", "")
	}
	return b, nil
}

// Transactions returns one page of an account's transactions, newest first.
// Fewer rows than p.Count mean that there are no older ones.
func (c *Client) Transactions(ctx context.Context, token config.Secret, account string, p Page) ([]Transaction, error) {
	q := url.Values{}
	if p.Count > 0 {
		q.Set("count", strconv.Itoa(p.Count))
	}
	if p.FromID != "" {
		q.Set("from_id", p.FromID)
	}
	if !p.Start.IsZero() {
		q.Set("start_date", p.Start.Format(time.DateOnly))
	}
	if !p.End.IsZero() {
		q.Set("end_date", p.End.Format(time.DateOnly))
	}
	rows, err := get[[]wireTransaction](ctx, c, "transactions", token, "/accounts/"+url.PathEscape(account)+"/transactions", q.Encode())
	if err != nil {
		return nil, err
	}
	out := make([]Transaction, len(rows))
	for i, w := range rows {
		if out[i], err = w.read("transactions"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Transaction returns one transaction.
func (c *Client) Transaction(ctx context.Context, token config.Secret, account, transaction string) (Transaction, error) {
	w, err := get[wireTransaction](ctx, c, "transaction", token,
		"/accounts/"+url.PathEscape(account)+"/transactions/"+url.PathEscape(transaction), "")
	if err != nil {
		return Transaction{}, err
	}
	return w.read("transaction")
}

// DeleteEnrollment gives up the token's whole enrollment: the token dies and
// billing stops. Doing it twice is no error.
func (c *Client) DeleteEnrollment(ctx context.Context, token config.Secret) error {
	_, err := c.do(ctx, outbound.Request{Op: "delete_enrollment", Method: http.MethodDelete, Path: "/accounts", Idempotent: true}, token)
	if e := outbound.Of(err); e != nil && (e.Status == http.StatusForbidden || e.Class == outbound.NotFound) {
		return nil
	}
	return err
}

func (c *Client) do(ctx context.Context, r outbound.Request, token config.Secret) (outbound.Response, error) {
	r.Header = http.Header{"Accept": {"application/json"}, "Teller-Version": {Version}}
	r.Sign = func(req *http.Request) error {
		if !token.IsZero() {
			req.SetBasicAuth(token.Reveal(), "")
		}
		return nil
	}
	return c.http.Do(ctx, r)
}

func get[T any](ctx context.Context, c *Client, op string, token config.Secret, path, query string) (T, error) {
	var out T
	answer, err := c.do(ctx, outbound.Request{Op: op, Path: path, Query: query}, token)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		// json's own text may quote what it read.
		return out, outbound.BadAnswer(name, op, "json", answer.RequestID)
	}
	return out, nil
}

// wireTransaction is a transaction as Teller writes it. Counterparty and even
// details may be missing.
type wireTransaction struct {
	ID             string  `json:"id"`
	Amount         string  `json:"amount"`
	Date           string  `json:"date"`
	Description    string  `json:"description"`
	Status         string  `json:"status"`
	Type           string  `json:"type"`
	RunningBalance *string `json:"running_balance"`
	Details        struct {
		ProcessingStatus string  `json:"processing_status"`
		Category         *string `json:"category"`
		Counterparty     *struct {
			Name *string `json:"name"`
			Type *string `json:"type"`
		} `json:"counterparty"`
	} `json:"details"`
}

func (w wireTransaction) read(op string) (Transaction, error) {
	bad := func(what string) (Transaction, error) { return Transaction{}, outbound.BadAnswer(name, op, what, "") }
	t := Transaction{
		ID: w.ID, Description: w.Description, Status: w.Status, Type: w.Type,
		ProcessingStatus: w.Details.ProcessingStatus, Category: text(w.Details.Category),
	}
	if t.ID == "" {
		return bad("id")
	}
	if t.Status != "posted" && t.Status != "pending" {
		return bad("status")
	}
	var err error
	if t.Amount, err = money.Parse(w.Amount); err != nil {
		return bad("amount")
	}
	if t.RunningBalance, err = optional(w.RunningBalance); err != nil {
		return bad("running_balance")
	}
	if t.Date, err = day(w.Date); err != nil {
		return bad("date")
	}
	if cp := w.Details.Counterparty; cp != nil {
		t.Counterparty, t.CounterpartyType = text(cp.Name), text(cp.Type)
	}
	return t, nil
}

// earliest is the first day that a bank's row can be of. Banks write the epoch
// when they mean that they don't know.
var earliest = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)

var errDay = errors.New("not a day between 1971 and 2200")

// day reads YYYY-MM-DD.
func day(s string) (time.Time, error) {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil || d.Before(earliest) || d.Year() > 2200 {
		return time.Time{}, errDay
	}
	return d, nil
}

func optional(s *string) (*money.Decimal, error) {
	if s == nil {
		return nil, nil
	}
	d, err := money.Parse(*s)
	if err != nil {
		return nil, err
	}
	return &d, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}
