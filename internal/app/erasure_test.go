package app_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"flint/internal/access"
	"flint/internal/app"
	"flint/internal/audit/tlog"
	"flint/internal/config"
	"flint/internal/envelope"
	"flint/internal/envelope/envelopetest"
	"flint/internal/id"
	"flint/internal/platform/postgres"
	"flint/internal/platform/postgres/pgtest"
	"flint/internal/platform/postgres/private"
)

// due makes the deletion of somebody due, and its jobs with it.
func (p *person) due() {
	p.t.Helper()
	p.rows(`update account_deletions set due_at = now() where ended_at is null
		and user_id = (select id from users where id = $1::uuid) returning id::text`, p.whoIs(p.email))
	p.rows(`update river_job set scheduled_at = now() where kind = 'compliance.erase' and state = 'scheduled' returning id::text`)
}

// undoing waits for the mail about p's deletion and returns its token.
func (h *house) undoing(p *person) string {
	h.t.Helper()
	h.until("the mail is sent", func() bool {
		return len(h.rows(`select id::text from river_job where kind = 'compliance.letter' and state = 'completed'`)) > 0
	})
	return h.linkTo(p.email, "/undo-deletion")
}

// TestADeletionCanBeUndone asks for one and takes it back, by the mail's link and
// signed in.
func TestADeletionCanBeUndone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.resident("Ann")
	var is struct {
		Deletion *struct{ Begun bool }
		Kept     []struct{ What, Why string }
	}
	ann.must("POST", "/api/privacy/deletion", nil).json(t, &is)
	if is.Deletion == nil || is.Deletion.Begun || len(is.Kept) == 0 {
		t.Fatalf("asked for, it says %+v", is)
	}
	ann.must("POST", "/api/privacy/deletion", nil) // once more is the same one
	token := h.undoing(ann)
	stranger := &person{house: h, address: "203.0.113.99"}
	stranger.must("POST", "/api/privacy/deletion/undo", map[string]string{"token": token})
	for _, wrong := range []string{token, token[:len(token)-1], "x", uuid.NewString()} {
		if a := stranger.call("POST", "/api/privacy/deletion/undo", map[string]string{"token": wrong}); a.status != http.StatusGone {
			t.Errorf("%q: %d %s", wrong, a.status, a.body)
		}
	}
	ann.must("GET", "/api/privacy/deletion", nil).json(t, &is)
	if is.Deletion != nil {
		t.Error("it is still to be deleted")
	}
	if a := ann.call("DELETE", "/api/privacy/deletion", nil); a.status != http.StatusNotFound {
		t.Errorf("nothing to undo: %d %s", a.status, a.body)
	}
	ann.must("POST", "/api/privacy/deletion", nil)
	ann.must("DELETE", "/api/privacy/deletion", nil)
	// Neither deletion happens: each has its own job.
	h.rows(`update river_job set scheduled_at = now() where kind = 'compliance.erase' and state = 'scheduled' returning id::text`)
	h.until("the jobs have nothing to do", func() bool {
		return len(h.rows(`select id::text from river_job where kind = 'compliance.erase' and state = 'completed'`)) == 2
	})
	ann.must("GET", "/api/auth/user", nil)
	verbs := ann.rows(`select verb from audit_entries e join users u on u.id = e.subject_id where u.id = $1::uuid and verb like 'account.%deletion' order by e.at, e.id`, h.whoIs(ann.email))
	want := []string{"account.ask_deletion", "account.undo_deletion", "account.ask_deletion", "account.undo_deletion"}
	if !slices.Equal(verbs, want) {
		t.Errorf("the log says %v", verbs)
	}
}

