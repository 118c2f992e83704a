package tlog

import (
	"context"
	"fmt"
	"time"

	"flint/internal/platform/postgres"
)

// Leaf is an entry with its number in the log. A nil Entry was deleted behind the
// log's back.
type Leaf struct {
	Index uint64
	Hash  []byte
	Entry *Entry
}

// Name names the log, as its checkpoints do.
func (l *Log) Name() string { return l.cfg.Origin + "/audit" }

// Leaves returns at most limit leaves from the number from on, in order. Those of
// the last second may not be there yet.
func (l *Log) Leaves(ctx context.Context, from uint64, limit int) ([]Leaf, error) {
	rows, err := leavesFrom(postgres.AsSystem(ctx, "the audit log is shipped whole"), l.cfg.Pool, int64(from), limit)
	if err != nil {
		return nil, fmt.Errorf("read leaves: %w", err)
	}
	leaves := make([]Leaf, len(rows))
	for i, row := range rows {
		leaves[i] = Leaf{uint64(row.Index), row.Hash, row.entry()}
	}
	return leaves, nil
}

// Backlog is what follows a leaf.
type Backlog struct {
	Entries int        // that are in the log, or wait to be
	Oldest  *time.Time // when the first of those was made; nil without any, or if it was deleted
}

// Behind says what a reader has before them who has read all before next.
func (l *Log) Behind(ctx context.Context, next uint64) (Backlog, error) {
	b, err := backlog(postgres.AsSystem(ctx, "counts of the audit log"), l.cfg.Pool, int64(next))
	if err != nil {
		return b, fmt.Errorf("count unread entries: %w", err)
	}
	return b, nil
}

func backlog(ctx context.Context, db postgres.DB, next int64) (Backlog, error) {
	return postgres.One[Backlog](ctx, db, `
		select (greatest(coalesce((select max(index) + 1 from audit_leaves), 0) - @next, 0) + (select count(*) from audit_pending))::int as entries,
		       coalesce((select e.at from audit_leaves l join audit_entries e on e.id = l.entry_id where l.index = @next),
		                (select min(e.at) from audit_pending p join audit_entries e on e.id = p.entry_id)) as oldest`,
		postgres.Args{"next": next})
}
