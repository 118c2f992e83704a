package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"flint/internal/config"
	"flint/internal/platform/aws"
	"flint/internal/platform/vault"
)

// Settings are what Flint was told, and from where.
type Settings struct {
	Config Config
	From   *config.Resolved
	// Unknown are variables that begin with FLINT_ and that nothing reads.
	Unknown []string
}

// tools are variables with Flint's prefix that aren't settings of the server.
var tools = []string{"FLINT_PG_BIN"}

// ReadSettings reads everything from the environment, as os.Environ gives it, and
// from the stores that it refers to. The error names all that is wrong. Settings
// are returned with it too, for those who look for more.
func ReadSettings(ctx context.Context, environ []string) (*Settings, error) {
	vars := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			vars[name] = value
		}
	}
	s := &Settings{Unknown: unknown(vars)}
	env := config.Map(vars)
	stores, done, err := openStores(env)
	if err != nil {
		s.From, _ = config.Resolve(ctx, env, nil, nil)
		return s, err
	}
	defer done()
	if s.From, err = config.Resolve(ctx, env, config.Names(&Config{}), stores); err != nil {
		return s, err
	}
	return s, config.Load(ctx, s.From, &s.Config)
}

// unknown returns what looks like a setting of Flint's and isn't one: a slip of
// the pen in a variable's name would otherwise do nothing, silently.
func unknown(vars map[string]string) []string {
	names := append(config.Names(&Config{}), tools...)
	var found []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		base := strings.TrimSuffix(name, "_FILE")
		if !strings.HasPrefix(name, "FLINT_") || vars[name] == "" || slices.Contains(names, name) || slices.Contains(names, base) || ofKubernetes(name) {
			continue
		}
		found = append(found, name)
	}
	return found
}

// ofKubernetes reports whether a variable is one that Kubernetes gives every
// container about a service named flint.
func ofKubernetes(name string) bool {
	return strings.HasPrefix(name, "FLINT_SERVICE_HOST") || strings.HasPrefix(name, "FLINT_SERVICE_PORT") ||
		name == "FLINT_PORT" || strings.HasPrefix(name, "FLINT_PORT_")
}

// openStores returns the stores that a reference may name. Each is opened when
// it is first asked, by settings that can't be references themselves.
func openStores(env config.Lookuper) (map[string]config.Store, func(), error) {
	var ends []func()
	stores := map[string]config.Store{
		"vault": &lazy{open: func(ctx context.Context) (config.Store, error) {
			var cfg vault.Config
			if err := config.Load(ctx, env, &cfg); err != nil {
				return nil, err
			}
			if !cfg.Enabled() {
				return nil, errors.New("VAULT_ADDR must be set, since the secret is in Vault")
			}
			c, err := vault.Open(ctx, cfg)
			if err != nil {
				return nil, err
			}
			ends = append(ends, c.Close)
			return c, nil
		}},
		"aws": &lazy{open: func(ctx context.Context) (config.Store, error) {
			var cfg aws.Config
			if err := config.Load(ctx, env, &cfg); err != nil {
				return nil, err
			}
			return aws.Open(ctx, cfg)
		}},
	}
	for _, name := range append(config.Names(&vault.Config{}), config.Names(&aws.Config{})...) {
		if text, _ := env.Lookup(name); strings.HasPrefix(text, config.Reference) {
			return nil, nil, fmt.Errorf("%s: says how stores of secrets are asked, so it can't be in one itself", name)
		}
	}
	return stores, func() {
		for _, end := range ends {
			end()
		}
	}, nil
}

// lazy is a store that is opened when it is first asked.
type lazy struct {
	open func(context.Context) (config.Store, error)

	once  sync.Once
	store config.Store
	err   error
}

// Fetch implements config.Store.
func (l *lazy) Fetch(ctx context.Context, path string) (config.Kept, error) {
	l.once.Do(func() { l.store, l.err = l.open(ctx) })
	if l.err != nil {
		return config.Kept{}, l.err
	}
	return l.store.Fetch(ctx, path)
}
