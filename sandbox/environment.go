package sandbox

import "strings"

// Environment returns the variables that point the product at a started
// sandbox: all of its configuration that concerns others.
func (s *Server) Environment() map[string]string {
	at, keys := s.URLs(), s.Credentials()
	return map[string]string{
		"TELLER_BASE_URL":         at.Teller,
		"TELLER_APPLICATION_ID":   keys.TellerApplication,
		"TELLER_ENVIRONMENT":      "sandbox",
		"TELLER_CERT_FILE":        keys.TellerCertFile,
		"TELLER_KEY_FILE":         keys.TellerKeyFile,
		"TELLER_CA_FILE":          keys.TellerCAFile,
		"TELLER_SIGNING_KEY":      keys.TellerSigningKey,
		"TELLER_WEBHOOK_SECRETS":  strings.Join(keys.TellerSecrets, ","),
		"TELLER_CONNECT_SCRIPT":   at.ConnectScript,
		"SNAPTRADE_BASE_URL":      at.SnapTrade,
		"SNAPTRADE_CLIENT_ID":     keys.SnapTradeClient,
		"SNAPTRADE_CONSUMER_KEY":  keys.SnapTradeKey,
		"SNAPTRADE_PORTAL_ORIGIN": at.Site,
		"ECB_BASE_URL":            at.ECB + "/stats/eurofxref",
		"HIBP_BASE_URL":           at.HIBP,
		"SMTP_URL":                at.SMTP,
	}
}