// TestTheErasedAreGone erases somebody who had everything, and then looks for
// them: at the providers, in the database, in a backup from before, and in the
// log, which must still prove itself.
func TestTheErasedAreGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann, ben := furnish(h.resident("Ann"), "chase", "SCHWAB", "brokerage"), furnish(h.resident("Ben"), "citibank", "COINBASE", "crypto")
	ann.must("POST", "/api/privacy/deletion", nil)
	user := h.whoIs(ann.email)
	snap := h.rows(`select snaptrade_user_id from snaptrade_users where user_id = $1::uuid`, user)[0]
	ring := filepath.Join(h.state, "keyring")
	h.withSeed(user, ring)

	owner := h.owner(t)
	backup := dump(t, owner, "--exclude-schema=keyring")
	for _, words := range []string{"ANN nest egg", "ANN SECRET SHOP", "ANN note", "ANN wallet", "ANN COFFEE"} {
		if bytes.Contains(backup, []byte(words)) {
			t.Errorf("%q can be read in a backup", words)
		}
	}
	then := h.sealedIn(t, ring, backup, dump(t, owner, "--schema=keyring"))
	for place, f := range then {
		if f.Failed > 0 {
			t.Errorf("before: %d of %d values of %s don't open: the backup proves nothing", f.Failed, f.Values, place)
		}
	}

	if _, err := h.app.Privacy.Hold(t.Context(), access.SystemActor("operator", id.User{}), h.find(ann.email).ID, "a court"); err != nil {
		t.Fatal(err)
	}
	ann.due()
	h.until("the hold is found", func() bool {
		return len(h.rows(`select id::text from river_job where kind = 'compliance.erase' and state = 'scheduled' and scheduled_at > now() + interval '30 minutes'`)) == 1
	})
	ann.must("GET", "/api/accounts", nil)
	h.rows(`update legal_holds set released_at = now() returning id::text`)
	ann.due()
	h.until("Ann is erased", func() bool {
		return len(h.rows(`select id::text from account_deletions where outcome = 'erased' and unrevoked = 0`)) == 1
	})

	var world struct{ Enrollments []struct{ ID string } }
	h.order("GET", "/control/teller/enrollments", nil, &world)
	for _, e := range world.Enrollments {
		if e.ID == ann.enrollment.Enrollment.ID {
			t.Error("Teller still has the enrollment")
		}
	}
	h.gone(t, ann, user, snap)
	if a := ann.call("GET", "/api/accounts", nil); a.status != http.StatusUnauthorized {
		t.Errorf("her session: %d", a.status)
	}
	stranger := person{house: h, address: "203.0.113.98"}
	if a := stranger.call("POST", "/api/auth/login", map[string]string{"email": ann.email, "password": ann.password}); a.status != http.StatusUnauthorized {
		t.Errorf("her password: %d %s", a.status, a.body)
	}
	ben.must("GET", "/api/accounts/"+ben.account, nil)

	now := h.sealedIn(t, ring, backup, dump(t, owner, "--schema=keyring"))
	for _, place := range []string{"users.sealed", "connections.credential", "snaptrade_users.secret", "totp_factors.secret"} {
		before, after := then[place], now[place]
		hers := 1
		if after.Failed != hers || after.Values != before.Values || place != "totp_factors.secret" && after.Values < 2 {
			t.Errorf("%s in the restored backup: %d of %d values don't open, hers is %d", place, after.Failed, after.Values, hers)
		}
	}
	if entries := now["audit_entries.sealed"]; entries.Erased == 0 || entries.Erased == entries.Values || entries.Failed > 0 {
		t.Errorf("%d of %d sealed entries in the restored backup are erased, %d don't open", entries.Erased, entries.Values, entries.Failed)
	}
	h.proven(t)

	// Her address is nobody's any more, not even by its hash.
	stranger.must("POST", "/api/auth/public-register", map[string]string{"firstName": "Anna", "email": ann.email, "password": "quite another phrase 1802"})
	if p := h.find(ann.email); p.ID.String() == user || p.FirstName != "Anna" {
		t.Errorf("who has her address is %s", p.ID)
	}
}

