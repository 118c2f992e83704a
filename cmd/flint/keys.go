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
)

// keysCmd looks after the keys that seal people's secrets. What it does can be
// stopped at any moment and run again.
type keysCmd struct {
	List   keysList   `cmd:"" help:"List the keys: their state, their age, what hangs on them."`
	Rotate keysRotate `cmd:"" help:"Put new keys in use and move everything to them: once a year, or after an incident."`
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

// Run lists the keys.
func (keysList) Run(ctx context.Context) error {
	return withKeys(ctx, func(ctx context.Context, _ app.Config, keys *envelope.Keys) error {
		list, err := keys.List(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "KEY\tSTATE\tAGE\tUNDER\tKEYS")
		for _, l := range list {
			age := "-"
			if !l.Made.IsZero() {
				age = fmt.Sprintf("%dd", int(time.Since(l.Made).Hours()/24))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", l.Name, l.State, age, l.Under, l.Holding)
		}
		return w.Flush()
	})
}

type keysRotate struct {
	Master bool `help:"The master key too."`
	Data   bool `help:"Data keys too: every sealed value is sealed anew."`
}

// Run rotates.
func (c keysRotate) Run(ctx context.Context) error {
	return withKeys(ctx, func(ctx context.Context, _ app.Config, keys *envelope.Keys) error {
		if c.Master {
			if err := keys.RotateMaster(ctx); err != nil {
				return err
			}
			fmt.Println("The master key has a new version, and the key-encryption keys are wrapped with it.")
		}
		version, err := keys.RotateKEK(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("Key-encryption key %d is in use.\n", version)
		if c.Data {
			n, err := keys.RetireDataKeys(ctx, nil)
			if err != nil {
				return err
			}
			fmt.Printf("%d data keys seal nothing new.\n", n)
		}
		return move(ctx, keys)
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
