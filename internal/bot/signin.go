package bot

import (
	"context"
	"net/http"
	"strings"

	"flint/internal/device"
	"flint/internal/envelope"
	"flint/internal/platform/telemetry"
)

// SignedIn tells the Guard how a try to sign in to account ended. It keeps no
// account's name.
func (g *Guard) SignedIn(ctx context.Context, account string, well bool) {
	if g == nil {
		return
	}
	g.watch.note(ctx, network(telemetry.Address(ctx)), strings.ToLower(strings.TrimSpace(account)), !well)
}

// Spraying reports whether sign-ins are failing for many accounts right now.
func (g *Guard) Spraying(ctx context.Context) bool {
	return g != nil && g.watch.look(ctx, network(telemetry.Address(ctx))).spray
}

// Hints returns a keyed hash of what a client says about itself with every
// request: the family of its browser and system, its languages, its platform.
// No version, so that an update is no new device; nothing is drawn or measured.
// It recognises nobody: many people share one value. That a device's value has
// changed is a hint that its cookie was copied.
func Hints(keys *envelope.Keys, h http.Header) []byte {
	var parts []string
	d := device.Of(h.Get("User-Agent"))
	parts = append(parts, d.Browser, d.OS)
	languages := strings.Split(h.Get("Accept-Language"), ",")
	for _, l := range languages[:min(len(languages), 3)] {
		name, _, _ := strings.Cut(l, ";")
		parts = append(parts, strings.ToLower(strings.TrimSpace(name)))
	}
	parts = append(parts, h.Get("Sec-Ch-Ua-Platform"), h.Get("Sec-Ch-Ua-Mobile"))
	return keys.Mac("bot.hints", []byte(strings.Join(parts, "\n")))[:16]
}
