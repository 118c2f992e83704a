package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"flint/internal/audit/tlog"
	"flint/internal/platform/postgres"
)

// rowPolicies looks at every table with a column of an owner, and at the people's
// own.
func rowPolicies(ctx context.Context, sys System) (string, error) {
	type table struct {
		Name string
		Held bool
	}
	list, err := postgres.Many[table](ctx, sys.Pool, `
		select c.oid::regclass::text as name,
			c.relrowsecurity and c.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = c.oid) as held
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where c.relkind in ('r', 'p') and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema'
			and (c.relname in ('users', 'audit_entries') or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped))
		order by 1`, nil)
	if err != nil {
		return "", fmt.Errorf("list the tables: %w", err)
	}
	var open []string
	for _, t := range list {
		if !t.Held {
			open = append(open, t.Name)
		}
	}
	if len(open) > 0 || len(list) == 0 {
		return "", fmt.Errorf("of %d tables these aren't: %s", len(list), strings.Join(open, ", "))
	}
	return fmt.Sprintf("%d tables", len(list)), nil
}

func roleIsHeld(ctx context.Context, sys System) (string, error) {
	why, err := postgres.Unheld(ctx, sys.Pool)
	if err != nil {
		return "", err
	}
	if why != "" {
		return "", errors.New(why)
	}
	return "it is no superuser, doesn't bypass them and owns no table", nil
}

func auditAppends(ctx context.Context, sys System) (string, error) {
	may, err := postgres.Scalar[bool](ctx, sys.Pool, `
		select bool_or(has_table_privilege(session_user, t, p)) from
			unnest(array['audit_entries', 'audit_leaves', 'audit_nodes', 'audit_keys']) t, unnest(array['update', 'delete', 'truncate']) p`, nil)
	if err != nil {
		return "", fmt.Errorf("look at the rights: %w", err)
	}
	if may {
		return "", errors.New("it may change or remove entries")
	}
	return "entries, leaves and nodes can be read and added", nil
}

