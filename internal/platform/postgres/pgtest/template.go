package pgtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"flint/db/migrations"
	"flint/internal/config"
	"flint/internal/platform/postgres"
)

// ensureTemplate returns the name of the template database for this program's
// migrations, made if the server has none yet. Programs take turns.
func (s *server) ensureTemplate(ctx context.Context) (string, error) {
	name, err := templateName()
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, `select pg_advisory_lock(hashtextextended($1, 0))`, name); err != nil {
		return "", err
	}
	if s.ref != nil { // a server of ours, maybe older than its role
		_, err := conn.Exec(ctx, `do $$
begin
	perform pg_advisory_xact_lock(815002);
	if not exists (select from pg_roles where rolname = 'flint_app') then
		create role flint_app login;
	elsif not (select rolcanlogin from pg_roles where rolname = 'flint_app') then
		alter role flint_app login;
	end if;
end
$$`)
		if err != nil {
			return "", err
		}
	}
	var there bool
	err = conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, name).Scan(&there)
	if err != nil || there {
		return name, err
	}
	half := name + "_new"
	if _, err := conn.Exec(ctx, `drop database if exists `+half+` with (force)`); err != nil {
		return "", err
	}
	if _, err := conn.Exec(ctx, `create database `+half+` template template0`); err != nil {
		return "", err
	}
	pool, err := postgres.Open(ctx, postgres.Config{URL: config.NewSecret(inDatabase(s.url, half))})
	if err != nil {
		return "", err
	}
	err = postgres.Migrate(ctx, pool)
	pool.Close()
	if err != nil {
		return "", err
	}
	// Renamed last, so that half a template is never taken for a whole one.
	_, err = conn.Exec(ctx, `alter database `+half+` rename to `+name)
	return name, err
}

// templateName names the schema by what makes it.
func templateName() (string, error) {
	h := sha256.New()
	err := fs.WalkDir(migrations.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := migrations.Files.ReadFile(path)
		_, _ = fmt.Fprintf(h, "%s\n%s\n", path, b)
		return err
	})
	if err != nil {
		return "", err
	}
	river, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return "", err
	}
	for _, m := range river.AllVersions() {
		_, _ = fmt.Fprintf(h, "%d\n%s\n", m.Version, m.SQLUp)
	}
	return "flint_template_" + short(h.Sum(nil)), nil
}
