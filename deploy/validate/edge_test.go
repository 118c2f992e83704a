// Package validate checks deploy/cloudflare without Cloudflare and without a
// provider: it reads the files as Terraform does, works every expression out for
// several settings, and looks at the rules that come out. It is a module of its
// own, so that Flint needs no HCL.
//
//	cd deploy/validate && go test ./...
package validate

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

var functions = map[string]function.Function{
	"can": tryfunc.CanFunc, "concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "floor": stdlib.FloorFunc,
	"formatlist": stdlib.FormatListFunc, "join": stdlib.JoinFunc, "length": stdlib.LengthFunc, "max": stdlib.MaxFunc, "regex": stdlib.RegexFunc,
}

// arguments are what each resource may and must say, by the provider's version 5.
var arguments = map[string][2][]string{ // must, may
	"cloudflare_zone_setting":                        {{"zone_id", "setting_id", "value"}, {"for_each"}},
	"cloudflare_authenticated_origin_pulls_settings": {{"zone_id", "enabled"}, nil},
	"cloudflare_bot_management":                      {{"zone_id"}, {"fight_mode", "enable_js"}},
	"cloudflare_ruleset":                             {{"zone_id", "name", "kind", "phase", "rules"}, {"description"}},
}

// blocks returns all blocks of deploy/cloudflare.
func blocks(t *testing.T) []*hclsyntax.Block {
	t.Helper()
	names, err := filepath.Glob("../cloudflare/*.tf")
	if err != nil || len(names) < 3 {
		t.Fatalf("%v, %v", names, err)
	}
	parser := hclparse.NewParser()
	var all []*hclsyntax.Block
	for _, name := range names {
		f, diags := parser.ParseHCLFile(name)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		all = append(all, f.Body.(*hclsyntax.Body).Blocks...)
	}
	return all
}

func attribute(b *hclsyntax.Block, name string) hcl.Expression {
	if a := b.Body.Attributes[name]; a != nil {
		return a.Expr
	}
	return nil
}

// edge is what comes out for one choice of variables.
type edge struct {
	settings map[string]cty.Value
	rules    map[string][]map[string]any // by name of the ruleset
	locals   map[string]cty.Value
}

// work works everything out.
func work(t *testing.T, chosen map[string]cty.Value) edge {
	t.Helper()
	all := blocks(t)
	ctx := &hcl.EvalContext{Functions: functions, Variables: map[string]cty.Value{}}
	vars := map[string]cty.Value{}
	for _, b := range all {
		if b.Type != "variable" {
			continue
		}
		name := b.Labels[0]
		kind, diags := typeexpr.TypeConstraint(attribute(b, "type"))
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		v, ok := chosen[name]
		if d := attribute(b, "default"); !ok && d != nil {
			v, diags = d.Value(ctx)
		} else if !ok {
			t.Fatalf("%s has no default and isn't chosen", name)
		}
		if v, err := convert.Convert(v, kind); err != nil || diags.HasErrors() {
			t.Fatalf("%s: %v %v", name, err, diags)
		} else {
			vars[name] = v
		}
	}
	ctx.Variables["var"] = cty.ObjectVal(vars)
	for _, b := range all {
		for _, v := range b.Body.Blocks {
			if b.Type == "variable" && v.Type == "validation" {
				if ok, diags := attribute(v, "condition").Value(ctx); diags.HasErrors() || ok.False() {
					t.Fatalf("%s: %v", b.Labels[0], diags)
				}
			}
		}
	}
	e := edge{settings: map[string]cty.Value{}, rules: map[string][]map[string]any{}, locals: locals(t, all, ctx)}
	for _, b := range all {
		if b.Type == "resource" {
			e.resource(t, b, ctx)
		}
	}
	return e
}

// locals works out the locals in whatever order they need each other.
func locals(t *testing.T, all []*hclsyntax.Block, ctx *hcl.EvalContext) map[string]cty.Value {
	t.Helper()
	open, known := map[string]hcl.Expression{}, map[string]cty.Value{}
	for _, b := range all {
		if b.Type == "locals" {
			for name, a := range b.Body.Attributes {
				open[name] = a.Expr
			}
		}
	}
	for len(open) > 0 {
		before := len(open)
		ctx.Variables["local"] = cty.ObjectVal(known)
		var last hcl.Diagnostics
		for name, expr := range open {
			v, diags := expr.Value(ctx)
			if diags.HasErrors() {
				last = diags
				continue
			}
			known[name] = v
			delete(open, name)
		}
		if len(open) == before {
			t.Fatalf("these locals name something that isn't there: %v: %v", slices.Collect(maps.Keys(open)), last)
		}
	}
	ctx.Variables["local"] = cty.ObjectVal(known)
	return known
}

