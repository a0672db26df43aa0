package actions_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/actions/filter"
)

var verbs = []string{
	actions.VerbGet, actions.VerbSearch, actions.VerbRelated, actions.VerbCreate, actions.VerbReplace,
	actions.VerbPatch, actions.VerbPatchEach, actions.VerbPatchWhere, actions.VerbDelete,
	actions.VerbDeleteWhere, actions.VerbRestore, actions.VerbPurge, actions.VerbRun, actions.VerbCompound,
}

func TestDecodeIsTheInverseOfEncode(t *testing.T) {
	for _, verb := range verbs {
		t.Run(verb, rapid.MakeCheck(func(t *rapid.T) {
			a := actions.New(verb)
			fill(t, reflect.ValueOf(a).Elem(), 0)
			text, err := actions.Encode(a)
			if err != nil {
				t.Fatal(err)
			}
			back, err := actions.Decode(text)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if diff := cmp.Diff(a, back); diff != "" {
				t.Fatalf("(-sent +read) of %s\n%s", text, diff)
			}
			one, _ := actions.Hash(a)
			two, _ := actions.Hash(back)
			if one != two {
				t.Fatal("equal actions, unequal hashes")
			}
		}))
	}
}

// fill sets every member to something; empty slices stay nil, as the parser makes them.
func fill(t *rapid.T, v reflect.Value, depth int) {
	switch v.Type() {
	case reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(rapid.SampledFrom([]string{`{"a":[1,"<é>",null]}`, `[]`, `12.50`, `null`, `"x"`}).Draw(t, "content")))
		return
	case reflect.TypeFor[filter.Term]():
		term, err := filter.Parse("f.g", rapid.SampledFrom([]string{"x", "not:eq:x", "in:a,b", "in:", "like:*\\**", "is:null"}).Draw(t, "term"))
		if err != nil {
			t.Fatal(err)
		}
		v.Set(reflect.ValueOf(term))
		return
	}
	switch v.Type() {
	case reflect.TypeFor[actions.Action]():
		a := actions.New(rapid.SampledFrom([]string{actions.VerbGet, actions.VerbCreate, actions.VerbSearch, actions.VerbRun}).Draw(t, "verb"))
		fill(t, reflect.ValueOf(a).Elem(), depth+1)
		v.Set(reflect.ValueOf(a))
		return
	case reflect.TypeFor[error]():
		return // for the log alone
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.String().Filter(func(s string) bool { return strings.ToValidUTF8(s, "") == s }).Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "int"))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth)
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 2).Draw(t, "len")
		if n == 0 || depth > 2 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), depth)
		}
	default:
		t.Fatalf("no way to fill a %s", v.Type())
	}
}

func TestEncode(t *testing.T) {
	limit := 20
	a := &actions.Search{
		Class: "customer",
		Select: actions.Select{
			Filter: []filter.Term{{Path: "status", Op: "eq", Args: []string{"active"}}},
			Order:  []actions.Order{{By: "name", Desc: true}},
			Limit:  &limit,
		},
		View: actions.View{With: []actions.With{{Relation: "orders"}}},
	}
	text, err := actions.Encode(a)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"do":"search","class":"customer","filter":[{"path":"status","op":"eq","args":["active"]}],"order":[{"by":"name","desc":true}],"limit":20,"with":[{"relation":"orders"}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestHashIgnoresWhiteSpaceInContent(t *testing.T) {
	tight, _ := actions.Hash(&actions.Create{Class: "x", Content: json.RawMessage(`{"a":[1,2]}`)})
	loose, _ := actions.Hash(&actions.Create{Class: "x", Content: json.RawMessage("{ \"a\" :\n[1, 2] }")})
	if tight != loose {
		t.Error("white space changes the hash")
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"no object":       {`[]`, "JSON object"},
		"no verb":         {`{"class":"x"}`, "no `do`"},
		"verb of no text": {`{"do":1}`, "name of an action"},
		"unknown verb":    {`{"do":"explode"}`, `no action "explode"`},
		"unknown member":  {`{"do":"get","class":"x","id":"7","colour":1}`, "colour"},
		"other case":      {`{"do":"get","Class":"x"}`, "Class"},
		"doubled member":  {`{"do":"get","class":"x","class":"y"}`, "duplicate"},
		"wrong kind":      {`{"do":"get","class":7}`, "get"},
		"more after it":   {`{"do":"get"} {}`, "more after"},
		"cut off":         {`{"do":"get"`, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := actions.Decode([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to speak of %q", err, tt.want)
			}
		})
	}
}
