package ingest

import (
	"strconv"
	"strings"
	"time"

	"flint/internal/activity"
	"flint/internal/money"
)

// sameThing reports whether a record may be what the mirror holds under the same
// id. Banks have renumbered a whole day; an id alone proves nothing. A pending
// record may change a lot on its way to posted, a posted one only a little.
func sameThing(old, rec activity.Record) bool {
	if old.Currency != rec.Currency {
		return false
	}
	amount, date, text := old.Amount.Equal(rec.Amount), old.Date.Equal(rec.Date), plain(old.Description) == plain(rec.Description)
	if old.Amount.Sign()*rec.Amount.Sign() < 0 {
		return false
	}
	if old.Status == activity.Posted {
		return amount && date || amount && text || date && text
	}
	a, b := old.Amount.Abs(), rec.Amount.Abs()
	two := money.MustParse("2")
	return amount || text || a.LessThanOrEqual(b.Mul(two)) && b.LessThanOrEqual(a.Mul(two))
}

// equal reports whether two records say the same in every field.
func equal(a, b activity.Record) bool {
	return a.ID == b.ID && a.PendingOf == b.PendingOf && a.Status == b.Status && a.Amount.Equal(b.Amount) &&
		a.Currency == b.Currency && a.Date.Equal(b.Date) && sameDetails(a.Details, b.Details)
}

func sameDetails(a, b activity.Details) bool {
	return a.Description == b.Description && a.Merchant == b.Merchant && a.Category == b.Category && a.Kind == b.Kind &&
		a.Symbol == b.Symbol && sameDecimal(a.Quantity, b.Quantity) && sameDecimal(a.Price, b.Price) && sameDecimal(a.Fee, b.Fee)
}

func sameRow(a, b activity.Row) bool {
	return a.PendingKey == b.PendingKey && a.PostedKey == b.PostedKey && a.Status == b.Status && a.Amount.Equal(b.Amount) &&
		a.Currency == b.Currency && a.Date.Equal(b.Date) && sameDetails(a.Details, b.Details) &&
		a.MaybeDupOf == b.MaybeDupOf && a.DeletedBy == b.DeletedBy
}

func sameDecimal(a, b *money.Decimal) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// sameMerchant compares merchants, or, where one is missing, descriptions.
func sameMerchant(a, b activity.Details) bool {
	if a.Merchant != "" && b.Merchant != "" {
		return plain(a.Merchant) == plain(b.Merchant)
	}
	return plain(a.Description) == plain(b.Description)
}

// plain folds case and spaces.
func plain(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

func sum(d money.Decimal, c money.Currency) string { return d.String() + " " + string(c) }

func daysBetween(a, b time.Time) int { return int(b.Sub(a) / (24 * time.Hour)) }

// baseID returns the provider's id of a mirror key.
func baseID(key string) string {
	if i := strings.LastIndexByte(key, '#'); i > 0 && generation(key) > 1 {
		return key[:i]
	}
	return key
}

// generation returns 1, or the number after '#'.
func generation(key string) int {
	if i := strings.LastIndexByte(key, '#'); i > 0 {
		if n, err := strconv.Atoi(key[i+1:]); err == nil && n > 1 {
			return n
		}
	}
	return 1
}
