package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"flint/internal/app"
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

type routesCmd struct{}

// Run lists the doors and their locks, one a line: a reviewer sees every new
// one in the diff of docs/routes.txt.
func (routesCmd) Run() error {
	server, err := app.Describe()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "METHOD\tPATH\tNEEDS\tLIMIT\tMAX BODY\tORIGIN")
	for _, r := range server.Routes() {
		origin := "own"
		if r.CrossSite {
			origin = "any"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", r.Method, r.Path, r.Needs, r.Limit, r.MaxBody, origin)
	}
	return w.Flush()
}

type limitsCmd struct{}

// Run prints the table of limits.
func (limitsCmd) Run() error {
	_, err := fmt.Print(ratelimit.Describe())
	return err
}

type versionCmd struct{}

// Run prints what this binary was built from.
func (versionCmd) Run() error {
	_, err := fmt.Println("flint", app.Version())
	return err
}
