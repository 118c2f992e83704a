package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"flint/internal/app"
	"flint/internal/audit/tlog"
)

// auditCmd looks after the proof of the audit log.
type auditCmd struct {
	Key    auditKey    `cmd:"" help:"Print the public key that the log is signed with. Keep it where the database's owner can't change it."`
	Export auditExport `cmd:"" help:"Write the whole log with its signatures, to be verified elsewhere."`
	SIEM   auditSIEM   `cmd:"" name:"siem" help:"Show how far each receiver of the log (FLINT_SIEM) is."`
	Verify auditVerify `cmd:"" help:"Find out whether anybody changed the log: of an export, offline, or of the configured database."`
}

type auditKey struct{}

// Run prints the key.
func (auditKey) Run(ctx context.Context) error {
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		key, err := a.Proof.Verifier(ctx)
		if err != nil {
			return err
		}
		fmt.Println(key)
		return nil
	})
}

type auditExport struct {
	File string `arg:"" optional:"" help:"Where to; by default to standard output."`
}

// Run writes the log.
func (c auditExport) Run(ctx context.Context) error {
	return withPeople(ctx, func(ctx context.Context, a *app.App) (err error) {
		out := os.Stdout
		if c.File != "" {
			if out, err = os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
				return fmt.Errorf("open the file: %w", err)
			}
			defer func() { err = errors.Join(err, out.Sync(), out.Close()) }()
		}
		return a.Proof.Export(ctx, out)
	})
}

type auditVerify struct {
	File   string `arg:"" optional:"" help:"An export. Without one, the configured database is exported and verified."`
	Key    string `help:"Public key of the log, as flint audit key prints it. Without it the export's own is believed."`
	Mirror string `help:"File of the mirrored checkpoints (FLINT_AUDIT_MIRROR). Without it nobody can tell a log that was cut short."`
}

// Run verifies. Its error makes the exit code.
func (c auditVerify) Run(ctx context.Context) error {
	export, err := c.export(ctx)
	if err != nil {
		return err
	}
	defer export.Close()
	var mirror []string
	if c.Mirror != "" {
		f, err := os.Open(c.Mirror)
		if err != nil {
			return fmt.Errorf("open the mirror: %w", err)
		}
		defer f.Close()
		if mirror, err = tlog.ReadMirror(f); err != nil {
			return err
		}
	}
	r, err := tlog.Verify(export, c.Key, mirror)
	if err != nil {
		return err
	}
	fmt.Printf("entries      %d, and %d that aren't signed yet\ncheckpoints  %d fit, of the mirror's %d\nroot         %x\n",
		r.Leaves, r.Waiting, r.Checkpoints, r.Mirrored, r.Root)
	if c.Key == "" {
		fmt.Println("note         no --key was given: whoever can replace the log's key can sign another log")
	}
	if c.Mirror == "" {
		fmt.Println("note         no --mirror was given: a log that was cut short, or put back to an older state, looks whole")
	}
	if len(r.Faults) == 0 {
		fmt.Println("Nobody changed the log.")
		return nil
	}
	for _, f := range r.Faults {
		fmt.Println("fault       ", f)
	}
	return errors.New("the audit log was changed")
}

func (c auditVerify) export(ctx context.Context) (io.ReadCloser, error) {
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("open the export: %w", err)
		}
		return f, nil
	}
	var out bytes.Buffer
	err := withPeople(ctx, func(ctx context.Context, a *app.App) error {
		return a.Proof.Export(ctx, &out)
	})
	return io.NopCloser(&out), err
}
