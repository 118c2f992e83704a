package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"flint/internal/app"
)

type auditSIEM struct{}

// Run prints a line for each receiver.
func (auditSIEM) Run(ctx context.Context) error {
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		list, err := a.SIEM.Status(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "RECEIVER\tNEXT\tBEHIND\tSECONDS\tLAST SENT\tFAILURES\tBECAUSE")
		for _, s := range list {
			sent, why := "never", s.Reason
			if s.SentAt != nil {
				sent = s.SentAt.UTC().Format(time.RFC3339)
			}
			if !s.Used {
				why = "FLINT_SIEM doesn't name it"
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%d\t%s\n", s.Sink, s.Next, s.Entries, s.Seconds, sent, s.Failures, dash(why))
		}
		return w.Flush()
	})
}
