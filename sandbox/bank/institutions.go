package bank

import (
	"fmt"
	"strings"

	"flint/sandbox/world"
)

// Institution is a bank that can be enrolled. The names are real, what is in
// them is not.
type Institution struct {
	ID, Name string
	Routing  string // ABA number, made up but with a valid check digit
}

var institutions = []Institution{
	{ID: "ally", Name: "Ally Bank"},
	{ID: "american_express", Name: "American Express"},
	{ID: "bank_of_america", Name: "Bank of America"},
	{ID: "becu", Name: "BECU"},
	{ID: "capital_one", Name: "Capital One"},
	{ID: "charles_schwab", Name: "Charles Schwab Bank"},
	{ID: "chase", Name: "Chase"},
	{ID: "citibank", Name: "Citibank"},
	{ID: "citizens", Name: "Citizens Bank"},
	{ID: "discover", Name: "Discover"},
	{ID: "fifth_third", Name: "Fifth Third Bank"},
	{ID: "huntington", Name: "Huntington Bank"},
	{ID: "keybank", Name: "KeyBank"},
	{ID: "navy_federal", Name: "Navy Federal Credit Union"},
	{ID: "pnc", Name: "PNC Bank"},
	{ID: "regions", Name: "Regions Bank"},
	{ID: "td_bank", Name: "TD Bank"},
	{ID: "truist", Name: "Truist"},
	{ID: "us_bank", Name: "U.S. Bank"},
	{ID: "usaa", Name: "USAA"},
	{ID: "wells_fargo", Name: "Wells Fargo"},
}

// Institutions lists the banks by name.
func Institutions() []Institution {
	out := make([]Institution, len(institutions))
	copy(out, institutions)
	return out
}

// FindInstitution returns the bank with an id.
func FindInstitution(id string) (Institution, bool) {
	for _, i := range institutions {
		if i.ID == id {
			return i, true
		}
	}
	return Institution{}, false
}

func institutionName(id string) string {
	i, _ := FindInstitution(id)
	return i.Name
}

// account makes an account whose numbers belong to its key. Opening is in
// cents; Chance alone decides the digits.
func account(seed uint64, key, name, kind, subtype string, opening int64) Account {
	institution, _, _ := strings.Cut(key, "/")
	r := world.Rand(seed, "account", key)
	number := fmt.Sprintf("%012d", r.Int64N(1_000_000_000_000))
	return Account{
		Key: key, Institution: institution, Name: name, Type: kind, Subtype: subtype,
		Number: number, LastFour: number[8:], Routing: routing(institution), Opening: dollars(opening),
	}
}

// routing makes an ABA number with the right check digit.
func routing(institution string) string {
	r := world.Rand(0, "routing", institution)
	digits := []int{r.IntN(2), 1 + r.IntN(2)} // a Federal Reserve district
	for range 6 {
		digits = append(digits, r.IntN(10))
	}
	sum := 0
	for i, d := range digits {
		sum += d * []int{3, 7, 1}[i%3]
	}
	digits = append(digits, (10-sum%10)%10)
	var s strings.Builder
	for _, d := range digits {
		fmt.Fprint(&s, d)
	}
	return s.String()
}
