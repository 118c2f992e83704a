package portfolio

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"flint/internal/envelope"
	"flint/internal/id"
)

// Words are what accounts.sealed holds: what says whose account it is, and where.
type Words struct {
	Name        string `json:"name"`
	Nickname    string `json:"nickname"` // "": none
	Institution string `json:"institution_name"`
	Mask        string `json:"mask"` // last four digits; Flint never stores more
}

// Places are where portfolio keeps sealed values.
func Places() []envelope.Place {
	return []envelope.Place{{Table: "accounts", Column: "sealed", Row: "id", Owner: "user_id"}}
}

func wordsRef(owner id.User, a id.Account) envelope.Ref {
	return envelope.Ref{Owner: owner, Place: "accounts.sealed", Row: a.String()}
}

// OpenWords opens what accounts.sealed holds of one account.
func OpenWords(ctx context.Context, keys *envelope.Keys, owner id.User, a id.Account, sealed []byte) (Words, error) {
	var w Words
	err := keys.Unpack(ctx, wordsRef(owner, a), sealed, &w)
	return w, err
}

func (a Account) words() Words {
	w := Words{Name: a.Name, Institution: a.InstitutionName, Mask: lastFour(a.Mask)}
	if a.Nickname != nil {
		w.Nickname = *a.Nickname
	}
	return w
}

// open fills in what is sealed of accounts.
func (s *Service) open(ctx context.Context, owner id.User, list []Account) error {
	for i := range list {
		a := &list[i]
		w, err := OpenWords(ctx, s.cfg.Keys, owner, a.ID, a.Sealed)
		if err != nil {
			return fmt.Errorf("account %s: %w", a.ID, err)
		}
		a.Name, a.InstitutionName, a.Mask, a.said = w.Name, w.Institution, w.Mask, w
		if w.Nickname != "" {
			a.Nickname = &w.Nickname
		}
	}
	return nil
}

// seal returns what is sealed of a, or nil if that is what is stored already.
func (s *Service) seal(ctx context.Context, owner id.User, a Account) ([]byte, error) {
	w := a.words()
	if a.Sealed != nil && w == a.said {
		return nil, nil
	}
	return s.cfg.Keys.Pack(ctx, wordsRef(owner, a.ID), w)
}

// mark is the keyed hash by which an account is found again: see Told.matchKey.
// Equal accounts of two people have different ones.
func mark(keys *envelope.Keys, owner id.User, matchKey string) []byte {
	return keys.Mac("accounts.match_key", append(owner[:], matchKey...))
}

// Inherited are the columns that older versions left in clear.
func Inherited() []envelope.Inherited {
	return []envelope.Inherited{{
		Place: Places()[0], Clear: []string{"clear_name", "clear_nickname", "clear_institution_name", "clear_mask", "clear_match_key"},
		Pack: func(clear []*string) ([]byte, error) {
			return json.Marshal(Words{unnumbered(envelope.Text(clear[0])), envelope.Text(clear[1]), envelope.Text(clear[2]), lastFour(envelope.Text(clear[3]))})
		},
		Marks: []envelope.Mark{{Column: "match_mac", Own: func(k *envelope.Keys, owner id.User, clear []*string) []byte {
			if envelope.Text(clear[4]) == "" {
				return nil
			}
			return mark(k, owner, *clear[4])
		}}},
	}}
}

// numbers are what may be an account's number in its name: seven digits or more.
var numbers = regexp.MustCompile(`\d(?:[ -]?\d){6,}`)

// unnumbered cuts the numbers in a provider's name for an account down to their
// last four digits.
func unnumbered(name string) string {
	return numbers.ReplaceAllStringFunc(name, func(number string) string {
		return "…" + lastFour(strings.NewReplacer(" ", "", "-", "").Replace(number))
	})
}

// lastFour cuts a number down to what Flint keeps of it.
func lastFour(mask string) string {
	r := []rune(mask)
	return string(r[max(0, len(r)-4):])
}
