package webhook

import (
	"net/http"

	"flint/internal/access"
	"flint/internal/platform/web"
)

// Operations declares the doors that providers knock on. They are public: who
// knocks is proved by the signature.
func (s *Service) Operations(server *web.Server) {
	for _, door := range []struct {
		path, id, summary string
		handler           http.Handler
	}{
		{"/api/teller/webhook", "teller-webhook", "Take a delivery of Teller", s.handler(s.teller())},
		{"/api/snaptrade/webhooks", "snaptrade-webhook", "Take a delivery of SnapTrade", s.handler(s.snaptrade())},
		{"/api/webhooks/snaptrade", "snaptrade-webhook-old", "Take a delivery of SnapTrade, at its former address", s.handler(s.snaptrade())},
	} {
		web.Raw(server, web.Op{
			Method: "POST", Path: door.path, ID: door.id, Summary: door.summary, Tag: "webhooks",
			Description: "Signed by the provider. A delivery is acted on once, however often it comes.",
			Needs:       access.Public, Limit: "webhook", MaxBody: 64 << 10, CrossSite: true, In: map[string]any{}, Out: map[string]bool{},
		}, door.handler)
	}
}
