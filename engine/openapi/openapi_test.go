package openapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/openapi"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/explain"
	"github.com/dowel-dev/dowel/schema/load"
)

var (
	update   = flag.Bool("update", false, "write the golden documents anew")
	editions = []openapi.Edition{openapi.Exact, openapi.Plain}
	apps     = []string{"minimal", "crm", "blog", "ratings", "iso", "tracker"}
)

// application loads the application of a folder.
func application(t *testing.T, folder fs.FS) (*schema.Schema, *authz.Rules) {
	t.Helper()
	s, found := load.FS(folder, ".", load.Options{})
	if s == nil || found.HasErrors() {
		t.Fatal(found)
	}
	rules, found := authz.New(s, folder)
	if rules == nil {
		t.Fatal(found)
	}
	return s, rules
}

func render(t *testing.T, folder fs.FS, e openapi.Edition, settings engine.Settings) []byte {
	t.Helper()
	s, rules := application(t, folder)
	raw, err := engine.OpenAPI(settings, s, rules, nil, e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// valid reads a document and holds all that is true of every one.
func valid(t *testing.T, raw []byte) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(raw) // every reference leads somewhere
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	holdExamples(t, raw)
	holdComponents(t, raw)
	ids := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			place := method + " " + path
			if before := ids[op.OperationID]; before != "" || op.OperationID == "" {
				t.Errorf("%s and %s are both called %q", place, before, op.OperationID)
			}
			ids[op.OperationID] = place
			if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || op.Security == nil || op.Responses.Len() < 2 {
				t.Errorf("%s says too little of itself", place)
			}
		}
	}
	return doc
}

