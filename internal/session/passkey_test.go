package session_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flint/internal/access"
	"flint/internal/id"
	"flint/internal/platform/web/webtest"
)

// key is a passkey in an authenticator made of software, and what it lies about.
type key struct {
	private *ecdsa.PrivateKey
	id      []byte
	handle  string // of its user, base64url
	count   uint32
	silent  bool // its counter stays 0
	flags   byte // user present 1, verified 4, backup eligible 8, backed up 16
	origin  string
	rpID    string
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// cbor writes a byte string's head and body.
func cbor(b []byte) []byte {
	return append([]byte{0x59, byte(len(b) >> 8), byte(len(b))}, b...)
}

func (k *key) clientData(kind, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.origin, "crossOrigin": false})
	return b
}

func (k *key) authData(more ...byte) []byte {
	rp := sha256.Sum256([]byte(k.rpID))
	flags := k.flags
	if more != nil {
		flags |= 0x40
	}
	b := append(rp[:], flags)
	return append(binary.BigEndian.AppendUint32(b, k.count), more...)
}

// create answers registration options.
func (k *key) create(t *testing.T, challenge string) map[string]any {
	t.Helper()
	public, err := k.private.PublicKey.Bytes() // 4, x, y
	if err != nil {
		t.Fatal(err)
	}
	cose := slices.Concat([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, public[1:33], []byte{0x22, 0x58, 32}, public[33:])
	attested := slices.Concat(make([]byte, 16), []byte{0, byte(len(k.id))}, k.id, cose)
	object := slices.Concat([]byte{0xa3, 0x63}, []byte("fmt"), []byte{0x64}, []byte("none"), []byte{0x67}, []byte("attStmt"), []byte{0xa0, 0x68},
		[]byte("authData"), cbor(k.authData(attested...)))
	return map[string]any{
		"id": b64(k.id), "rawId": b64(k.id), "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": b64(k.clientData("webauthn.create", challenge)), "attestationObject": b64(object), "transports": []string{"internal", "weird"},
		},
	}
}

// get answers sign-in options.
func (k *key) get(t *testing.T, challenge string) map[string]any {
	t.Helper()
	if !k.silent {
		k.count++
	}
	client, data := k.clientData("webauthn.get", challenge), k.authData()
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(slices.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"id": b64(k.id), "rawId": b64(k.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(signature), "userHandle": k.handle,
		},
	}
}

func newKey(t *testing.T) *key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k := &key{private: private, id: make([]byte, 32), flags: 1 | 4, origin: origin, rpID: "flint.example"}
	_, _ = rand.Read(k.id)
	return k
}

type registration struct {
	PublicKey struct {
		Challenge          string
		RP                 struct{ ID string }
		User               struct{ ID, Name string }
		ExcludeCredentials []struct{ ID string }
	}
}

// addPasskey registers a new key in the session of b.
func (h *house) addPasskey(t *testing.T, b browser) (*key, []string) {
	t.Helper()
	k := newKey(t)
	var o registration
	h.web.Check(t, b.post("/api/auth/passkeys/options", nil, 200)).JSON(t, &o)
	if o.PublicKey.RP.ID != "flint.example" || o.PublicKey.User.Name == "" {
		t.Fatalf("options %+v", o)
	}
	k.handle = o.PublicKey.User.ID
	var made struct{ BackupCodes []string }
	h.web.Check(t, b.post("/api/auth/passkeys", map[string]any{"name": "Laptop", "credential": k.create(t, o.PublicKey.Challenge)}, 201)).JSON(t, &made)
	return k, made.BackupCodes
}

func (n *node) ask(t *testing.T) string {
	t.Helper()
	var o struct {
		PublicKey struct{ Challenge, RPID, UserVerification string }
	}
	n.web.Check(t, webtest.Scenario{Method: "POST", Path: "/api/auth/passkeys/sign-in/options", Status: 200, NeverContains: []string{"ana@", "allowCredentials"}}).JSON(t, &o)
	if o.PublicKey.RPID != "flint.example" || o.PublicKey.UserVerification != "required" {
		t.Fatalf("options %+v", o)
	}
	return o.PublicKey.Challenge
}

