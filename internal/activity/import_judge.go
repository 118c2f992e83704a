package activity

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"flint/internal/envelope"
	"flint/internal/id"
	"flint/internal/money"
	"flint/internal/statement"
)

// known is a transaction of the account that rows are compared with.
type known struct {
	ID        id.Transaction
	ImportKey *string
	Source    Source
	Amount    money.Decimal
	Currency  money.Currency
	Date      time.Time
	DeletedBy *string
}

func (k known) visible() bool       { return k.DeletedBy == nil }
func (k known) by(d Deleter) bool   { return k.DeletedBy != nil && *k.DeletedBy == string(d) }
func (k known) keyed(p string) bool { return k.ImportKey != nil && strings.HasPrefix(*k.ImportKey, p) }

// The prefixes of keys: of the bank's own id, or of the content.
const (
	bankKey    = "bank:"
	contentKey = "line:"
)

// keying makes the key of what a row is known by: a keyed hash, since a bank's id
// may hold the account's number, and a content can be guessed.
type keying func(prefix, text string) string

func keyingFor(keyring *envelope.Keys, owner id.User) keying {
	return func(prefix, text string) string {
		sum := keyring.Mac("transactions.import_key", []byte(owner.String()+prefix+text))
		return prefix + base64.RawURLEncoding.EncodeToString(sum[:16])
	}
}

// judge gives each row its key and its verdict, for an account in currency that
// holds all of there. What happened before oldest is left out. It is pure: rows
// are changed, nothing is stored.
func judge(rows []ImportRow, currency money.Currency, oldest time.Time, there []known, key keying) {
	j := judgement{rows: rows, key: key, byKey: map[string]known{}, used: map[id.Transaction]bool{}, seen: map[string]string{}, equal: map[string]int{}}
	for _, k := range there {
		if k.ImportKey != nil {
			j.byKey[*k.ImportKey] = k
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.Matches = (id.Transaction{}); r.Date == nil || r.Amount == nil {
			r.Verdict = VerdictSkipped
			continue
		}
		if r.Currency == "" {
			r.Currency = currency
		}
		r.Verdict, r.ExternalID = VerdictNew, ""
		if why := unfit(*r, currency, oldest); why != "" {
			r.Verdict, r.detail.Reason = VerdictSkipped, why
			continue
		}
		r.detail.Reason = ""
		j.identify(r)
	}
	j.resemble(there)
}

// unfit says why a row is left out.
func unfit(r ImportRow, currency money.Currency, oldest time.Time) string {
	switch {
	case r.detail.Extra["pending"] != "":
		return "It is still pending; the next statement will have it."
	case r.Amount.IsZero():
		return "Nothing was moved."
	case r.Currency != currency:
		return fmt.Sprintf("It is in %s, the account in %s.", r.Currency, currency)
	case r.Date.Before(oldest):
		return "It is older than seven years, and Flint keeps nothing that long."
	case r.detail.Correction == "DELETE":
		return "It says that an earlier row was a mistake; delete that one by hand."
	}
	return ""
}

// judgement is one run of judge.
type judgement struct {
	rows  []ImportRow
	key   keying
	byKey map[string]known
	used  map[id.Transaction]bool // matched by a row already
	seen  map[string]string       // keys in this file, with the content they stand for
	equal map[string]int          // how often a content has come
}

// identify finds the row that is the same by key.
func (j *judgement) identify(r *ImportRow) {
	key := contentOf(*r)
	if r.detail.BankID == "" {
		// Equal rows are told apart by their number: two coffees are two.
		n := j.equal[key]
		j.equal[key]++
		r.ExternalID = j.key(contentKey, key+":"+strconv.Itoa(n))
	} else {
		r.ExternalID = j.key(bankKey, r.detail.BankID)
		other, taken := j.byKey[r.ExternalID]
		before, again := j.seen[r.ExternalID]
		if again && before != key || taken && !other.Amount.Equal(*r.Amount) {
			// A bank that uses an id again for something else.
			if taken && other.visible() {
				r.Verdict, r.Matches = VerdictPossible, other.ID
			}
			r.ExternalID = j.key(bankKey, r.detail.BankID+"~"+key[:16])
		}
	}
	if _, again := j.seen[r.ExternalID]; again {
		r.Verdict, r.Matches, r.detail.Reason = VerdictSkipped, id.Transaction{}, "The file lists it twice."
		return
	}
	j.seen[r.ExternalID] = key
	if k, ok := j.byKey[r.ExternalID]; ok && !k.by(ByImport) {
		r.Verdict, r.Matches = VerdictDuplicate, k.ID
		j.used[k.ID] = true
		return
	}
	if k, ok := j.byKey[j.key(bankKey, r.detail.Corrects)]; ok && r.detail.Correction == "REPLACE" && k.visible() {
		r.Verdict, r.Matches = VerdictPossible, k.ID
		j.used[k.ID] = true
	}
}

// contentOf hashes what makes a row what it is.
func contentOf(r ImportRow) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		r.Date.Format(time.DateOnly), r.Amount.String(), string(r.Currency), strings.ToLower(r.Description),
	}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// resemble finds, for what is still new, rows of another origin with the same
