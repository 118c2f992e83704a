// Package vault asks HashiCorp Vault, or OpenBao, which speaks the same: it
// wraps keys by the transit engine, reads secrets of the KV engine (version 2)
// and borrows database credentials, through the official client.
//
// The life of a Client: Open signs in, by a token or as an AppRole, and keeps
// the token alive until Close. A token that can't be renewed any more is
// replaced by signing in again, if there is a role to sign in as.
package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"flint/internal/config"
)

// Config says where Vault is and who asks.
type Config struct {
	// Address is where Vault is: https://vault.example:8200. Empty: there is none.
	Address string `env:"VAULT_ADDR"`
	// Namespace is one of Vault Enterprise's, if it isn't the root.
	Namespace string `env:"VAULT_NAMESPACE"`
	// Token signs in as whoever it was made for.
	Token config.Secret `env:"VAULT_TOKEN"`
	// RoleID and SecretID sign in as an AppRole instead.
	RoleID   string        `env:"VAULT_ROLE_ID"`
	SecretID config.Secret `env:"VAULT_SECRET_ID"`
	// CACert is a file with the authority that signed Vault's certificate, if the
	// system doesn't know it.
	CACert string `env:"VAULT_CACERT"`
	// Timeout bounds one question.
	Timeout time.Duration `env:"VAULT_TIMEOUT,default=5s"`

	Log *slog.Logger // default: slog.Default()
}

// Enabled reports whether there is a Vault.
func (c Config) Enabled() bool { return c.Address != "" }

// Validate reports what is wrong with the settings, by variable.
func (c Config) Validate() error {
	role := c.RoleID != "" || !c.SecretID.IsZero()
	switch {
	case !c.Enabled() && (!c.Token.IsZero() || role):
		return errors.New("VAULT_ADDR: must be set, since there is a token or a role for it")
	case !c.Enabled():
		return nil
	case !c.Token.IsZero() && role:
		return errors.New("VAULT_TOKEN: set it, or VAULT_ROLE_ID and VAULT_SECRET_ID, not both")
	case role && (c.RoleID == "" || c.SecretID.IsZero()):
		return errors.New("VAULT_ROLE_ID: goes with VAULT_SECRET_ID")
	case c.Token.IsZero() && !role:
		return errors.New("VAULT_TOKEN: must be set, or VAULT_ROLE_ID and VAULT_SECRET_ID")
	}
	return nil
}

// Client asks. It is safe for use by many goroutines.
type Client struct {
	cfg  Config
	api  *api.Client
	stop context.CancelFunc
	done sync.WaitGroup
}

// Open signs in. The caller closes the Client.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	settings := api.DefaultConfig()
	if settings.Error != nil {
		return nil, fmt.Errorf("set up Vault: %w", settings.Error)
	}
	settings.Address, settings.Timeout, settings.MaxRetries = cfg.Address, cfg.Timeout, 2
	if cfg.CACert != "" {
		if err := settings.ConfigureTLS(&api.TLSConfig{CACert: cfg.CACert}); err != nil {
			return nil, fmt.Errorf("set up Vault: VAULT_CACERT: %w", err)
		}
	}
	client, err := api.NewClient(settings)
	if err != nil {
		return nil, fmt.Errorf("set up Vault: %w", err)
	}
	client.ClearToken() // the official client would take one from the environment
	if cfg.Namespace != "" {
		client.SetNamespace(cfg.Namespace)
	}
	c := &Client{cfg: cfg, api: client}
	lease, err := c.signIn(ctx)
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.done.Go(func() { c.keep(life, lease) })
	return c, nil
}

// Close stops renewing. It gives back no token: another node may use it.
func (c *Client) Close() {
	c.stop()
	c.done.Wait()
}

// signIn gets a token and returns it as a lease to renew, nil if it lasts for ever.
func (c *Client) signIn(ctx context.Context) (*api.Secret, error) {
	if c.cfg.RoleID == "" {
		c.api.SetToken(c.cfg.Token.Reveal())
		self, err := c.api.Auth().Token().LookupSelfWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("sign in to Vault with VAULT_TOKEN: %w", plainly(err))
		}
		ttl, _ := self.TokenTTL()
		renewable, _ := self.TokenIsRenewable()
		if ttl == 0 || !renewable {
			return nil, nil
		}
		return &api.Secret{Auth: &api.SecretAuth{ClientToken: c.cfg.Token.Reveal(), Renewable: true, LeaseDuration: int(ttl.Seconds())}}, nil
	}
	got, err := c.api.Logical().WriteWithContext(ctx, "auth/approle/login",
		map[string]any{"role_id": c.cfg.RoleID, "secret_id": c.cfg.SecretID.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("sign in to Vault as a role: %w", plainly(err))
	}
	if got == nil || got.Auth == nil || got.Auth.ClientToken == "" {
		return nil, errors.New("sign in to Vault as a role: it answered without a token")
	}
	c.api.SetToken(got.Auth.ClientToken)
	return got, nil
}

// keep renews the token for as long as that goes, and then signs in again.
func (c *Client) keep(ctx context.Context, lease *api.Secret) {
	for lease != nil && ctx.Err() == nil {
		if w, err := c.api.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: lease}); err == nil {
			go w.Start()
			select {
			case err := <-w.DoneCh():
				c.cfg.Log.DebugContext(ctx, "Vault's token can't be renewed any more", "error", err)
			case <-ctx.Done():
			}
			w.Stop()
		}
		if ctx.Err() != nil {
			return
		}
		fresh, err := c.signIn(ctx)
		if err == nil {
			lease = fresh
			continue
		}
		c.cfg.Log.ErrorContext(ctx, "Vault's token has run out", "error", err)
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return
		}
	}
}

