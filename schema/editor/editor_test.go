package editor_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/editor"
	"github.com/dowel-dev/dowel/schema/load"
)

const small = `dowel: 1
roles: {agent: null, admin: {includes: agent}}
types:
  zip: {type: string, pattern: "[0-9]{5}"}
mixins:
  owned:
    fields: {owner: string}
    roles: {owner: owner = me}
include: more/*.yaml
classes:
  customer:
    use: owned
    fields: {name: string max=20}
    roles: {self: id = me}
    actions: {merge: {run: go}}
`

func project(main string) fstest.MapFS {
	return fstest.MapFS{
		"dowel.yaml":     {Data: []byte(main)},
		"more/tags.yaml": {Data: []byte("classes:\n  tag:\n    fields: {name: slug}\n")},
	}
}

func TestCollect(t *testing.T) {
	want := editor.Names{
		Classes: []string{"customer", "tag"}, Roles: []string{"admin", "agent"}, RowRoles: []string{"owner", "self"},
		Types: []string{"zip"}, Mixins: []string{"owned"}, Actions: []string{"merge"},
	}
	if diff := cmp.Diff(want, editor.Collect(project(small), ".")); diff != "" {
		t.Error(diff)
	}
	if got := editor.Collect(fstest.MapFS{}, "."); got.Classes != nil {
		t.Error(got)
	}
}

// TestExamples: every application that loads is right for the editor too.
func TestExamples(t *testing.T) {
	for _, folder := range []string{"../../examples", "../load/testdata"} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		fsys := os.DirFS(folder)
		for _, e := range entries {
			root := e.Name()
			if e.IsDir() {
				root = path.Join(root, "dowel.yaml")
			}
			if !strings.HasSuffix(root, ".yaml") {
				continue
			}
			s, list := load.FS(fsys, root, load.Options{})
			if s == nil && !strings.Contains(root, "mistakes") && len(list) > 0 && list[0].Code != "E009" {
				t.Errorf("%s does not load: %v", root, list[0].Message)
			}
			if s == nil {
				continue
			}
			t.Run(root, func(t *testing.T) {
				v := validatorOf(t, editor.Collect(fsys, root))
				for _, name := range load.Files(fsys, root) {
					data, err := os.ReadFile(path.Join(folder, name))
					if err != nil {
						t.Fatal(err)
					}
					for _, wrong := range v.file(name, string(data)) {
						t.Errorf("%s: %s", name, wrong)
					}
				}
			})
		}
	}
}

// TestCodes: the examples of the error pages. What is right for the loader is
// right for the editor, and mistakes of form are found by both.
func TestCodes(t *testing.T) {
	form := []string{"E010", "E013", "E014", "E020", "E021", "E023", "E030", "E031"}
	for _, c := range diag.Codes() {
		if c.Right == "" {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			check := func(text string) []string {
				files := fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\n" + text)}}
				return validatorOf(t, editor.Collect(files, ".")).file("dowel.yaml", "dowel: 1\n"+text)
			}
			if wrong := check(c.Right); wrong != nil {
				t.Errorf("the right example is refused: %v", wrong)
			}
			if slices.Contains(form, c.ID) && check(c.Wrong) == nil {
				t.Error("the wrong example is taken")
			}
		})
	}
}

func TestFieldText(t *testing.T) {
	v := validatorOf(t, editor.Collect(project(small), "."))
	tests := []struct {
		text string
		want bool
	}{
		{"string", true}, {"string max=20 optional", true}, {"zip optional", true}, {"customer on_delete=cascade", true},
		{"many tag by=name create", true}, {"list string max=3", true}, {"decimal scale=2", true}, {"email read=admin", true},
		{"user auto=me", false}, {"string optonal", false}, {"strin", false}, {"customer on_delete=drop", false},
		{"many tags", false}, {"string max", false}, {"string max=", false}, {"email read=admn", false}, {"", false}, {"optional", false},
	}
	for _, tt := range tests {
		wrong := v.file("x.yaml", "classes:\n  customer:\n    fields: {a: '"+tt.text+"'}\n")
		if (wrong == nil) != tt.want {
			t.Errorf("%q: %v", tt.text, wrong)
		}
	}
}

// TestCompletion: what an editor can offer is in the schema, in words.
func TestCompletion(t *testing.T) {
	text := string(editor.Schema(editor.Collect(project(small), "."), schema.BuiltinTypes()))
	for _, want := range []string{`"label": "customer"`, `"label": "many tag"`, `"label": "decimal"`, `"agent"`, `"self"`, `"merge"`, `"owned"`, `"description": "See one row."`} {
		if !strings.Contains(text, want) {
			t.Errorf("the schema does not mention %s", want)
		}
	}
	if again := string(editor.Schema(editor.Collect(project(small), "."), schema.BuiltinTypes())); again != text {
		t.Error("two schemas of one project differ")
	}
}

