package expr_test

import (
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

func TestResolve(t *testing.T) {
	w := newWorld()
	tests := []struct{ name, in, want, anonymous string }{
		{"nothing to do", "age = 5", "age = 5", "age = 5"},
		{"me", "owner = me", "owner = 7", "false"},
		{"me on the left", "me = owner", "owner = 7", "false"},
		{"not me", "not owner = me", "not (owner = 7)", "true"},
		{"unequal to me", "owner != me", "owner != 7", "false"},
		{"me as text", "subject = me", "subject = '7'", "false"},
		{"me as what it cannot be", "ref = me", "false", "false"},
		{"me in a set", "owner in (me, 8)", "owner in (7, 8)", "owner in (8)"},
		{"only me in a set", "owner in (me)", "owner in (7)", "false"},
		{"set has me", "members has me", "members has (id = 7)", "false"},
		{"list has me", "labels has me", "labels has '7'", "false"},
		{"field of me", "org = me.org", "org = 3", "false"},
		{"field of me over a relation", "orders has (customer.org = me.org)", "orders has (customer.org = 3)", "false"},
		{"null field of me", "age = me.age", "false", "false"},
		{"claim", "name = me.team", "name = 'red'", "false"},
		{"number claim as text", "name = me.floor", "name = '4'", "false"},
		{"absent claim", "name = me.nothing", "false", "false"},
		{"now", "created_at < now - 1d", "created_at < '2026-03-03T05:06:07Z'", "created_at < '2026-03-03T05:06:07Z'"},
		{"today", "born < now - 1w", "born < '2026-02-25'", "born < '2026-02-25'"},
		{"subject alone holds", "me.level > 'low' and age = 5", "age = 5", "false"},
		{"subject alone does not hold", "me.level > 'high' or age = 5", "age = 5", "age = 5"},
		{"subject in a set", "me.team in ('red', 'blue')", "true", "false"},
		{"subject alone", "me is not null", "true", "false"},
		{"claim is null", "me.nothing is null", "true", "true"},
		{"or with everything", "me is not null or age = 5", "true", "age = 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := w.bind(t, tt.in)
			if got := expr.String(expr.Resolve(e, w.env())); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			nobody := &expr.Env{Now: w.env().Now}
			if got := expr.String(expr.Resolve(e, nobody)); got != tt.anonymous {
				t.Errorf("anonymous: got %s, want %s", got, tt.anonymous)
			}
		})
	}
	if expr.Resolve(nil, w.env()) != nil {
		t.Error("no condition became one")
	}
}

// TestResolveGuards: guards mention me as well, and one that nobody passes hides the row.
func TestResolveGuards(t *testing.T) {
	w := newWorld()
	mine := func(c *schema.Class) schema.Expr {
		switch c {
		case w.user:
			return schema.Compare{Left: &schema.Path{Field: w.user.Key[0], Type: w.user.Key[0].Type}, Right: schema.Me{Type: w.user.Key[0].Type}}
		case w.tag:
			return schema.Const(false)
		}
		return nil
	}
	tests := []struct{ name, in, guarded, resolved string }{
		{"step", "owner.age = 5", "owner[id = me].age = 5", "owner[id = 7].age = 5"},
		{"exists", "members.age = 5", "members[id = me] has (age = 5)", "members[id = 7] has (age = 5)"},
		{"two classes", "org.name = 'x'", "org.name = 'x'", "org.name = 'x'"},
		{"hidden altogether", "not tags has 'x'", "not (tags[false] has (name = 'x'))", "true"},
		{"computed", "orders_count > 1", "orders_count > 1", "orders_count > 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := expr.WithGuards(w.bind(t, tt.in), mine)
			if got := expr.String(e); got != tt.guarded {
				t.Errorf("got %s, want %s", got, tt.guarded)
			}
			if got := expr.String(expr.Simplify(expr.Resolve(e, w.env()))); got != tt.resolved {
				t.Errorf("resolved: got %s, want %s", got, tt.resolved)
			}
		})
	}
	hidden := expr.Resolve(expr.WithGuards(w.bind(t, "owner.age = 5 or owner.age is null"), mine), &expr.Env{})
	if got := expr.String(hidden); got != "true" {
		t.Errorf("a hidden row has a field: %s", got)
	}
}

func TestResolveOperand(t *testing.T) {
	w := newWorld()
	tests := []struct {
		name string
		o    schema.Operand
		want schema.Value
	}{
		{"constant", schema.Lit{Value: schema.NewInt(1)}, schema.NewInt(1)},
		{"me", schema.Me{Type: typ("int")}, schema.NewInt(7)},
		{"me as what it cannot be", schema.Me{Type: typ("uuid")}, schema.Value{}},
		{"now", schema.Now{Type: typ("datetime")}, schema.NewText("2026-03-04T05:06:07.000000Z")},
		{"field", schema.MeField{Name: "org", Field: w.user.Field("org")}, schema.NewInt(3)},
		{"path", &schema.Path{Field: w.user.Field("org")}, schema.Value{}},
		{"nothing", nil, schema.Value{}},
	}
	for _, tt := range tests {
		if got := expr.ResolveOperand(tt.o, w.env()); !schema.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestResolveAllocatesNothingForConstants(t *testing.T) {
	w := newWorld()
	e := w.bind(t, "age = 5 and (owner.email like 'a*' or orders.total > 5) and level in ('low')")
	env := w.env()
	if n := testing.AllocsPerRun(100, func() { expr.Resolve(e, env) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestOneNow: all of a condition sees the same time.
func TestOneNow(t *testing.T) {
	w := newWorld()
	tick := time.Unix(0, 0)
	env := &expr.Env{Now: func() time.Time {
		tick = tick.Add(time.Hour)
		return tick
	}}
	got := expr.String(expr.Resolve(w.bind(t, "created_at < now or created_at > now"), env))
	if want := "created_at < '1970-01-01T01:00:00Z' or created_at > '1970-01-01T01:00:00Z'"; got != want {
		t.Errorf("got %s", got)
	}
}
