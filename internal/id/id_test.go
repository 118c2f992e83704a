package id_test

import (
	"encoding/json"
	"testing"

	"flint/internal/id"
)

func TestIdentifiersAreOrderedByTime(t *testing.T) {
	last := id.New[id.User]().String()
	for range 1000 {
		next := id.New[id.User]().String()
		if next <= last {
			t.Fatalf("%s came after %s", next, last)
		}
		last = next
	}
}

func TestOneThingHasOneName(t *testing.T) {
	const canonical = "0193e7a0-5a3b-7c1d-8e2f-0123456789ab"
	for _, s := range []string{
		"{" + canonical + "}", "urn:uuid:" + canonical, "0193e7a05a3b7c1d8e2f0123456789ab", "", " " + canonical, "zzzze7a0-5a3b-7c1d-8e2f-0123456789ab",
	} {
		if _, err := id.Parse[id.Account](s); err == nil {
			t.Errorf("%q was taken for an id", s)
		}
	}
	a, err := id.Parse[id.Account](canonical)
	if err != nil || a.String() != canonical {
		t.Errorf("got %s, %v", a, err)
	}
}

func TestAnIdentifierSurvivesJSONAndSQL(t *testing.T) {
	a := id.New[id.Account]()
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back id.Account
	if err := json.Unmarshal(b, &back); err != nil || back != a {
		t.Errorf("JSON: got %s, %v", back, err)
	}
	v, err := a.Value()
	if err != nil {
		t.Fatal(err)
	}
	if err := back.Scan(v); err != nil || back != a {
		t.Errorf("SQL: got %s, %v", back, err)
	}
	if err := back.Scan(nil); err != nil || !back.IsZero() {
		t.Errorf("null: got %s, %v", back, err)
	}
	if v, _ := (id.Account{}).Value(); v != nil {
		t.Errorf("no id is stored as %v, want null", v)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0193e7a0-5a3b-7c1d-8e2f-0123456789ab")
	f.Add("{0193e7a0-5a3b-7c1d-8e2f-0123456789a}")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := id.Parse[id.User](s)
		if err != nil {
			return
		}
		again, err := id.Parse[id.User](v.String())
		if err != nil || again != v {
			t.Errorf("%q parses, but not its own form %q", s, v)
		}
	})
}
