package session

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/fault"
	"flint/internal/id"
)

const (
	audience  = "flint-api"
	tokenType = "at+jwt" // RFC 9068: an access token and nothing else
	maxToken  = 2048     // bytes; ours take some 600
	cacheSize = 20_000   // tokens, sessions

	skew = 30 * time.Second // another node's clock may be that much behind
)

// claims is what an access token says. Tier, Confirmed, Level and Methods are
// for clients, as of when it was issued; what a person may do is decided by what
// is known about them now, see live.go.
type claims struct {
	Session   id.Session   `json:"sid"`
	User      id.User      `json:"-"` // from sub
	Tier      access.Tier  `json:"tier"`
	Confirmed bool         `json:"confirmed"`
	Delivery  Delivery     `json:"dlv"`
	Level     access.Level `json:"acr"`
	Methods   []string     `json:"amr,omitempty"`
	jwt.RegisteredClaims
}

// references names how a session's level was reached, as RFC 8176 does; it has
// no word for a link in a mail.
func (r proofRow) references() []string {
	var list []string
	if r.PasswordAt != nil {
		list = append(list, "pwd")
	}
	if r.How == "link" {
		list = append(list, "link")
	}
	if r.FactorAt != nil {
		list = append(list, "mfa")
	}
	return list
}

// Validate is called by the parser after the signature and the times are found
// right: what is left is that ours are complete.
func (c *claims) Validate() error {
	user, err := id.Parse[id.User](c.Subject)
	if err != nil || c.Session.IsZero() || user.IsZero() {
		return errors.New("no subject or no session")
	}
	if c.Delivery != Web && c.Delivery != Mobile {
		return errors.New("no delivery")
	}
	c.User = user
	return nil
}

// UnmarshalJSON refuses claims that two readers could understand differently:
// encoding/json lets the last of two equal names win, and takes "SUB" for "sub".
func (c *claims) UnmarshalJSON(b []byte) error {
	if err := unambiguous(b); err != nil {
		return err
	}
	type plain claims // without this method
	return json.Unmarshal(b, (*plain)(c))
}

// unambiguous reports why object isn't one whose names are each there once and
// written as ours are: in small letters.
func unambiguous(object []byte) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return errors.New("the claims are no object")
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, isName := token.(string)
		if err != nil || !isName || seen[name] || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return errors.New("a claim is there twice, or its name isn't in small letters")
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("read a claim: %w", err)
		}
	}
	return nil
}

// key verifies, and from its time on signs until a newer one does. A retired one
// has no private half: it tells a token that has expired from one that never
// was, and makes none valid.
type key struct {
	kid     string
	public  ed25519.PublicKey
	private ed25519.PrivateKey
	from    time.Time // when it begins to sign
	header  string    // the first part of each token it signed
}

func (k key) retired() bool { return k.private == nil }

// errUnknownKey says that another node may have made the key since we looked.
var errUnknownKey = errors.New("not signed by a key of ours")

// tokens makes and verifies access tokens.
type tokens struct {
	cfg      Config
	ring     atomic.Pointer[[]key] // newest first
	verified *lru.Cache[[sha256.Size]byte, claims]
	parser   *jwt.Parser
}

func newTokens(cfg Config) (*tokens, error) {
	verified, err := lru.New[[sha256.Size]byte, claims](cacheSize)
	if err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	t := &tokens{cfg: cfg, verified: verified}
	t.ring.Store(&[]key{})
	t.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithStrictDecoding(), jwt.WithTimeFunc(cfg.Now),
		jwt.WithIssuer(cfg.Origin.String()), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(),
	)
	return t, nil
}

// use makes ring the keys.
func (t *tokens) use(ring []key) error {
	for i := range ring {
		// The header is found by writing a token, so that it is what the library
		// writes and not what we think it does.
		text, err := unsigned(ring[i], &claims{}).SigningString()
		if err != nil {
			return fmt.Errorf("write the header of access tokens: %w", err)
		}
		ring[i].header, _, _ = strings.Cut(text, ".")
	}
	before := *t.ring.Swap(&ring)
	for _, k := range before {
		if !k.retired() && !slices.ContainsFunc(ring, func(now key) bool { return now.kid == k.kid && !now.retired() }) {
			t.verified.Purge() // what it signed is worth nothing from now on
			break
		}
	}
	return nil
}

// signer returns the newest key of ring whose time to sign has come. The first
// one that there ever was needn't wait: no other can.
func signer(ring []key, now time.Time) (key, bool) {
	var oldest key
	for _, k := range ring {
		if k.retired() {
			continue
		}
		if !now.Before(k.from) {
			return k, true
		}
		oldest = k
	}
	return oldest, !oldest.retired()
}

