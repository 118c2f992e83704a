// Package migrations embeds the numbered, forward-only SQL that makes Flint's
// schema. Each file is applied once, in order, under a lock (platform/postgres).
//
// Rules: a file that has landed is never edited; a change expands first, is
// deployed, and contracts in a later file; `create index concurrently` goes into
// a file of its own that begins with `-- +goose NO TRANSACTION`.
package migrations

import "embed"

// Files holds the migrations.
//
//go:embed *.sql
var Files embed.FS
