package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"flint/internal/access"
	"flint/internal/fault"
)

// capture stands in for huma's router: it hands the handler that huma made for
// an operation back to us, to be put behind our guards.
type capture struct {
	*http.ServeMux
	last func(http.ResponseWriter, *http.Request)
}

// HandleFunc keeps h for take.
func (c *capture) HandleFunc(_ string, h func(http.ResponseWriter, *http.Request)) { c.last = h }

func (c *capture) take() http.HandlerFunc {
	h := c.last
	c.last = nil
	return h
}

// newAPI sets huma up: JSON only, no pages of its own, errors through quiet.
func newAPI(s *Server) huma.API {
	s.capture.ServeMux = http.NewServeMux()
	s.names = &namer{taken: map[string]reflect.Type{}, given: map[named]string{}}
	format := huma.Format{Marshal: marshal, Unmarshal: json.Unmarshal}
	registry := huma.NewMapRegistry("#/components/schemas/", s.names.name)
	return huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Flint", Version: s.cfg.Version,
				Description: "One place for bank, card, brokerage and crypto accounts.",
			},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"cookie": {Type: "apiKey", In: "cookie", Name: "accessToken", Description: "The web app's session."},
					"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "The mobile app's access token; for operations marked x-flint-keys also an API key."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format}, // "json": whatever ends in +json
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{quiet},
	}, humago.NewAdapter(&s.capture, ""))
}

// marshal encodes to memory first, so that a failure leaves no half an answer.
func marshal(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	_, _ = w.Write(b.Bytes()) // fails when the client is gone, and that's its affair
	return nil
}

// quiet turns huma's errors into our problems. Huma sends the rejected values
// back (a password that is too short, or the whole body), so nothing of them is
// taken over but where they stood and, from a known list, what is wrong.
func quiet(ctx huma.Context, status string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code, _ := strconv.Atoi(status)
	f := faultFor(code)
	for _, e := range model.Errors {
		if e != nil {
			f = fault.About(f, where(e), sentence(e.Message))
		}
	}
	if len(model.Errors) == 0 && code == http.StatusBadRequest {
		f = fault.About(f, "body", "is required")
	}
	p := problemOf(ctx.Context(), f)
	p.Status, p.Title = code, http.StatusText(code)
	return p.Details, nil
}

// faultFor returns the fault that says what huma means by status.
func faultFor(status int) *fault.Fault {
	switch {
	case status == http.StatusUnprocessableEntity:
		return fault.ErrInvalid
	case status == http.StatusRequestEntityTooLarge:
		return ErrTooLarge
	case status == http.StatusUnsupportedMediaType:
		return ErrMediaType
	case status >= 500:
		return ErrInternal
	}
	return ErrMalformed
}

var (
	safeWhere = regexp.MustCompile(`^[A-Za-z0-9_.\-\[\]]{1,120}$`)
	required  = regexp.MustCompile(`^expected required property ([A-Za-z0-9_\-]{1,60}) to be present$`)
	number    = `(-?[0-9.e+]+)`
	sentences = []struct {
		match *regexp.Regexp
		say   string
	}{
		{required, "is required"},
		{regexp.MustCompile(`^required .* parameter is missing$`), "is required"},
		{regexp.MustCompile(`^unexpected property$`), "isn't known here"},
		{regexp.MustCompile(`^unknown query parameter$`), "isn't known here"},
		{regexp.MustCompile(`^expected length >= ` + number + `$`), "must have at least $1 characters"},
		{regexp.MustCompile(`^expected length <= ` + number + `$`), "must have at most $1 characters"},
		{regexp.MustCompile(`^expected array length >= ` + number + `$`), "must have at least $1 items"},
		{regexp.MustCompile(`^expected array length <= ` + number + `$`), "must have at most $1 items"},
		{regexp.MustCompile(`^expected number >= ` + number + `$`), "must be $1 or more"},
		{regexp.MustCompile(`^expected number <= ` + number + `$`), "must be $1 or less"},
		{regexp.MustCompile(`^expected number > ` + number + `$`), "must be more than $1"},
		{regexp.MustCompile(`^expected number < ` + number + `$`), "must be less than $1"},
		{regexp.MustCompile(`^expected value to be one of "([^"]{1,300})"$`), "must be one of $1"},
		{regexp.MustCompile(`^expected string to be RFC 5322 email`), "must be an e-mail address"},
		{regexp.MustCompile(`^expected string to be RFC 3339 date-time`), "must be a time like 2026-11-23T09:30:00Z"},
		{regexp.MustCompile(`^expected string to be RFC 3339 date$`), "must be a date like 2026-11-23"},
		{regexp.MustCompile(`^expected string to be RFC 4122 uuid`), "must be an id"},
		{regexp.MustCompile(`^expected string to be RFC 3986 uri`), "must be an address like https://example.com"},
		{regexp.MustCompile(`^(expected|invalid) boolean$`), "must be true or false"},
		{regexp.MustCompile(`^(expected|invalid) integer$`), "must be a whole number"},
		{regexp.MustCompile(`^(expected number|invalid float)$`), "must be a number"},
		{regexp.MustCompile(`^expected string$`), "must be text"},
		{regexp.MustCompile(`^expected array$`), "must be a list"},
		{regexp.MustCompile(`^expected object$`), "must be an object"},
		{regexp.MustCompile(`^expected array items to be unique$`), "must not name the same twice"},
	}
)

