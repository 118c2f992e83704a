package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"flint/internal/app"
	"flint/internal/envelope"
	"flint/internal/rotation"
)

// keysCmd looks after the keys that seal people's secrets. What it does can be
// stopped at any moment and run again.
type keysCmd struct {
	List   keysList   `cmd:"" help:"List the keys: their state, their age, what hangs on them, and when they are due to be exchanged."`
	Rotate keysRotate `cmd:"" help:"Put new keys in use now and move everything to them. The server does so by itself when they are due."`
	Rewrap keysRewrap `cmd:"" help:"Go on with a rotation that was stopped, or wrap the keys with another master key."`
	Verify keysVerify `cmd:"" help:"Open every sealed value, and report what doesn't open."`
}

// withKeys opens the keys of the configured database.
func withKeys(ctx context.Context, fn func(context.Context, app.Config, *envelope.Keys) error) error {
	cfg, err := settings(ctx)
	if err != nil {
		return err
	}
	return withDatabase(ctx, func(ctx context.Context, db *app.Database) error {
		keys, err := app.OpenKeys(ctx, cfg, db.Pool)
		if err != nil {
			return err
		}
		defer keys.Close()
		return fn(ctx, cfg, keys)
	})
}

type keysList struct{}

// Run lists the keys, and then what the schedule says of them.
func (keysList) Run(ctx context.Context) error {
	err := withKeys(ctx, func(ctx context.Context, _ app.Config, keys *envelope.Keys) error {
		list, err := keys.List(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "KEY\tSTATE\tAGE\tUNDER\tKEYS")
		for _, l := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", l.Name, l.State, ageOf(l.Made), l.Under, l.Holding)
		}
		return w.Flush()
	})
	if err != nil {
		return err
	}
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		ages, err := a.Rotation.Ages(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "\nKIND\tAGE\tEVERY\tDUE\tBY\tSTATE")
		for _, a := range ages {
			every, due := "-", "-"
			if a.Every > 0 {
				every = fmt.Sprintf("%dd", int(a.Every.Hours()/24))
			}
			if !a.Due.IsZero() {
				due = a.Due.UTC().Format(time.DateOnly)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, ageOf(a.Made), every, due, a.By, stateOf(a))
		}
		return w.Flush()
	})
}

func ageOf(made time.Time) string {
	if made.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%dd", int(time.Since(made).Hours()/24))
}

func stateOf(a rotation.Age) string {
	switch {
	case a.Going:
		return "being exchanged"
	case a.Overdue:
		return "overdue"
	case a.Made.IsZero():
		return a.Why
	}
	return "in time"
}

type keysRotate struct {
	Master   bool   `help:"The master key too."`
	Data     bool   `help:"Data keys too: every sealed value is sealed anew."`
	Incident string `help:"Keys may have been stolen: exchange all layers, and void every access token at once. Say what happened; it is recorded." placeholder:"REASON"`
}

// Run rotates. Servers that run share the work, and do it if this is killed.
func (c keysRotate) Run(ctx context.Context) error {
	layers, cause := []rotation.Layer{rotation.KEK}, rotation.Ordered
	if c.Master || c.Incident != "" {
		layers = append(layers, rotation.Master)
	}
	if c.Data || c.Incident != "" {
		layers = append(layers, rotation.Data)
	}
	if c.Incident != "" {
		layers, cause = append(layers, rotation.Signing), rotation.Incident
	}
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		if err := a.Rotation.Begin(ctx, operator(), cause, c.Incident, layers...); err != nil {
			return err
		}
		fmt.Println("New keys are being put in use.")
		if err := a.Rotation.Finish(ctx, tell); err != nil {
			return err
		}
		fmt.Println("Everything hangs on the keys in use.")
		if c.Incident != "" {
			fmt.Println("Every access token is void; clients refresh by themselves. What somebody may have read stays known: docs/security/keys.md says what else to do.")
		}
		return nil
	})
}

// kept is how long a retired data key stays although nothing stored names it: a
// job that waits may.
const kept = 30 * 24 * time.Hour

// move moves whatever hangs on older keys.
func move(ctx context.Context, keys *envelope.Keys) error {
	if err := keys.RewrapDataKeys(ctx, tell("data keys")); err != nil {
		return err
	}
	if err := keys.Reseal(ctx, app.SealedPlaces(), kept, tell("values")); err != nil {
		return err
	}
	fmt.Println("Everything hangs on the keys in use.")
	return nil
}

// tell prints the progress of a step, a line for each tenth.
func tell(what string) envelope.Progress {
	last := -1
	return func(done, total int) {
		if total == 0 {
			return
		}
		if tenth := done * 10 / total; tenth != last {
			last = tenth
			fmt.Printf("%s: %d of %d\n", what, done, total)
		}
	}
}

type keysRewrap struct {
	To string `help:"Wrap the key-encryption keys with this master key: ring, vault:MOUNT/KEY or aws:KEY. Set FLINT_KMS to it afterwards, on every node."`
}

// Run goes on with a rotation, or moves to another master key.
func (c keysRewrap) Run(ctx context.Context) error {
	if c.To == "" {
		err := withPeople(ctx, func(ctx context.Context, a *app.App) error { return a.Rotation.Finish(ctx, tell) })
		if err != nil {
			return err
		}
	}
	return withKeys(ctx, func(ctx context.Context, cfg app.Config, keys *envelope.Keys) error {
		if c.To == "" {
			return move(ctx, keys)
		}
		if err := app.MoveKeys(ctx, cfg, keys, c.To); err != nil {
			return err
		}
		fmt.Printf("The keys are wrapped with %s. Nodes that run go on; before one starts, set FLINT_KMS=%s.\n", c.To, c.To)
		return nil
	})
}

type keysVerify struct{}

// Run opens everything. Its error makes the exit code.
func (keysVerify) Run(ctx context.Context) error {
	return withKeys(ctx, func(ctx context.Context, _ app.Config, keys *envelope.Keys) error {
		found, err := keys.Verify(ctx, app.SealedPlaces())
		if err != nil {
			return err
		}
		failed := 0
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "PLACE\tVALUES\tERASED\tDON'T OPEN\tROWS")
		for _, f := range found {
			failed += f.Failed
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%v\n", f.Place, f.Values, f.Erased, f.Failed, f.Broken)
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		if failed > 0 {
			return errors.New("some sealed values don't open: they were altered, or their keys are gone")
		}
		return nil
	})
}
