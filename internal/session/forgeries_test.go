package session_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// algorithms are tokens that want to be verified otherwise, or not at all.
func (f forger) algorithms(t *testing.T) map[string]string {
	t.Helper()
	public, ok := f.private.Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("no public key")
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk := `{"kty":"OKP","crv":"Ed25519","x":"` + b64(public) + `"}`
	list := map[string]string{
		"another algorithm":   forge(t, jwt.SigningMethodES256, with(f.header, "alg", "ES256"), f.claims, elliptical),
		"no alg":              f.headed("alg", nil),
		"alg a list":          f.headed("alg", []string{"EdDSA"}),
		"alg by its new name": f.headed("alg", "Ed25519"),
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
		h := b64([]byte(`{"alg":"` + alg + `","kid":"` + f.kid + `","typ":"at+jwt"}`))
		list["alg "+alg+" without signature"] = h + "." + f.parts[1] + "."
		list["alg "+alg+" with the old signature"] = h + "." + f.parts[1] + "." + f.parts[2]
		list["alg "+alg+" with a right signature"] = sign(h, f.parts[1], f.private)
	}
	for _, alg := range []string{"eddsa", "EDDSA", "EdDsa", "EdDSA "} {
		list["alg spelt "+alg] = f.headed("alg", alg)
	}
	for name, secret := range map[string][]byte{
		"the public key": public, "the public key's x": []byte(b64(public)), "the public key's DER": der,
		"the public key's PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "the JWK": []byte(jwk), "its kid": []byte(f.kid), "nothing": {},
	} {
		list["HS256 with "+name] = forge(t, jwt.SigningMethodHS256, with(f.header, "alg", "HS256"), f.claims, secret)
		list["HS256 called EdDSA with "+name] = forge(t, jwt.SigningMethodHS256, f.header, f.claims, secret)
	}
	return list
}

// headers are tokens whose header wants to be believed about the key, or is not
// one that we write.
func (f forger) headers(t *testing.T) map[string]string {
	t.Helper()
	theirs, ok := f.stranger.Public().(ed25519.PublicKey)
	if !ok {
		t.Fatal("no public key")
	}
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(theirs), "kid": f.kid, "alg": "EdDSA"}
	ours := `"alg":"EdDSA","kid":"` + f.kid + `","typ":"at+jwt"`
	list := map[string]string{
		"another key":                  forge(t, jwt.SigningMethodEdDSA, f.header, f.claims, f.stranger),
		"jwk of the stranger":          f.lured(t, "jwk", jwk),
		"jku of the stranger":          f.lured(t, "jku", "https://evil.example/jwks"),
		"jku that begins like ours":    f.lured(t, "jku", origin+"@evil.example/api/auth/jwks"),
		"x5u of the stranger":          f.lured(t, "x5u", "https://evil.example/cert.pem"),
		"x5c of the stranger":          f.lured(t, "x5c", []string{base64.StdEncoding.EncodeToString(theirs)}),
		"x5t of the stranger":          f.lured(t, "x5t#S256", b64(theirs)),
		"kid that is the stranger's x": f.lured(t, "kid", b64(theirs)),
		"kid that is a jwk":            f.lured(t, "kid", jwk),
		"no kid":                       f.headed("kid", nil),
		"kid null":                     f.raw(`{"alg":"EdDSA","kid":null,"typ":"at+jwt"}`),
		"kid empty":                    f.headed("kid", ""),
		"kid a number":                 f.headed("kid", 0),
		"kid a list":                   f.headed("kid", []string{f.kid}),
		"no type":                      f.headed("typ", nil),
		"crit empty":                   f.headed("crit", []string{}),
		"crit that nobody knows":       f.headed("crit", []string{"https://evil.example/x"}),
		"crit b64":                     f.raw(`{` + ours + `,"b64":false,"crit":["b64"]}`),
		"alg twice, none first":        f.raw(`{"alg":"none",` + ours + `}`),
		"alg twice, none last":         b64([]byte(`{`+ours+`,"alg":"none"}`)) + "." + f.parts[1] + ".",
		"alg twice, equal":             f.raw(`{"alg":"EdDSA",` + ours + `}`),
		"kid twice":                    f.raw(`{"kid":"x",` + ours + `}`),
		"typ twice":                    f.raw(`{` + ours + `,"typ":"at+jwt"}`),
		"alg twice, once in capitals":  f.raw(`{` + ours + `,"ALG":"none"}`),
		"header in another order":      f.raw(`{"typ":"at+jwt","kid":"` + f.kid + `","alg":"EdDSA"}`),
		"header with spaces":           f.raw(`{ ` + ours + ` }`),
		"header and more":              f.raw(`{` + ours + `}{}`),
		"header null":                  f.raw(`null`),
		"header a list":                f.raw(`[{` + ours + `}]`),
		"header empty":                 sign("", f.parts[1], f.private),
	}
	for name, value := range map[string]any{"jwk": jwk, "jku": "https://evil.example/jwks", "x5c": []string{"x"}, "x5u": "x", "zip": "DEF", "cty": "JWT", "b64": true} {
		list[name+" rightly signed"] = f.headed(name, value)
	}
	for _, kid := range []string{
		"x", "../../dev/null", "/proc/sys/kernel/randomize_va_space", `..\..\nul`, "' or 1=1 --", "x' union select '' --", "$(id)", "| id", f.kid + "\x00", f.kid + " ",
		strings.ToLower(f.kid), "https://evil.example/key",
	} {
		list["kid "+kid] = f.headed("kid", kid)
		list["kid "+kid+" of a stranger"] = f.lured(t, "kid", kid)
	}
	for _, typ := range []string{"JWT", "jwt", "AT+JWT", "application/at+jwt", "rt+jwt", "dpop+jwt", "logout+jwt", ""} {
		list["typ "+typ] = f.headed("typ", typ)
	}
	return list
}