// validator is as much of JSON Schema as the generated ones use.
type validator struct {
	root map[string]any
	list []string
}

func validatorOf(t *testing.T, names editor.Names) *validator {
	t.Helper()
	v := &validator{}
	if err := json.Unmarshal(editor.Schema(names, schema.BuiltinTypes()), &v.root); err != nil {
		t.Fatal(err)
	}
	return v
}

// file returns what is wrong with a YAML file.
func (v *validator) file(name, text string) []string {
	doc, list := load.Document(name, []byte(text))
	if list.HasErrors() {
		return []string{list[0].Message}
	}
	v.list = nil
	v.check(v.root, doc, name)
	return v.list
}

func (v *validator) fail(at, format string, args ...any) {
	v.list = append(v.list, at+": "+fmt.Sprintf(format, args...))
}

func (v *validator) check(s any, n *load.Node, at string) {
	m, ok := s.(map[string]any)
	if !ok {
		return // true
	}
	for key, x := range m {
		switch key {
		case "$ref":
			name := strings.TrimPrefix(x.(string), "#/$defs/")
			v.check(v.root["$defs"].(map[string]any)[name], n, at)
		case "type":
			if !v.is(x, n) {
				v.fail(at, "%q is no %v", n.Text, x)
			}
		case "enum":
			if !slices.ContainsFunc(x.([]any), func(e any) bool { return n.Kind == load.Scalar && fmt.Sprint(e) == n.Text }) {
				v.fail(at, "%q is none of %v", n.Text, x)
			}
		case "pattern":
			if n.Kind == load.Scalar && !regexp.MustCompile(x.(string)).MatchString(n.Text) {
				v.fail(at, "%q does not match %s", n.Text, x)
			}
		case "anyOf":
			v.anyOf(x.([]any), n, at)
		case "items":
			for i := range n.Items {
				v.check(x, &n.Items[i], at+"/"+strconv.Itoa(i))
			}
		case "properties":
			v.object(m, n, at)
		case "additionalProperties":
			if m["properties"] == nil {
				v.object(m, n, at)
			}
		case "propertyNames":
			for _, e := range n.Members {
				v.check(x, &load.Node{Kind: load.Scalar, Text: e.Name}, at+"/"+e.Name)
			}
		case "$schema", "$defs", "title", "description", "patternErrorMessage", "defaultSnippets", "patternProperties":
		default:
			v.fail(at, "the schema uses %s, which the test does not know", key)
		}
	}
}

func (v *validator) anyOf(forms []any, n *load.Node, at string) {
	var why []string
	for _, form := range forms {
		inner := &validator{root: v.root}
		inner.check(form, n, at)
		if inner.list == nil {
			return
		}
		why = append(why, inner.list...)
	}
	v.list = append(v.list, why...)
}

func (v *validator) object(m map[string]any, n *load.Node, at string) {
	properties, _ := m["properties"].(map[string]any)
	patterns, _ := m["patternProperties"].(map[string]any)
next:
	for i := range n.Members {
		e := &n.Members[i]
		if p, known := properties[e.Name]; known {
			v.check(p, &e.Value, at+"/"+e.Name)
			continue
		}
		for p := range patterns {
			if regexp.MustCompile(p).MatchString(e.Name) {
				continue next
			}
		}
		if m["additionalProperties"] == false {
			v.fail(at, "unknown key %s", e.Name)
			continue
		}
		v.check(m["additionalProperties"], &e.Value, at+"/"+e.Name)
	}
}

// is reports whether a value has one of the types, as YAML's core schema reads it.
func (v *validator) is(types any, n *load.Node) bool {
	if list, ok := types.([]any); ok {
		return slices.ContainsFunc(list, func(t any) bool { return v.is(t, n) })
	}
	_, notNumber := strconv.ParseFloat(n.Text, 64)
	_, notInt := strconv.Atoi(n.Text)
	number, boolean := notNumber == nil && !n.Quoted, !n.Quoted && (n.Text == "true" || n.Text == "false")
	switch types {
	case "null":
		return n.Kind == load.Null
	case "object":
		return n.Kind == load.Map
	case "array":
		return n.Kind == load.List
	case "integer":
		return n.Kind == load.Scalar && number && notInt == nil
	case "number":
		return n.Kind == load.Scalar && number
	case "boolean":
		return n.Kind == load.Scalar && boolean
	}
	return n.Kind == load.Scalar && !number && !boolean
}