func (e edge) resource(t *testing.T, b *hclsyntax.Block, ctx *hcl.EvalContext) {
	t.Helper()
	name := strings.Join(b.Labels, ".")
	known, ok := arguments[b.Labels[0]]
	if !ok {
		t.Fatalf("%s isn't known here", name)
	}
	for _, must := range known[0] {
		if attribute(b, must) == nil {
			t.Errorf("%s lacks %s", name, must)
		}
	}
	for has := range b.Body.Attributes {
		if !slices.Contains(known[0], has) && !slices.Contains(known[1], has) {
			t.Errorf("%s has %s, which the provider doesn't know", name, has)
		}
	}
	if each := attribute(b, "for_each"); each != nil {
		all, diags := each.Value(ctx)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for k, v := range all.AsValueMap() {
			e.settings[k] = v
		}
		return
	}
	for attr, a := range b.Body.Attributes {
		v, diags := a.Expr.Value(ctx)
		if diags.HasErrors() {
			t.Fatalf("%s: %v", name, diags)
		}
		if attr == "rules" {
			for _, rule := range v.AsValueSlice() {
				e.rules[b.Labels[1]] = append(e.rules[b.Labels[1]], plain(rule))
			}
		}
	}
}

func plain(v cty.Value) map[string]any {
	m := map[string]any{}
	for k, v := range v.AsValueMap() {
		if v.IsNull() {
			continue
		}
		switch {
		case v.Type() == cty.String:
			m[k] = v.AsString()
		case v.Type() == cty.Number:
			n, _ := v.AsBigFloat().Float64()
			m[k] = n
		case v.Type() == cty.Bool:
			m[k] = v.True()
		case v.Type().IsObjectType() || v.Type().IsMapType():
			m[k] = plain(v)
		default:
			text, _ := ctyjson.Marshal(v, v.Type())
			m[k] = string(text)
		}
	}
	return m
}

// choices are the settings that it is worked out for.
func choices() map[string]map[string]cty.Value {
	list := func(s ...string) cty.Value {
		var vs []cty.Value
		for _, s := range s {
			vs = append(vs, cty.StringVal(s))
		}
		return cty.ListVal(vs)
	}
	base := map[string]cty.Value{"zone_id": cty.StringVal(strings.Repeat("0a", 16)), "hostname": cty.StringVal("flint.example")}
	with := func(more map[string]cty.Value) map[string]cty.Value {
		m := maps.Clone(base)
		maps.Copy(m, more)
		return m
	}
	return map[string]map[string]cty.Value{
		"as it comes": base,
		"everything": with(map[string]cty.Value{
			"plan": cty.StringVal("business"), "blocked_countries": list("KP", "SY"), "challenged_countries": list("AQ"), "home_countries": list("US", "CA"),
			"webhook_sources": list("192.0.2.0/24"), "under_attack": cty.True, "bot_fight": cty.False,
		}),
	}
}

func TestTheRulesComeOut(t *testing.T) {
	for name, chosen := range choices() {
		t.Run(name, func(t *testing.T) {
			e := work(t, chosen)
			for set, least := range map[string]int{"managed": 3, "custom": 6, "rates": 2, "cache": 3} {
				if len(e.rules[set]) < least {
					t.Errorf("%s has %d rules", set, len(e.rules[set]))
				}
				refs := map[any]bool{}
				for _, r := range e.rules[set] {
					rule(t, set, r)
					if refs[r["ref"]] {
						t.Errorf("%s has %s twice", set, r["ref"])
					}
					refs[r["ref"]] = true
				}
			}
			for k, want := range map[string]string{"ssl": "strict", "always_use_https": "on", "min_tls_version": "1.2", "0rtt": "off", "rocket_loader": "off", "email_obfuscation": "off"} {
				if got := e.settings[k]; got == cty.NilVal || got.AsString() != want {
					t.Errorf("%s isn't %s", k, want)
				}
			}
		})
	}
	if n := len(work(t, choices()["everything"]).rules["custom"]) - len(work(t, choices()["as it comes"]).rules["custom"]); n != 3 {
		t.Errorf("countries and sources add %d rules, not 3", n)
	}
}

var actions = []string{"block", "managed_challenge", "skip", "execute", "set_cache_settings"}

