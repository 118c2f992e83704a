package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/audit"
	"flint/internal/config"
	"flint/internal/evidence"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
)

// looked is a Flint that is put together and not served, as `flint compliance
// report` looks at it.
type looked struct {
	ctx   context.Context //nolint:containedctx // of the test
	sys   evidence.System
	owner *pgxpool.Pool
	app   *app.App
	state string
}

// lookAt puts one together, with its first signing keys.
func lookAt(t *testing.T, env map[string]string) looked {
	t.Helper()
	program, owner := pgtest.Owned(t)
	l := looked{ctx: postgres.AsSystem(t.Context(), "a report"), owner: owner, state: t.TempDir()}
	all := map[string]string{"FLINT_ORIGIN": "https://flint.example", "FLINT_STATE": l.state, "FLINT_ADMINS": "ada@example.com"}
	for k, v := range env {
		all[k] = v
	}
	var cfg app.Config
	err := config.Load(l.ctx, config.Map(all), &cfg)
	if err == nil {
		l.app, err = app.Build(l.ctx, cfg, program, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.app.Close)
	keys, err := app.OpenKeys(l.ctx, cfg, program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	if l.sys, err = l.app.Evidence(cfg, &app.Database{Pool: program}, keys); err != nil {
		t.Fatal(err)
	}
	if err := l.app.Sessions.Start(l.ctx); err != nil { // makes the first signing keys
		t.Fatal(err)
	}
	t.Cleanup(l.app.Sessions.Stop)
	if l.sys.Modules == nil { // binaries of tests don't say
		l.sys.Modules = []evidence.Module{{Path: "go", Version: "go1"}, {Path: "example.com/a", Version: "v1.0.0", Sum: "h1:x"}}
	}
	return l
}

func (l looked) report() evidence.Report {
	return evidence.Make(l.ctx, l.sys, evidence.Source{Tree: os.DirFS("../.."), Name: "this source"}, evidence.Standards())
}

func failed(r evidence.Report) []string {
	var names []string
	for _, c := range r.Checks {
		if c.State != evidence.Holds {
			names = append(names, strings.TrimPrefix(c.Ref, "live:")+": "+c.Detail)
		}
	}
	return names
}

// act writes an entry of the audit log and has it signed.
func (l looked) act(t *testing.T) {
	t.Helper()
	err := postgres.InTx(l.ctx, l.sys.Pool, func(tx pgx.Tx) error {
		return audit.Record(l.ctx, tx, time.Now(), audit.Entry{Actor: access.Actor{User: id.New[id.User]()}, Verb: "session.start"})
	})
	if err == nil {
		err = l.app.Proof.Integrate(l.ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheReportOfASoundSystemFindsNothingBroken also holds every check that a
// control names to be one that there is.
func TestTheReportOfASoundSystemFindsNothingBroken(t *testing.T) {
	t.Parallel()
	l := lookAt(t, nil)
	l.act(t)
	page, err := os.ReadFile("../../docs/security/compliance.md")
	if err != nil {
		t.Fatal(err)
	}
	r := l.report()
	if bad := slices.Concat(failed(r), r.Failures()); len(bad) > 0 {
		t.Errorf("a sound system fails:\n%s", strings.Join(bad, "\n"))
	}
	for _, s := range r.Sections {
		n := s.Tally
		if row := fmt.Sprintf("| %s | %d | %d | %d | %d | %d |", s.Standard, n.Total, n.Applicable, n.Covered, n.Partly, n.NotCovered); !strings.Contains(string(page), row) {
			t.Errorf("docs/security/compliance.md doesn't say: %s", row)
		}
		for _, res := range s.Results {
			if res.Status == evidence.Unseen {
				t.Errorf("%s wasn't looked at: %v", res.ID, res.Proofs)
			}
		}
	}
	paths, err := r.Write(filepath.Join(t.TempDir(), "report"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "V8.4.1") || !strings.Contains(string(text), "not applicable") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestWhatHasNothingToShowIsNotSaidToHold looks at a system that nobody has used.
func TestWhatHasNothingToShowIsNotSaidToHold(t *testing.T) {
	t.Parallel()
	l := lookAt(t, nil)
	for _, c := range l.report().Checks {
		if c.Ref == "live:audit-proof" && c.State != evidence.NotSeen {
			t.Errorf("a log without entries: %s, %s", c.State, c.Detail)
		}
	}
}

// TestTheReportOfABrokenSystemSaysSo switches controls off, one after the other.
func TestTheReportOfABrokenSystemSaysSo(t *testing.T) {
	t.Parallel()
	sql := func(statement string) func(*testing.T, *looked) {
		return func(t *testing.T, l *looked) {
			t.Helper()
			if _, err := l.owner.Exec(l.ctx, statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	for check, c := range map[string]struct {
		env   map[string]string
		spoil func(*testing.T, *looked)
		row   string // that must be failed then
	}{
		"row-policies":       {spoil: sql(`alter table accounts disable row level security`), row: "V8.4.1"},
		"role":               {spoil: func(_ *testing.T, l *looked) { l.sys.Pool = l.owner }, row: "V13.2.2"},
		"audit-append":       {spoil: sql(`grant delete on audit_entries to flint_app`), row: "V16.4.2"},
		"audit-proof":        {spoil: sql(`update audit_entries set verb = 'session.end'`), row: "V16.4.2"},
		"key-age":            {spoil: func(_ *testing.T, l *looked) { l.sys.Now = func() time.Time { return time.Now().AddDate(2, 0, 0) } }, row: "V11.1.1"},
		"rotation":           {spoil: sql(`insert into key_rotations (id, layer, cause, began_at, made_at, finished_at) select gen_random_uuid(), 'master', 'operator', t, t, t from (select now() - interval '400 days') as x (t)`), row: "V13.3.4"},
		"receivers":          {env: map[string]string{"FLINT_SIEM": "file:///nowhere/audit.jsonl"}, spoil: sql(`update audit_entries set at = at - interval '2 hours'`), row: "V16.4.3"},
		"sealed-values":      {spoil: sql(`update signing_keys set sealed_key = overlay(sealed_key placing '\x00'::bytea from 60)`), row: "V11.3.3"},
		"schema":             {spoil: sql(`delete from goose_db_version where version_id = (select max(version_id) from goose_db_version)`), row: "CC8.1"},
		"card-data":          {spoil: sql(`alter table accounts add card_number text`), row: "PCI-1"},
		"hsts":               {env: map[string]string{"FLINT_ORIGIN": "http://localhost:8080"}, row: "V3.4.1"},
		"limits":             {env: map[string]string{"FLINT_LIMITS_SHADOW": "login!"}, row: "V6.3.1"},
		"breached-passwords": {env: map[string]string{"HIBP_BASE_URL": "off"}, row: "V6.2.12"},
		"master-key": {spoil: func(t *testing.T, l *looked) {
			if err := os.Chmod(l.sys.Ring, 0o644); err != nil {
				t.Fatal(err)
			}
		}, row: "V13.3.1"},
		"components":   {spoil: func(_ *testing.T, l *looked) { l.sys.Modules[1].Sum = "" }, row: "V15.1.2"},
		"signing-keys": {spoil: sql(`update signing_keys set public_key = '\x00'`), row: "V9.1.2"},
		"headers": {spoil: func(_ *testing.T, l *looked) {
			next := l.sys.Handler
			l.sys.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(&loose{w}, r)
			})
		}, row: "V3.4.6"},
		"doors": {spoil: func(_ *testing.T, l *looked) {
			l.sys.Handler = opened(l.sys.Handler, "/api/dashboard")
		}, row: "V8.2.1"},
		"password-hash": {spoil: func(_ *testing.T, l *looked) { l.sys.HashMemory = 8 }, row: "V11.4.2"},
		"staff": {spoil: func(_ *testing.T, l *looked) {
			for i := range l.sys.Routes {
				l.sys.Routes[i].Assurance.Required = false
			}
		}, row: "V8.4.2"},
		"origin-check": {spoil: func(_ *testing.T, l *looked) { l.sys.Routes[0].CrossSite = true }, row: "V3.5.1"},
		"sessions": {spoil: sql(`with u as (insert into users (id, email_mac, sealed, password_hash, tier, created_at, updated_at)
			values (gen_random_uuid(), 'a@b.example', 'A', '', 'free', now(), now()) returning id)
			insert into sessions (id, user_id, delivery, created_at, last_used_at, expires_at)
			select gen_random_uuid(), id, 'web', now(), now(), now() + interval '100 days' from u`), row: "V7.3.2"},
		"nothing-extra": {spoil: func(_ *testing.T, l *looked) {
			l.sys.Handler = opened(l.sys.Handler, "/debug/vars")
		}, row: "V13.4.2"},
		"step-up": {spoil: func(_ *testing.T, l *looked) {
			for i := range l.sys.Routes {
				if l.sys.Routes[i].Path == "/api/user/email" {
					l.sys.Routes[i].Assurance = access.StepUp{}
				}
			}
		}, row: "V7.5.1"},
		"mirror": {spoil: func(t *testing.T, l *looked) {
			if err := os.Remove(l.sys.Mirror); err != nil {
				t.Fatal(err)
			}
		}, row: "V16.4.3"},
	} {
		t.Run(check, func(t *testing.T) {
			t.Parallel()
			l := lookAt(t, c.env)
			l.act(t)
			if c.spoil != nil {
				c.spoil(t, &l)
			}
			r := l.report()
			if bad := failed(r); len(bad) == 0 || check != "mirror" && !slices.ContainsFunc(bad, func(b string) bool { return strings.HasPrefix(b, check+":") }) {
				t.Errorf("it isn't found: %q", bad)
			} else if len(bad) > 2 {
				t.Errorf("more fails than was spoiled: %q", bad)
			}
			if !slices.ContainsFunc(r.Failures(), func(f string) bool { return strings.HasPrefix(f, c.row+":") }) {
				t.Errorf("%s doesn't show as failed: %q", c.row, r.Failures())
			}
		})
	}
}

// loose takes a header away before it's sent.
type loose struct{ http.ResponseWriter }

func (l *loose) WriteHeader(status int) {
	l.Header().Del("Content-Security-Policy")
	l.ResponseWriter.WriteHeader(status)
}

// opened answers path to everybody.
func opened(next http.Handler, path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			_, _ = w.Write([]byte("{}"))
			return
		}
		next.ServeHTTP(w, r)
	})
}
