package snaptrade_test

import (
	"encoding/json"
	"testing"

	"github.com/shopspring/decimal"
)

func TestSmoke(t *testing.T) {
	b := newBench(t)
	b.register("u1")
	for _, broker := range []string{"SCHWAB", "FIDELITY", "COINBASE", "ROBINHOOD", "VANGUARD", "KRAKEN"} {
		_, accounts := b.connect(broker)
		for _, a := range accounts {
			var got struct {
				Data []struct {
					Units, Amount decimal.Decimal
					Type          string
				}
				Pagination struct{ Total int }
			}
			b.call("GET", "/accounts/"+a+"/activities", nil).into(t, &got)
			kinds := map[string]int{}
			for _, d := range got.Data {
				kinds[d.Type]++
			}
			t.Log(broker, got.Pagination.Total, kinds)
		}
	}
	j, _ := json.MarshalIndent(b.truth(), "", " ")
	for _, c := range b.truth().Connections {
		for _, a := range c.Accounts {
			t.Log(a.Name, a.Number, a.Total, a.Cash, a.Activities, a.Through)
			for _, p := range a.Positions {
				t.Log("   ", p.Symbol, p.Units, p.Price, p.Value.Round(2))
			}
		}
	}
	_ = j
	t.Log(b.hooks.types(t))
	t.Log(string(b.call("GET", "/accounts", nil).body)[:1500])
}