// says are tokens that say what they shouldn't, under our signature.
func (f forger) says(t *testing.T) map[string]string {
	t.Helper()
	text := f.text(t)
	rest := strings.TrimPrefix(text, "{")
	again := func(name, value string) string {
		return f.claiming(text[:len(text)-1] + `,"` + name + `":` + value + `}`)
	}
	list := map[string]string{
		"audience among others' only":       f.ours(t, with(f.claims, "aud", []string{"other-api", "flint-api-2"})),
		"audience ours and more letters":    f.ours(t, with(f.claims, "aud", "flint-api/")),
		"audience in capitals":              f.ours(t, with(f.claims, "aud", "FLINT-API")),
		"audience empty":                    f.ours(t, with(f.claims, "aud", []string{})),
		"issuer with a slash":               f.ours(t, with(f.claims, "iss", origin+"/")),
		"issuer in capitals":                f.ours(t, with(f.claims, "iss", strings.ToUpper(origin))),
		"issuer that begins like ours":      f.ours(t, with(f.claims, "iss", origin+".evil.example")),
		"issuer a list":                     f.ours(t, with(f.claims, "iss", []string{origin})),
		"not valid yet":                     f.ours(t, with(f.claims, "nbf", f.now+60)),
		"valid in a second":                 f.ours(t, with(f.claims, "nbf", f.now+1)),
		"expired and other audience":        f.ours(t, with(with(f.claims, "exp", f.now-60), "aud", "other-api")),
		"expired and not valid yet":         f.ours(t, with(with(f.claims, "exp", f.now-60), "nbf", f.now+60)),
		"expiry a text":                     f.ours(t, with(f.claims, "exp", "2099-01-01")),
		"expiry null":                       f.claiming(strings.Replace(text, `"exp":`, `"exp":null,"was":`, 1)),
		"session a list":                    f.ours(t, with(f.claims, "sid", []any{f.claims["sid"]})),
		"another session":                   f.ours(t, with(f.claims, "sid", f.mallory)),
		"another subject":                   f.ours(t, with(f.claims, "sub", f.mallory)),
		"a subject that is no id":           f.ours(t, with(f.claims, "sub", "1")),
		"the other delivery":                f.ours(t, with(f.claims, "dlv", "web")),
		"a delivery that isn't one":         f.ours(t, with(f.claims, "dlv", "fax")),
		"claims empty":                      f.claiming(`{}`),
		"claims null":                       f.claiming(`null`),
		"claims a list":                     f.claiming(`[` + text + `]`),
		"claims nothing":                    f.claiming(``),
		"claims and more":                   f.claiming(text + `{}`),
		"claims and a zero byte":            f.claiming(text + "\x00"),
		"subject twice, theirs first":       f.claiming(`{"sub":"` + f.mallory + `",` + rest),
		"subject twice, theirs last":        again("sub", `"`+f.mallory+`"`),
		"subject twice, once in capitals":   f.claiming(`{"SUB":"` + f.mallory + `",` + rest),
		"subject twice, once escaped":       f.claiming(`{"s\u0075b":"` + f.mallory + `",` + rest),
		"expiry twice":                      f.claiming(`{"exp":1,` + rest),
		"issuer twice":                      f.claiming(`{"iss":"https://evil.example",` + rest),
		"audience twice":                    f.claiming(`{"aud":"other-api",` + rest),
		"session twice, once with a long s": f.claiming(`{"ſid":"` + f.mallory + `",` + rest),
		"an unknown claim twice":            f.claiming(`{"x":1,"x":2,` + rest),
	}
	for _, name := range []string{"aud", "iss", "exp", "nbf", "sid", "sub", "dlv"} {
		list["no "+name] = f.ours(t, with(f.claims, name, nil))
	}
	for _, name := range []string{"aud", "iss", "sub"} {
		list["another "+name] = f.ours(t, with(f.claims, name, "https://evil.example"))
	}
	return list
}

