package tlog

import (
	"context"

	"flint/internal/access"
	"flint/internal/fault"
	"flint/internal/id"
	"flint/internal/platform/web"
)

type proofIn struct {
	ID id.Entry `path:"id" doc:"id of an entry of GET /api/security/log"`
}

type proofOut struct {
	Body struct {
		Index      uint64   `json:"index" doc:"Number of the leaf"`
		Leaf       []byte   `json:"leaf" doc:"What is hashed: the entry with each field's length, what is personal as it is sealed"`
		Hash       []byte   `json:"hash" doc:"SHA-256 of a zero byte and the leaf"`
		Path       [][]byte `json:"path" doc:"From the leaf to the root, RFC 6962 2.1.1"`
		Size       uint64   `json:"size" doc:"Leaves of the tree"`
		Checkpoint string   `json:"checkpoint" doc:"Signed note with the size and the root of the tree"`
	}
}

type checkpointOut struct {
	Body struct {
		Checkpoint string `json:"checkpoint" doc:"Signed note with the size and the root of the tree: C2SP tlog-checkpoint"`
	}
}

type consistencyIn struct {
	From uint64 `query:"from" required:"true" minimum:"1" maximum:"9007199254740991" doc:"Size of an earlier checkpoint"`
	To   uint64 `query:"to" required:"true" minimum:"1" maximum:"9007199254740991" doc:"Size of a later one"`
}

type consistencyOut struct {
	Body struct {
		From string   `json:"from" doc:"The earlier checkpoint"`
		To   string   `json:"to" doc:"The later one"`
		Path [][]byte `json:"path" doc:"RFC 6962 2.1.2"`
	}
}

// Operations declares what shows to anybody that the log only grows, and to each
// person that it holds what concerns them. Checkpoints tell how many entries
// there are, and nothing of any.
func (l *Log) Operations(api *web.Server) {
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/security/log/{id}/proof", Summary: "Prove that an entry is in the log", Tag: "security",
		Description: "Of your own entries. 409 for an entry of the last second.",
		Needs:       access.SignedIn, Limit: "data",
	}, l.prove)
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/audit/checkpoint", Summary: "Read the newest signed state of the audit log", Tag: "security",
		Needs: access.Public, Limit: "public",
	}, l.checkpoint)
	web.Handle(api, web.Op{
		Method: "GET", Path: "/api/audit/consistency", Summary: "Prove that the audit log only grew between two checkpoints", Tag: "security",
		Needs: access.Public, Limit: "public",
	}, l.consistency)
}

func (l *Log) prove(ctx context.Context, in *proofIn) (*proofOut, error) {
	e, err := findEntry(ctx, l.cfg.Pool, in.ID)
	if err != nil {
		return nil, err
	}
	if me := access.From(ctx).User; me.IsZero() || e.SubjectID != me {
		return nil, fault.ErrNotFound
	}
	found, err := l.Include(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &proofOut{}
	b := &out.Body
	b.Index, b.Leaf, b.Hash, b.Path = found.Index, found.Leaf, found.Hash, found.Path
	b.Size, b.Checkpoint = found.Checkpoint.Size, found.Checkpoint.Note
	if b.Path == nil { // a tree of one leaf
		b.Path = [][]byte{}
	}
	return out, nil
}

func (l *Log) checkpoint(ctx context.Context, _ *struct{}) (*checkpointOut, error) {
	c, err := l.Latest(ctx)
	if err != nil {
		return nil, err
	}
	out := &checkpointOut{}
	out.Body.Checkpoint = c.Note
	return out, nil
}

func (l *Log) consistency(ctx context.Context, in *consistencyIn) (*consistencyOut, error) {
	if in.From > in.To {
		return nil, fault.About(ErrOrder, "query.from", "must not be above to")
	}
	path, first, second, err := l.Consistent(ctx, in.From, in.To)
	if err != nil {
		return nil, err
	}
	out := &consistencyOut{}
	out.Body.From, out.Body.To, out.Body.Path = first.Note, second.Note, path
	if path == nil {
		out.Body.Path = [][]byte{}
	}
	return out, nil
}
