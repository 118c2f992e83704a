package app

// Exemption is a row of the list of addresses that the PRD (1.1) exempts from the
// check of where a request that changes something comes from, and what became
// of it. Only rows that are Exempt take requests that other sites' pages send; the
// web server is asked whether that is so (TestExemptionsAreExact).
type Exemption struct {
	Door   string // method and path, exactly; no pattern
	Exempt bool
	Why    string
}

// Exemptions returns the list. docs/security/front-door.md shows it.
func Exemptions() []Exemption {
	const (
		ours    = "our own page sends it, so it is checked like everything else; who isn't a browser passes"
		signed  = "the provider's server sends it; a signature over the body proves that, and no cookie is read"
		nothing = "isn't there; when it comes it is checked"
	)
	return []Exemption{
		{"POST /api/teller/webhook", true, signed},
		{"POST /api/snaptrade/webhooks", true, signed},
		{"POST /api/webhooks/snaptrade", true, signed + " (its second address)"},
		{"any request with X-Mobile-App: true", false, "the header only selects the shape of answers; the mobile app proves itself by bearer token, which no browser adds by itself"},
		{"any address with webhook in it", false, "exact addresses only"},
		{"POST /api/auth/public-register", false, ours},
		{"POST /api/auth/setup-password", false, ours},
		{"POST /api/auth/request-reset", false, ours},
		{"POST /api/auth/login", false, ours + ". Else another site could sign somebody in as somebody else"},
		{"POST /api/auth/local-login", false, "isn't there; /api/auth/login is, and is checked"},
		{"POST /api/stripe/webhook", false, "isn't there; when it comes, by its signature, it gets a row"},
		{"POST /api/lemonsqueezy/webhook", false, "isn't there, nor is the provider"},
		{"POST /api/whop/create-checkout", false, "isn't there, nor is the provider"},
		{"POST /api/stripe/create-embedded-checkout", false, nothing},
		{"POST /api/stripe/checkout/standard", false, nothing},
		{"POST /api/stripe/checkout/pro", false, nothing},
		{"POST /api/applications/submit", false, nothing},
		{"POST /api/feature-requests", false, nothing},
		{"POST /api/leads", false, nothing},
		{"POST /api/admin/snaptrade/audit", false, "isn't there; it showed all people's ids to anyone"},
		{"POST /api/admin/snaptrade/cleanup-orphaned", false, "isn't there"},
	}
}
