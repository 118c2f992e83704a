package snaptrade_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"flint/sandbox/snaptrade"
)

// specFile is SnapTrade's own OpenAPI document.
const specFile = "../../internal/provider/snaptrade/testdata/openapi.yaml"

// spec loads the document once. SnapTrade writes some date-times with a space
// (its own example does), which the standard format would refuse.
var spec = sync.OnceValues(func() (routers.Router, error) {
	openapi3.DefineStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error {
		if _, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return nil
		}
		_, err := time.Parse("2006-01-02 15:04:05.999999Z07:00", s)
		return err
	}))
	doc, err := openapi3.NewLoader().LoadFromFile(specFile)
	if err != nil {
		return nil, err
	}
	doc.Servers = nil
	return legacy.NewRouter(doc, openapi3.DisableExamplesValidation())
})

// obey checks request and answer against the document. Objects may hold only
// fields that it names.
func obey(t *testing.T, r reply) {
	t.Helper()
	router, err := spec()
	if err != nil {
		t.Fatal(err)
	}
	req := r.req.Clone(t.Context())
	req.Body = http.NoBody
	req.URL = &url.URL{Path: r.req.URL.Path, RawQuery: r.req.URL.RawQuery}
	route, params, err := router.FindRoute(req)
	if err != nil {
		t.Errorf("%s %s isn't in the OpenAPI file: %v", req.Method, req.URL.Path, err)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{ExcludeRequestBody: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
		t.Errorf("%s %s: the request: %v", req.Method, req.URL.Path, err)
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: r.status, Header: r.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	out.SetBodyBytes(r.body)
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("%s %s answers %d: %v\n%.600s", req.Method, req.URL.Path, r.status, err, r.body)
	}
	named(t, route, r)
}

// named refuses fields that the document doesn't know, which the validator
// lets pass: they are how a fake drifts away from what it plays.
func named(t *testing.T, route *routers.Route, r reply) {
	t.Helper()
	if r.status != http.StatusOK {
		return
	}
	media := route.Operation.Responses.Status(http.StatusOK).Value.Content.Get("application/json")
	if media == nil {
		return
	}
	var body any
	r.into(t, &body)
	unknown := map[string]bool{}
	walk(unknown, "", media.Schema.Value, body)
	for field := range unknown {
		t.Errorf("%s has a field %s that the OpenAPI file doesn't know", r.req.URL.Path, field)
	}
}

func walk(unknown map[string]bool, at string, schema *openapi3.Schema, v any) {
	switch v := v.(type) {
	case []any:
		if schema.Items == nil || schema.Items.Value == nil {
			return
		}
		for _, e := range v {
			walk(unknown, at+"[]", schema.Items.Value, e)
		}
	case map[string]any:
		known := properties(schema, v)
		if len(known) == 0 {
			return // a free object, such as meta
		}
		for name, e := range v {
			p, ok := known[name]
			if !ok {
				unknown[at+"."+name] = true
				continue
			}
			walk(unknown, at+"."+name, p, e)
		}
	}
}

// properties collects the fields of a schema and of those it is made of; of
// alternatives, the one whose kind is said.
func properties(s *openapi3.Schema, v map[string]any) map[string]*openapi3.Schema {
	out := map[string]*openapi3.Schema{}
	for name, p := range s.Properties {
		out[name] = p.Value
	}
	for _, part := range s.AllOf {
		for name, p := range properties(part.Value, v) {
			out[name] = p
		}
	}
	for _, part := range s.OneOf {
		if kind := part.Value.Properties["kind"]; kind != nil && !slices.Contains(kind.Value.Enum, v["kind"]) {
			continue
		}
		for name, p := range properties(part.Value, v) {
			out[name] = p
		}
	}
	return out
}

func TestEveryAnswerFollowsTheOpenAPIFile(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *snaptrade.Config) { c.RefreshEvery = time.Minute })
	obey(t, b.call("GET", "/", nil))
	obey(t, b.call("GET", "/brokerages", nil))
	obey(t, b.call("GET", "/brokerages/COINBASE/instruments", nil))
	obey(t, b.call("GET", "/brokerageAuthorizationTypes", nil, "brokerage", "SCHWAB,KRAKEN"))
	obey(t, b.call("GET", "/exchanges", nil))
	obey(t, b.call("POST", "/symbols", map[string]string{"substring": "apple"}))
	obey(t, b.call("GET", "/symbols/SAP.DE", nil))
	obey(t, b.call("GET", "/snapTrade/partners", nil))
	obey(t, b.call("POST", "/snapTrade/registerUser", map[string]string{"userId": "ada"}))
	obey(t, b.call("POST", "/snapTrade/registerUser", map[string]string{"userId": "ada"}))
	obey(t, b.call("GET", "/snapTrade/listUsers", nil))

	b.register("bob")
	obey(t, b.call("POST", "/snapTrade/login", map[string]string{"broker": "SCHWAB"}))
	obey(t, b.call("POST", "/snapTrade/login", map[string]string{"broker": "NOBODY"}))
	for _, broker := range []string{"SCHWAB", "FIDELITY", "VANGUARD", "ROBINHOOD", "COINBASE", "KRAKEN"} {
		auth, accounts := b.connect(broker)
		obey(t, b.call("GET", "/authorizations/"+auth, nil))
		obey(t, b.call("GET", "/authorizations/"+auth+"/accounts", nil))
		for _, a := range accounts {
			obey(t, b.call("GET", "/accounts/"+a, nil))
			obey(t, b.call("GET", "/accounts/"+a+"/balances", nil))
			obey(t, b.call("GET", "/accounts/"+a+"/positions/all", nil))
			obey(t, b.call("GET", "/accounts/"+a+"/activities", nil))
			obey(t, b.call("GET", "/accounts/"+a+"/activities", nil, "startDate", "2026-01-01", "endDate", "2026-06-30", "type", "BUY,SELL", "limit", "5", "offset", "2"))
			obey(t, b.call("GET", "/accounts/"+a+"/balanceHistory", nil))
			obey(t, b.call("POST", "/accounts/"+a+"/symbols", map[string]string{"substring": "v"}))
		}
	}
	obey(t, b.call("GET", "/authorizations", nil))
	obey(t, b.call("GET", "/accounts", nil))

	auth, _ := b.connect("ETRADE")
	for _, step := range []string{"refresh", "refresh", "transactions/sync", "disable", "disable", "refresh", "transactions/sync"} {
		obey(t, b.call("POST", "/authorizations/"+auth+"/"+step, nil))
	}
	obey(t, b.call("GET", "/authorizations/"+auth, nil)) // disabled_date is set now
	obey(t, b.call("DELETE", "/connection/"+auth, nil))
	var again struct{ UserSecret string }
	r := b.call("POST", "/snapTrade/resetUserSecret", map[string]string{"userId": b.user, "userSecret": b.pass})
	obey(t, r)
	r.into(t, &again)
	b.pass = again.UserSecret
	r = b.call("DELETE", "/snapTrade/deleteUser", nil)
	obey(t, r)
	if !strings.Contains(string(r.body), `"deleted"`) {
		t.Errorf("deleteUser answers %s", r.body)
	}
}
