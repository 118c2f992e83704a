package main

import (
	"os"

	"flint/internal/identity"
)

// hashCmd is the process in which a server hashes passwords.
type hashCmd struct{}

// Run answers on standard output until its input ends.
func (hashCmd) Run() error { return identity.HashFor(os.Stdin, os.Stdout) }

// hashCommand starts that process: this program once more, whatever it is called
// by now. Nil if that can't be known.
func hashCommand() []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{exe, "hash"}
}