// amount within a few days, the closest first and each once.
func (j *judgement) resemble(there []known) {
	byAmount := map[string][]known{}
	for _, k := range there {
		if (k.visible() || k.by(ByPerson)) && !j.used[k.ID] {
			a := k.Amount.String() + string(k.Currency)
			byAmount[a] = append(byAmount[a], k)
		}
	}
	for apart := 0; apart <= matchWithin; apart++ {
		for i := range j.rows {
			r := &j.rows[i]
			if r.Verdict != VerdictNew || r.revives(j.byKey) {
				continue
			}
			for _, k := range byAmount[r.Amount.String()+string(r.Currency)] {
				if j.used[k.ID] || daysBetween(k.Date, *r.Date) != apart || !r.mayBe(k, apart) {
					continue
				}
				j.used[k.ID] = true
				r.Verdict, r.Matches = VerdictPossible, k.ID
				switch {
				case k.by(ByPerson): // it was deleted on purpose and stays so
					r.Verdict, r.detail.Reason = VerdictDuplicate, "You deleted this one."
				case k.Source == FromProvider && apart == 0: // as a sync takes an imported row for its own
					r.Verdict = VerdictDuplicate
				}
				break
			}
		}
	}
}

// revives reports whether the row was here before its import was undone.
func (r *ImportRow) revives(byKey map[string]known) bool {
	k, ok := byKey[r.ExternalID]
	return ok && k.by(ByImport)
}

// mayBe reports whether r and k, of equal amounts, may be the same although
// their keys differ. Two of the bank's ids are two transactions; two contents
// are one only if a bank has begun to word it differently.
func (r *ImportRow) mayBe(k known, apart int) bool {
	switch {
	case strings.HasPrefix(r.ExternalID, bankKey) && k.keyed(bankKey):
		return false
	case strings.HasPrefix(r.ExternalID, contentKey) && k.keyed(contentKey):
		return apart == 0
	}
	return true
}

func daysBetween(a, b time.Time) int {
	d := int(a.Sub(b).Hours() / 24)
	return max(d, -d)
}

// tally counts the verdicts.
func (s *ImportSummary) tally(rows []ImportRow) {
	s.New, s.Duplicates, s.Possible, s.Skipped = 0, 0, 0, 0
	for _, r := range rows {
		switch r.Verdict {
		case VerdictNew:
			s.New++
		case VerdictDuplicate:
			s.Duplicates++
		case VerdictPossible:
			s.Possible++
		case VerdictSkipped:
			s.Skipped++
		}
	}
}

// rowOf turns a statement's row into an import's.
func rowOf(ordinal int, r statement.Row) ImportRow {
	amount, date := r.Amount, r.Date
	out := ImportRow{Ordinal: ordinal, Date: &date, Amount: &amount, Currency: r.Currency, Description: cut(r.Description(), maxDescription)}
	out.detail = rowDetail{
		BankID: r.ID, Type: r.Type, Name: r.Name, Memo: r.Memo, Check: r.CheckNumber, Reference: r.Reference, Category: r.Category,
		Corrects: r.Corrects, Correction: r.Correction, Balance: r.Balance, Extra: r.Extra,
	}
	if r.Original != nil {
		original := money.Of(r.Original.Amount, r.Original.Currency)
		out.detail.Original = &original
	}
	if r.Pending {
		out.detail.Extra = map[string]string{"pending": "yes"}
	}
	return out
}

// lineOf turns a line of a CSV file into an import's row, under a mapping.
func lineOf(ordinal int, cells []string, m statement.Mapping) ImportRow {
	row, why := m.Read(cells, "")
	out := rowOf(ordinal, row)
	if why != "" {
		out = ImportRow{Ordinal: ordinal, Description: cut(strings.Join(cells, " "), maxDescription), Verdict: VerdictSkipped}
		out.detail.Reason = why
	}
	out.detail.Cells = cells
	return out
}

// kinds are Flint's words for the types of OFX; DEBIT and CREDIT say no more
// than the sign does.
var kinds = map[string]string{
	"INT": "interest", "DIV": "dividend", "FEE": "fee", "SRVCHG": "fee", "DEP": "deposit", "DIRECTDEP": "deposit", "ATM": "atm",
	"POS": "card_payment", "XFER": "transfer", "CHECK": "check", "PAYMENT": "payment", "REPEATPMT": "payment", "DIRECTDEBIT": "payment",
	"CASH": "withdrawal",
}

// cut shortens text to so many letters.
func cut(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