func unsigned(k key, c *claims) *jwt.Token {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	token.Header["typ"], token.Header["kid"] = tokenType, k.kid
	return token
}

func sign(k key, c *claims) (string, error) {
	signed, err := unsigned(k, c).SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	return signed, nil
}

// issue returns an access token for a session.
func (t *tokens) issue(c claims) (config.Secret, error) {
	now := t.cfg.Now().UTC()
	k, ok := signer(*t.ring.Load(), now)
	if !ok {
		return config.Secret{}, errors.New("sign access token: the session service hasn't started")
	}
	c.RegisteredClaims = jwt.RegisteredClaims{
		Issuer: t.cfg.Origin.String(), Subject: c.User.String(), Audience: jwt.ClaimStrings{audience}, ID: id.New[id.Entry]().String(),
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(t.cfg.AccessTTL)),
		NotBefore: jwt.NewNumericDate(now.Add(-skew)),
	}
	signed, err := sign(k, &c)
	return config.NewSecret(signed), err
}

// verify returns what a token says, if it is one of ours and its time has not
// run out: ErrExpired if only that is wrong, else ErrToken. What was verified
// once is remembered; its times are looked at again.
func (t *tokens) verify(token config.Secret) (claims, error) {
	text := token.Reveal()
	if len(text) > maxToken {
		return claims{}, fault.Because(ErrToken, errors.New("too long"))
	}
	var room [maxToken]byte // on the stack: this is done for every request
	sum := sha256.Sum256(room[:copy(room[:], text)])
	now := t.cfg.Now()
	if c, ok := t.verified.Get(sum); ok {
		switch {
		case !now.Before(c.ExpiresAt.Time):
			t.verified.Remove(sum)
			return claims{}, ErrExpired
		case now.Before(c.NotBefore.Time):
			return claims{}, fault.Because(ErrToken, errors.New("not valid yet"))
		}
		return c, nil
	}
	if strings.ContainsFunc(text, foreign) { // what is remembered has passed this
		return claims{}, fault.Because(ErrToken, errors.New("not in the alphabet of tokens"))
	}
	ring := t.ring.Load()
	c, err := t.parse(text, *ring)
	if err != nil {
		return claims{}, err
	}
	t.verified.Add(sum, c)
	if t.ring.Load() != ring { // and what was remembered may have been forgotten before this
		t.verified.Remove(sum)
	}
	return c, nil
}

// foreign reports whether r is no part of a token. Go's base64 decoder skips
// line breaks, so without this one token would have many spellings.
func foreign(r rune) bool {
	return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
}

func (t *tokens) parse(text string, ring []key) (claims, error) {
	header, _, _ := strings.Cut(text, ".")
	var k *key
	// The header must be, byte for byte, the one of a key we have. So nothing in
	// it is believed: no algorithm, no key, no address of one, no extension.
	for _, each := range ring {
		if each.header == header {
			k = &each
		}
	}
	if k == nil {
		// Every header of ours is as long as any other, so what has another
		// length is unknown to every node.
		if len(ring) > 0 && len(header) == len(ring[0].header) {
			return claims{}, fault.Because(ErrToken, errUnknownKey)
		}
		return claims{}, fault.Because(ErrToken, errors.New("not a header of ours"))
	}
	var c claims
	_, err := t.parser.ParseWithClaims(text, &c, func(*jwt.Token) (any, error) { return k.public, nil })
	switch {
	case err == nil && k.retired():
		// Retired before its tokens ran out: it may have been stolen. Whether this
		// one is ours will show when it is refreshed.
		return claims{}, fault.Because(ErrExpired, errors.New("signed by a retired key"))
	case err == nil:
		return c, nil
	case onlyExpired(err):
		return claims{}, fault.Because(ErrExpired, err)
	}
	return claims{}, fault.Because(ErrToken, err)
}

// onlyExpired reports whether a rightly signed token is wrong in nothing but
// its age.
func onlyExpired(err error) bool {
	if !errors.Is(err, jwt.ErrTokenExpired) {
		return false
	}
	for _, other := range []error{
		jwt.ErrTokenSignatureInvalid, jwt.ErrTokenMalformed, jwt.ErrTokenUnverifiable, jwt.ErrTokenInvalidAudience,
		jwt.ErrTokenInvalidIssuer, jwt.ErrTokenNotValidYet, jwt.ErrTokenRequiredClaimMissing,
	} {
		if errors.Is(err, other) {
			return false
		}
	}
	return true
}
