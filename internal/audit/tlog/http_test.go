package tlog_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"flint/internal/access"
	"flint/internal/audit/tlog"
	"flint/internal/id"
	"flint/internal/platform/web"
	"flint/internal/platform/web/webtest"
)

// door serves the proofs to whom the header X-Test-User names.
func (b *book) door() *webtest.Client {
	api := web.New(web.Config{
		Origin: "https://flint.example", Policies: []string{"data", "public"}, Log: slog.New(slog.DiscardHandler),
		Authenticate: func(r *http.Request) (access.Actor, error) {
			user, err := id.Parse[id.User](r.Header.Get("X-Test-User"))
			return access.Actor{User: user}, err
		},
		Limit: func(context.Context, string, access.Actor, netip.Addr) (web.Decision, error) {
			return web.Decision{Allowed: true}, nil
		},
	})
	b.log.Operations(api)
	return webtest.New(b.t, api.Handler(), "https://flint.example")
}

// TestAnybodyCanCheckWhatTheLogSays checks answers with nothing but the public
// key and RFC 6962.
func TestAnybodyCanCheckWhatTheLogSays(t *testing.T) {
	t.Parallel()
	b := open(t)
	c := b.door()
	c.Check(t, webtest.Scenario{Path: "/api/audit/checkpoint", Status: 404})
	b.write(1)
	b.integrate()
	entries := b.write(20)
	b.integrate()
	v, err := note.NewVerifier(b.verifier())
	if err != nil {
		t.Fatal(err)
	}
	signed := func(text string) tlog.Checkpoint {
		c, err := tlog.ParseCheckpoint(text, note.VerifierList(v))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var newest struct{ Checkpoint string }
	c.Check(t, webtest.Scenario{Path: "/api/audit/checkpoint", Status: 200}).JSON(t, &newest)
	latest := signed(newest.Checkpoint)
	if latest.Size != 21 {
		t.Errorf("the log has %d leaves", latest.Size)
	}

	mine := func(entry id.Entry, who id.User, status int) webtest.Scenario {
		return webtest.Scenario{Path: "/api/security/log/" + entry.String() + "/proof", Header: map[string]string{"X-Test-User": who.String()}, Status: status}
	}
	for _, entry := range entries {
		var p struct {
			Index, Size uint64
			Leaf, Hash  []byte
			Path        [][]byte
			Checkpoint  string
		}
		c.Check(t, mine(entry, b.user, 200)).JSON(t, &p)
		hash := rfc6962.DefaultHasher.HashLeaf(p.Leaf)
		at := signed(p.Checkpoint)
		if !bytes.Contains(p.Leaf, entry[:]) || !bytes.Equal(hash, p.Hash) || at.Size != p.Size {
			t.Errorf("entry %s: the leaf is another's", entry)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, p.Size, hash, p.Path, at.Root); err != nil {
			t.Errorf("entry %s: %v", entry, err)
		}
	}
	c.Check(t, mine(entries[3], id.New[id.User](), 404))
	c.Check(t, mine(id.New[id.Entry](), b.user, 404))
	c.Check(t, mine(b.write(1)[0], b.user, 409))

	var grown struct {
		From, To string
		Path     [][]byte
	}
	between := func(from, to int, status int) webtest.Scenario {
		return webtest.Scenario{Path: fmt.Sprintf("/api/audit/consistency?from=%d&to=%d", from, to), Status: status}
	}
	c.Check(t, between(1, 21, 200)).JSON(t, &grown)
	from, to := signed(grown.From), signed(grown.To)
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, from.Size, to.Size, grown.Path, from.Root, to.Root); err != nil || from.Size != 1 || to.Size != 21 {
		t.Errorf("from %d to %d: %v", from.Size, to.Size, err)
	}
	c.Check(t, between(21, 21, 200))
	c.Check(t, between(21, 1, 422))
	c.Check(t, between(1, 20, 404)) // no checkpoint has that size
	c.Check(t, between(0, 21, 422))
}
