package prices

// Kind says how an instrument is traded and priced.
type Kind string

// The kinds of instrument, named as SnapTrade names them where it has a name.
const (
	Stock       Kind = "stock"
	ETF         Kind = "etf"
	MutualFund  Kind = "mutualfund"
	MoneyMarket Kind = "moneymarket"
	Crypto      Kind = "crypto"
	Option      Kind = "option"
)

// Instrument is something with a price.
type Instrument struct {
	Symbol   string // as a broker shows it: "AAPL", "SAP.DE", "BTC"
	Raw      string // without the exchange's suffix
	Name     string
	Kind     Kind
	Currency string // of its price
	Exchange string // MIC, empty for crypto assets

	Base   float64 // about what one costs on 2026-01-02
	Drift  float64 // long-run growth in a year, as a logarithm
	Vol    float64 // usual daily move of its own, without the market's
	Beta   float64 // how much of the market's move it makes
	Places int32   // decimal places of its price; 0 means 2

	Yield    float64 // paid out in a year, as a share of the price
	Pays     int     // times a year: 0, 1, 2, 4 or 12
	PayMonth int     // first month it pays in, 0 is January
	PayDay   int     // day of the month, at most 24, or the next trading day
	Split    int64   // splits so many for one on 10 June of even years; 0 never

	Contract *Contract // of an option
}

func stock(symbol, name, mic string, base, drift, vol, beta float64) Instrument {
	return Instrument{Symbol: symbol, Raw: symbol, Name: name, Kind: Stock, Currency: "USD", Exchange: mic,
		Base: base, Drift: drift, Vol: vol, Beta: beta}
}

func etf(symbol, name string, base, drift, vol, beta float64) Instrument {
	in := stock(symbol, name, "ARCX", base, drift, vol, beta)
	in.Kind = ETF
	return in
}

func fund(symbol, name string, base, drift, vol, beta float64) Instrument {
	in := stock(symbol, name, "", base, drift, vol, beta)
	in.Kind = MutualFund
	return in
}

func moneyMarket(symbol, name string) Instrument {
	return Instrument{Symbol: symbol, Raw: symbol, Name: name, Kind: MoneyMarket, Currency: "USD", Base: 1, Yield: 0.042, Pays: 12}
}

func coin(symbol, name string, base, drift, vol, beta float64, places int32) Instrument {
	return Instrument{Symbol: symbol, Raw: symbol, Name: name, Kind: Crypto, Currency: "USD",
		Base: base, Drift: drift, Vol: vol, Beta: beta, Places: places}
}

// pays adds a dividend: yield a year, so many times, first month (0 is
// January) and day of the month.
func (in Instrument) pays(yield float64, times, month, on int) Instrument {
	in.Yield, in.Pays, in.PayMonth, in.PayDay = yield, times, month, on
	return in
}

func (in Instrument) splitting(ratio int64) Instrument {
	in.Split = ratio
	return in
}

func (in Instrument) in(currency, raw string) Instrument {
	in.Currency, in.Raw = currency, raw
	return in
}

// The two NYSE/NASDAQ codes the table needs often.
const (
	nasdaq = "XNAS"
	nyse   = "XNYS"
)

