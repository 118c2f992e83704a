package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/identity"
	"flint/internal/platform/postgres"
	"flint/internal/platform/telemetry"
)

// userCmd is what an operator does for people who can't do it themselves. Each
// act is recorded as theirs, in the security log of the person concerned.
type userCmd struct {
	Create   userCreate   `cmd:"" help:"Open an account and mail a link to choose its password."`
	Import   userImport   `cmd:"" help:"Open the accounts of a file from another system, whose people keep their passwords."`
	Disable  userDisable  `cmd:"" help:"Keep somebody from signing in, and sign them out everywhere."`
	ResetMFA userResetMFA `cmd:"" name:"reset-mfa" help:"Remove all second factors of somebody who has lost them, after a day in which they can object. Make sure first that it is them."`
	Role     userRole     `cmd:"" help:"Make somebody an administrator, or take that away. It takes FLINT_ADMINS and a second factor too."`
	Tier     userTier     `cmd:"" help:"Give somebody another plan."`
	Sessions userSessions `cmd:"" help:"List where somebody is signed in, or sign them out everywhere."`
}

// operator is who acts. Which human it is, is for the machine's own log to say.
func operator() access.Actor { return access.SystemActor("operator", id.User{}) }

// withPeople puts Flint together without serving it.
func withPeople(ctx context.Context, fn func(context.Context, *app.App) error) error {
	ctx = postgres.AsSystem(ctx, "an operator's command")
	cfg, err := settings(ctx)
	if err != nil {
		return err
	}
	return withDatabase(ctx, func(ctx context.Context, db *app.Database) error {
		a, err := app.Build(ctx, cfg, db.Pool, telemetry.NewLogger(os.Stderr, slog.LevelWarn))
		if err != nil {
			return err
		}
		defer a.Close()
		return fn(ctx, a)
	})
}

// withPerson is withPeople about the person with an address.
func withPerson(ctx context.Context, email string, fn func(context.Context, *app.App, identity.Person) error) error {
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		p, err := a.Identity.PersonByEmail(ctx, email)
		if err != nil {
			return fmt.Errorf("find %s: %w", email, err)
		}
		return fn(ctx, a, p)
	})
}

type userCreate struct {
	Email string `arg:"" help:"E-mail address."`
	Name  string `required:"" help:"First name."`
	Tier  string `default:"free" enum:"free,basic,pro,premium" help:"free, basic, pro or premium."`
}

// Run opens an account.
func (c userCreate) Run(ctx context.Context) error {
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		p, err := a.Identity.Invite(ctx, operator(), c.Name, c.Email, access.Tier(c.Tier))
		if err != nil {
			return err
		}
		fmt.Printf("%s has an account (%s). A link to choose the password is on its way by mail.\n", p.Email, p.ID)
		return nil
	})
}

type userDisable struct {
	Email  string `arg:"" help:"E-mail address."`
	Reason string `required:"" help:"Why; it is recorded."`
}

// Run bans somebody.
func (c userDisable) Run(ctx context.Context) error {
	return withPerson(ctx, c.Email, func(ctx context.Context, a *app.App, p identity.Person) error {
		if err := a.Sessions.Ban(ctx, operator(), p.ID, c.Reason); err != nil {
			return err
		}
		fmt.Printf("%s can't sign in any more and is signed out everywhere.\n", p.Email)
		return nil
	})
}

type userRole struct {
	Email  string `arg:"" help:"E-mail address."`
	Role   string `arg:"" enum:"admin,super,none" help:"admin, super (whom no administrator can act on) or none."`
	Reason string `required:"" help:"Why; it is recorded."`
}

// Run sets or takes the flag of an administrator.
func (c userRole) Run(ctx context.Context) error {
	return withPerson(ctx, c.Email, func(ctx context.Context, a *app.App, p identity.Person) error {
		role := map[string]access.Role{"admin": access.Admin, "super": access.SuperAdmin}[c.Role]
		p, role, err := a.SetRole(ctx, operator(), p.ID, role, c.Reason)
		if err != nil {
			return err
		}
		switch {
		case !p.IsAdmin:
			fmt.Printf("%s is no administrator.\n", p.Email)
		case !role.Staff():
			fmt.Printf("%s has the flag of an administrator, but is none until FLINT_ADMINS names the address and it is confirmed.\n", p.Email)
		case !p.SecondFactor:
			fmt.Printf("%s is %s, and can act as such once they have added a second factor.\n", p.Email, role)
		default:
			fmt.Printf("%s is %s.\n", p.Email, role)
		}
		return nil
	})
}

type userTier struct {
	Email  string `arg:"" help:"E-mail address."`
	Tier   string `arg:"" enum:"free,basic,pro,premium" help:"free, basic, pro or premium."`
	Reason string `required:"" help:"Why; it is recorded."`
}

// Run gives somebody another plan.
func (c userTier) Run(ctx context.Context) error {
	return withPerson(ctx, c.Email, func(ctx context.Context, a *app.App, p identity.Person) error {
		if err := a.SetTier(ctx, operator(), p.ID, access.Tier(c.Tier), c.Reason); err != nil {
			return err
		}
		fmt.Printf("%s is on %s, from the next request on.\n", p.Email, c.Tier)
		return nil
	})
}

type userResetMFA struct {
	Email string `arg:"" help:"E-mail address."`
	Now   bool   `help:"Don't wait any longer; needs --code."`
	Code  string `help:"What the operator was shown who began it: two people have to agree."`
}

// Run begins to remove somebody's second factors, or ends to, with the code.
func (c userResetMFA) Run(ctx context.Context) error {
	return withPerson(ctx, c.Email, func(ctx context.Context, a *app.App, p identity.Person) error {
		if c.Now != (c.Code != "") {
			return errors.New("--now and --code go together: begin without either, and let a second operator give the code")
		}
		if c.Now {
			if err := a.Factors.HurryReset(ctx, operator(), p.ID, config.NewSecret(c.Code)); err != nil {
				return err
			}
			fmt.Printf("%s signs in with the password alone, until they set up a second factor again. They are told by mail.\n", p.Email)
			return nil
		}
		r, err := a.Factors.AskReset(ctx, operator(), p.ID)
		if err != nil {
			return err
		}
		fmt.Printf("The second factors of %s will be removed on %s. They are told by mail, and stop it by its link or by signing in with a factor.\n"+
			"A second operator who has made sure as well need not wait:\n  flint user reset-mfa %s --now --code %s\n",
			p.Email, r.Due.Format("2 January 2006 at 15:04 MST"), p.Email, r.Hurry)
		return nil
	})
}

type userSessions struct {
	Email string `arg:"" help:"E-mail address."`
	End   bool   `help:"Sign them out everywhere."`
}

// Run lists somebody's sessions, or ends them.
func (c userSessions) Run(ctx context.Context) error {
	return withPerson(ctx, c.Email, func(ctx context.Context, a *app.App, p identity.Person) error {
		if c.End {
			n, err := a.Sessions.EndEverywhere(ctx, operator(), p.ID)
			if err == nil {
				fmt.Printf("%s is signed out of %d sessions.\n", p.Email, n)
			}
			return err
		}
		list, err := a.Sessions.List(ctx, access.Actor{User: p.ID})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "SESSION\tSINCE\tLAST USED\tADDRESS\tDEVICE")
		for _, s := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", s.ID, s.CreatedAt.UTC().Format(time.DateTime), s.LastUsedAt.UTC().Format(time.DateTime), s.Address, s.Device)
		}
		return w.Flush()
	})
}
