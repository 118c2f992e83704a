package snaptrade_test

import (
	"encoding/json"
	"os"
	"testing"

	"flint/sandbox/snaptrade"
)

// vectorsFile has requests that the official SDK signed. The product's client
// is held to the same file.
const vectorsFile = "../../internal/provider/snaptrade/testdata/signature-vectors.json"

type vectors struct {
	ConsumerKey string
	Requests    []struct{ Name, Method, Path, Query, Body, Canonical, Signature string }
	Webhooks    []struct{ Name, Body, Canonical, Signature string }
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil || len(v.Requests) == 0 || len(v.Webhooks) == 0 {
		t.Fatalf("vectors: %v, %d requests", err, len(v.Requests))
	}
	return v
}

func TestRequestsAreSignedAsTheOfficialSDKSignsThem(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for _, r := range v.Requests {
		canonical, err := snaptrade.CanonicalRequest([]byte(r.Body), r.Path, r.Query, false)
		if err != nil || string(canonical) != r.Canonical {
			t.Errorf("%s: %v\n got %s\nwant %s", r.Name, err, canonical, r.Canonical)
		}
		if got := snaptrade.Signature(v.ConsumerKey, canonical); got != r.Signature {
			t.Errorf("%s: signature %s, want %s", r.Name, got, r.Signature)
		}
	}
}

func TestWebhooksAreSignedAsTheOfficialSamplesAre(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for _, w := range v.Webhooks {
		canonical, err := snaptrade.CanonicalWebhook([]byte(w.Body))
		if err != nil || string(canonical) != w.Canonical {
			t.Errorf("%s: %v\n got %s\nwant %s", w.Name, err, canonical, w.Canonical)
		}
		if got := snaptrade.Signature(v.ConsumerKey, canonical); got != w.Signature {
			t.Errorf("%s: signature %s, want %s", w.Name, got, w.Signature)
		}
	}
}

func TestTheServerSeesNumbersAsPythonDoes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`[10, 187.5, 0]`:                                       `[10,187.5,0]`,
		`[10.00, 1e3, 1e22, 0.00001, -0.0]`:                    `[10.0,1000.0,1e+22,1e-05,-0.0]`,
		`["a&b<c>", "\u00e9", "\ud83d\ude00", "q\"\\/\u0001"]`: `["a&b<c>","\u00e9","\ud83d\ude00","q\"\\/\u0001"]`,
	} {
		got, err := snaptrade.CanonicalWebhook([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s becomes %s (%v), want %s", in, got, err, want)
		}
	}
}

func FuzzCanonicalRequest(f *testing.F) {
	v := readVectors(f)
	for _, r := range v.Requests {
		f.Add([]byte(r.Body), r.Path, r.Query)
	}
	f.Add([]byte(`{"a":[1.50,1e400,null,{"b":"\ud800"}]} x`), "/", "a=%zz")
	f.Fuzz(func(t *testing.T, body []byte, path, query string) {
		for _, ascii := range []bool{false, true} {
			once, err := snaptrade.CanonicalRequest(body, path, query, ascii)
			if err != nil {
				continue
			}
			// The canonical form is JSON, and is its own canonical form.
			if !json.Valid(once) {
				t.Fatalf("not JSON: %q", once)
			}
			if ascii {
				again, err := snaptrade.CanonicalWebhook(once)
				if err != nil || string(again) != string(once) {
					t.Errorf("%q becomes %q (%v)", once, again, err)
				}
			}
		}
	})
}
