package web

import (
	"bytes"
	"cmp"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

//go:embed docs.html
var docsPage string

// The parts of an OpenAPI document that the page shows.
type (
	specDoc struct {
		Info struct {
			Title, Version, Description string
		}
		Paths      map[string]map[string]specOp
		Components struct{ Schemas map[string]specSchema }
	}
	specOp struct {
		Summary, Description, OperationID string
		Tags                              []string
		Parameters                        []struct {
			Name, In, Description string
			Required              bool
			Schema                specSchema
		}
		RequestBody struct{ Content map[string]specMedia }
		Responses   map[string]struct {
			Description string
			Content     map[string]specMedia
		}
		Needs   string `json:"x-flint-needs"`
		Limit   string `json:"x-flint-limit"`
		MaxBody int64  `json:"x-flint-max-body"`
	}
	specMedia  struct{ Schema specSchema }
	specSchema struct {
		Ref                  string `json:"$ref"`
		Type                 any
		Format, Description  string
		Enum                 []any
		Properties           map[string]specSchema
		Required             []string
		Items                *specSchema
		AnyOf                []specSchema
		AdditionalProperties any
	}
)

// What the page shows.
type (
	docView struct {
		Title, Version, About, Nonce string
		Groups                       []docGroup
		Schemas                      []docSchema
	}
	docGroup struct {
		Name string
		Ops  []docOp
	}
	docOp struct {
		Method, Path, ID, Summary, Description string
		Needs, Limit, Body                     string
		Params                                 []docField
		Takes                                  []docMedia
		Gives                                  []docMedia
	}
	docMedia struct {
		Status, Kind, Type, Ref string
		Fields                  []docField
	}
	docSchema struct {
		Name   string
		Fields []docField
	}
	docField struct {
		Name, Type, Ref, Note string
		Required              bool
	}
)

var docsTemplate = template.Must(template.New("docs").Parse(docsPage))

// docs answers with a page that describes the API: our own, without a script.
func (s *Server) docs(w http.ResponseWriter, r *http.Request) {
	view := s.docsOf()
	view.Nonce = rand.Text()
	var b bytes.Buffer
	if err := docsTemplate.Execute(&b, view); err != nil {
		Problem(w, r, fmt.Errorf("render docs: %w", err))
		return
	}
	writePage(w, r, s.site.strict, view.Nonce, b.Bytes())
}

// docsOf reads the description into the shape of the page.
func (s *Server) docsOf() docView {
	var doc specDoc
	if err := json.Unmarshal(s.OpenAPI(), &doc); err != nil {
		return docView{Title: "Flint", About: "The description can't be read."}
	}
	v := docView{Title: doc.Info.Title, Version: doc.Info.Version, About: doc.Info.Description}
	groups := map[string][]docOp{}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.SortedFunc(maps.Keys(doc.Paths[path]), byMethod) {
			op := doc.Paths[path][method]
			tag := "other"
			if len(op.Tags) > 0 {
				tag = op.Tags[0]
			}
			groups[tag] = append(groups[tag], op.view(strings.ToUpper(method), path, doc.Components.Schemas))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		v.Groups = append(v.Groups, docGroup{name, groups[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		v.Schemas = append(v.Schemas, docSchema{name, doc.Components.Schemas[name].fields()})
	}
	return v
}

func byMethod(a, b string) int {
	order := "get post put patch delete"
	return cmp.Compare(strings.Index(order, a), strings.Index(order, b))
}

func (op specOp) view(method, path string, known map[string]specSchema) docOp {
	v := docOp{Method: method, Path: path, ID: op.OperationID, Summary: op.Summary, Description: op.Description,
		Needs: op.Needs, Limit: op.Limit}
	for _, p := range op.Parameters {
		name, ref := p.Schema.name()
		v.Params = append(v.Params, docField{Name: p.Name, Type: name, Ref: ref, Note: strings.TrimSpace(p.In + " " + p.Description), Required: p.Required})
	}
	for _, kind := range slices.Sorted(maps.Keys(op.RequestBody.Content)) {
		v.Takes = append(v.Takes, op.RequestBody.Content[kind].view("", kind, known))
		v.Body = size(op.MaxBody)
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if status == "default" || status == "429" {
			continue // the same for all, told once
		}
		r := op.Responses[status]
		if len(r.Content) == 0 {
			v.Gives = append(v.Gives, docMedia{Status: status})
		}
		for _, kind := range slices.Sorted(maps.Keys(r.Content)) {
			v.Gives = append(v.Gives, r.Content[kind].view(status, kind, known))
		}
	}
	return v
}

func size(bytes int64) string {
	if bytes >= 1<<20 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}

// view shows a body with its fields, also those of the type that it refers to.
func (m specMedia) view(status, kind string, known map[string]specSchema) docMedia {
	v := docMedia{Status: status, Kind: kind, Fields: m.Schema.fields()}
	v.Type, v.Ref = m.Schema.name()
	if v.Ref != "" {
		v.Fields = known[v.Ref].fields()
	} else if m.Schema.Format == "binary" {
		v.Type = ""
	}
	return v
}

// fields lists the properties of an object, required ones first.
func (s specSchema) fields() []docField {
	var fs []docField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		t, ref := p.name()
		note := p.Description
		if len(p.Enum) > 0 {
			note = strings.TrimSpace(note + " One of " + strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Enum), " ", ", "), "[]") + ".")
		}
		fs = append(fs, docField{Name: name, Type: t, Ref: ref, Note: note, Required: slices.Contains(s.Required, name)})
	}
	slices.SortStableFunc(fs, func(a, b docField) int {
		switch {
		case a.Required == b.Required:
			return 0
		case a.Required:
			return -1
		}
		return 1
	})
	return fs
}

// name says a schema in a few words, and which other schema it refers to.
func (s specSchema) name() (text, ref string) {
	switch {
	case s.Ref != "":
		ref = s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		return ref, ref
	case len(s.AnyOf) > 0:
		text, ref = s.AnyOf[0].name()
		return text + " or null", ref
	case s.Items != nil:
		text, ref = s.Items.name()
		return "list of " + text, ref
	}
	switch t := s.Type.(type) {
	case string:
		text = t
	case []any:
		text = strings.Trim(strings.ReplaceAll(fmt.Sprint(t), " ", " or "), "[]")
	default:
		text = "any"
	}
	if s.Format != "" {
		text += " (" + s.Format + ")"
	}
	return text, ""
}
