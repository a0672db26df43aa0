package expr_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// conditions draws sources that are right for customers.
func conditions(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
			return comparison(t)
		}
		inner := conditions(depth - 1)
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			return "not (" + inner.Draw(t, "x") + ")"
		case 1:
			return "(" + inner.Draw(t, "x") + ") and " + comparison(t)
		case 2:
			return inner.Draw(t, "x") + " or " + inner.Draw(t, "y")
		}
		return "org has (name = 'x' or customers has (" + inner.Draw(t, "x") + "))"
	})
}

func comparison(t *rapid.T) string {
	op := rapid.SampledFrom([]string{" = ", " != ", " < ", " <= ", " > ", " >= "}).Draw(t, "op")
	text := "'" + strings.ReplaceAll(rapid.StringOfN(rapid.RuneFrom([]rune("aB'*\\é ")), 0, 4, -1).Draw(t, "text"), "'", "''") + "'"
	number := strconv.Itoa(rapid.IntRange(-50, 50).Draw(t, "n"))
	return rapid.SampledFrom([]string{
		"name" + op + text, "name like " + text, "name in (" + text + ", 'Ada')", "name is null", ".like" + op + text,
		"age" + op + number, "age not in (" + number + ", 36)", "credit" + op + number + ".5", "score" + op + number + "e-1",
		"age" + op + "big", "vip", "vip != false", "level" + op + "'high'", "born" + op + "'1900-01-01'",
		"created_at" + op + "'2026-01-02T03:04:05.5Z'", "wait" + op + "2m", "owner = 7", "owner is null",
		"owner.age" + op + number, "owner.email like " + text, "owner.org.name" + op + text, "orders.total" + op + number,
		"orders.status" + op + "'placed'", "tags has 'new'", "members has 7", "labels has " + text, "orders is null",
		"address.city" + op + text, "address.rent" + op + number, "orders_count" + op + number, "true", "false",
	}).Draw(t, "comparison")
}

// TestStringReadsBack: the canonical spelling of a condition means the same and is canonical.
func TestStringReadsBack(t *testing.T) {
	w := newWorld()
	full, empty := customers()
	rapid.Check(t, func(rt *rapid.T) {
		e := w.bind(t, conditions(3).Draw(rt, "source"))
		text := expr.String(e)
		again := w.bind(t, text)
		if expr.String(again) != text {
			rt.Fatalf("%s reads back as %s", text, expr.String(again))
		}
		for _, r := range []*row{full, empty} {
			if expr.Match(again, r) != expr.Match(e, r) {
				rt.Fatalf("%s reads back with another meaning", text)
			}
		}
	})
}

// TestTreesReadBack is the same for syntax trees.
func TestTreesReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, bad := expr.Parse(conditions(4).Draw(rt, "source"))
		if bad != nil {
			rt.Fatal(bad)
		}
		again, bad := expr.Parse(n.String())
		if bad != nil || again.String() != n.String() {
			rt.Fatalf("%s: %v %v", n, again, bad)
		}
	})
}

// TestLogic: the logic is two-valued, and joining and simplifying keep the meaning.
func TestLogic(t *testing.T) {
	w := newWorld()
	full, empty := customers()
	rapid.Check(t, func(rt *rapid.T) {
		x, y := w.bind(t, conditions(2).Draw(rt, "x")), w.bind(t, conditions(2).Draw(rt, "y"))
		for _, r := range []*row{full, empty} {
			a, b := expr.Match(x, r), expr.Match(y, r)
			for name, pair := range map[string][2]bool{
				"not":      {expr.Match(expr.Not(x), r), !a},
				"and":      {expr.Match(expr.And(x, y, nil), r), a && b},
				"or":       {expr.Match(expr.Or(x, y), r), a || b},
				"simplify": {expr.Match(expr.Simplify(schema.Or{schema.And{x}, schema.Not{X: schema.Not{X: y}}, schema.Or{}}), r), a || b},
				"resolve":  {expr.Match(expr.Resolve(x, w.env()), r), a},
				"guards":   {expr.Match(expr.WithGuards(x, func(*schema.Class) schema.Expr { return nil }), r), a},
			} {
				if pair[0] != pair[1] {
					rt.Fatalf("%s of %s and %s is %v", name, expr.String(x), expr.String(y), pair[0])
				}
			}
		}
	})
}

