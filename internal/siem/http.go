package siem

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"flint/internal/config"
	"flint/internal/platform/outbound"
)

// posted is a receiver that batches are POSTed to as lines of JSON. Any answer of
// 200 to 299 says that it has them.
type posted struct {
	client *outbound.Client
	path   string
	token  *atomic.Pointer[config.Secret]
}

func newHTTP(u *url.URL, cfg Config, token *atomic.Pointer[config.Secret], now func() time.Time, log *slog.Logger) (*posted, error) {
	client, err := outbound.New(outbound.Config{
		Provider: "siem", BaseURL: u.Scheme + "://" + u.Host, CAFile: cfg.CAFile, Chosen: !cfg.Private,
		Timeout: sending, Attempts: 1, MaxResponse: 64 << 10, Log: log, Now: now,
		BreakerFailures: 20, BreakerDelay: time.Second, // the pauses are ours, and each receiver's own
	})
	if err != nil {
		return nil, err
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return &posted{client, path, token}, nil
}

// send implements sink.
func (p *posted) send(ctx context.Context, events []Event) error {
	var text bytes.Buffer
	for _, e := range events {
		text.Write(e.line())
		text.WriteByte('\n')
	}
	header := http.Header{"Content-Type": {"application/x-ndjson"}, "Flint-First-Index": {strconv.FormatUint(events[0].Index, 10)}}
	_, err := p.client.Do(ctx, outbound.Request{
		Op: "events", Method: http.MethodPost, Path: p.path, Header: header, Body: text.Bytes(),
		Sign: func(r *http.Request) error {
			if token := p.token.Load(); !token.IsZero() {
				r.Header.Set("Authorization", "Bearer "+token.Reveal())
			}
			return nil
		},
	})
	return err
}