// table is everything that is traded. A growth stock that splits three for one
// every two years has the drift that takes its price back to where it was.
var table = []Instrument{
	stock("AAPL", "Apple Inc.", nasdaq, 232, 0.16, 0.011, 1.15).pays(0.0045, 4, 1, 13),
	stock("MSFT", "Microsoft Corporation", nasdaq, 455, 0.17, 0.010, 1.05).pays(0.0075, 4, 2, 12),
	stock("NVDA", "NVIDIA Corporation", nasdaq, 158, 0.5493, 0.021, 1.60).pays(0.0004, 4, 2, 24).splitting(3),
	stock("AMZN", "Amazon.com, Inc.", nasdaq, 212, 0.15, 0.013, 1.20),
	stock("GOOGL", "Alphabet Inc. Class A", nasdaq, 187, 0.15, 0.012, 1.10).pays(0.0045, 4, 2, 16),
	stock("META", "Meta Platforms, Inc.", nasdaq, 590, 0.18, 0.015, 1.25).pays(0.0035, 4, 2, 24),
	stock("TSLA", "Tesla, Inc.", nasdaq, 305, 0.14, 0.026, 1.70),
	stock("AMD", "Advanced Micro Devices, Inc.", nasdaq, 148, 0.16, 0.021, 1.60),
	stock("COST", "Costco Wholesale Corporation", nasdaq, 915, 0.15, 0.009, 0.80).pays(0.0052, 4, 1, 14),
	stock("BRK.B", "Berkshire Hathaway Inc. Class B", nyse, 462, 0.12, 0.007, 0.75),
	stock("JPM", "JPMorgan Chase & Co.", nyse, 238, 0.13, 0.010, 1.05).pays(0.021, 4, 0, 24),
	stock("V", "Visa Inc. Class A", nyse, 318, 0.13, 0.008, 0.90).pays(0.0075, 4, 2, 3),
	stock("JNJ", "Johnson & Johnson", nyse, 158, 0.05, 0.008, 0.50).pays(0.031, 4, 2, 10),
	stock("UNH", "UnitedHealth Group Incorporated", nyse, 512, 0.09, 0.012, 0.70).pays(0.016, 4, 2, 17),
	stock("PG", "The Procter & Gamble Company", nyse, 169, 0.06, 0.007, 0.45).pays(0.024, 4, 1, 17),
	stock("KO", "The Coca-Cola Company", nyse, 63.5, 0.05, 0.007, 0.50).pays(0.031, 4, 3, 1),
	stock("HD", "The Home Depot, Inc.", nyse, 392, 0.10, 0.010, 1.00).pays(0.023, 4, 2, 19),
	stock("DIS", "The Walt Disney Company", nyse, 111, 0.03, 0.013, 1.10).pays(0.009, 2, 0, 16),
	stock("XOM", "Exxon Mobil Corporation", nyse, 109, 0.06, 0.012, 0.80).pays(0.036, 4, 2, 10),
	stock("PFE", "Pfizer Inc.", nyse, 26.4, -0.02, 0.011, 0.60).pays(0.064, 4, 2, 7),
	stock("SAP.DE", "SAP SE", "XETR", 236, 0.14, 0.011, 0.95).pays(0.010, 1, 4, 19).in("EUR", "SAP"),

	etf("VTI", "Vanguard Total Stock Market ETF", 292, 0.10, 0.001, 1.00).pays(0.013, 4, 2, 24),
	etf("VOO", "Vanguard S&P 500 ETF", 541, 0.105, 0.001, 0.98).pays(0.013, 4, 2, 24),
	etf("QQQ", "Invesco QQQ Trust", 515, 0.14, 0.003, 1.18).pays(0.006, 4, 2, 24),
	etf("IWM", "iShares Russell 2000 ETF", 221, 0.07, 0.004, 1.20).pays(0.012, 4, 2, 18),
	etf("VXUS", "Vanguard Total International Stock ETF", 61, 0.05, 0.003, 0.85).pays(0.031, 4, 2, 20),
	etf("BND", "Vanguard Total Bond Market ETF", 72.4, -0.005, 0.0028, 0.02).pays(0.037, 12, 0, 3),
	etf("SCHD", "Schwab U.S. Dividend Equity ETF", 27.6, 0.06, 0.002, 0.80).pays(0.037, 4, 2, 24),
	etf("VNQ", "Vanguard Real Estate ETF", 89.5, 0.03, 0.006, 0.95).pays(0.040, 4, 2, 24),
	etf("GLD", "SPDR Gold Shares", 252, 0.09, 0.008, 0.05),

	fund("FXAIX", "Fidelity 500 Index Fund", 205, 0.105, 0.0005, 0.98).pays(0.012, 4, 0, 5),
	fund("VTSAX", "Vanguard Total Stock Market Index Fund Admiral Shares", 141, 0.10, 0.0005, 1.00).pays(0.013, 4, 2, 24),
	fund("VTIAX", "Vanguard Total International Stock Index Fund Admiral Shares", 34.2, 0.05, 0.003, 0.85).pays(0.030, 4, 2, 20),

	moneyMarket("SPAXX", "Fidelity Government Money Market Fund"),
	moneyMarket("SWVXX", "Schwab Value Advantage Money Fund"),
	moneyMarket("VMFXX", "Vanguard Federal Money Market Fund"),

	coin("BTC", "Bitcoin", 92000, 0.35, 0.006, 1.00, 2),
	coin("ETH", "Ethereum", 3150, 0.30, 0.014, 1.15, 2),
	coin("SOL", "Solana", 172, 0.35, 0.026, 1.30, 4),
	coin("ADA", "Cardano", 0.74, 0.12, 0.024, 1.20, 6),
	coin("LINK", "Chainlink", 16.8, 0.15, 0.024, 1.20, 4),
	coin("DOGE", "Dogecoin", 0.21, 0.20, 0.030, 1.25, 6),
	coin("USDC", "USD Coin", 1, 0, 0, 0, 4),
}
