package telemetry

import (
	"context"
	"net/netip"
)

type requestKey struct{}

type request struct {
	id      string
	address netip.Addr
}

// WithRequest returns ctx carrying the id of a request and the address that it
// came from. Package web calls it once, at the edge.
func WithRequest(ctx context.Context, id string, address netip.Addr) context.Context {
	return context.WithValue(ctx, requestKey{}, request{id, address})
}

// RequestID returns the id of the request that ctx belongs to, or "" in
// background work.
func RequestID(ctx context.Context) string {
	r, _ := ctx.Value(requestKey{}).(request)
	return r.id
}

// Address returns the address that the request of ctx came from. It is invalid
// (IsValid reports false) in background work.
func Address(ctx context.Context) netip.Addr {
	r, _ := ctx.Value(requestKey{}).(request)
	return r.address
}