// withSeed gives user a sealed value under the key that all of theirs share.
func (h *house) withSeed(user, ring string) {
	h.t.Helper()
	keys := envelopetest.Under(h.t, h.pool, ring)
	who, err := id.Parse[id.User](user)
	if err != nil {
		h.t.Fatal(err)
	}
	sealed, err := keys.Seal(h.t.Context(), envelope.Ref{Owner: who, Place: "totp_factors.secret", Row: user}, []byte("a seed"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.rows(`insert into totp_factors (user_id, secret, confirmed_at) values ($1::uuid, $2, now()) returning user_id::text`, user, sealed)
}

// gone looks for whatever names somebody, in all tables and in every column.
func (h *house) gone(t *testing.T, ann household, user, snap string) {
	t.Helper()
	kept := []string{"audit_entries", "account_deletions", "river_job"}
	for place, text := range h.dump() {
		table := strings.TrimPrefix(place, "the table ")
		if strings.Contains(text, user) && !slices.Contains(kept, table) {
			t.Errorf("%s still names her", place)
		}
		for what, value := range map[string]string{"her address": ann.email, "her words": "ANN nest egg", "her shop": "ANN SECRET SHOP", "her note": "ANN note"} {
			if strings.Contains(text, value) {
				t.Errorf("%s is in %s", what, place)
			}
		}
	}
	if n := h.rows(`select count(*)::text from keyring.data_keys where user_id = $1::uuid`, user)[0]; n != "0" {
		t.Errorf("%s of her keys are left", n)
	}
	if n := h.rows(`select count(*)::text from river_job where kind = 'connection.leave' and state = 'completed' and args->>'user_id' = $1`, snap)[0]; n != "1" {
		t.Errorf("SnapTrade was told %s times", n)
	}
	if !strings.Contains(strings.Join(h.rows(`select verb from audit_entries where subject_id = $1::uuid order by at`, user), " "), "account.erase") {
		t.Error("the log doesn't say that she was erased")
	}
}

// proven verifies the log as an auditor would.
func (h *house) proven(t *testing.T) {
	t.Helper()
	h.until("the log is signed", func() bool { return len(h.rows(`select entry_id::text from audit_pending`)) == 0 })
	var export bytes.Buffer
	if err := h.app.Proof.Export(t.Context(), &export); err != nil {
		t.Fatal(err)
	}
	verifier, err := h.app.Proof.Verifier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(h.state, "audit", "checkpoints.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	mirror, err := tlog.ReadMirror(f)
	if err != nil {
		t.Fatal(err)
	}
	r, err := tlog.Verify(&export, verifier, mirror)
	if err != nil || len(r.Faults) > 0 || r.Leaves < 25 {
		t.Errorf("%d entries, %v, %v", r.Leaves, r.Faults, err)
	}
}

// owner returns the connection string of the database's owner, whom no policy
// holds.
func (h *house) owner(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(pgtest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + h.pool.Config().ConnConfig.Database
	return u.String()
}

// postgresTool returns a program of the installation that the tests run on.
func postgresTool(t *testing.T, name string) string {
	t.Helper()
	found, err := private.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(found.Dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s isn't installed with the server", name)
	}
	return path
}

func dump(t *testing.T, database string, more ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), postgresTool(t, "pg_dump"), append(more, "--dbname="+database)...).Output()
	if err != nil {
		t.Fatalf("pg_dump %v: %v", more, err)
	}
	return out
}

// sealedIn restores backups one after the other in a database of its own, and
// opens every sealed value there.
func (h *house) sealedIn(t *testing.T, ring string, backups ...[]byte) map[string]envelope.Finding {
	t.Helper()
	database := pgtest.Empty(t)
	for _, b := range backups {
		cmd := exec.CommandContext(t.Context(), postgresTool(t, "psql"), "--quiet", "--set=ON_ERROR_STOP=1", "--dbname="+database)
		cmd.Stdin = bytes.NewReader(b)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("restore: %v %s", err, out)
		}
	}
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: config.NewSecret(database), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	found, err := envelopetest.Under(t, pool, ring).Verify(t.Context(), app.SealedPlaces())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]envelope.Finding{}
	for _, f := range found {
		all[f.Place] = f
	}
	return all
}
