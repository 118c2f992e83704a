// Package vault is the corner of the sandbox that plays HashiCorp Vault, as far
// as Flint asks it: signing in by token or as an AppRole, the transit engine
// with its versions and associated data, the KV engine (version 2), and
// database users on loan. Paths, bodies and statuses are those of Vault's HTTP
// API (https://developer.hashicorp.com/vault/api-docs). It seals in memory, and
// forgets everything when it ends.
package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"flint/sandbox/seal"
)

// Config is what a Vault starts with.
type Config struct {
	Token            string // that may do everything
	RoleID, SecretID string // whoever signs in as this role gets a token
	TokenTTL         time.Duration
	// Users makes and drops the users that are lent. Nil: none are.
	Users Users
	// LoanTTL is how long a user is lent, and LoanMax how long at most.
	LoanTTL, LoanMax time.Duration
	Now              func() time.Time // default: time.Now
}

// Users are those of a database.
type Users interface {
	Create(name, password string, until time.Time) error
	Drop(name string) error
}

// API is a Vault. It is safe for several goroutines.
type API struct {
	cfg Config

	mu      sync.Mutex
	tokens  map[string]time.Time           // until when; zero: for ever
	keys    map[string][]cipher.AEAD       // of the transit engine, by version
	secrets map[string][]map[string]string // of the KV engine, by version
	loans   map[string]*loan
	sealed  bool
	calls   map[string]int
}

type loan struct {
	user       string
	made, ends time.Time
}

// New returns a Vault without secrets.
func New(cfg Config) *API {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &API{cfg: cfg, tokens: map[string]time.Time{}, keys: map[string][]cipher.AEAD{}, secrets: map[string][]map[string]string{}, loans: map[string]*loan{}, calls: map[string]int{}}
	if cfg.Token != "" {
		a.tokens[cfg.Token] = time.Time{}
	}
	return a
}

// Put writes a new version of a secret.
func (a *API) Put(mount, path string, fields map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.secrets[mount+"/"+path] = append(a.secrets[mount+"/"+path], fields)
}

// Seal makes it answer 503, as a sealed Vault does, or ends that.
func (a *API) Seal(sealed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sealed = sealed
}

// Expire ends every token that isn't for ever.
func (a *API) Expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for t, until := range a.tokens {
		if !until.IsZero() {
			delete(a.tokens, t)
		}
	}
}

// Calls returns how often each operation was asked for: "encrypt", "creds".
func (a *API) Calls(operation string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[operation]
}

// Handler serves the API.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/auth/approle/login", a.login)
	mux.Handle("GET /v1/auth/token/lookup-self", a.as("lookup", a.lookup))
	mux.Handle("PUT /v1/auth/token/renew-self", a.as("renew-self", a.renewSelf))
	mux.Handle("PUT /v1/{mount}/encrypt/{key}", a.as("encrypt", a.encrypt))
	mux.Handle("PUT /v1/{mount}/decrypt/{key}", a.as("decrypt", a.decrypt))
	mux.Handle("PUT /v1/{mount}/keys/{key}/rotate", a.as("rotate", a.rotate))
	mux.Handle("GET /v1/{mount}/data/{path...}", a.as("read", a.read))
	mux.Handle("GET /v1/{mount}/creds/{role}", a.as("creds", a.lend))
	mux.Handle("PUT /v1/sys/leases/renew", a.as("renew", a.renew))
	mux.Handle("PUT /v1/sys/leases/revoke", a.as("revoke", a.revoke))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		sealed := a.sealed
		a.mu.Unlock()
		if sealed {
			refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
			return
		}
		if r.Method == http.MethodPost {
			r.Method = http.MethodPut // Vault takes both
		}
		mux.ServeHTTP(w, r)
	})
}

// as lets through whoever has a token, and holds the lock meanwhile.
func (a *API) as(operation string, next func(http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		until, known := a.tokens[r.Header.Get("X-Vault-Token")]
		if !known || (!until.IsZero() && a.cfg.Now().After(until)) {
			refuse(w, http.StatusForbidden, "permission denied")
			return
		}
		a.calls[operation]++
		next(w, r)
	})
}

