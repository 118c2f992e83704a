package bank

import (
	_ "embed"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"

	"flint/sandbox/world"
)

//go:embed merchants/merchants.json
var merchantFile []byte

// merchants are the real names of places to spend money, by kind.
var merchants = sync.OnceValue(func() map[string][]string {
	var file struct{ Kinds map[string][]string }
	if err := json.Unmarshal(merchantFile, &file); err != nil {
		panic("bank: merchants.json: " + err.Error()) // embedded: wrong only if the build is
	}
	return file.Kinds
})

// Merchants lists the real names of a kind ("groceries", "restaurant", …).
func Merchants(kind string) []string { return slices.Clone(merchants()[kind]) }

// kind is a sort of spending: what it costs and how Teller files it.
type kind struct {
	category  string
	low, high int64 // cents; amounts lean to the low end
	usual     []string
}

// kinds are what the household spends on. The usual places come first to its
// mind; now and then it goes anywhere else.
var kinds = map[string]kind{
	"groceries":   {"groceries", 900, 18500, []string{"Whole Foods Market", "Trader Joe's", "Safeway", "Fred Meyer", "New Seasons Market", "Costco", "Target"}},
	"restaurant":  {"dining", 2200, 13500, []string{"The Cheesecake Factory", "Olive Garden", "P.F. Chang's", "Red Robin", "Buffalo Wild Wings", "Denny's", "Texas Roadhouse"}},
	"fastfood":    {"dining", 650, 3400, []string{"Chipotle", "Panda Express", "Five Guys", "Subway", "McDonald's", "Taco Bell", "Domino's"}},
	"cafe":        {"dining", 375, 1650, []string{"Starbucks", "Dutch Bros. Coffee", "Peet's Coffee", "Dunkin'", "Crumbl Cookies"}},
	"fuel":        {"fuel", 2600, 7400, []string{"Chevron", "Shell", "Arco", "76", "Costco"}},
	"convenience": {"general", 300, 2300, []string{"7-Eleven", "Circle K", "Plaid Pantry"}},
	"clothes":     {"clothing", 1800, 16500, []string{"Nordstrom Rack", "Old Navy", "Gap", "Nike", "Columbia", "Uniqlo", "REI"}},
	"department":  {"shopping", 900, 14000, []string{"Target", "Macy's", "Walmart", "Dollar Tree", "Nordstrom"}},
	"home":        {"home", 1400, 32000, []string{"The Home Depot", "Lowe's", "IKEA", "HomeGoods", "Ace Hardware"}},
	"electronics": {"electronics", 1900, 48000, []string{"Best Buy", "Apple Store"}},
	"pharmacy":    {"health", 600, 6800, []string{"Walgreens", "CVS Pharmacy", "Rite Aid"}},
	"beauty":      {"health", 1500, 9500, []string{"Sephora", "Ulta Beauty", "Great Clips", "Bath & Body Works"}},
	"sport":       {"sport", 1500, 19000, []string{"REI", "Dick's Sporting Goods"}},
	"cinema":      {"entertainment", 1300, 6400, []string{"Regal", "AMC", "Cinemark", "Bowlero"}},
	"books":       {"shopping", 900, 7200, []string{"Barnes & Noble", "Michaels", "Lego", "Staples"}},
	"pet":         {"general", 1500, 11500, []string{"Petco", "PetSmart", "Banfield Pet Hospital"}},
	"car":         {"transport", 1200, 62000, []string{"Les Schwab", "AutoZone", "Jiffy Lube", "Valvoline Instant Oil Change"}},
	"hotel":       {"accommodation", 11800, 61000, []string{"Hampton Inn", "Hilton Garden Inn", "Courtyard", "Holiday Inn Express"}},
	"dentist":     {"health", 2500, 28000, []string{"Aspen Dental", "Gentle Dental"}},
	"charity":     {"charity", 1000, 12000, []string{"Goodwill"}},
}

// merchant draws where money of a kind is spent.
func merchant(r *rand.Rand, name string) string {
	all, k := merchants()[name], kinds[name]
	if len(k.usual) > 0 && (len(all) == 0 || world.Chance(r, 0.8)) {
		i := int(float64(len(k.usual)) * r.Float64() * r.Float64()) // the first ones more often
		return k.usual[i]
	}
	return world.Pick(r, all)
}

// descriptor writes a merchant as it stands on a statement: shouting, with the
// number of the shop and the place. One shop keeps its number.
func (t *today) descriptor(kind, name, place string) string {
	r := world.Rand(t.seed, "shop", name)
	text := strings.ToUpper(strings.NewReplacer("'", "", ".", "").Replace(name))
	style := r.IntN(4)
	switch {
	case style == 0 && kind == "cafe":
		text = "SQ *" + text
	case style < 2 && kind == "restaurant":
		text = "TST* " + text
	default:
		text += " #" + strconv.Itoa(100+r.IntN(9800))
	}
	if len(text) > 26 {
		text = strings.TrimSpace(text[:26])
	}
	return text + " " + place
}