// spellings are the right token, written differently or not to its end.
func (f forger) spellings(t *testing.T) map[string]string {
	t.Helper()
	header, claims, signature := f.parts[0], f.parts[1], f.parts[2]
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		t.Fatal(err)
	}
	tampered, err := json.Marshal(with(f.claims, "tier", "premium"))
	if err != nil {
		t.Fatal(err)
	}
	text := f.text(t)
	for len(text)%3 == 0 { // a length that leaves bits of the last digit unused
		text += " "
	}
	loose := b64([]byte(text))
	loose = loose[:len(loose)-1] + flip(loose[len(loose)-1])
	body := header + "." + claims
	list := map[string]string{
		"claims tampered":              header + "." + b64(tampered) + "." + signature,
		"signature gone":               body + ".",
		"two parts":                    body,
		"one part":                     header,
		"signature of another token":   body + "." + strings.Split(f.ours(t, with(f.claims, "jti", "x")), ".")[2],
		"signature twice":              body + "." + b64(append(slices.Clone(raw), raw...)),
		"signature and a byte":         body + "." + b64(append(slices.Clone(raw), 0)),
		"signature after a zero byte":  body + "." + b64(append([]byte{0}, raw...)),
		"signature of zeros":           body + "." + b64(make([]byte, 64)),
		"signature plus the order":     body + "." + b64(plusOrder(raw)),
		"another last bit":             f.good[:len(f.good)-1] + flip(signature[len(signature)-1]),
		"loose bits under a signature": sign(header, loose, f.private),
		"padding at the end":           f.good + "==",
		"one sign of padding":          f.good + "=",
		"padding in the header":        sign(header+"=", claims, f.private),
		"padding in the claims":        sign(header, base64.URLEncoding.EncodeToString([]byte(text)), f.private),
		"the other alphabet":           f.inTheOtherAlphabet(t),
		"one part more":                f.good + ".x",
		"one empty part more":          f.good + ".",
		"a dot before":                 "." + f.good,
		"two dots between":             header + ".." + claims + "." + signature,
		"five parts":                   f.good + "." + claims + "." + signature,
		"twice":                        f.good + "." + f.good,
		"a letter more":                f.good + "A",
		"a line break in it":           body + ".\n" + signature,
		"a line break at the end":      f.good + "\n",
		"a tab at the end":             f.good + "\t",
		"a space in it":                body + ". " + signature,
		"in quotes":                    `"` + f.good + `"`,
		"percent encoded":              strings.ReplaceAll(f.good, ".", "%2E"),
		"as a JSON object":             `{"payload":"` + claims + `","protected":"` + header + `","signature":"` + signature + `"}`,
		"in small letters":             strings.ToLower(f.good),
		"huge":                         strings.Repeat("A", 10_000),
		"huge under a signature":       f.ours(t, with(f.claims, "x", strings.Repeat("A", 2000))),
		"dots":                         "..",
		"a refresh token":              strings.Repeat("A", 43),
	}
	for _, cut := range []int{1, 2, 4, 43, 85} {
		list["signature cut by "+strconv.Itoa(cut)] = f.good[:len(f.good)-cut]
	}
	return list
}

// flip changes the lowest bit of the last base64 digit, which no byte uses.
func flip(digit byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, digit)^1])
}

// inTheOtherAlphabet returns a right token whose signature is written with "+"
// and "/" in place of "-" and "_".
func (f forger) inTheOtherAlphabet(t *testing.T) string {
	t.Helper()
	for i := range 100 { // three in four signatures have one or the other
		token := f.ours(t, with(f.claims, "jti", strconv.Itoa(i)))
		cut := strings.LastIndexByte(token, '.')
		if signature := strings.NewReplacer("-", "+", "_", "/").Replace(token[cut:]); signature != token[cut:] {
			return token[:cut] + signature
		}
	}
	t.Fatal("no signature has a digit in which the alphabets differ")
	return ""
}

// plusOrder adds the order of the group to a signature's scalar: a second
// signature of the same message, to a verifier that doesn't check its range.
func plusOrder(signature []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	scalar := slices.Clone(signature[32:])
	slices.Reverse(scalar) // it is written little end first
	sum := new(big.Int).Add(new(big.Int).SetBytes(scalar), order).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(signature[:32]), sum...)
}
