package snaptrade

import (
	"slices"
	"strings"
)

// broker is an institution one can connect.
type broker struct {
	Slug     string
	Name     string
	About    string
	URL      string
	Colour   string // of its simulated logo
	Crypto   bool
	Trades   bool // takes orders through SnapTrade
	Accounts []opening
}

// opening is an account that a login at a broker finds.
type opening struct {
	Name    string // "Individual Brokerage"
	Type    string // the broker's own word: "Individual", "Rollover IRA"
	Profile *profile
}

// profile is how the owner of an account goes about money.
type profile struct {
	Deposit  int64         // first payment in, dollars
	Monthly  int64         // payment in on a month's first trading day, dollars
	Arrives  []holdingPlan // shares that come from another broker on the first day
	Starts   []holdingPlan // first purchases; Size is dollars
	Targets  []string      // what the monthly money buys, in turn
	Fund     string        // money-market fund that idle dollars lie in
	Places   int32         // decimal places of bought quantities
	Reinvest bool          // dividends buy more
	Sells    float64       // chance of a partial sale in a month
	Fee      int64         // quarterly fee in cents
	Takes    float64       // chance of a withdrawal in December
	Euro     int64         // euros paid in on the tenth trading day, and spent in part on SAP
	Margin   bool          // may spend more than there is, against interest
	Options  string        // holds a long call on it, rolled before it expires
	Coins    []coinPlan    // a crypto account: regular purchases
}

// holdingPlan is a holding to begin with. Size is units or dollars.
type holdingPlan struct {
	Symbol string
	Size   int64
}

// coinPlan buys Symbol for Dollars every so many days.
type coinPlan struct {
	Symbol  string
	Dollars int64
	Every   int
	Reward  float64 // yearly staking reward
}

// The ways of going about money.
var (
	investor = &profile{
		Deposit: 42000, Monthly: 1500, Fund: "SWVXX", Places: 0, Sells: 0.2, Fee: 1250, Takes: 0.7, Euro: 6500,
		Arrives: []holdingPlan{{"AAPL", 60}, {"KO", 120}},
		Starts:  []holdingPlan{{"NVDA", 6000}, {"VTI", 12000}, {"VXUS", 5000}, {"MSFT", 5500}, {"BND", 5000}},
		Targets: []string{"VTI", "NVDA", "VXUS", "MSFT", "VTI", "BND", "AAPL"},
	}
	saver = &profile{
		Deposit: 31000, Monthly: 580, Fund: "SPAXX", Places: 3, Reinvest: true,
		Arrives: []holdingPlan{{"FXAIX", 210}},
		Starts:  []holdingPlan{{"FXAIX", 12000}, {"VXUS", 7000}, {"BND", 6000}, {"SCHD", 4000}},
		Targets: []string{"FXAIX", "VXUS", "FXAIX", "BND", "SCHD"},
	}
	indexer = &profile{
		Deposit: 18000, Monthly: 540, Fund: "VMFXX", Places: 3, Reinvest: true,
		Arrives: []holdingPlan{{"VTSAX", 240}},
		Starts:  []holdingPlan{{"VTSAX", 9000}, {"VTIAX", 5000}, {"BND", 3000}},
		Targets: []string{"VTSAX", "VTIAX", "VTSAX"},
	}
	trader = &profile{
		Deposit: 9000, Monthly: 400, Places: 6, Sells: 0.12, Margin: true, Options: "AAPL",
		Starts:  []holdingPlan{{"TSLA", 2200}, {"QQQ", 3000}, {"AMD", 1500}, {"META", 1800}},
		Targets: []string{"QQQ", "TSLA", "AMD", "META", "AAPL"},
	}
	planner = &profile{
		Deposit: 15000, Monthly: 700, Places: 4, Sells: 0.15, Fee: 500, Reinvest: true,
		Starts:  []holdingPlan{{"VOO", 6000}, {"COST", 2500}, {"JPM", 2500}, {"PG", 2000}, {"GLD", 1500}},
		Targets: []string{"VOO", "JPM", "COST", "GLD", "V", "XOM"},
	}
	coiner = &profile{
		Deposit: 1200, Monthly: 570, Places: 8, Sells: 0.2, Takes: 0.5,
		Coins: []coinPlan{
			{Symbol: "BTC", Dollars: 75, Every: 7}, {Symbol: "ETH", Dollars: 60, Every: 14, Reward: 0.028},
			{Symbol: "SOL", Dollars: 50, Every: 30, Reward: 0.055}, {Symbol: "LINK", Dollars: 25, Every: 45},
			{Symbol: "USDC", Dollars: 100, Every: 60, Reward: 0.041},
		},
	}
	stacker = &profile{
		Deposit: 900, Monthly: 225, Places: 8, Sells: 0.1,
		Coins: []coinPlan{
			{Symbol: "BTC", Dollars: 50, Every: 14}, {Symbol: "ETH", Dollars: 50, Every: 21, Reward: 0.03},
			{Symbol: "ADA", Dollars: 20, Every: 30, Reward: 0.02}, {Symbol: "DOGE", Dollars: 10, Every: 30},
		},
	}
	cashier = &profile{Deposit: 5000, Monthly: 100}
)

