package telemetry_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"flint/internal/access"
	"flint/internal/config"
	"flint/internal/id"
	"flint/internal/platform/telemetry"
)

func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, slog.LevelInfo)
	log.Info("mail to ana@example.com refused",
		"key", config.NewSecret("hunter2-typed"),
		"password", "hunter2-key",
		"accessToken", "hunter2-token",
		"X-Api-Key", "hunter2-header",
		"email", "bob@example.com",
		"err", errors.New(`get "https://api.example.com/x?signature=hunter2-query": Bearer hunter2-bearer for cy@example.com`),
		"dsn", "postgres://flint:hunter2-dsn@db.example.com/flint",
		"jwt", "eyJhbGciOiJFZERTQSJ9.hunter2.hunter2",
		"body", []byte("hunter2-bytes"),
		"tree", map[string]any{"list": []any{map[string]any{"refresh_token": "hunter2-tree", "note": "dee@example.com"}}},
		"struct", struct{ Password, Name string }{"hunter2-struct", "Ed"},
		"pointer", &struct{ Secret config.Secret }{config.NewSecret("hunter2-pointer")},
		slog.Group("group", slog.String("cookie", "hunter2-group"), slog.String("city", "Oslo")),
	)
	log.With("secret", "hunter2-with").WithGroup("g").Info("more", "token", "hunter2-g")
	got := out.String()
	for _, no := range []string{"hunter2", "ana@", "bob@", "cy@", "dee@"} {
		if strings.Contains(got, no) {
			t.Errorf("log contains %q: %s", no, got)
		}
	}
	for _, yes := range []string{`"city":"Oslo"`, `"Name":"Ed"`, "api.example.com", `[secret]`, `[13 bytes]`} {
		if !strings.Contains(got, yes) {
			t.Errorf("log lacks %q: %s", yes, got)
		}
	}
}

func TestLinesCarryTheRequestAndTheActor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	user := id.New[id.User]()
	ctx := telemetry.WithRequest(t.Context(), "req-1", netip.MustParseAddr("192.0.2.1"))
	ctx = access.With(ctx, access.SystemActor("connection.sync", user))
	telemetry.NewLogger(&out, slog.LevelInfo).InfoContext(ctx, "synced", "rows", 3)
	for _, yes := range []string{`"request_id":"req-1"`, `"actor":"` + user.String(), `"job":"connection.sync"`, `"rows":3`} {
		if !strings.Contains(out.String(), yes) {
			t.Errorf("log lacks %s: %s", yes, out.String())
		}
	}
	if telemetry.Address(ctx).String() != "192.0.2.1" || telemetry.Address(t.Context()).IsValid() {
		t.Error("the address doesn't travel with the context")
	}
	if telemetry.RequestID(t.Context()) != "" {
		t.Error("background work has a request id")
	}
}