type answer struct {
	RequestID     string         `json:"request_id"`
	LeaseID       string         `json:"lease_id"`
	Renewable     bool           `json:"renewable"`
	LeaseDuration int            `json:"lease_duration"`
	Data          map[string]any `json:"data"`
	Auth          map[string]any `json:"auth"`
}

func say(w http.ResponseWriter, a answer) {
	a.RequestID = rand.Text()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a)
}

func refuse(w http.ResponseWriter, status int, errs ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if errs == nil {
		errs = []string{}
	}
	_ = json.NewEncoder(w).Encode(map[string][]string{"errors": errs})
}

func body(w http.ResponseWriter, r *http.Request) (map[string]any, bool) {
	var in map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "failed to parse JSON input: "+err.Error())
		return nil, false
	}
	return in, true
}

func text(in map[string]any, name string) string {
	s, _ := in[name].(string)
	return s
}

func (a *API) login(w http.ResponseWriter, r *http.Request) {
	in, ok := body(w, r)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cfg.RoleID == "" || text(in, "role_id") != a.cfg.RoleID || text(in, "secret_id") != a.cfg.SecretID {
		refuse(w, http.StatusBadRequest, "invalid role or secret ID")
		return
	}
	a.calls["login"]++
	token := "hvs." + rand.Text()
	a.tokens[token] = a.cfg.Now().Add(a.cfg.TokenTTL)
	say(w, answer{Auth: a.auth(token)})
}

func (a *API) auth(token string) map[string]any {
	return map[string]any{"client_token": token, "renewable": true, "lease_duration": int(a.cfg.TokenTTL.Seconds()), "policies": []string{"flint"}}
}

func (a *API) lookup(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("X-Vault-Token")
	ttl, renewable := 0, false
	if until := a.tokens[token]; !until.IsZero() {
		ttl, renewable = int(until.Sub(a.cfg.Now()).Seconds()), true
	}
	say(w, answer{Data: map[string]any{"id": token, "ttl": ttl, "renewable": renewable, "policies": []string{"root"}}})
}

func (a *API) renewSelf(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("X-Vault-Token")
	if !a.tokens[token].IsZero() {
		a.tokens[token] = a.cfg.Now().Add(a.cfg.TokenTTL)
	}
	say(w, answer{Auth: a.auth(token)})
}

// versions returns those of a transit key; like Vault with its default policy, it
// makes a key that is asked for.
func (a *API) versions(name string) []cipher.AEAD {
	if len(a.keys[name]) == 0 {
		a.keys[name] = []cipher.AEAD{seal.NewKey()}
	}
	return a.keys[name]
}

func (a *API) encrypt(w http.ResponseWriter, r *http.Request) {
	in, ok := body(w, r)
	if !ok {
		return
	}
	plain, err := base64.StdEncoding.DecodeString(text(in, "plaintext"))
	bound, err2 := base64.StdEncoding.DecodeString(text(in, "associated_data"))
	if err = errors.Join(err, err2); err != nil {
		refuse(w, http.StatusBadRequest, "failed to base64-decode plaintext")
		return
	}
	versions := a.versions(r.PathValue("mount") + "/" + r.PathValue("key"))
	sealed := versions[len(versions)-1].Seal(nil, nil, plain, bound)
	say(w, answer{Data: map[string]any{
		"ciphertext": fmt.Sprintf("vault:v%d:%s", len(versions), base64.StdEncoding.EncodeToString(sealed)), "key_version": len(versions),
	}})
}