// brokers is what can be connected, as listed by GET /brokerages.
var brokers = []broker{
	{Slug: "SCHWAB", Name: "Charles Schwab", About: "A full-service broker.", URL: "https://www.schwab.com", Colour: "#0077b6", Trades: true,
		Accounts: []opening{{"Individual Brokerage", "Individual", investor}}},
	{Slug: "FIDELITY", Name: "Fidelity", About: "A broker and fund company.", URL: "https://www.fidelity.com", Colour: "#2b7a0b",
		Accounts: []opening{{"Rollover IRA", "Rollover IRA", saver}}},
	{Slug: "VANGUARD", Name: "Vanguard", About: "A fund company owned by its funds.", URL: "https://investor.vanguard.com", Colour: "#8c1d18",
		Accounts: []opening{{"Roth IRA", "Roth IRA", indexer}, {"Joint Brokerage", "Joint", planner}}},
	{Slug: "ROBINHOOD", Name: "Robinhood", About: "A commission-free broker.", URL: "https://robinhood.com", Colour: "#1b7f4d", Trades: true,
		Accounts: []opening{{"Individual Investing", "Margin", trader}}},
	{Slug: "ETRADE", Name: "E*TRADE", About: "A broker of Morgan Stanley.", URL: "https://us.etrade.com", Colour: "#5a2d91", Trades: true,
		Accounts: []opening{{"Individual Brokerage", "Individual", planner}}},
	{Slug: "INTERACTIVE-BROKERS-FLEX", Name: "Interactive Brokers", About: "A broker on many markets.", URL: "https://www.interactivebrokers.com", Colour: "#b3261e",
		Accounts: []opening{{"Individual Margin", "Margin", investor}}},
	{Slug: "WEBULL", Name: "Webull US", About: "A broker in an app.", URL: "https://www.webull.com", Colour: "#0b57d0", Trades: true,
		Accounts: []opening{{"Individual Cash", "Cash", planner}}},
	{Slug: "PUBLIC", Name: "Public", About: "A broker in an app.", URL: "https://public.com", Colour: "#3d3bdb", Trades: true,
		Accounts: []opening{{"Brokerage", "Individual", planner}}},
	{Slug: "ALPACA", Name: "Alpaca", About: "A broker for programs.", URL: "https://alpaca.markets", Colour: "#8a6d00", Trades: true,
		Accounts: []opening{{"Trading Account", "Margin", trader}}},
	{Slug: "COINBASE", Name: "Coinbase", About: "A crypto exchange.", URL: "https://www.coinbase.com", Colour: "#0052ff", Crypto: true, Trades: true,
		Accounts: []opening{{"Wallet", "Crypto", coiner}}},
	{Slug: "KRAKEN", Name: "Kraken", About: "A crypto exchange.", URL: "https://www.kraken.com", Colour: "#5741d9", Crypto: true, Trades: true,
		Accounts: []opening{{"Spot Wallet", "Crypto", stacker}}},
	{Slug: sandboxBroker, Name: "SnapTrade Sandbox", About: "A broker for tests, with scenarios.", URL: "https://snaptrade.com", Colour: "#455a64",
		Accounts: []opening{{"Self-directed", "Individual", planner}}},
}

// sandboxBroker is the one with scenarios.
const sandboxBroker = "SANDBOX"

// The scenarios of the sandbox broker.
const (
	selfDirected       = "Self-directed"
	cashOnly           = "Cash only"
	noTransactions     = "No transactions"
	noAccounts         = "No accounts"
	invalidCredentials = "Invalid credentials"
	accountLocked      = "Account locked"
	rateLimited        = "Rate limited"
)

var scenarios = []string{selfDirected, cashOnly, noTransactions, noAccounts, invalidCredentials, accountLocked, rateLimited}

// brokerOf finds a broker by its slug, in any case.
func brokerOf(slug string) (broker, bool) {
	i := slices.IndexFunc(brokers, func(b broker) bool { return strings.EqualFold(b.Slug, slug) })
	if i < 0 {
		return broker{}, false
	}
	return brokers[i], true
}

// openings lists the accounts that a login finds.
func (b broker) openings(scenario string) []opening {
	switch scenario {
	case noAccounts:
		return nil
	case cashOnly:
		return []opening{{"Cash Account", "Cash", cashier}}
	}
	return b.Accounts
}
