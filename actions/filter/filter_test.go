package filter

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, text string
		want       Term
		canonical  string
	}{
		{"bare", "active", Term{Op: "eq", Args: []string{"active"}}, "eq:active"},
		{"bare, empty", "", Term{Op: "eq", Args: []string{""}}, "eq:"},
		{"bare pattern", "A*", Term{Op: "like", Args: []string{"A*"}}, "like:A*"},
		{"bare pattern of an escaped star", `a\*b`, Term{Op: "like", Args: []string{`a\*b`}}, `like:a\*b`},
		{"bare, a backslash is itself", `a\b`, Term{Op: "eq", Args: []string{`a\b`}}, `eq:a\b`},
		{"eq keeps everything", "eq:a:b*,c", Term{Op: "eq", Args: []string{"a:b*,c"}}, "eq:a:b*,c"},
		{"ne", "ne:5", Term{Op: "ne", Args: []string{"5"}}, "ne:5"},
		{"a time", "ge:2026-01-01T00:00:00Z", Term{Op: "ge", Args: []string{"2026-01-01T00:00:00Z"}}, "ge:2026-01-01T00:00:00Z"},
		{"not", "not:lt:5", Term{Not: true, Op: "lt", Args: []string{"5"}}, "not:lt:5"},
		{"not bare", "not:x", Term{Not: true, Op: "eq", Args: []string{"x"}}, "not:eq:x"},
		{"not not", "not:not:x", Term{Op: "eq", Args: []string{"x"}}, "eq:x"},
		{"not of nothing", "not:", Term{Not: true, Op: "eq", Args: []string{""}}, "not:eq:"},
		{"the text not", "not", Term{Op: "eq", Args: []string{"not"}}, "eq:not"},
		{"in", "in:a,b", Term{Op: "in", Args: []string{"a", "b"}}, "in:a,b"},
		{"in nothing", "in:", Term{Op: "in"}, "in:"},
		{"in the empty text", `in:""`, Term{Op: "in", Args: []string{""}}, `in:""`},
		{"in with empty elements", "in:a,,b,", Term{Op: "in", Args: []string{"a", "", "b", ""}}, `in:a,"",b,""`},
		{"in with quotes", `in:"a,b",c"d,"e\"\\f"`, Term{Op: "in", Args: []string{"a,b", `c"d`, `e"\f`}}, `in:"a,b",c"d,e"\f`},
		{"like", `like:50%_\**`, Term{Op: "like", Args: []string{`50%_\**`}}, `like:50%_\**`},
		{"is null", "not:is:null", Term{Not: true, Op: "is", Args: []string{"null"}}, "not:is:null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Path = "f"
			got, err := Parse("f", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got.String() != tt.canonical {
				t.Errorf("canonical %q, want %q", got.String(), tt.canonical)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"a bare colon":        {"12:30", "write `eq:12:30`"},
		"an address":          {"http://x.io", "write `eq:http://x.io`"},
		"another's operator":  {"gte:5", "write `ge:`"},
		"another's list":      {"nin:a,b", "write `not:in:`"},
		"capitals":            {"EQ:5", "write `eq:` in small letters"},
		"capital not":         {"NOT:5", "write `not:` in small letters"},
		"nothing before it":   {":5", "write `eq::5`"},
		"a space":             {"eq :5", "write `eq:eq :5`"},
		"is something":        {"is:notnull", "not:is:null"},
		"is NULL":             {"is:NULL", "is:null"},
		"an open quote":       {`in:"a`, "not closed"},
		"an open escape":      {`in:"a\`, "not closed"},
		"text after a quote":  {`in:"a"b`, "after a closing quote"},
		"a lone escape":       {`like:a\`, "lone"},
		"a lone escape, bare": {`*\`, "lone"},
		"a long value":        {strings.Repeat("é", 100) + ":", "…"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse("f", tt.text)
			if err == nil {
				t.Fatalf("accepted as %v", got)
			}
			if !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 400 {
				t.Errorf("%q does not say %q", err, tt.want)
			}
		})
	}
}

func TestCanonicalTextReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := rapid.SampledFrom([]string{"eq", "ne", "lt", "le", "gt", "ge", "in", "is", "like"}).Draw(t, "op")
		want := Term{Path: "f", Op: op, Not: rapid.Bool().Draw(t, "not")}
		text := rapid.StringOf(rapid.SampledFrom([]rune(`ab,:"\* é`)))
		switch op {
		case "in":
			want.Args = rapid.SliceOfN(text, 1, 4).Draw(t, "args")
		case "is":
			want.Args = []string{"null"}
		case "like":
			want.Args = []string{EscapeLike(text.Draw(t, "arg"))}
		default:
			want.Args = []string{text.Draw(t, "arg")}
		}
		got, err := Parse("f", want.String())
		if err != nil {
			t.Fatalf("%s: %v", want, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n%s", want, diff)
		}
	})
}

func TestLower(t *testing.T) {
	x := &schema.Path{}
	lit := func(v schema.Value) schema.Operand { return schema.Lit{Value: v} }
	typ := func(name string, words ...string) schema.Type {
		o := schema.Options{Text: map[string]string{}}
		if name == "enum" {
			o.Enum = words
		} else {
			for _, w := range words {
				k, v, _ := strings.Cut(w, "=")
				o.Text[k] = v
			}
		}
		return schema.MustType(name, o)
	}
	number := typ("int", "min=0", "max=10")
	tests := []struct {
		name, text string
		typ        schema.Type
		want       schema.Expr
	}{
		{"eq", "5", number, schema.Compare{Op: schema.Eq, Left: x, Right: lit(schema.NewInt(5))}},
		{"ne", "ne:5", number, schema.Compare{Op: schema.Ne, Left: x, Right: lit(schema.NewInt(5))}},
		{"not", "not:gt:5", number, schema.Not{X: schema.Compare{Op: schema.Gt, Left: x, Right: lit(schema.NewInt(5))}}},
		{"an operand outside the field's limits", "lt:50", number, schema.Compare{Op: schema.Lt, Left: x, Right: lit(schema.NewInt(50))}},
		{"in", "in:1,2", number, schema.In{X: x, List: []schema.Operand{lit(schema.NewInt(1)), lit(schema.NewInt(2))}}},
		{"in nothing", "in:", number, schema.Const(false)},
		{"not in nothing", "not:in:", number, schema.Not{X: schema.Const(false)}},
		{"like", "like:a*", typ("string"), schema.Like{X: x, Pattern: "a*"}},
		{"bare star", "a*", typ("string"), schema.Like{X: x, Pattern: "a*"}},
		{"a star after eq", "eq:a*", typ("string"), schema.Compare{Op: schema.Eq, Left: x, Right: lit(schema.NewText("a*"))}},
		{"is null", "is:null", typ("bool"), schema.IsNull{X: x}},
		{"enum", "active", typ("enum", "active", "pending"), schema.Compare{Op: schema.Eq, Left: x, Right: lit(schema.NewText("active"))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			term, err := Parse("f", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Lower(term, x, tt.typ)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(schema.Equal), cmp.Comparer(func(a, b *schema.Path) bool { return a == b })); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	refused := []struct {
		name, text string
		typ        schema.Type
		want       string
	}{
		{"text for a number", "abc", number, "whole number"},
		{"a pattern for a number", "1*", number, "a pattern (`like`, or a bare `*`) does not work on type int"},
		{"outside the enum", "gone", typ("enum", "active", "pending"), "active"},
		{"a secret", "x", typ("password"), "secret"},
		{"one bad element", "in:1,x", number, "whole number"},
		{"an order of JSON", "gt:1", typ("json"), "type json"},
	}
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			term, err := Parse("f", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			e, err := Lower(term, x, tt.typ)
			if err == nil {
				t.Fatalf("lowered to %v", e)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%q does not say %q", err, tt.want)
			}
		})
	}
	t.Run("terms made by hand", func(t *testing.T) {
		for _, term := range []Term{{Op: "between", Args: []string{"1"}}, {Op: "eq"}, {Op: "eq", Args: []string{"1", "2"}}, {Op: "is", Args: []string{"x"}}} {
			if e, err := Lower(term, x, number); err == nil {
				t.Errorf("%v lowered to %v", term, e)
			}
		}
		if e, err := Lower(Term{Op: "like", Args: []string{`a\`}}, x, typ("string")); err == nil {
			t.Errorf("a broken pattern lowered to %v", e)
		}
	})
}

func TestOperators(t *testing.T) {
	for _, op := range Operators() {
		if Lookup(op.Name) != op || op.Doc == "" {
			t.Errorf("%s cannot be looked up, or is not explained", op.Name)
		}
	}
}

// Parsing never panics, and what is accepted has a canonical text of the same meaning.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a*", "in:\"a\\\"\",b", "not:not:in:", "like:\\*", "gte:1", "is:null"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		term, err := Parse("f", text)
		if err != nil {
			return
		}
		again, err := Parse("f", term.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", text, term, err)
		}
		if diff := cmp.Diff(term, again); diff != "" {
			t.Errorf("%q\n%s", text, diff)
		}
	})
}
