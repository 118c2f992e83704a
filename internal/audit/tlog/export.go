package tlog

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

// An export is lines of JSON, in this order:
//
//	{"log": {"origin": …, "verifier": …, "at": …}}
//	{"index": 0, "hash": …, "entry": {…}}   a leaf and its entry, which may be missing
//	{"checkpoint": "…"}                after the last leaf that it covers
//	{"stray": {…}}                     an entry that is neither in the tree nor waiting
//	{"end": {"leaves": …, "waiting": …}}
type exported struct {
	Log        *exportHead `json:"log,omitempty"`
	Index      *uint64     `json:"index,omitempty"`
	Hash       []byte      `json:"hash,omitempty"` // of the leaf, as stored
	Entry      *Entry      `json:"entry,omitempty"`
	Checkpoint string      `json:"checkpoint,omitempty"`
	Stray      *Entry      `json:"stray,omitempty"`
	End        *exportEnd  `json:"end,omitempty"`
}

type exportHead struct {
	Origin   string    `json:"origin"`
	Verifier string    `json:"verifier"`
	At       time.Time `json:"at"`
}

type exportEnd struct {
	Leaves  uint64 `json:"leaves"`
	Waiting int    `json:"waiting"` // entries of the last second, which nobody has signed yet
}

// page is how many leaves are read at once.
const page = 2000

// Export writes the whole log as it is at this moment.
func (l *Log) Export(ctx context.Context, w io.Writer) error {
	vkey, err := l.Verifier(ctx)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	ctx = postgres.AsSystem(ctx, "the audit log is exported whole")
	err = postgres.InTx(ctx, l.cfg.Pool, func(tx pgx.Tx) error {
		// One snapshot for all statements.
		if err := postgres.Exec(ctx, tx, `set transaction isolation level repeatable read, read only`, nil); err != nil {
			return err
		}
		return l.export(ctx, tx, vkey, lines)
	})
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}

func (l *Log) export(ctx context.Context, tx pgx.Tx, vkey string, lines *json.Encoder) error {
	if err := lines.Encode(exported{Log: &exportHead{l.cfg.Origin + "/audit", vkey, l.cfg.Now().UTC()}}); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	leaves, err := exportTree(ctx, tx, lines)
	if err != nil {
		return err
	}
	strays, err := strayEntries(ctx, tx)
	if err != nil {
		return fmt.Errorf("look for stray entries: %w", err)
	}
	for _, e := range strays {
		if err := lines.Encode(exported{Stray: &e}); err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
	}
	waiting, err := countPending(ctx, tx)
	if err != nil {
		return fmt.Errorf("count waiting entries: %w", err)
	}
	if err := lines.Encode(exported{End: &exportEnd{leaves, waiting}}); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}

// exportTree writes leaves with their entries, and each checkpoint where it
// belongs.
func exportTree(ctx context.Context, tx pgx.Tx, lines *json.Encoder) (uint64, error) {
	checkpoints, err := allCheckpoints(ctx, tx)
	if err != nil {
		return 0, fmt.Errorf("read checkpoints: %w", err)
	}
	next, n := int64(0), uint64(0)
	tell := func(upTo int64) error {
		for len(checkpoints) > 0 && checkpoints[0].Size <= upTo {
			if err := lines.Encode(exported{Checkpoint: checkpoints[0].Note}); err != nil {
				return fmt.Errorf("write the export: %w", err)
			}
			checkpoints = checkpoints[1:]
		}
		return nil
	}
	for {
		rows, err := leavesFrom(ctx, tx, next, page)
		if err != nil {
			return 0, fmt.Errorf("read leaves: %w", err)
		}
		for _, row := range rows {
			if err := tell(row.Index); err != nil {
				return 0, err
			}
			index := uint64(row.Index)
			if err := lines.Encode(exported{Index: &index, Hash: row.Hash, Entry: row.entry()}); err != nil {
				return 0, fmt.Errorf("write the export: %w", err)
			}
			next, n = row.Index+1, n+1
		}
		if len(rows) < page {
			break
		}
	}
	return n, tell(1 << 62)
}

// leafRow is a leaf with its entry, whose columns are null if it is missing.
type leafRow struct {
	Index     int64
	Hash      []byte
	ID        id.Entry
	At        *time.Time
	ActorID   id.User
	ActorKind *string
	ActorName *string
	SubjectID id.User
	Verb      *string
	Object    *string
	RequestID *string
	Address   *string
	Detail    []byte
	Sealed    []byte
}

func (r leafRow) entry() *Entry {
	if r.At == nil {
		return nil
	}
	return &Entry{
		ID: r.ID, At: *r.At, ActorID: r.ActorID, ActorKind: *r.ActorKind, ActorName: *r.ActorName, SubjectID: r.SubjectID,
		Verb: *r.Verb, Object: *r.Object, RequestID: *r.RequestID, Address: *r.Address, Detail: r.Detail, Sealed: r.Sealed,
	}
}

func leavesFrom(ctx context.Context, db postgres.DB, index int64, limit int) ([]leafRow, error) {
	return postgres.Many[leafRow](ctx, db, `
		select l.index, l.hash, e.id, e.at, e.actor_id, e.actor_kind, e.actor_name, e.subject_id, e.verb, e.object, e.request_id, e.address,
		       convert_to(e.detail::text, 'UTF8') as detail, e.sealed
		from audit_leaves l left join audit_entries e on e.id = l.entry_id
		where l.index >= @index order by l.index limit @limit`, postgres.Args{"index": index, "limit": limit})
}

func allCheckpoints(ctx context.Context, db postgres.DB) ([]checkpointRow, error) {
	return postgres.Many[checkpointRow](ctx, db, `select size, root, note, at from audit_checkpoints order by size`, nil)
}

func strayEntries(ctx context.Context, db postgres.DB) ([]Entry, error) {
	return postgres.Many[Entry](ctx, db, `
		select e.id, e.at, e.actor_id, e.actor_kind, e.actor_name, e.subject_id, e.verb, e.object, e.request_id, e.address,
		       convert_to(e.detail::text, 'UTF8') as detail, e.sealed
		from audit_entries e
		where not exists (select from audit_leaves l where l.entry_id = e.id)
		  and not exists (select from audit_pending p where p.entry_id = e.id)
		order by e.id limit 1000`, nil)
}

func countPending(ctx context.Context, db postgres.DB) (int, error) {
	return postgres.Scalar[int](ctx, db, `select count(*) from audit_pending`, nil)
}
