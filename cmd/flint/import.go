package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/identity"
)

// userImport brings people from another system, with the hashes of their
// passwords.
type userImport struct {
	File string `arg:"" type:"existingfile" help:"One JSON object a line: email, firstName, passwordHash (bcrypt, or scrypt, PBKDF2, Argon2id as PHC string), and if wanted lastName, tier (free) and emailConfirmed (false)."`
}

// importLine is a line of the file.
type importLine struct {
	Email          string      `json:"email"`
	FirstName      string      `json:"firstName"`
	LastName       string      `json:"lastName"`
	PasswordHash   string      `json:"passwordHash"`
	Tier           access.Tier `json:"tier"`
	EmailConfirmed bool        `json:"emailConfirmed"`
}

func (l importLine) immigrant() identity.Immigrant {
	return identity.Immigrant{FirstName: l.FirstName, LastName: l.LastName, Email: l.Email, Hash: config.NewSecret(l.PasswordHash), Confirmed: l.EmailConfirmed}
}

// maxFaults is how many wrong lines are named.
const maxFaults = 20

// Run checks every line and imports nobody if one is wrong. Who is known already
// is left as they are, so a file that was imported halfway is imported again.
func (c userImport) Run(ctx context.Context) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("open the file: %w", err)
	}
	defer f.Close()
	lines, err := readImport(f)
	if err != nil {
		return err
	}
	return withPeople(ctx, func(ctx context.Context, a *app.App) error {
		made, known := 0, 0
		for i, l := range lines {
			_, err := a.Identity.Import(ctx, operator(), l.immigrant(), l.Tier)
			switch {
			case errors.Is(err, identity.ErrKnown):
				known++
			case err != nil:
				return fmt.Errorf("line %d, after %d accounts; import the file again to go on: %w", i+1, made, err)
			default:
				made++
			}
		}
		fmt.Printf("%d accounts are open, and %d were there already. Nobody was told by mail.\n", made, known)
		return nil
	})
}

// readImport reads and checks a file. Its errors name lines and don't repeat
// them: they hold addresses and hashes.
func readImport(r io.Reader) ([]importLine, error) {
	var lines []importLine
	var faults []error
	first := map[string]int{} // the line of an address
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		l := importLine{}
		d := json.NewDecoder(bytes.NewReader(in.Bytes()))
		d.DisallowUnknownFields()
		err := d.Decode(&l)
		if err != nil || d.More() {
			err = errors.New("not one JSON object with the known names")
		} else {
			l.Tier = cmp.Or(l.Tier, access.Free)
			var email string
			if email, err = l.immigrant().Check(l.Tier); err != nil {
				err = wrongFields(err)
			} else if first[email] > 0 {
				err = fmt.Errorf("the address of line %d", first[email])
			} else {
				first[email] = n
			}
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", n, err))
		}
		lines = append(lines, l)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the file after line %d: %w", len(lines), err)
	}
	if n := len(faults); n > 0 {
		return nil, fmt.Errorf("nobody was imported, since %d lines are wrong:\n%w", n, errors.Join(faults[:min(n, maxFaults)]...))
	}
	if len(lines) == 0 {
		return nil, errors.New("the file is empty")
	}
	return lines, nil
}

// wrongFields says which fields are wrong and why.
func wrongFields(err error) error {
	f := fault.Of(err)
	if f == nil || len(f.Fields) == 0 {
		return errors.New("not valid")
	}
	return fmt.Errorf("%s %s", f.Fields[0].Where, f.Fields[0].Message)
}
