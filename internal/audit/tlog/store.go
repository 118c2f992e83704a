package tlog

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/merkle/compact"

	"flint/internal/id"
	"flint/internal/platform/postgres"
)

type checkpointRow struct {
	Size int64
	Root []byte
	Note string
	At   time.Time
}

func (r checkpointRow) checkpoint() Checkpoint {
	return Checkpoint{Size: uint64(r.Size), Root: r.Root, At: r.At, Note: r.Note}
}

type keyRow struct {
	Verifier string
	Sealed   []byte
}

func anyPending(ctx context.Context, db postgres.DB) (bool, error) {
	return postgres.Scalar[bool](ctx, db, `select exists (select from audit_pending)`, nil)
}

// tryTurn reports whether tx may integrate: one does at a time.
func tryTurn(ctx context.Context, tx pgx.Tx) (bool, error) {
	return postgres.Scalar[bool](ctx, tx, `select pg_try_advisory_xact_lock(hashtextextended('flint audit log', 0))`, nil)
}

// takePending returns waiting entries, about in the order of their making.
func takePending(ctx context.Context, tx pgx.Tx, limit int) ([]Entry, error) {
	return postgres.Many[Entry](ctx, tx, `
		with taken as (
			delete from audit_pending where entry_id in (select entry_id from audit_pending order by entry_id limit @limit)
			returning entry_id)
		select e.id, e.at, e.actor_id, e.actor_kind, e.actor_name, e.subject_id, e.verb, e.object, e.request_id, e.address,
		       convert_to(e.detail::text, 'UTF8') as detail, e.sealed
		from taken t join audit_entries e on e.id = t.entry_id
		order by e.id`, postgres.Args{"limit": limit})
}

func lastCheckpoint(ctx context.Context, db postgres.DB) (checkpointRow, error) {
	return postgres.One[checkpointRow](ctx, db, `
		select size, root, note, at from audit_checkpoints order by size desc limit 1`, nil)
}

func findCheckpoint(ctx context.Context, db postgres.DB, size int64) (checkpointRow, error) {
	return postgres.One[checkpointRow](ctx, db, `
		select size, root, note, at from audit_checkpoints where size = @size`, postgres.Args{"size": size})
}

func insertCheckpoint(ctx context.Context, tx pgx.Tx, row checkpointRow) error {
	return postgres.Exec(ctx, tx, `
		insert into audit_checkpoints (size, root, note, at) values (@size, @root, @note, @at)`,
		postgres.Args{"size": row.Size, "root": row.Root, "note": row.Note, "at": row.At})
}

func unmirrored(ctx context.Context, db postgres.DB, limit int) ([]checkpointRow, error) {
	return postgres.Many[checkpointRow](ctx, db, `
		select size, root, note, at from audit_checkpoints where mirrored_at is null order by size limit @limit`,
		postgres.Args{"limit": limit})
}

func markMirrored(ctx context.Context, db postgres.DB, size int64, now time.Time) error {
	return postgres.Exec(ctx, db, `update audit_checkpoints set mirrored_at = @now where size = @size`, postgres.Args{"size": size, "now": now})
}

func findKey(ctx context.Context, db postgres.DB) (keyRow, error) {
	return postgres.One[keyRow](ctx, db, `select verifier, sealed from audit_keys order by created_at limit 1`, nil)
}

// insertKey stores the log's key, unless there is one.
func insertKey(ctx context.Context, db postgres.DB, row keyRow, now time.Time) error {
	return postgres.Exec(ctx, db, `
		insert into audit_keys (verifier, sealed, created_at)
		select @verifier, @sealed, @now where not exists (select from audit_keys)`,
		postgres.Args{"verifier": row.Verifier, "sealed": row.Sealed, "now": now})
}

// growth collects what a tree gains, to store it at once.
type growth struct {
	indexes  []int64
	entries  []id.Entry
	hashes   [][]byte
	levels   []int16
	nodes    []int64
	nodeHash [][]byte
}

func (g *growth) leaf(index uint64, entry id.Entry, hash []byte) {
	g.indexes = append(g.indexes, int64(index))
	g.entries = append(g.entries, entry)
	g.hashes = append(g.hashes, hash)
}

// node is told of every node that became complete.
func (g *growth) node(n compact.NodeID, hash []byte) {
	if n.Level == 0 {
		return
	}
	g.levels = append(g.levels, int16(n.Level))
	g.nodes = append(g.nodes, int64(n.Index))
	g.nodeHash = append(g.nodeHash, hash)
}

func (g *growth) store(ctx context.Context, tx pgx.Tx) error {
	err := postgres.Exec(ctx, tx, `
		insert into audit_leaves (index, entry_id, hash)
		select n.index, n.entry_id, n.hash from unnest(@indexes::bigint[], @entries::uuid[], @hashes::bytea[]) as n (index, entry_id, hash)`,
		postgres.Args{"indexes": g.indexes, "entries": g.entries, "hashes": g.hashes})
	if err != nil {
		return fmt.Errorf("store leaves: %w", err)
	}
	if len(g.levels) == 0 {
		return nil
	}
	err = postgres.Exec(ctx, tx, `
		insert into audit_nodes (level, index, hash)
		select n.level, n.index, n.hash from unnest(@levels::smallint[], @nodes::bigint[], @hashes::bytea[]) as n (level, index, hash)`,
		postgres.Args{"levels": g.levels, "nodes": g.nodes, "hashes": g.nodeHash})
	if err != nil {
		return fmt.Errorf("store nodes: %w", err)
	}
	return nil
}

// hashesOf returns the hashes of these nodes, in their order.
func hashesOf(ctx context.Context, db postgres.DB, nodes []compact.NodeID) ([][]byte, error) {
	levels, indexes := make([]int16, len(nodes)), make([]int64, len(nodes))
	for i, n := range nodes {
		levels[i], indexes[i] = int16(n.Level), int64(n.Index)
	}
	hashes, err := postgres.Many[[]byte](ctx, db, `
		select coalesce(l.hash, n.hash, '') from unnest(@levels::smallint[], @indexes::bigint[]) with ordinality as w (level, index, nth)
		left join audit_leaves l on w.level = 0 and l.index = w.index
		left join audit_nodes n on w.level > 0 and n.level = w.level and n.index = w.index
		order by w.nth`, postgres.Args{"levels": levels, "indexes": indexes})
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	for i, h := range hashes {
		if len(h) == 0 {
			return nil, fmt.Errorf("read the tree: node %d of level %d is missing", nodes[i].Index, nodes[i].Level)
		}
	}
	return hashes, nil
}

func findLeaf(ctx context.Context, db postgres.DB, entry id.Entry) (int64, error) {
	return postgres.Scalar[int64](ctx, db, `select index from audit_leaves where entry_id = @entry`, postgres.Args{"entry": entry})
}

func findEntry(ctx context.Context, db postgres.DB, entry id.Entry) (Entry, error) {
	return postgres.One[Entry](ctx, db, `
		select id, at, actor_id, actor_kind, actor_name, subject_id, verb, object, request_id, address,
		       convert_to(detail::text, 'UTF8') as detail, sealed
		from audit_entries where id = @entry`, postgres.Args{"entry": entry})
}
