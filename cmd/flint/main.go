// Command flint is the whole of Flint in one binary: the API, its workers, the
// web app, and the commands that look after them. `flint --help` lists them;
// each lives in a file of its own name.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Demo       demoCmd       `cmd:"" help:"Start a living demo: sample data, sandbox providers, nothing to configure."`
	Serve      serveCmd      `cmd:"" help:"Serve the API, the web app and the background work."`
	Migrate    migrateCmd    `cmd:"" help:"Look at the database's schema, or bring it up to date."`
	Config     configCmd     `cmd:"" help:"Look at the settings: where each comes from, and what is unsafe."`
	User       userCmd       `cmd:"" help:"Look after people's accounts, as an operator."`
	Session    sessionCmd    `cmd:"" help:"Look after what signs people in, as an operator."`
	Keys       keysCmd       `cmd:"" help:"Look after the keys that seal people's secrets."`
	Audit      auditCmd      `cmd:"" help:"Prove that nobody changed the audit log."`
	Compliance complianceCmd `cmd:"" help:"Say what shows that the security controls hold."`
	Retention  retentionCmd  `cmd:"" help:"Remove data whose time is over, and keep what a court wants kept."`
	Sandbox    sandboxCmd    `cmd:"" help:"Run the providers' far end alone: Teller, SnapTrade, ECB rates and a mail inbox."`
	Risk       riskCmd       `cmd:"" help:"Look at how unusual sign-ins are judged."`
	OpenAPI    openapiCmd    `cmd:"" name:"openapi" help:"Print the API description (OpenAPI 3.1)."`
	Routes     routesCmd     `cmd:"" help:"Print every route: method, path, what it needs, its limit."`
	Limits     limitsCmd     `cmd:"" help:"Print the rate limits."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
	Hash       hashCmd       `cmd:"" hidden:"" help:"Hash passwords for a server, which starts this by itself."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	call := kong.Parse(&cli{}, kong.Name("flint"), kong.UsageOnError(),
		kong.Description("Your banks, brokerages and crypto exchanges in one secure account."))
	call.BindTo(ctx, (*context.Context)(nil))
	if err := call.Run(); err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) { // told to stop while starting
		fmt.Fprintln(os.Stderr, "flint:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to release
	}
}