func TestWalks(t *testing.T) {
	w := newWorld()
	tests := []struct {
		in      string
		classes []string
		fields  []string
		local   bool
		me, now bool
	}{
		{"true", nil, nil, true, false, false},
		{"age = 5 and address.city = 'x' or age = 6", []string{"customer"}, []string{"age", "address"}, true, false, false},
		{"owner = me", []string{"customer"}, []string{"owner"}, true, true, false},
		{"owner.email = 'x'", []string{"customer", "user"}, []string{"owner", "email"}, false, false, false},
		{"orders.placed_at < now", []string{"customer", "order"}, []string{"placed_at"}, false, false, true},
		{"orders_count = 1", []string{"customer", "order"}, []string{"orders_count"}, false, false, false},
		{"tags has 'x' and name = me.team", []string{"customer", "tag"}, []string{"tags", "name", "name"}, false, true, false},
		{"org.customers.owner.age = 1", []string{"customer", "org", "user"}, []string{"org", "owner", "age"}, false, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			e := w.bind(t, tt.in)
			var classes, fields []string
			for _, c := range expr.Classes(e) {
				classes = append(classes, c.Name)
			}
			slices.Sort(classes)
			for _, f := range expr.Fields(e) {
				fields = append(fields, f.Name)
			}
			if diff := cmp.Diff(tt.classes, classes); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.fields, fields); diff != "" {
				t.Error(diff)
			}
			if expr.Local(e) != tt.local || expr.Subjective(e) != tt.me || expr.Timed(e) != tt.now {
				t.Errorf("local %v, subjective %v, timed %v", expr.Local(e), expr.Subjective(e), expr.Timed(e))
			}
		})
	}
}

func TestRebase(t *testing.T) {
	w := newWorld()
	n, bad := expr.Parse("owner = me")
	if bad != nil {
		t.Fatal(bad)
	}
	role, errs := expr.Bind(n, w.scope(w.customer))
	if errs != nil {
		t.Fatal(errs)
	}
	e := expr.Rebase(w.order.Relation("customer"), role)
	if got := expr.String(e); got != "customer has (owner = me)" {
		t.Error(got)
	}
	if got := expr.Rebase(w.order.Relation("customer"), schema.Const(false)); got != schema.Const(false) {
		t.Error(got)
	}
}

// FuzzParse: any text is an expression that reads back, or an error inside the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"status = 'active' and (total > 10 or vip)", "a.b has me", "not (a in ('x', 2)) or b is not null", "x < now - 7d",
		"orders has (a like 'b*' and not c)", ".like = -1e-5", "'it''s' = a", "((((", "a = 'x", "true", "me.org = 5w",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		n, bad := expr.Parse(src)
		if bad != nil {
			if bad.Offset < 0 || bad.End < bad.Offset || bad.End > len(src) || bad.Message == "" {
				t.Fatalf("%q: error at %d to %d: %s", src, bad.Offset, bad.End, bad.Message)
			}
			return
		}
		text := n.String()
		again, bad := expr.Parse(text)
		if bad != nil || again.String() != text {
			t.Fatalf("%q prints as %q, which reads as %v, %v", src, text, again, bad)
		}
	})
}

// FuzzBind: what binds reads back, resolves, guards and matches without a panic.
func FuzzBind(f *testing.F) {
	for _, seed := range []string{
		"name = 'Ada' and orders.total > 5", "owner = me or members has me", "tags has 'x' and level in ('low', me.level)",
		"created_at < now - 7d", "org has (customers has (vip)) and address.rent >= 1.5", "labels has 'a' or owner.profile.bio is null",
		"me.team = 'x' and 5 < age", "nmae = 5", "name = me.password",
	} {
		f.Add(seed)
	}
	w := newWorld()
	full, empty := customers()
	f.Fuzz(func(t *testing.T, src string) {
		n, bad := expr.Parse(src)
		if bad != nil {
			return
		}
		e, errs := expr.Bind(n, w.scope(w.customer))
		for _, err := range errs {
			if err.Offset < 0 || err.End <= err.Offset || err.End > len(src) || err.Message == "" {
				t.Fatalf("%q: error at %d to %d: %s", src, err.Offset, err.End, err.Message)
			}
		}
		if len(errs) > 0 {
			return
		}
		text := expr.String(e)
		if got := expr.String(w.bind(t, text)); got != text {
			t.Fatalf("%q is %q, which reads back as %q", src, text, got)
		}
		e = expr.Resolve(expr.WithGuards(e, func(*schema.Class) schema.Expr { return schema.Const(true) }), w.env())
		if expr.Match(e, full) == expr.Match(schema.Not{X: e}, full) || expr.Match(e, empty) == expr.Match(expr.Not(e), empty) {
			t.Fatalf("%q: not is no complement", src)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expr.Parse("status = 'active' and (total > 10 or vip) and owner = me"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResolve(b *testing.B) {
	w := newWorld()
	env := w.env()
	for _, src := range []string{"age = 5 and owner.email like 'a*'", "owner = me", "owner = me and created_at > now - 7d or org = me.org"} {
		e := w.bind(b, src)
		b.Run(src, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				expr.Resolve(e, env)
			}
		})
	}
}

func BenchmarkMatch(b *testing.B) {
	w := newWorld()
	full, _ := customers()
	for _, src := range []string{"age = 36", "name like '*d*' and owner.email = 'ada@example.com'", "orders.total > 10", "address.city = 'Bonn'"} {
		e := w.bind(b, src)
		b.Run(src, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !expr.Match(e, full) {
					b.Fatal("no match")
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	w := newWorld()
	e := w.bind(b, "level = 'high' and owner.age > 5 and orders has (total > 5)")
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = expr.Append(buf[:0], e)
	}
}