// Fetch returns the newest version of a secret of the KV engine, version 2:
// Fetch(ctx, "secret/flint/prod") is flint/prod of the engine mounted at secret.
// It returns ErrNoSecret if there is none, or if it was deleted.
func (c *Client) Fetch(ctx context.Context, path string) (config.Kept, error) {
	mount, name, _ := strings.Cut(path, "/")
	if mount == "" || name == "" {
		return config.Kept{}, errors.New("a secret of Vault's is named MOUNT/PATH")
	}
	got, err := c.api.KVv2(mount).Get(ctx, name)
	if errors.Is(err, api.ErrSecretNotFound) || (err == nil && (got == nil || got.Data == nil)) {
		return config.Kept{}, fmt.Errorf("%s: %w", path, ErrNoSecret)
	}
	if err != nil {
		return config.Kept{}, fmt.Errorf("read %s from Vault: %w", path, plainly(err))
	}
	kept := config.Kept{Fields: make(map[string]config.Secret, len(got.Data))}
	for field, v := range got.Data {
		if text, ok := v.(string); ok { // what isn't text can't be asked for
			kept.Fields[field] = config.NewSecret(text)
		}
	}
	if m := got.VersionMetadata; m != nil {
		kept.Version, kept.Made = strconv.Itoa(m.Version), m.CreatedTime
	}
	return kept, nil
}

// ErrNoSecret says that Vault has no such secret.
var ErrNoSecret = errors.New("there is no such secret in Vault")

// plainly shortens the client's errors, which quote the whole exchange over
// several lines, to what went wrong.
func plainly(err error) error {
	if r, ok := errors.AsType[*api.ResponseError](err); ok {
		return fmt.Errorf("status %d %s", r.StatusCode, strings.Join(r.Errors, "; "))
	}
	return err
}

// Transit is a key of the transit engine: a master key that never leaves Vault.
// It is an envelope.KMS.
type Transit struct {
	client     *Client
	mount, key string
}

// Transit returns the key of this name. Nothing is asked yet.
func (c *Client) Transit(mount, key string) *Transit { return &Transit{c, mount, key} }

// Name says which key it is.
func (t *Transit) Name() string { return "vault:" + t.mount + "/" + t.key }

// Wrap seals a key under the newest version, with bound as associated data.
func (t *Transit) Wrap(ctx context.Context, key, bound []byte) ([]byte, error) {
	text, err := t.ask(ctx, "encrypt", "ciphertext", map[string]any{"plaintext": b64(key), "associated_data": b64(bound)})
	return []byte(text), err
}

// Unwrap opens what Wrap sealed.
func (t *Transit) Unwrap(ctx context.Context, wrapped, bound []byte) ([]byte, error) {
	text, err := t.ask(ctx, "decrypt", "plaintext", map[string]any{"ciphertext": string(wrapped), "associated_data": b64(bound)})
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s answered with something that isn't base64", t.Name())
	}
	return key, nil
}

// Rotate makes a new version of the key.
func (t *Transit) Rotate(ctx context.Context) error {
	if _, err := t.client.api.Logical().WriteWithContext(ctx, t.mount+"/keys/"+t.key+"/rotate", nil); err != nil {
		return fmt.Errorf("rotate %s: %w", t.Name(), plainly(err))
	}
	return nil
}

func (t *Transit) ask(ctx context.Context, verb, field string, body map[string]any) (string, error) {
	got, err := t.client.api.Logical().WriteWithContext(ctx, t.mount+"/"+verb+"/"+t.key, body)
	if err != nil {
		return "", fmt.Errorf("%s by %s: %w", verb, t.Name(), plainly(err))
	}
	if got != nil {
		if text, ok := got.Data[field].(string); ok && text != "" {
			return text, nil
		}
	}
	return "", fmt.Errorf("%s by %s: it answered without %s", verb, t.Name(), field)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// Login is a database user that Vault made for us, for a while.
type Login struct {
	Name     string
	Password config.Secret
	Lease    time.Duration // how long it lives unless renewed
	Max      bool          // it can't be renewed any more

	id string
}

// Borrow asks for a database user of a role: Borrow(ctx, "database", "flint").
func (c *Client) Borrow(ctx context.Context, mount, role string) (Login, error) {
	got, err := c.api.Logical().ReadWithContext(ctx, mount+"/creds/"+role)
	if err != nil {
		return Login{}, fmt.Errorf("borrow a database user from Vault: %w", plainly(err))
	}
	if got == nil || got.LeaseID == "" {
		return Login{}, errors.New("borrow a database user from Vault: it answered without a lease")
	}
	name, _ := got.Data["username"].(string)
	password, _ := got.Data["password"].(string)
	if name == "" || password == "" {
		return Login{}, errors.New("borrow a database user from Vault: it answered without a name or a password")
	}
	return Login{Name: name, Password: config.NewSecret(password), Lease: time.Duration(got.LeaseDuration) * time.Second, Max: !got.Renewable, id: got.LeaseID}, nil
}

// Renew asks for l to live on for d, and returns for how long it does.
func (c *Client) Renew(ctx context.Context, l Login, d time.Duration) (Login, error) {
	got, err := c.api.Sys().RenewWithContext(ctx, l.id, int(d.Seconds()))
	if err != nil {
		return l, fmt.Errorf("renew a database user of Vault's: %w", plainly(err))
	}
	l.Lease, l.Max = time.Duration(got.LeaseDuration)*time.Second, !got.Renewable
	return l, nil
}

// GiveBack ends l now: nobody can sign in with it any more.
func (c *Client) GiveBack(ctx context.Context, l Login) error {
	if err := c.api.Sys().RevokeWithContext(ctx, l.id); err != nil {
		return fmt.Errorf("give back a database user of Vault's: %w", plainly(err))
	}
	return nil
}
