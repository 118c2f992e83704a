package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"flint/internal/app"
	"flint/internal/compliance"
	"flint/internal/id"
	"flint/internal/identity"
)

// retentionCmd looks after how long data stays.
type retentionCmd struct {
	Report  retentionReport  `cmd:"" help:"Show each rule: what there is, what is past its time, what is held."`
	Run     retentionRun     `cmd:"" help:"Remove what is past its time now. The server does so once a day."`
	Hold    retentionHold    `cmd:"" help:"Place a legal hold: somebody's data stays, and so does their account."`
	Release retentionRelease `cmd:"" help:"Release a legal hold."`
}

type retentionReport struct{}

// Run prints the report.
func (retentionReport) Run(ctx context.Context) error {
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		list, err := a.Privacy.Retention(ctx)
		if err != nil {
			return err
		}
		return printRetention(list)
	})
}

type retentionRun struct{}

// Run removes, and prints what it did.
func (retentionRun) Run(ctx context.Context) error {
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		list, err := a.Privacy.Retain(ctx)
		if err != nil {
			return err
		}
		return printRetention(list)
	})
}

func printRetention(list []compliance.Retained) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DATA\tKEPT\tFROM\tBY\tTHERE ARE\tPAST THEIR TIME\tHELD\tREMOVED NOW\tPARTITIONS\tDROPPED NOW")
	var strays []string
	for _, r := range list {
		parts := "-"
		if r.Parts != nil {
			parts = strconv.Itoa(r.Parts.Count)
			if r.Parts.Strays > 0 {
				strays = append(strays, fmt.Sprintf("%d of %s", r.Parts.Strays, r.Name))
			}
		}
		fmt.Fprintf(w, "%s\t%dd\t%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", r.Name, int(r.Keep.Hours()/24), r.From, r.By, r.Total, r.Over, r.Held,
			r.Removed, parts, cmp.Or(strings.Join(r.Dropped, " "), "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(strays) > 0 {
		fmt.Printf("\nROWS THAT FIT INTO NO PARTITION: %s. There should be none: look at the clocks of the database and of Flint (docs/security/privacy.md).\n",
			strings.Join(strays, ", "))
	}
	return nil
}

type retentionHold struct {
	Email  string `arg:"" help:"E-mail address."`
	Reason string `required:"" help:"Why; it is recorded."`
}

// Run places a hold.
func (c retentionHold) Run(ctx context.Context) error {
	return withPerson(ctx, c.Email, func(ctx context.Context, a *app.App, p identity.Person) error {
		if _, err := a.Privacy.Hold(ctx, operator(), p.ID, c.Reason); err != nil {
			return err
		}
		fmt.Printf("Nothing of %s's is removed until the hold is released.\n", p.Email)
		return nil
	})
}

type retentionRelease struct {
	Email  string `arg:"" help:"E-mail address."`
	Reason string `required:"" help:"Why; it is recorded."`
}

// Run releases a hold.
func (c retentionRelease) Run(ctx context.Context) error {
	return withPerson(ctx, c.Email, func(ctx context.Context, a *app.App, p identity.Person) error {
		if _, err := a.Privacy.Release(ctx, operator(), p.ID, id.LegalHold{}, c.Reason); err != nil {
			return err
		}
		fmt.Printf("The hold on %s's data is released.\n", p.Email)
		return nil
	})
}
