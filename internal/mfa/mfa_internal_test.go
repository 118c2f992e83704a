package mfa

import (
	"encoding/base64"
	"encoding/xml"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"flint/internal/config"
)

// The vectors of RFC 6238, appendix B, for SHA-1.
func TestCodesAreThoseOfTheRFC(t *testing.T) {
	t.Parallel()
	secret := []byte("12345678901234567890")
	for unix, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := codeAt(secret, unix/period, 8); got != want {
			t.Errorf("at %d: %s, want %s", unix, got, want)
		}
	}
}

func TestCodesAreThoseOfAnotherImplementation(t *testing.T) {
	t.Parallel()
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" // not a secret: RFC 6238 gives it
	for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2026; at = at.Add(97 * time.Hour) {
		want, err := totp.GenerateCodeCustom(secret, at, totp.ValidateOpts{Period: period, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			t.Fatal(err)
		}
		if got := codeAt([]byte("12345678901234567890"), at.Unix()/period, digits); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
}

func TestACodeOfThisStepOrItsNeighboursMatches(t *testing.T) {
	t.Parallel()
	secret, now := []byte("12345678901234567890"), time.Unix(1111111111, 0)
	s := New(Config{Now: func() time.Time { return now }})
	step := now.Unix() / period
	for off, want := range map[int64]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		got, ok := s.match(secret, config.NewSecret(codeAt(secret, step+off, digits)))
		if ok != want || (ok && got != step+off) {
			t.Errorf("%+d: step %d, %v", off, got, ok)
		}
	}
	code := codeAt(secret, step, digits)
	for given, want := range map[string]bool{
		code: true, code[:3] + " " + code[3:]: true, code[:5]: false, code + "0": false, "": false, "abcdef": false, "-1" + code[2:]: false,
		strings.Repeat("9", 1000): false, "١٢٣٤٥٦": false,
	} {
		if _, ok := s.match(secret, config.NewSecret(given)); ok != want {
			t.Errorf("%q: %v", given, ok)
		}
	}
}

func TestTheQRCodeIsAPictureAndNothingElse(t *testing.T) {
	t.Parallel()
	uri := "otpauth://totp/Flint:ana@example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Flint&algorithm=SHA1&digits=6&period=30"
	data, err := drawQR(uri)
	if err != nil {
		t.Fatal(err)
	}
	coded, ok := strings.CutPrefix(data, "data:image/svg+xml;base64,")
	svg, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || !ok {
		t.Fatal(err)
	}
	if out := os.Getenv("FLINT_TEST_QR"); out != "" { // to be looked at, or read by another program
		if err := os.WriteFile(out, svg, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var image struct {
		XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
		Paths   []struct {
			Fill string `xml:"fill,attr"`
			D    string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(svg, &image); err != nil || len(image.Paths) != 2 || image.Paths[0].Fill != "#fff" || len(image.Paths[1].D) < 1000 {
		t.Errorf("%v %s", err, svg)
	}
	for _, never := range []string{"script", "style", "href", "on", "GEZD"} {
		if strings.Contains(string(svg), never) {
			t.Errorf("the picture contains %q", never)
		}
	}
}

func TestBackupCodesAreReadAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		c := newCode()
		if len(c) != 19 || strings.Count(c, "-") != 3 || seen[c] {
			t.Fatalf("code %q", c)
		}
		seen[c] = true
	}
	if a := Typed(config.NewSecret("123 456")); a.Method != "totp" {
		t.Errorf("%+v", a)
	}
	if a := Typed(config.NewSecret("7k2m-9xqd-0000-1111")); a.Method != "backup_code" {
		t.Errorf("%+v", a)
	}
}
