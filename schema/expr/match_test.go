package expr_test

import (
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// customers are two rows: one with everything, one with nothing.
func customers() (full, empty *row) {
	tag := func(name string) *row { return &row{values: map[string]schema.Value{"name": schema.NewText(name)}} }
	order := func(total int64, status string) *row {
		return &row{values: map[string]schema.Value{"total": schema.NewDecimal(total, 2), "status": schema.NewText(status)}}
	}
	org := &row{values: map[string]schema.Value{"id": schema.NewInt(3), "name": schema.NewText("Acme")}}
	owner := &row{
		values: map[string]schema.Value{"id": schema.NewInt(7), "email": schema.NewText("ada@example.com"), "age": schema.NewInt(36)},
		one:    map[string]*row{"org": org},
	}
	full = &row{
		values: map[string]schema.Value{
			"id": schema.NewInt(1), "name": schema.NewText("Ada"), "vip": schema.NewBool(true), "level": schema.NewText("high"),
			"age": schema.NewInt(36), "credit": schema.NewDecimal(1050, 2), "score": schema.NewFloat(0.5), "big": schema.NewInt(1 << 60),
			"born": schema.NewText("1815-12-10"), "created_at": schema.NewText("2026-01-02T03:04:05.000000Z"),
			"wait": schema.NewInt(90_000_000), "owner": schema.NewInt(7), "org": schema.NewInt(3),
			"address": schema.NewJSON(`{"city":"Bonn","zipCode":null,"rent":123456}`), "labels": schema.NewJSON(`["a","b\"c"]`),
		},
		one:  map[string]*row{"owner": owner, "org": org},
		many: map[string][]*row{"orders": {order(500, "draft"), order(2000, "placed")}, "tags": {tag("new"), tag("loyal")}, "members": {owner}},
	}
	return full, &row{values: map[string]schema.Value{"id": schema.NewInt(2)}}
}

func TestMatch(t *testing.T) {
	w := newWorld()
	full, empty := customers()
	tests := []struct {
		in          string
		full, empty bool
	}{
		{"name = 'Ada'", true, false},
		{"name = 'ada'", false, false},
		{"name != 'Bob'", true, false},
		{"not name = 'Bob'", true, true},
		{"not name != 'Bob'", false, true},
		{"name < 'B' and name >= 'Ada'", true, false},
		{"name in ('Bob', 'Ada')", true, false},
		{"name not in ('Bob')", true, true},
		{"name like 'a*'", true, false},
		{"name like 'a'", false, false},
		{"name not like 'b*'", true, true},
		{"name is null", false, true},
		{"name is not null", true, false},
		{"vip", true, false},
		{"not vip", false, true},
		{"level > 'low' and level < 'extreme'", true, false},
		{"level >= 'high' and level <= 'high'", true, false},
		{"credit = 10.5 and credit > 9.99 and credit < 100", true, false},
		{"score >= 0.5 and score < 1", true, false},
		{"big > age", true, false},
		{"born < '1900-01-01'", true, false},
		{"created_at < '2026-01-02T03:04:05.1Z' and created_at >= '2026-01-02T04:04:05+01:00'", true, false},
		{"wait = 90s", true, false},
		{"owner = 7", true, false},
		{"owner.email like '*@example.com'", true, false},
		{"owner.org.name = 'Acme'", true, false},
		{"owner.age is null", false, true},
		{"not owner.age = 36", false, true},
		{"orders.total > 10", true, false},
		{"orders.total > 10 and orders.status = 'draft'", true, false},
		{"orders has (total > 10 and status = 'draft')", false, false},
		{"orders.total != 5", true, false},
		{"not orders.total = 5", false, true},
		{"orders is null", false, true},
		{"tags has 'new'", true, false},
		{"tags has 'old'", false, false},
		{"members has 7", true, false},
		{"members.org.name = 'Acme'", true, false},
		{"address.city = 'Bonn'", true, false},
		{"address.zip is null", true, true},
		{"address.rent = 1234.56 and address.rent > 999", true, false},
		{"address is null", false, true},
		{`labels has 'b"c'`, true, false},
		{"labels has 'c'", false, false},
		{"orders_count = 2", true, false},
		{"orders_count = 0", false, true},
		{"owner has (age = 36 and org.name = 'Acme')", true, false},
		{"org.name = 'Acme' or name = 'x'", true, false},
		{"true", true, true},
		{"false", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			e := w.bind(t, tt.in)
			if got := expr.Match(e, full); got != tt.full {
				t.Errorf("full row: %v", got)
			}
			if got := expr.Match(e, empty); got != tt.empty {
				t.Errorf("empty row: %v", got)
			}
			if expr.Match(schema.Not{X: e}, full) == tt.full || expr.Match(expr.Not(e), empty) == tt.empty {
				t.Error("not is no complement")
			}
		})
	}
}

// TestMatchGuards: what a guard hides is as if it were not there.
func TestMatchGuards(t *testing.T) {
	w := newWorld()
	full, _ := customers()
	guards := func(c *schema.Class) schema.Expr {
		switch c {
		case w.user:
			return schema.Const(false)
		case w.order:
			return schema.Compare{Op: schema.Gt, Left: &schema.Path{Field: w.order.Field("total")}, Right: schema.Lit{Value: schema.NewDecimal(1000, 2)}}
		}
		return nil
	}
	tests := []struct {
		in   string
		want bool
	}{
		{"owner.age = 36", false},
		{"owner.age is null", true},
		{"members is not null", false},
		{"orders.total = 5", false},
		{"orders.total = 20", true},
		{"orders_count = 1", true},
		{"org.name = 'Acme'", true},
	}
	for _, tt := range tests {
		if got := expr.Match(expr.WithGuards(w.bind(t, tt.in), guards), full); got != tt.want {
			t.Errorf("%s: %v", tt.in, got)
		}
	}
}

func TestMatchRefusesUnresolved(t *testing.T) {
	w := newWorld()
	full, _ := customers()
	defer func() {
		if recover() == nil {
			t.Error("a condition on me was judged without a subject")
		}
	}()
	expr.Match(w.bind(t, "owner = me"), full)
}

func TestLike(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true},
		{"abc", "ABC", true}, {"ab", "abc", false}, {"bc", "abc", false},
		{"a*", "abc", true}, {"*c", "abc", true}, {"*b*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false},
		{"a**c", "ac", true}, {"*ab*ab", "abab", true}, {"*ab*ab", "ab", false},
		{`a\*`, "a*", true}, {`a\*`, "ab", false}, {`a\\`, `a\`, true}, {`a\`, `a\`, true}, {`\a`, "A", true}, {`a\*b`, "a*bb", false},
		{"a%", "a%", true}, {"a%", "ab", false}, {"a_", "ab", false}, {"a?", "ab", false},
		{"ä*", "Äb", false}, {"ä*", "äb", true}, {"*😀", "x😀", true},
	}
	for _, tt := range tests {
		if got := expr.Like(tt.pattern, tt.text); got != tt.want {
			t.Errorf("%q like %q is %v", tt.text, tt.pattern, got)
		}
	}
}
