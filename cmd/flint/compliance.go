package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/evidence"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
)

// complianceCmd says what shows that Flint's security controls hold.
type complianceCmd struct {
	Report complianceReport `cmd:"" help:"Check the controls of the configured system and write a report for ASVS 5.0 and SOC 2."`
}

type complianceReport struct {
	Out     string `required:"" help:"Folder for compliance.html and compliance.json."`
	Source  string `help:"Flint's source, in which tests and documents are looked for. Default: the folder where this runs, if it is that."`
	Results string `help:"What go test -json wrote; then only tests that passed count."`
	Key     string `help:"Public key of the audit log, as flint audit key printed it once. Without it the log's own is believed."`
}

// Run writes the report. Its error, and so the exit code, says whether a control
// failed; the report is written either way.
func (c complianceReport) Run(ctx context.Context) error {
	src, err := c.source()
	if err != nil {
		return err
	}
	r, err := c.make(ctx, src)
	if err != nil {
		return err
	}
	paths, err := r.Write(c.Out)
	if err != nil {
		return err
	}
	for _, s := range r.Sections {
		t := s.Tally
		fmt.Printf("%-24s %d of %d that apply are covered, %d partly, %d failed, %d not looked at, %d not covered\n",
			s.Standard, t.Covered, t.Applicable, t.Partly, t.Failed, t.Unseen, t.NotCovered)
	}
	fmt.Println(strings.Join(paths, "\n"))
	if failed := r.Failures(); len(failed) > 0 {
		return fmt.Errorf("%d proofs failed:\n%s", len(failed), strings.Join(failed, "\n"))
	}
	return nil
}

func (c complianceReport) make(ctx context.Context, src evidence.Source) (r evidence.Report, err error) {
	ctx = postgres.AsSystem(ctx, "a report about the controls")
	var cfg app.Config
	if err := config.Load(ctx, config.Environment(), &cfg); err != nil {
		return r, err
	}
	err = withDatabase(ctx, func(ctx context.Context, db *app.Database) error {
		a, err := app.Build(ctx, cfg, db.Pool, telemetry.NewLogger(os.Stderr, slog.LevelError))
		if err != nil {
			return err
		}
		defer a.Close()
		keys, err := app.OpenKeys(ctx, cfg, db.Pool)
		if err != nil {
			return err
		}
		defer keys.Close()
		sys, err := a.Evidence(cfg, db, keys)
		if err != nil {
			return err
		}
		sys.AuditKey = c.Key
		r = evidence.Make(ctx, sys, src, evidence.Standards())
		return nil
	})
	return r, err
}

// source finds Flint's source, and the results of its tests if they were given.
func (c complianceReport) source() (evidence.Source, error) {
	var src evidence.Source
	dir := c.Source
	if dir == "" {
		dir = "."
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	switch {
	case err == nil && strings.HasPrefix(string(mod), "module flint\n"):
		if dir, err = filepath.Abs(dir); err != nil {
			return src, fmt.Errorf("find the source: %w", err)
		}
		src.Tree, src.Name = os.DirFS(dir), "the folder "+dir
	case c.Source != "":
		return src, fmt.Errorf("%s isn't Flint's source", dir)
	case c.Results != "":
		return src, errors.New("results of tests need their source: --source")
	}
	if c.Results == "" {
		return src, nil
	}
	f, err := os.Open(c.Results)
	if err != nil {
		return src, fmt.Errorf("open the results: %w", err)
	}
	defer f.Close()
	src.Results, err = evidence.ReadResults(f)
	return src, err
}
