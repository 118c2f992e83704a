package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/ratelimit"
)

type openapiCmd struct{}

// Run prints the description of the API.
func (openapiCmd) Run() error {
	server, err := app.Describe()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(server.OpenAPI())
	return err
}

type routesCmd struct {
	Matrix bool `help:"Print who may what instead: the tables of docs/security/access.md."`
}

// Run lists the doors and their locks, one a line: a reviewer sees every new
// one in the diff of docs/routes.txt.
func (c routesCmd) Run() error {
	server, err := app.Describe()
	if err != nil {
		return err
	}
	if c.Matrix {
		_, err = fmt.Printf("\n## What roles may\n\n%s\n## Locks by kind of operation\n\n%s\n## Who may go through which door\n\n%s",
			app.Permissions(), app.Guards(), app.Matrix(server.Routes()))
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METHOD\tPATH\tNEEDS\tSTEP-UP\tLIMIT\tMAX BODY\tORIGIN\tKEYS")
	for _, r := range server.Routes() {
		origin := "own"
		if r.CrossSite {
			origin = "any"
		}
		keys := "-"
		if r.Keys {
			keys = "read"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", r.Method, r.Path, r.Needs, stepUp(r.Assurance), r.Limit, r.MaxBody, origin, keys)
	}
	return w.Flush()
}

// stepUp says what fresh proof a door demands.
func stepUp(s access.StepUp) string {
	switch {
	case !s.Demanded():
		return "-"
	case s.Factor:
		return "factor " + short(s.Within)
	}
	return "any " + short(s.Within)
}

type limitsCmd struct{}

// Run prints the table of limits, with what the environment changes in it. A
// limit in the shadow only counts and logs; docs/security/limits.md explains the
// words under WITHOUT REDIS.
func (limitsCmd) Run() error {
	table, err := app.Limits(context.Background(), config.Environment())
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "POLICY\tCOUNTS\tALLOWS\tWITHOUT REDIS\tREFUSES\tPROTECTS")
	for _, p := range table {
		refuses := "yes"
		if p.Shadow {
			refuses = "no, in the shadow"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Key, allowance(p), p.Alone, refuses, p.What)
	}
	return w.Flush()
}

// allowance says in words what a policy allows.
func allowance(p ratelimit.Policy) string {
	var parts []string
	for _, win := range p.Windows {
		parts = append(parts, fmt.Sprintf("%d in %s", win.Calls, short(win.Per)))
	}
	for _, tier := range []access.Tier{access.Free, access.Basic, access.Pro, access.Premium} {
		if n, ok := p.Tiers[tier]; ok {
			parts = append(parts, fmt.Sprintf("%s %d/min", tier, n))
		}
	}
	if p.Smooth > 0 {
		parts = append(parts, fmt.Sprintf("%d/min", p.Smooth))
	}
	if p.Failures {
		parts = append(parts, "failures only")
	}
	return strings.Join(parts, ", ")
}

// short writes 15m0s as 15m and 1h0m0s as 1h.
func short(d time.Duration) string {
	s := strings.TrimSuffix(d.String(), "0s")
	if s == "" || !strings.HasSuffix(d.String(), "m0s") {
		return d.String()
	}
	if h, ok := strings.CutSuffix(s, "h0m"); ok {
		return h + "h"
	}
	return s
}

type versionCmd struct{}

// Run prints what this binary was built from.
func (versionCmd) Run() error {
	_, err := fmt.Println("flint", app.Version())
	return err
}