// rule looks at one rule: what it must say, and whether its expression can be read.
func rule(t *testing.T, set string, r map[string]any) {
	t.Helper()
	name := fmt.Sprint(set, ".", r["ref"])
	expression, _ := r["expression"].(string)
	action, _ := r["action"].(string)
	if r["description"] == nil || !slices.Contains(actions, action) {
		t.Errorf("%s: %v", name, r)
	}
	if !strings.HasPrefix(expression, `http.host eq "flint.example"`) {
		t.Errorf("%s isn't about our host alone: %s", name, expression)
	}
	depth, quoted := 0, false
	for i, c := range expression {
		switch {
		case c == '"' && (i == 0 || expression[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case strings.ContainsRune("({[", c):
			depth++
		case strings.ContainsRune(")}]", c):
			depth--
		}
	}
	if depth != 0 || quoted || strings.Contains(expression, "and  ") || strings.HasSuffix(expression, " and ") {
		t.Errorf("%s can't be read: %s", name, expression)
	}
	for _, field := range regexp.MustCompile(`(?:raw\.)?(?:http|ip|cf)\.[a-z_.]+`).FindAllString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(expression, ""), -1) {
		if !slices.Contains([]string{"http.host", "http.request.uri", "http.request.uri.path", "raw.http.request.uri.path", "http.request.method", "http.request.headers", "ip.src", "ip.src.country"}, field) {
			t.Errorf("%s names the field %s", name, field)
		}
	}
	if set == "rates" {
		limit, _ := r["ratelimit"].(map[string]any)
		if n, _ := limit["requests_per_period"].(float64); n < 1 || limit["period"] != 10.0 || limit["mitigation_timeout"] == nil || !strings.Contains(fmt.Sprint(limit["characteristics"]), "ip.src") {
			t.Errorf("%s: %v", name, limit)
		}
	}
}

func TestTheAPIIsNeverCached(t *testing.T) {
	for name, chosen := range choices() {
		rules := work(t, chosen).rules["cache"]
		kept := 0
		for i, r := range rules {
			parameters := r["action_parameters"].(map[string]any)
			switch expression := r["expression"].(string); {
			case parameters["cache"] == true && !strings.Contains(expression, `starts_with(http.request.uri.path, "/assets/")`):
				t.Errorf("%s: %s keeps more than files with a hash", name, r["ref"])
			case parameters["cache"] == true:
				kept++
			case i == 0 && expression != `http.host eq "flint.example"`, i == len(rules)-1 && !strings.Contains(expression, `"/api/"`):
				t.Errorf("%s: %s isn't where it was: %s", name, r["ref"], expression)
			}
		}
		if kept != 1 || rules[len(rules)-1]["action_parameters"].(map[string]any)["cache"] != false {
			t.Errorf("%s: %d rules keep something", name, kept)
		}
	}
}

// TestThePathsAreFlints compares the paths in the rules with docs/routes.txt.
func TestThePathsAreFlints(t *testing.T) {
	routes, err := os.ReadFile("../../docs/routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	e := work(t, choices()["as it comes"])
	webhooks := map[string]bool{}
	for _, v := range e.locals["webhooks"].AsValueSlice() {
		webhooks[v.AsString()] = true
	}
	for _, v := range e.locals["sign_in"].AsValueSlice() {
		if !regexp.MustCompile(`(?m)^POST +` + regexp.QuoteMeta(v.AsString()) + ` `).Match(routes) {
			t.Errorf("%s isn't there", v.AsString())
		}
	}
	for line := range strings.Lines(string(routes)) {
		f := strings.Fields(line)
		if len(f) > 1 && strings.Contains(line, " webhook ") != webhooks[f[1]] {
			t.Errorf("%s: is a webhook in one list only", f[1])
		}
	}
}

func TestEveryVariableIsUsed(t *testing.T) {
	used := ""
	for _, b := range blocks(t) {
		if b.Type != "variable" {
			for _, tr := range hclsyntax.Variables(bodyExpr(b)) {
				if tr.RootName() == "var" && len(tr) > 1 {
					used += " " + tr[1].(hcl.TraverseAttr).Name + " "
				}
			}
		}
	}
	for _, b := range blocks(t) {
		if b.Type == "variable" && !strings.Contains(used, " "+b.Labels[0]+" ") {
			t.Errorf("nothing uses the variable %s", b.Labels[0])
		}
	}
}

// bodyExpr makes one expression of all of a block's, to be walked over.
func bodyExpr(b *hclsyntax.Block) hclsyntax.Expression {
	tuple := &hclsyntax.TupleConsExpr{}
	for _, a := range b.Body.Attributes {
		tuple.Exprs = append(tuple.Exprs, a.Expr)
	}
	return tuple
}