// holdExamples holds that examples fit their schemas, formats included.
func holdExamples(t *testing.T, raw []byte) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(doc["openapi"].(string), "3.0") {
		return // the validator of documents looks at them
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("doc.json", doc); err != nil {
		t.Fatal(err)
	}
	for name, s := range doc["components"].(map[string]any)["schemas"].(map[string]any) {
		examples, _ := s.(map[string]any)["examples"].([]any)
		compiled, err := c.Compile("doc.json#/components/schemas/" + url.PathEscape(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range examples {
			if err := compiled.Validate(example); err != nil {
				t.Errorf("the example of %s: %v", name, err)
			}
		}
	}
}

// holdComponents holds that nothing is described that nothing refers to.
func holdComponents(t *testing.T, raw []byte) {
	t.Helper()
	var doc struct {
		Components map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for kind, all := range doc.Components {
		for name := range all {
			if kind != "securitySchemes" && !bytes.Contains(raw, fmt.Appendf(nil, `"#/components/%s/%s"`, kind, name)) {
				t.Errorf("nothing refers to %s of %s", name, kind)
			}
		}
	}
}

// holdDerived holds that the loader knows every name that is made of a class: it
// refuses classes by them.
func holdDerived(t *testing.T, doc *openapi3.T, folder fs.FS) {
	t.Helper()
	s, _ := application(t, folder)
	components, operations := map[string]bool{}, map[string]bool{}
	for _, c := range s.Classes {
		for _, d := range c.DerivedSchemas() {
			components[d.Name] = true
		}
		for _, d := range c.DerivedOperations() {
			operations[d.Name] = true
		}
	}
	names := slices.AppendSeq(slices.Collect(keys(doc.Components.Schemas)), keys(doc.Components.Responses))
	for _, name := range names {
		of := func(c *schema.Class) bool { return c.Expose && !c.Internal && strings.HasPrefix(name, c.TypeName) }
		if !components[name] && slices.ContainsFunc(s.Classes, of) {
			t.Errorf("the loader does not know the schema %s", name)
		}
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if tag := op.Tags[0]; tag != "Service" && tag != "Auth" && !operations[op.OperationID] {
				t.Errorf("the loader does not know the operation %s", op.OperationID)
			}
		}
	}
}

func TestDocumentsOfAllExamples(t *testing.T) {
	type shown struct{ app, style string }
	all := []shown{{"crm", "plain"}, {"minimal", "envelope"}}
	for _, app := range apps {
		all = append(all, shown{app, ""})
	}
	for _, x := range all {
		for _, e := range editions {
			t.Run(x.app+" "+x.style+" "+string(e), func(t *testing.T) {
				folder, settings := os.DirFS("../../examples/"+x.app), engine.Settings{Style: x.style}
				raw := render(t, folder, e, settings)
				doc := valid(t, raw)
				if !bytes.Equal(raw, render(t, folder, e, settings)) {
					t.Error("the same application has another document")
				}
				holdDerived(t, doc, folder)
				if !strings.HasPrefix(doc.OpenAPI, string(e)) || doc.Servers[0].URL != "/api" {
					t.Error(doc.OpenAPI, doc.Servers[0].URL)
				}
				if e == openapi.Plain && (bytes.Contains(raw, []byte(`"anyOf"`)) || bytes.Contains(raw, []byte(`"oneOf"`))) {
					t.Error("the plain document has alternatives")
				}
			})
		}
	}
}

// TestEveryRouteIsDocumented holds the list that `dowel routes` prints against the documents.
func TestEveryRouteIsDocumented(t *testing.T) {
	for _, app := range apps {
		s, rules := application(t, os.DirFS("../../examples/"+app))
		for _, e := range editions {
			raw, err := engine.OpenAPI(engine.Settings{}, s, rules, nil, e)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := openapi3.NewLoader().LoadFromData(raw)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range s.Classes {
				for _, r := range explain.Routes(c) {
					if item := doc.Paths.Value(r.Path); item == nil || item.GetOperation(r.Method) == nil {
						t.Errorf("%s %s: %s %s is missing", app, e, r.Method, r.Path)
					}
				}
			}
		}
	}
}

// TestGolden shows what the documents of the smallest application say.
func TestGolden(t *testing.T) {
	for _, e := range editions {
		raw := render(t, os.DirFS("../../examples/minimal"), e, engine.Settings{})
		var out bytes.Buffer
		if err := json.Indent(&out, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		file := "testdata/minimal-" + string(e) + ".json"
		if *update {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got), -update writes it anew\n%s", file, diff)
		}
	}
}

// one makes an application of the classes in a text.
func one(classes string) fs.FS {
	return fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\napp: {title: Odd}\n" + classes)}}
}

// TestNames holds the documents of applications whose names get in each other's way.
func TestNames(t *testing.T) {
	tests := []struct {
		name, classes string
		schemas       []string
		ids           map[string]string
	}{
		{"classes called like lists", `
classes:
  price: {fields: {amount: decimal}, allow: {all: anyone}}
  price_list: {fields: {title: string}, allow: {all: anyone}}
  price_group: {fields: {price: price}, allow: {all: anyone}}
  price_answer: {fields: {title: string}, allow: {all: anyone}}
`, []string{"Price", "PriceList", "PriceRecords", "PriceListRecords"}, map[string]string{"GET /prices": "listPrices", "GET /price-lists": "listPriceLists"}},
		{"a class called like what all share", `
classes:
  problem: {fields: {title: string}, allow: {all: anyone}}
  meta: {fields: {title: string}, allow: {all: anyone}}
`, []string{"Problem", "ApiProblem", "Meta"}, nil},
		{"a nested object called like a list", `
classes:
  order: {fields: {list: {list: string}, lines: {list: {fields: {b: {fields: {c: string optional}}}}}}, allow: {all: anyone}}
`, []string{"Order", "OrderLinesItemB"}, nil},
		{"a class between two", `
classes:
  customer: {fields: {name: string}, allow: {all: anyone}}
  order: {fields: {customer: customer}, allow: {all: anyone}}
  customer_order: {fields: {name: string}, allow: {all: anyone}}
`, nil, map[string]string{"GET /customer-orders": "listCustomerOrders", "GET /customers/{id}/orders": "listOrdersOfCustomer"}},
		{"a plural that is the singular", `
classes:
  sheep: {fields: {name: string}, allow: {all: anyone}}
`, nil, map[string]string{"PATCH /sheep": "updateManySheep", "PATCH /sheep/{id}": "updateSheep"}},
		{"a key called property", `
classes:
  thing: {key: property, fields: {property: slug, name: string}, allow: {all: anyone}}
`, nil, map[string]string{"GET /things/{property}/{member}": "getThingProperty"}},
		{"fields called like options, and with dashes", `
classes:
  thing: {fields: {limit: int, where: string, odd: string json=x-Odd-1}, allow: {all: anyone}}
`, nil, nil},
		{"a pattern that JSON Schema cannot say", `
classes:
  thing: {fields: {code: {type: string, pattern: "(?i)[a-z]+"}, word: {type: string, pattern: "\\pL+"}}, allow: {all: anyone}}
`, nil, nil},
		{"types of all kinds", `
classes:
  thing:
    key: [a, b]
    fields:
      a: int
      b: string
      big: bigint min=10
      dec: decimal scale=3 max=5 optional
      f: float min=0
      t: time
      dur: duration optional
      u: uuid auto=uuid
      any: json optional
      some: json
      file: file optional
      pin: string writeonly
      note: string hidden optional
      by: string readonly optional
      nums: {list: int, max: 3}
      rows: {list: {fields: {x: int, y: decimal optional}}, optional: true}
      kind: {enum: [one, "two words"], optional: true}
    actions:
      run_all: {on: collection, run: go, input: {n: int default=3, rows: {list: string}}, returns: {total: decimal, things: {list: string}}}
      look: {method: GET, run: go, input: {deep: bool optional, n: int}, returns: thing}
    allow: {all: anyone}
`, []string{"Thing", "ThingRowsItem", "ThingRowsItemInput", "ThingRunAllInput", "ThingRunAllResult"},
			map[string]string{"POST /things/run_all": "runAllThings", "GET /things/{id}/look": "lookThing",
				"GET /things/{id}/file": "downloadThingFile", "PUT /things/{id}/file": "uploadThingFile", "DELETE /things/{id}/file": "clearThingFile"}},
	}
	for _, tt := range tests {
		for _, e := range editions {
			t.Run(tt.name+"/"+string(e), func(t *testing.T) {
				doc := valid(t, render(t, one(tt.classes), e, engine.Settings{}))
				holdDerived(t, doc, one(tt.classes))
				for _, name := range tt.schemas {
					if doc.Components.Schemas[name] == nil {
						t.Errorf("no schema is called %s: %v", name, slices.Sorted(keys(doc.Components.Schemas)))
					}
				}
				for place, id := range tt.ids {
					method, path, _ := strings.Cut(place, " ")
					item := doc.Paths.Value(path)
					if item == nil || item.GetOperation(method) == nil || item.GetOperation(method).OperationID != id {
						t.Errorf("%s is not %s", place, id)
					}
				}
			})
		}
	}
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestUnpublished holds that classes that are not published are not named.
func TestUnpublished(t *testing.T) {
	folder := one("classes:\n  cellar: {expose: false, fields: {code: string unique}, allow: {all: anyone}}\n  front: {fields: {below: cellar inverse=fronts, under: {many: cellar, inverse: over}}, allow: {all: anyone}}\n")
	for _, e := range editions {
		if raw := render(t, folder, e, engine.Settings{}); bytes.Contains(bytes.ToLower(raw), []byte("cellar")) {
			t.Errorf("%s: %s", e, raw)
		}
	}
}

// TestEveryWordIsDocumented holds that whatever the parser comes to take, the documents say.
func TestEveryWordIsDocumented(t *testing.T) {
	s, _ := application(t, os.DirFS("../../examples/crm"))
	for _, c := range s.Classes {
		for _, op := range request.Operations(c) {
			for _, word := range op.Options {
				if !openapi.Documented(word) {
					t.Errorf("%s %s takes %s: give it its line in parameter.go", op.Method, op.Path, word)
				}
			}
		}
	}
}

// TestSaid looks at single things that the document of the CRM says.
func TestSaid(t *testing.T) {
	exact := valid(t, render(t, os.DirFS("../../examples/crm"), openapi.Exact, engine.Settings{Dev: true}))
	plain := valid(t, render(t, os.DirFS("../../examples/crm"), openapi.Plain, engine.Settings{Mount: "/"}))
	schemas, plainly := exact.Components.Schemas, plain.Components.Schemas
	tests := []struct {
		name      string
		got, want any
	}{
		{"what a customer needs", schemas["CustomerCreate"].Value.Required, []string{"name", "email"}},
		{"what replacing one needs", schemas["CustomerReplace"].Value.Required, []string{"name", "email"}},
		{"what a change needs", len(schemas["CustomerPatch"].Value.Required), 0},
		{"what every record has", schemas["Customer"].Value.Required, []string{"id"}},
		{"the server's own members are not sent", schemas["CustomerCreate"].Value.Properties["created_at"], (*openapi3.SchemaRef)(nil)},
		{"passwords are not shown", schemas["User"].Value.Properties["password"], (*openapi3.SchemaRef)(nil)},
		{"passwords are sent", schemas["UserCreate"].Value.Properties["password"].Value.Format, "password"},
		{"null, exactly", schemas["Customer"].Value.Properties["phone"].Value.Type.Slice(), []string{"string", "null"}},
		{"null, plainly", plainly["Customer"].Value.Properties["phone"].Value.Nullable, true},
		{"decimals are strings", schemas["Order"].Value.Properties["total"].Value.Type.Slice(), []string{"string"}},
		{"numbers are taken for them", schemas["OrderCreate"].Value.Properties["total"].Value.Type.Slice(), []string{"string", "number"}},
		{"an enum", plainly["Customer"].Value.Properties["status"].Value.Enum, []any{"active", "inactive", "pending"}},
		{"the parent is in the path", slices.Contains(plainly["OrderCreateInCustomerOrders"].Value.Required, "customer_id"), false},
		{"the envelope", plainly["CustomerEnvelope"].Value.Required, []string{"success", "data", "meta"}},
		{"who may", exact.Paths.Value("/customers/{id}/merge").Post.Extensions["x-roles"], []any{"admin"}},
		{"an action without its function", exact.Paths.Value("/customers/{id}/merge").Post.Responses.Value("501") != nil, true},
		{"an action that needs none", exact.Paths.Value("/customers/{id}/activate").Post.Responses.Value("501") != nil, false},
		{"the mount", plain.Servers[0].URL, "/"},
		{"passwords with every request, in dev", exact.Components.SecuritySchemes["basic"] != nil, true},
		{"and not otherwise", plain.Components.SecuritySchemes["basic"] != nil, false},
		{"login is open", len(*exact.Paths.Value("/auth/login").Post.Security), 0},
		{"invalid actions of an envelope", exact.Paths.Value("/customers").Post.Responses.Value("422") != nil, true},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	for _, name := range []string{"login", "refresh", "logout", "register", "me"} {
		if exact.Paths.Value("/auth/"+name) == nil {
			t.Errorf("/auth/%s is missing", name)
		}
	}
}