func (a *API) decrypt(w http.ResponseWriter, r *http.Request) {
	in, ok := body(w, r)
	if !ok {
		return
	}
	parts := strings.SplitN(text(in, "ciphertext"), ":", 3)
	if len(parts) != 3 || parts[0] != "vault" {
		refuse(w, http.StatusBadRequest, "invalid ciphertext: no prefix")
		return
	}
	n, err := strconv.Atoi(strings.TrimPrefix(parts[1], "v"))
	versions := a.keys[r.PathValue("mount")+"/"+r.PathValue("key")]
	if err != nil || n < 1 || n > len(versions) {
		refuse(w, http.StatusBadRequest, "invalid ciphertext: version is too new")
		return
	}
	sealed, err := base64.StdEncoding.DecodeString(parts[2])
	bound, err2 := base64.StdEncoding.DecodeString(text(in, "associated_data"))
	if err = errors.Join(err, err2); err == nil {
		sealed, err = versions[n-1].Open(nil, nil, sealed, bound)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
		return
	}
	say(w, answer{Data: map[string]any{"plaintext": base64.StdEncoding.EncodeToString(sealed)}})
}

func (a *API) rotate(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("mount") + "/" + r.PathValue("key")
	a.keys[name] = append(a.versions(name), seal.NewKey())
	say(w, answer{Data: map[string]any{"latest_version": len(a.keys[name])}})
}

func (a *API) read(w http.ResponseWriter, r *http.Request) {
	versions := a.secrets[r.PathValue("mount")+"/"+r.PathValue("path")]
	if len(versions) == 0 {
		refuse(w, http.StatusNotFound)
		return
	}
	at := a.cfg.Now().UTC().Format(time.RFC3339Nano)
	say(w, answer{Data: map[string]any{
		"data":     versions[len(versions)-1],
		"metadata": map[string]any{"version": len(versions), "created_time": at, "deletion_time": "", "destroyed": false, "custom_metadata": nil},
	}})
}

func (a *API) lend(w http.ResponseWriter, r *http.Request) {
	if a.cfg.Users == nil {
		refuse(w, http.StatusBadRequest, "unknown role: "+r.PathValue("role"))
		return
	}
	now := a.cfg.Now()
	name, password := "v-flint-"+strings.ToLower(rand.Text()[:12]), rand.Text()
	l := &loan{user: name, made: now, ends: now.Add(a.cfg.LoanTTL)}
	if err := a.cfg.Users.Create(name, password, now.Add(a.cfg.LoanMax)); err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	lease := r.PathValue("mount") + "/creds/" + r.PathValue("role") + "/" + rand.Text()
	a.loans[lease] = l
	say(w, answer{LeaseID: lease, Renewable: true, LeaseDuration: int(a.cfg.LoanTTL.Seconds()), Data: map[string]any{"username": name, "password": password}})
}

func (a *API) renew(w http.ResponseWriter, r *http.Request) {
	in, ok := body(w, r)
	if !ok {
		return
	}
	lease := text(in, "lease_id")
	l := a.loans[lease]
	now := a.cfg.Now()
	if l == nil || now.After(l.ends) {
		refuse(w, http.StatusBadRequest, "lease not found")
		return
	}
	l.ends = now.Add(a.cfg.LoanTTL)
	if end := l.made.Add(a.cfg.LoanMax); l.ends.After(end) {
		l.ends = end
	}
	say(w, answer{LeaseID: lease, Renewable: true, LeaseDuration: int(l.ends.Sub(now).Seconds())})
}

func (a *API) revoke(w http.ResponseWriter, r *http.Request) {
	in, ok := body(w, r)
	if !ok {
		return
	}
	if l := a.loans[text(in, "lease_id")]; l != nil {
		if err := a.cfg.Users.Drop(l.user); err != nil {
			refuse(w, http.StatusInternalServerError, err.Error())
			return
		}
		delete(a.loans, text(in, "lease_id"))
	}
	w.WriteHeader(http.StatusNoContent)
}

// Sweep drops the users whose loan has ended, as Vault does by itself.
func (a *API) Sweep() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var faults []error
	for lease, l := range a.loans {
		if a.cfg.Now().After(l.ends) {
			faults = append(faults, a.cfg.Users.Drop(l.user))
			delete(a.loans, lease)
		}
	}
	return errors.Join(faults...)
}