func byPasskey(credential map[string]any, status int) webtest.Scenario {
	return webtest.Scenario{
		Path: "/api/auth/passkeys/sign-in", Body: map[string]any{"credential": credential}, Status: status, Header: map[string]string{"User-Agent": firefox},
	}
}

func TestAPasskeySignsInByItself(t *testing.T) {
	t.Parallel()
	h := setup(t)
	k, codes := h.addPasskey(t, h.signIn(t))
	if len(codes) != 10 {
		t.Errorf("backup codes %v", codes)
	}
	fresh := cookiesOf(t, h.web.Check(t, byPasskey(k.get(t, h.ask(t)), 200)))
	h.web.Check(t, fresh.open(204)) // two factors in one
	_, claims := decode(t, fresh.access.Value)
	if claims["acr"] != "aal2" {
		t.Errorf("claims %v", claims)
	}
	s := fresh.get("/api/auth/mfa")
	s.Contains = []string{`"name":"Laptop"`, `"synced":false`, `"enabled":false`, `"backupCodesLeft":10`}
	h.web.Check(t, s)

	phoneIn := byPasskey(k.get(t, h.ask(t)), 200)
	phoneIn.Header = map[string]string{"X-Mobile-App": "true"}
	phoneIn.Headers = map[string]string{"Set-Cookie": ""}
	var p phone
	h.web.Check(t, phoneIn).JSON(t, &p)
	h.web.Check(t, bearer(p.Access, 200))
	if vs := h.verbs(t); !strings.Contains(vs, "factor.add session.start session.start") {
		t.Errorf("audit: %s", vs)
	}
}

func TestAPasskeyIsASecondStepAndAStepUp(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	k, codes := h.addPasskey(t, b)
	first := func() string {
		in := login("ana@example.com", password, nil)
		in.Status = 401
		var p struct {
			Challenge string
			Methods   []string
		}
		h.web.Check(t, in).JSON(t, &p)
		if !slices.Equal(p.Methods, []string{"passkey", "backup_code"}) {
			t.Fatalf("methods %v", p.Methods)
		}
		return p.Challenge
	}
	second := func(challenge string, k *key) webtest.Scenario {
		return webtest.Scenario{Path: "/api/auth/mfa/challenge", Body: map[string]any{"challenge": challenge, "assertion": k.get(t, h.ask(t))}, Status: 200}
	}
	h.web.Check(t, second(first(), k))
	h.web.Check(t, secondStep(first(), "backupCode", codes[0], 200))
	h.admit(t, "mallory@example.com")
	other, _ := h.addPasskey(t, cookiesOf(t, h.web.Check(t, login("mallory@example.com", password, nil))))
	strange := second(first(), other) // a passkey, but another person's
	strange.Status, strange.Contains = 401, []string{"mfa_wrong"}
	h.web.Check(t, strange)

	h.pass(11 * time.Minute)
	refused := b.open(403)
	refused.Contains = []string{`"methods":["passkey","backup_code"]`}
	h.web.Check(t, refused)
	stepUp := func(k *key, status int) webtest.Scenario {
		return b.post("/api/auth/step-up", map[string]any{"method": "passkey", "assertion": k.get(t, h.ask(t))}, status)
	}
	h.web.Check(t, stepUp(other, 403))
	h.web.Check(t, stepUp(k, 200))
	h.web.Check(t, b.open(204))
}

func TestForgedPasskeysOpenNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	k, _ := h.addPasskey(t, h.signIn(t))
	k.count = 10
	h.web.Check(t, byPasskey(k.get(t, h.ask(t)), 200))
	var own registration
	b := h.signInWith(t, k)
	h.web.Check(t, b.post("/api/auth/passkeys/options", nil, 200)).JSON(t, &own)
	mallory := h.admit(t, "mallory@example.com")
	stale := h.ask(t)
	h.pass(5 * time.Minute)
	used := k.get(t, h.ask(t))
	h.web.Check(t, byPasskey(used, 200))
	last := k.count
	for name, forge := range map[string]func() map[string]any{
		"the same answer again":   func() map[string]any { return used },
		"an old challenge":        func() map[string]any { return k.get(t, stale) },
		"a challenge of its own":  func() map[string]any { return k.get(t, b64(make([]byte, 56))) },
		"a challenge to register": func() map[string]any { return k.get(t, own.PublicKey.Challenge) },
		"no challenge":            func() map[string]any { return k.get(t, "") },
		"another origin": func() map[string]any {
			return with2(k, func(k *key) { k.origin = "https://flint.example.evil.example" }).get(t, h.ask(t))
		},
		"plain http": func() map[string]any {
			return with2(k, func(k *key) { k.origin = "http://flint.example" }).get(t, h.ask(t))
		},
		"another port":               func() map[string]any { return with2(k, func(k *key) { k.origin += ":8443" }).get(t, h.ask(t)) },
		"another site's id":          func() map[string]any { return with2(k, func(k *key) { k.rpID = "evil.example" }).get(t, h.ask(t)) },
		"an unverified user":         func() map[string]any { return with2(k, func(k *key) { k.flags = 1 }).get(t, h.ask(t)) },
		"an absent user":             func() map[string]any { return with2(k, func(k *key) { k.flags = 4 }).get(t, h.ask(t)) },
		"a counter that went back":   func() map[string]any { return with2(k, func(k *key) { k.count = 3 }).get(t, h.ask(t)) },
		"a counter that stood still": func() map[string]any { return with2(k, func(k *key) { k.count = last - 1 }).get(t, h.ask(t)) },
		"another key": func() map[string]any {
			return with2(k, func(o *key) { o.private = newKey(t).private }).get(t, h.ask(t))
		},
		"another user's handle": func() map[string]any {
			return with2(k, func(k *key) { k.handle = b64(mallory.ID[:]) }).get(t, h.ask(t))
		},
		"no handle":                   func() map[string]any { return with2(k, func(k *key) { k.handle = "" }).get(t, h.ask(t)) },
		"an unknown passkey":          func() map[string]any { return with2(newKey(t), func(n *key) { n.handle = k.handle }).get(t, h.ask(t)) },
		"an answer for another thing": func() map[string]any { return k.create(t, h.ask(t)) },
		"nothing":                     func() map[string]any { return map[string]any{} },
		"rubbish":                     func() map[string]any { return map[string]any{"id": 1, "response": []int{1}} },
	} {
		a := h.web.Do(t, byPasskey(forge(), 0))
		if a.Status != 401 || a.Code() != "passkey_refused" || len(a.Cookies) != 0 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	h.web.Check(t, byPasskey(k.get(t, h.ask(t)), 200)) // none of that harmed it
	if err := h.Ban(t.Context(), access.SystemActor("test", id.User{}), h.ana.ID, "fraud"); err != nil {
		t.Fatal(err)
	}
	h.web.Check(t, byPasskey(k.get(t, h.ask(t)), 401))
}

// with2 returns a copy of k that lies.
func with2(k *key, lie func(*key)) *key {
	c := *k
	lie(&c)
	return &c
}

func (h *house) signInWith(t *testing.T, k *key) browser {
	t.Helper()
	return cookiesOf(t, h.web.Check(t, byPasskey(k.get(t, h.ask(t)), 200)))
}