// auditHolds exports the log and verifies it, as flint audit verify does.
func auditHolds(ctx context.Context, sys System) (string, error) {
	var notes []string
	f, err := os.Open(sys.Mirror)
	switch {
	case err == nil:
		defer f.Close()
		if notes, err = tlog.ReadMirror(f); err != nil {
			return "", err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("open the mirror: %w", err)
	}
	var export bytes.Buffer
	if err := sys.Export(ctx, &export); err != nil {
		return "", err
	}
	r, err := tlog.Verify(&export, sys.AuditKey, notes)
	if err != nil {
		return "", err
	}
	if len(r.Faults) > 0 {
		return "", errors.New(strings.Join(r.Faults, "; "))
	}
	if r.Checkpoints > 0 && len(notes) == 0 {
		return "", errors.New("the mirror is empty or gone, so that a log cut short would look whole")
	}
	if r.Leaves == 0 {
		return "", errNothingYet
	}
	key := "under the key that was given"
	if sys.AuditKey == "" {
		key = "under the log's own key, since none that was kept apart was given"
	}
	return fmt.Sprintf("%d entries, %d waiting, %d checkpoints of which the mirror has %d, %s", r.Leaves, r.Waiting, r.Checkpoints, r.Mirrored, key), nil
}

func valuesOpen(ctx context.Context, sys System) (string, error) {
	found, err := sys.Opens(ctx)
	if err != nil {
		return "", err
	}
	values, places := 0, len(found)
	for _, f := range found {
		if values += f.Values; f.Failed > 0 {
			return "", fmt.Errorf("%d of %d values of %s don't", f.Failed, f.Values, f.Place)
		}
	}
	if values == 0 {
		return "", errNothingYet
	}
	return fmt.Sprintf("%d values in %d columns", values, places), nil
}

const (
	year = 366 * 24 * time.Hour
	// late is how much older than its age a signing key may be: what makes the
	// next one is a job of each hour, in a server that runs.
	late = 24 * time.Hour
)

func keyAges(ctx context.Context, sys System) (string, error) {
	layers, err := sys.Layers(ctx)
	if err != nil {
		return "", err
	}
	kek := ""
	for _, l := range layers {
		if !strings.HasPrefix(l.Name, "key-encryption key") || l.State != "in use" {
			continue
		}
		if age := sys.Now().Sub(l.Made); age > year {
			return "", fmt.Errorf("%s is %d days old: flint keys rotate", l.Name, days(age))
		}
		kek = fmt.Sprintf("%s, %d days old", l.Name, days(sys.Now().Sub(l.Made)))
	}
	if kek == "" {
		return "", errors.New("there is none in use")
	}
	made, err := postgres.Scalar[*time.Time](ctx, sys.Pool, `select max(created_at) from signing_keys where retired_at is null`, nil)
	if err != nil {
		return "", fmt.Errorf("look at the signing keys: %w", err)
	}
	if made == nil {
		return "", errNothingYet
	}
	age := sys.Now().Sub(*made)
	if age > sys.SigningKeyAge+late {
		return "", fmt.Errorf("the newest signing key is %d days old, and %d is its age: no server rotates it", days(age), days(sys.SigningKeyAge))
	}
	return fmt.Sprintf("%s; signing key, %d days old", kek, days(age)), nil
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

func masterKey(_ context.Context, sys System) (string, error) {
	if sys.Ring == "" {
		return "it is in a key service", nil
	}
	info, err := os.Stat(sys.Ring)
	if err != nil {
		return "", fmt.Errorf("look at the key ring: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("others can read the key ring (%v)", info.Mode().Perm())
	}
	return fmt.Sprintf("a file of %v", info.Mode().Perm()), nil
}

func schemaIsCurrent(ctx context.Context, sys System) (string, error) {
	list, err := sys.Migrations(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range list {
		if !m.Applied {
			return "", fmt.Errorf("%s %d (%s) hasn't: flint migrate up", m.Set, m.Version, m.Name)
		}
	}
	return fmt.Sprintf("%d migrations", len(list)), nil
}

func databaseWire(ctx context.Context, sys System) (string, error) {
	type wire struct{ Encrypted, Near bool }
	w, err := postgres.One[wire](ctx, sys.Pool, `
		select coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
			coalesce(inet_server_addr() <<= any (array['127.0.0.0/8', '::1/128']::inet[]), true) as near`, nil)
	switch {
	case err != nil:
		return "", fmt.Errorf("look at the connection: %w", err)
	case w.Encrypted:
		return "by TLS", nil
	case w.Near:
		return "on this machine", nil
	}
	return "", errors.New("it is elsewhere, and the connection isn't encrypted")
}

func sessionsEnd(ctx context.Context, sys System) (string, error) {
	if sys.IdleTTL <= 0 || sys.MaxTTL <= 0 || sys.IdleTTL > sys.MaxTTL {
		return "", errors.New("they aren't set")
	}
	beyond, err := postgres.Scalar[int](ctx, sys.Pool, `
		select count(*)::int from sessions where revoked_at is null and expires_at > @now and expires_at > created_at + @most::interval + interval '1 minute'`,
		postgres.Args{"now": sys.Now(), "most": sys.MaxTTL})
	if err != nil {
		return "", fmt.Errorf("look at the sessions: %w", err)
	}
	if beyond > 0 {
		return "", fmt.Errorf("%d sessions last longer than %v", beyond, sys.MaxTTL)
	}
	return fmt.Sprintf("access tokens %v, unused sessions %v, all sessions %v", sys.AccessTTL, sys.IdleTTL, sys.MaxTTL), nil
}

// passwordHash compares with the least of ASVS 5.0, appendix C.
func passwordHash(_ context.Context, sys System) (string, error) {
	least := map[int]int{1: 46, 2: 19} // MiB, by passes
	want, ok := least[sys.HashPasses]
	if !ok {
		want = 12
	}
	if sys.HashPasses < 1 || sys.HashMemory < want {
		return "", fmt.Errorf("%d MiB and %d passes are too little", sys.HashMemory, sys.HashPasses)
	}
	return fmt.Sprintf("%d MiB, %d passes", sys.HashMemory, sys.HashPasses), nil
}

func breachedPasswords(_ context.Context, sys System) (string, error) {
	if !sys.Breaches {
		return "", errors.New("it is switched off")
	}
	return "it is switched on", nil
}

// Module is a component that the program is built from.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum"` // as go.sum has it
}

// Modules lists what this binary is built from, Go itself first; nothing if it
// doesn't say, as a binary of tests doesn't.
func Modules() []Module {
	info, ok := debug.ReadBuildInfo()
	if !ok || len(info.Deps) == 0 {
		return nil
	}
	list := []Module{{Path: "go", Version: info.GoVersion}}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		list = append(list, Module{d.Path, d.Version, d.Sum})
	}
	return list
}

func componentsKnown(_ context.Context, sys System) (string, error) {
	list := sys.Modules
	if len(list) < 2 {
		return "", errors.New("this binary doesn't say what it was built from")
	}
	for _, m := range list[1:] {
		if m.Sum == "" {
			return "", fmt.Errorf("%s has no checksum", m.Path)
		}
	}
	return fmt.Sprintf("%d modules, built by %s", len(list)-1, list[0].Version), nil
}
