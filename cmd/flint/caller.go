package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"time"
)

// caller speaks JSON to one HTTP server: Flint, as a mobile app would, or the
// sandbox's control API.
type caller struct {
	base  string
	token string // bearer, once signed in
	http  *http.Client
}

func newCaller(base string) *caller {
	return &caller{base: base, http: &http.Client{Timeout: 30 * time.Second}}
}

// get reads path into out.
func (c *caller) get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, "", nil, out)
}

// post sends in as JSON and reads the answer into out, unless that is nil.
func (c *caller) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return c.call(ctx, http.MethodPost, path, "application/json", body, out)
}

// upload sends a file as a browser's form does.
func (c *caller) upload(ctx context.Context, path, filename string, file []byte, out any) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", filename)
	if err != nil {
		return fmt.Errorf("encode %s: %w", filename, err)
	}
	_, _ = part.Write(file) // to memory
	_ = form.Close()
	return c.call(ctx, http.MethodPost, path, form.FormDataContentType(), body.Bytes(), out)
}

func (c *caller) call(ctx context.Context, method, path, kind string, body []byte, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("X-Mobile-App", "true")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: status %d: %.300s", method, path, answer.StatusCode, text)
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read the answer of %s: %w", path, err)
	}
	return nil
}