func TestForgedRegistrationsAddNothing(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	h.admit(t, "mallory@example.com")
	hers := cookiesOf(t, h.web.Check(t, login("mallory@example.com", password, nil)))
	options := func(b browser) string {
		var o registration
		h.web.Check(t, b.post("/api/auth/passkeys/options", nil, 200)).JSON(t, &o)
		return o.PublicKey.Challenge
	}
	add := func(b browser, credential map[string]any, status int) webtest.Scenario {
		return b.post("/api/auth/passkeys", map[string]any{"name": "Key", "credential": credential}, status)
	}
	k := newKey(t)
	for name, credential := range map[string]map[string]any{
		"another person's options": k.create(t, options(hers)),
		"sign-in options":          k.create(t, h.ask(t)),
		"another origin":           with2(k, func(k *key) { k.origin = "https://evil.example" }).create(t, options(b)),
		"another site's id":        with2(k, func(k *key) { k.rpID = "evil.example" }).create(t, options(b)),
		"an unverified user":       with2(k, func(k *key) { k.flags = 1 }).create(t, options(b)),
		"an assertion":             k.get(t, options(b)),
		"nothing":                  {},
	} {
		if a := h.web.Do(t, add(b, credential, 0)); a.Status != 422 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	challenge := options(b)
	h.web.Check(t, add(b, k.create(t, challenge), 201))
	h.web.Check(t, add(b, newKey(t).create(t, challenge), 422)) // the same options again
	h.web.Check(t, add(b, k.create(t, options(b)), 409))        // the same passkey again
	h.web.Check(t, add(hers, k.create(t, options(hers)), 409))  // or somebody else's
	if n := h.count(t, `select count(*)::int from passkeys`); n != 1 {
		t.Errorf("%d passkeys", n)
	}
	var o registration
	h.web.Check(t, b.post("/api/auth/passkeys/options", nil, 200)).JSON(t, &o)
	if len(o.PublicKey.ExcludeCredentials) != 1 {
		t.Errorf("the browser isn't told of those there are: %+v", o)
	}
}

func TestPasskeysAreNamedAndRemovedByTheirOwner(t *testing.T) {
	t.Parallel()
	h := setup(t)
	b := h.signIn(t)
	k, _ := h.addPasskey(t, b)
	h.admit(t, "mallory@example.com")
	hers := cookiesOf(t, h.web.Check(t, login("mallory@example.com", password, nil)))
	h.web.Check(t, hers.post("/api/auth/mfa/setup", nil, 200))
	var list struct{ Passkeys []struct{ ID, Name string } }
	h.web.Check(t, b.get("/api/auth/mfa")).JSON(t, &list)
	path := "/api/auth/passkeys/" + list.Passkeys[0].ID
	rename := func(b browser, name string, status int) {
		t.Helper()
		s := b.post(path, map[string]string{"name": name}, status)
		s.Method = "PATCH"
		h.web.Check(t, s)
	}
	remove := func(b browser, status int) {
		t.Helper()
		h.web.Check(t, webtest.Scenario{Method: "DELETE", Path: path, Cookies: []*http.Cookie{b.access}, Status: status})
	}
	rename(hers, "Mine", 404)
	remove(hers, 404)
	rename(b, "\u202eevil", 422)
	rename(b, "  Yubikey 🔑 ", 200)
	s := b.get("/api/auth/mfa")
	s.Contains = []string{`"name":"Yubikey 🔑"`}
	h.web.Check(t, s)
	h.pass(11 * time.Minute)
	remove(b, 403) // not without it
	h.web.Check(t, b.stepUp(byPassword(password), 200))
	remove(b, 403)
	h.web.Check(t, b.post("/api/auth/step-up", map[string]any{"method": "passkey", "assertion": k.get(t, h.ask(t))}, 200))
	remove(b, 200)
	h.web.Check(t, byPasskey(k.get(t, h.ask(t)), 401))
	h.signIn(t)
	if n := h.count(t, `select count(*)::int from backup_codes`); n != 0 {
		t.Errorf("%d backup codes without a factor", n)
	}
}

func TestOneAnswerOfAPasskeyOpensOneSession(t *testing.T) {
	t.Parallel()
	h := setup(t)
	k, _ := h.addPasskey(t, h.signIn(t))
	k.silent = true // many synced ones don't count, so the counter stops nobody
	answer := k.get(t, h.ask(t))
	var got sync.Map
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { got.Store(i, h.web.Do(t, byPasskey(answer, 0)).Status) })
	}
	all.Wait()
	in := 0
	got.Range(func(_, status any) bool {
		if status == 200 {
			in++
		}
		return true
	})
	if in != 1 {
		t.Errorf("%d of four got in", in)
	}
}

func TestAnAddressWithoutANameHasNoPasskeys(t *testing.T) {
	t.Parallel()
	h := setup(t)
	n := h.start(t, "http://127.0.0.1:8080")
	n.web.Check(t, webtest.Scenario{Method: "POST", Path: "/api/auth/passkeys/sign-in/options", Status: 409})
	n.web.Check(t, byPasskey(map[string]any{}, 409))
	local := h.start(t, "http://localhost:8080")
	local.web.Check(t, webtest.Scenario{Method: "POST", Path: "/api/auth/passkeys/sign-in/options", Status: 200, Contains: []string{`"rpId":"localhost"`}})
}
