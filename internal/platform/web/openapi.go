package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"flint/internal/access"
)

// OpenAPI returns the description of every operation, OpenAPI 3.1 as JSON. The
// same operations give the same bytes.
func (s *Server) OpenAPI() []byte {
	s.finish.Do(func() { s.spec = s.renderSpec() })
	return s.spec
}

func (s *Server) renderSpec() []byte {
	raw, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		panic("web: describe the API: " + err.Error()) // types of the program, not input
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		panic("web: describe the API: " + err.Error())
	}
	s.correct(doc)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		panic("web: describe the API: " + err.Error())
	}
	return out.Bytes()
}

// correct repairs what huma can't say: a Go list isn't null (features answer
// with empty ones), and a pointer may be.
func (s *Server) correct(doc map[string]any) {
	walk(doc, func(m map[string]any) {
		if types, ok := m["type"].([]any); ok && len(types) == 2 && types[0] == "array" {
			m["type"] = "array"
		}
		if m["$schema"] != nil {
			delete(m, "$schema")
		}
	})
	components, _ := doc["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	delete(schemas, "ErrorModel") // huma registers its own, though nothing uses it
	delete(schemas, "ErrorDetail")
	registry := s.api.OpenAPI().Components.Schemas
	for name, schema := range schemas {
		t := registry.TypeFromRef("#/components/schemas/" + name)
		props, _ := schema.(map[string]any)["properties"].(map[string]any)
		if t != nil && t.Kind() == reflect.Struct && props != nil {
			nullable(t, props)
		}
	}
}

// nullable marks the properties that are pointers and always there.
func nullable(t reflect.Type, props map[string]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			nullable(f.Type, props)
			continue
		}
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		prop, ok := props[name].(map[string]any)
		if !ok || f.Type.Kind() != reflect.Pointer || strings.Contains(opts, "omit") {
			continue
		}
		if ref, ok := prop["$ref"]; ok {
			delete(prop, "$ref")
			prop["anyOf"] = []any{map[string]any{"$ref": ref}, map[string]any{"type": "null"}}
		}
		if prop["type"] == "string" { // an id, a decimal: huma knows that they are text, and no more
			prop["type"] = []any{"string", "null"}
		}
	}
}

func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, child := range v {
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

// documentRaw adds an operation to the description that huma doesn't run.
func (s *Server) documentRaw(op Op) {
	desc := s.operation(op)
	registry := s.api.OpenAPI().Components.Schemas
	schema := func(v any, hint string) *huma.Schema {
		if v == nil {
			return &huma.Schema{Type: "string", Format: "binary"}
		}
		return registry.Schema(reflect.TypeOf(v), true, hint)
	}
	for _, part := range strings.Split(op.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "...")
			desc.Parameters = append(desc.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
		}
	}
	if op.In != nil || op.Accepts != "" {
		kind := op.Accepts
		if kind == "" {
			kind = "application/json"
		}
		desc.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{kind: {Schema: schema(op.In, op.ID+"Request")}}}
	}
	status := op.Status
	if status == 0 {
		status = http.StatusOK
	}
	answer := &huma.Response{Description: http.StatusText(status)}
	if op.Out != nil || op.Produce != "" {
		kind := op.Produce
		if kind == "" {
			kind = "application/json"
		}
		answer.Content = map[string]*huma.MediaType{kind: {Schema: schema(op.Out, op.ID+"Response")}}
	}
	desc.Responses[strconv.Itoa(status)] = answer
	s.api.OpenAPI().AddOperation(&desc)
}

// describe serves the description itself, for programs and for people.
func (s *Server) describe() {
	Raw(s, Op{Method: "GET", Path: "/api/openapi.json", ID: "get-openapi", Tag: "docs", Needs: access.Public, Limit: "none",
		Summary: "Describe this API (OpenAPI 3.1)", Produce: "application/openapi+json"},
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/openapi+json")
			_, _ = w.Write(s.OpenAPI())
		}))
	Raw(s, Op{Method: "GET", Path: "/api/docs", ID: "get-docs", Tag: "docs", Needs: access.Public, Limit: "none",
		Summary: "Describe this API for people", Produce: "text/html"},
		http.HandlerFunc(s.docs))
}
