package risk_test

import (
	"reflect"
	"strings"
	"testing"

	"flint/internal/geo"
	"flint/internal/risk"
)

func TestEveryControlHelpsAndHonestPeopleGetIn(t *testing.T) {
	t.Parallel()
	atlas, err := geo.Open(geo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	results, err := risk.Simulate(t.Context(), atlas, 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	if err := risk.Print(&table, results); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + table.String())
	for i, r := range results {
		if r.Honest < 900 || r.Right < 10 {
			t.Errorf("%s: nothing much happened: %+v", r.Controls.Name, r)
		}
		if i > 0 && r.Taken > results[i-1].Taken {
			t.Errorf("%s: more accounts are lost than with less: %d, %d", r.Controls.Name, r.Taken, results[i-1].Taken)
		}
		if r.Blocked > 0 {
			t.Errorf("%s: %d honest sign-ins are refused", r.Controls.Name, r.Blocked)
		}
		if r.HeldShare() > 4 {
			t.Errorf("%s: %.1f %% of honest sign-ins wait for the mailbox", r.Controls.Name, r.HeldShare())
		}
	}
	judged := results[3]
	if judged.Detection() < 75 || judged.Taken*2 > results[2].Taken {
		t.Errorf("risk stops %.1f %%, and %d accounts are lost of %d", judged.Detection(), judged.Taken, results[2].Taken)
	}
	one, err := risk.Simulate(t.Context(), atlas, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := risk.Simulate(t.Context(), atlas, 2, 1)
	if err != nil || !reflect.DeepEqual(again, one) {
		t.Errorf("the same seed gives another table: %v", err)
	}
}
