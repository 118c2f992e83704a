package bank_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"flint/sandbox/bank"
	"flint/sandbox/world"
)

var (
	start = world.Date(2023, 11, 1)
	today = world.Date(2026, 11, 20)
)

// everything returns all lines of a book on a day, as text.
func everything(b *bank.Book, on world.Day) string {
	var out strings.Builder
	for _, a := range b.Accounts("") {
		for _, l := range b.Lines(a.Key, on) {
			fmt.Fprintf(&out, "%s %+v\n", a.Key, l)
		}
	}
	return out.String()
}

func TestOneSeedIsOneWorld(t *testing.T) {
	t.Parallel()
	once := everything(bank.New(42, start).Book("chase"), today)
	if once != everything(bank.New(42, start).Book("chase"), today) {
		t.Error("two books of one seed differ")
	}
	if once == everything(bank.New(43, start).Book("chase"), today) {
		t.Error("two seeds give the same book")
	}
	steps := bank.New(42, start).Book("chase")
	for day := start; day < today; day += 171 {
		everything(steps, day)
	}
	if once != everything(steps, today) {
		t.Error("asking in steps changes what happened")
	}
}

func TestThePastStays(t *testing.T) {
	t.Parallel()
	b := bank.New(42, start).Book("chase")
	for _, a := range b.Accounts("") {
		before := b.Lines(a.Key, today-30)
		after := b.Lines(a.Key, today)
		for i, l := range before {
			if l.Pending {
				break // posted ones come first
			}
			if fmt.Sprint(l) != fmt.Sprint(after[i]) {
				t.Fatalf("%s: %v became %v", a.Key, l, after[i])
			}
		}
		if again := b.Lines(a.Key, today-30); fmt.Sprint(again) != fmt.Sprint(before) {
			t.Errorf("%s looks otherwise when one looks back", a.Key)
		}
	}
}

func TestTheHouseholdIsRich(t *testing.T) {
	t.Parallel()
	b := bank.New(42, start).Book("capital_one")
	total, tips, refunds, fees := 0, 0, 0, 0
	types, categories := map[string]int{}, map[string]int{}
	for _, a := range b.Accounts("") {
		lines := b.Lines(a.Key, today)
		total += len(lines)
		for _, l := range lines {
			types[l.Type]++
			categories[l.Category]++
			if strings.HasSuffix(l.Key, "/posted") {
				tips++
			}
			if l.Type == "refund" {
				refunds++
			}
			if l.Type == "fee" {
				fees++
			}
		}
	}
	if total < 5500 || total > 7000 {
		t.Errorf("%d lines, want about 6000", total)
	}
	if tips < 100 || refunds < 20 || fees < 5 {
		t.Errorf("%d renamed, %d refunds, %d fees", tips, refunds, fees)
	}
	if len(types) < 10 || len(categories) < 18 {
		t.Errorf("types %v, categories %v", types, categories)
	}
}

func TestMoneyAddsUp(t *testing.T) {
	t.Parallel()
	for _, institution := range []string{"chase", "ally", "wells_fargo"} {
		b := bank.New(42, start).Book(institution)
		pairs := map[string]decimal.Decimal{}
		for _, a := range b.Accounts("") {
			balance := a.Opening
			for _, l := range b.Lines(a.Key, today) {
				if l.Pending {
					continue
				}
				if !l.Date.Workday() && l.Type != "interest" && l.Type != "atm" && l.Type != "fee" && l.Type != "digital_payment" && l.Type != "check" {
					t.Errorf("%s: %s posted on a %s", a.Key, l.Description, l.Date.Weekday())
				}
				balance = balance.Add(l.Amount)
				if balance.IsNegative() && !a.Credit() {
					t.Fatalf("%s is overdrawn on %s: %s", a.Key, l.Date, balance)
				}
				if l.Pair != "" {
					worth := l.Amount
					if a.Credit() {
						worth = worth.Neg()
					}
					pairs[l.Pair] = pairs[l.Pair].Add(worth)
				}
			}
		}
		if len(pairs) < 36 {
			t.Errorf("%s: only %d transfers", institution, len(pairs))
		}
		for pair, sum := range pairs {
			if !sum.IsZero() {
				t.Errorf("%s: transfer %s doesn't net to zero: %s", institution, pair, sum)
			}
		}
	}
}

func TestASubscriptionGetsDearerOnce(t *testing.T) {
	t.Parallel()
	b := bank.New(42, start).Book("capital_one")
	var amounts []string
	for _, l := range b.Lines("capital_one/card", today) {
		if l.Counterparty == "NETFLIX" && (len(amounts) == 0 || amounts[len(amounts)-1] != l.Amount.StringFixed(2)) {
			amounts = append(amounts, l.Amount.StringFixed(2))
		}
	}
	if fmt.Sprint(amounts) != "[15.49 17.99]" {
		t.Errorf("Netflix cost %v", amounts)
	}
}

func TestATipPostsUnderAnotherName(t *testing.T) {
	t.Parallel()
	b := bank.New(42, start).Book("chase")
	seen := 0
	for day := today - 60; day < today; day += 5 {
		for _, before := range b.Lines("chase/card", day) {
			if !before.Pending || before.Category != "dining" {
				continue
			}
			for _, after := range b.Lines("chase/card", today) {
				if after.Entry != before.Entry || after.Pending {
					continue
				}
				seen++
				if after.Key == before.Key || !after.Amount.GreaterThan(before.Amount) {
					t.Errorf("%+v became %+v", before, after)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("nobody ate out for two months")
	}
}

func TestMerchantsAreReal(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"groceries", "restaurant", "fuel", "bank"} {
		if n := len(bank.Merchants(kind)); n < 50 {
			t.Errorf("%d names of %s", n, kind)
		}
	}
}
