// Package sandbox is the providers' far end: banks behind Teller, brokers
// behind SnapTrade, the ECB's rates and a mail server, on loopback, speaking
// the real wire protocols. The product talks to it as it talks to the world,
// and imports none of it; nothing here imports the product.
//
// A Server is made by New, started by Start (which picks ports and tells them
// in URLs), and ended by Stop. Its world comes from a seed and grows with the
// days (package world); what people do in it is kept in a folder, so that an
// enrolment outlives a restart.
//
//	world      calendar, chance, state
//	bank       the household's accounts and what happens on them
//	teller     Teller's API and the Connect widget over the banks
//	snaptrade  SnapTrade's API and its portal over brokers and exchanges
//	prices     price series of what the brokers hold
//	ecb        reference rates
//	inbox      a mail server that delivers to a page
//	hook       signed webhooks: retried, doubled, reordered
//	misbehave  failures on demand
//	resend     a mail service's HTTP API over the inbox
//	hibp       breached passwords
//	captcha    Turnstile's and reCAPTCHA's verification
//	vault      HashiCorp Vault, for tests alone
//	aws        Amazon's KMS and Secrets Manager, for tests alone
//	seal       the keys of both
//	meter      which requests came
//	look       the pages' frame and style
//	site       the control API and the pages of one HTTP site
//
// A far end is a package with New(Config) (*API, error) and these methods, of
// which it needs only some:
//
//	Handler() http.Handler  the provider's API, a listener of its own
//	Pages() http.Handler    what people click through, on the site under /NAME/
//	Control() http.Handler  orders, on the site under /control/NAME/
//	Tick(now)               called every minute: new days bring new events
//
// Its Config takes what the server shares: Seed, Clock (world.Clock), State
// (*world.State, own section names), Hooks (*hook.Sender, own provider name),
// Log, and functions for addresses that are only known after listening
// (SiteURL func() string). The server wraps Handler in the meter and the
// misbehave desk.
package sandbox
