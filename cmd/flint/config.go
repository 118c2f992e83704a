package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"flint/internal/app"
	"flint/internal/config"
)

// configCmd looks at the settings without serving.
type configCmd struct {
	Print configPrint `cmd:"" help:"Print every setting and where it comes from. Secrets are masked; their age and version are shown."`
	Check configCheck `cmd:"" help:"Find out whether Flint would start with these settings, and what is unsafe about them."`
}

// settings reads what the environment says, for commands other than serve.
func settings(ctx context.Context) (app.Config, error) {
	s, err := app.ReadSettings(ctx, os.Environ())
	return s.Config, err
}

type configPrint struct{}

// Run prints the table.
func (configPrint) Run(ctx context.Context) error {
	s, err := app.ReadSettings(ctx, os.Environ())
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VARIABLE\tVALUE\tFROM\tVERSION\tAGE\tCHANGE AFTER")
	for _, r := range s.Rows(time.Now()) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Setting.Name, dash(r.Text), from(r.Provenance), dash(r.Version), days(r.Age), after(r.Rotation))
	}
	return w.Flush()
}

func from(p config.Provenance) string {
	switch p.Kind {
	case config.FromFile:
		return "file " + p.Where
	case config.FromStore:
		return p.Where
	}
	return p.Kind
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func days(n int) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprintf("%dd", n)
}

func after(r app.Rotation) string {
	if r.Days == 0 {
		return "-"
	}
	return fmt.Sprintf("%dd, %s", r.Days, r.Kind)
}

type configCheck struct{}

// Run prints what it finds. Its error makes the exit code.
func (configCheck) Run(ctx context.Context) error {
	s, err := app.ReadSettings(ctx, os.Environ())
	if err != nil {
		for _, name := range s.Unknown {
			err = errors.Join(err, fmt.Errorf("%s: nothing reads a variable of this name", name))
		}
		return fmt.Errorf("Flint can't start with these settings (docs/CONFIGURATION.md explains each):\n%w", err) //nolint:staticcheck // a name
	}
	bad := len(s.Unknown)
	for _, f := range s.Check(time.Now()) {
		word := "note"
		if f.Refused {
			word, bad = "refused", bad+1
		}
		fmt.Printf("%-8s %s\n", word, f)
	}
	if bad > 0 {
		return errors.New("these settings aren't fit to be used")
	}
	fmt.Println("Flint can start with these settings.")
	return nil
}