// where returns the place of e, if it's harmless: names of unknown fields are
// input too.
func where(e *huma.ErrorDetail) string {
	at := e.Location
	if m := required.FindStringSubmatch(e.Message); m != nil {
		at = strings.TrimSuffix(at, ".") + "." + m[1]
	}
	if !safeWhere.MatchString(at) {
		at, _, _ = strings.Cut(at, ".")
		if !safeWhere.MatchString(at) {
			return "request"
		}
	}
	return at
}

// sentence says in our words what huma found, without anything it quotes.
func sentence(message string) string {
	for _, s := range sentences {
		if m := s.match.FindStringSubmatchIndex(message); m != nil {
			return string(s.match.ExpandString(nil, s.say, message, m))
		}
	}
	return "isn't valid"
}

// operation is op in huma's words.
func (s *Server) operation(op Op) huma.Operation {
	s.names.tag = camel(op.Tag)
	desc := huma.Operation{
		Method: op.Method, Path: op.Path, OperationID: op.ID,
		Summary: op.Summary, Description: op.Description, DefaultStatus: op.Status,
		Responses: map[string]*huma.Response{"default": {
			Description: "Refused or failed: a problem (RFC 9457)",
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: s.problemSchema()}},
		}},
		Extensions: map[string]any{"x-flint-needs": string(op.Needs), "x-flint-limit": op.Limit, "x-flint-max-body": op.MaxBody},
	}
	if op.Assurance.Demanded() {
		desc.Extensions["x-flint-step-up"] = map[string]any{"within": int(op.Assurance.Within.Seconds()), "factor": op.Assurance.Factor}
	}
	if op.Keys {
		desc.Extensions["x-flint-keys"] = true
	}
	// Two responses from the start keep huma from adding its own error model.
	desc.Responses["429"] = &huma.Response{Description: "Too often; Retry-After says when to come back",
		Content: desc.Responses["default"].Content}
	if op.Tag != "" {
		desc.Tags = []string{op.Tag}
	}
	if op.Needs != access.Public {
		desc.Security = []map[string][]string{{"cookie": {}}, {"bearer": {}}}
	}
	return desc
}

func (s *Server) problemSchema() *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Details](), true, "Problem")
}

// namer gives each Go type a schema name of its own, since features use the
// same unexported names for their inputs and outputs.
type namer struct {
	tag   string // of the operation that is being declared
	taken map[string]reflect.Type
	given map[named]string
}

type named struct {
	t    reflect.Type
	hint string
}

// name returns the type's name; with the package's before it, or for nameless
// types the feature's, if it's taken or unexported; and a number as the last
// resort.
func (n *namer) name(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[Details]() {
		return "Problem"
	}
	if t.Name() != "" {
		hint = "" // only nameless types are named for where they stand
	}
	key := named{t, hint}
	if got, ok := n.given[key]; ok {
		return got
	}
	base := camel(huma.DefaultSchemaNamer(t, hint))
	pkg := path.Base(t.PkgPath())
	exported := t.Name() != "" && t.Name()[0] >= 'A' && t.Name()[0] <= 'Z'
	if t.PkgPath() != "" && !exported && !strings.HasPrefix(strings.ToLower(base), pkg) {
		base = strings.ToUpper(pkg[:1]) + pkg[1:] + base
	}
	name := base
	if t.Kind() == reflect.Struct {
		if other, ok := n.taken[name]; ok && other != t {
			if t.PkgPath() == "" {
				name = n.tag + base
			} else {
				name = strings.ToUpper(pkg[:1]) + pkg[1:] + base
			}
		}
		for i := 2; ; i++ {
			if other, ok := n.taken[name]; !ok || other == t {
				break
			}
			name = base + strconv.Itoa(i)
		}
		n.taken[name] = t
	}
	n.given[key] = name
	return name
}

// camel turns an operation's id, which nameless types are named for, into a
// type's name.
func camel(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}
