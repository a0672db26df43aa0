package authz

import (
	"fmt"
	"slices"
	"testing"

	"github.com/dowel-dev/dowel/schema"
)

// mutant is the compiler with one mistake, made by bending what goes into it or what comes out.
type mutant struct {
	rules    func([]*schema.Rule) []*schema.Rule
	decision func(*Decision) *Decision
}

// mutants are mistakes that a compiler of policies could have.
var mutants = map[string]mutant{
	"forgets denies":        {rules: without(func(r *schema.Rule) bool { return r.Deny })},
	"denies for ever":       {rules: each(func(r *schema.Rule) { r.Where = ifThen(r.Deny, nil, r.Where) })},
	"allows without asking": {rules: each(func(r *schema.Rule) { r.Where = ifThen(!r.Deny, nil, r.Where) })},
	"takes denies for allows": {rules: each(func(r *schema.Rule) {
		r.Deny = false
	})},
	"leaves out field lists":          {rules: each(func(r *schema.Rule) { r.Fields = nil })},
	"leaves out lines with fields":    {rules: without(func(r *schema.Rule) bool { return len(r.Fields) > 0 })},
	"shows a field list by its first": {rules: each(func(r *schema.Rule) { r.Fields = r.Fields[:min(1, len(r.Fields))] })},
	"forgets the last line":           {rules: func(all []*schema.Rule) []*schema.Rule { return all[:max(0, len(all)-1)] }},
	"does not know anonymous":         {rules: without(func(r *schema.Rule) bool { return r.Role == roleAnonymous })},
	"takes users for anyone":          {rules: each(func(r *schema.Rule) { r.Role = map[bool]string{true: roleAnyone, false: r.Role}[r.Role == roleUser] })},
	"takes row roles for users":       {rules: each(func(r *schema.Rule) { r.Where = ifThen(r.RowRole != "", nil, r.Where) })},
	"reads r2 as r0":                  {rules: each(func(r *schema.Rule) { r.Role = map[bool]string{true: "r0", false: r.Role}[r.Role == "r2"] })},
	"takes read for get":              {rules: each(func(r *schema.Rule) { r.Verb = map[bool]string{true: Get, false: r.Verb}[r.Verb == "read"] })},
	"takes write for update":          {rules: each(func(r *schema.Rule) { r.Verb = map[bool]string{true: Update, false: r.Verb}[r.Verb == "write"] })},
	"takes all for read":              {rules: each(func(r *schema.Rule) { r.Verb = map[bool]string{true: "read", false: r.Verb}[r.Verb == "all"] })},
	"the widest word wins":            {rules: each(func(r *schema.Rule) { r.Verb = map[bool]string{true: "all", false: r.Verb}[!r.Deny && r.Verb != "all"] })},
	"or for and":                      {decision: bent(func(x schema.Expr) schema.Expr { a, ok := x.(schema.And); return ifThen(ok, schema.Or(a), x) })},
	"and for or":                      {decision: bent(func(x schema.Expr) schema.Expr { o, ok := x.(schema.Or); return ifThen(ok, schema.And(o), x) })},
	"drops a term of and":             {decision: bent(func(x schema.Expr) schema.Expr { return dropTerm(x, true) })},
	"drops a term of or":              {decision: bent(func(x schema.Expr) schema.Expr { return dropTerm(x, false) })},
	"drops not":                       {decision: bent(func(x schema.Expr) schema.Expr { n, ok := x.(schema.Not); return ifThen(ok, n.X, x) })},
	"unequal holds for null":          {decision: bent(unequalToNull)},
	"not of null is null":             {decision: bent(threeValued)},
	"greater for at least":            {decision: compares(schema.Ge, schema.Gt)},
	"at most for less":                {decision: compares(schema.Lt, schema.Le)},
	"in looks at the first":           {decision: bent(func(x schema.Expr) schema.Expr { in, ok := x.(schema.In); return ifThen(ok, firstOf(in), x) })},
	"null is never":                   {decision: bent(func(x schema.Expr) schema.Expr { _, ok := x.(schema.IsNull); return ifThen(ok, schema.Const(false), x) })},
	"like is always":                  {decision: bent(func(x schema.Expr) schema.Expr { _, ok := x.(schema.Like); return ifThen(ok, schema.Const(true), x) })},
	"exists without its condition": {decision: bent(func(x schema.Expr) schema.Expr {
		e, ok := x.(schema.Exists)
		return ifThen(ok, schema.Exists{Rel: e.Rel, Where: schema.Const(true)}, x)
	})},
	"exists is never":      {decision: bent(func(x schema.Expr) schema.Expr { _, ok := x.(schema.Exists); return ifThen(ok, schema.Const(false), x) })},
	"stops one step early": {decision: operands(shorter)},
	"me is the first": {decision: operands(func(o schema.Operand) schema.Operand {
		_, ok := o.(schema.Me)
		return ifThenOperand(ok, schema.Lit{Value: schema.NewInt(1)}, o)
	})},
	"a field of me is text": {decision: operands(func(o schema.Operand) schema.Operand {
		m, ok := o.(schema.MeField)
		return ifThenOperand(ok && m.Field == nil, schema.Lit{Value: schema.NewText("x")}, o)
	})},
	"me has level 2": {decision: operands(func(o schema.Operand) schema.Operand {
		m, ok := o.(schema.MeField)
		return ifThenOperand(ok && m.Name == "level", schema.Lit{Value: schema.NewInt(2)}, o)
	})},
	"masks nothing":                    {decision: func(d *Decision) *Decision { return d.masked(func(m int8) int8 { return 0 }) }},
	"shows what is shown on some rows": {decision: func(d *Decision) *Decision { return d.masked(func(m int8) int8 { return min(m, 0) }) }},
	"hides what is shown on some rows": {decision: func(d *Decision) *Decision {
		return d.masked(func(m int8) int8 { return map[bool]int8{true: -1, false: m}[m > 0] })
	}},
	"asks another test of fields": {decision: func(d *Decision) *Decision {
		return d.masked(func(m int8) int8 { return map[bool]int8{true: 1, false: m}[m > 1] })
	}},
	"everything of a class that is partly": {decision: func(d *Decision) *Decision { return ifDecision(d.Effect == Conditional, d, schema.Const(true)) }},
}

// TestMutantsAreCaught holds that the comparison above sees mistakes: of policies
// compiled by a compiler that has one, some answer differs, and of the sound one none.
func TestMutantsAreCaught(t *testing.T) {
	left := make(map[string]int, len(mutants)) // how often each was not seen
	for name := range mutants {
		left[name] = 0
	}
	const patience = 400 // policies; the most hidden one is seen within a quarter of them
	for seed := uint64(1); len(left) > 0; seed++ {
		t.Run(fmt.Sprint("world ", seed), func(t *testing.T) {
			w := drawWorld(t, seed)
			store := []bench{w.memory()}
			for range 10 {
				w.drawPolicy()
				rules := w.rulesOf(nil)
				if rules == nil {
					continue
				}
				if _, _, differs := w.compare(rules, store, nil); differs != "" {
					t.Fatalf("the sound compiler: %s", differs)
				}
				for name := range left {
					if _, _, differs := w.compare(w.rulesOf(mutants[name].rules), store, mutants[name].decision); differs != "" {
						delete(left, name)
					} else if left[name]++; left[name] == patience {
						t.Errorf("the mutant %q is not seen in %d policies", name, patience)
						delete(left, name)
					}
				}
			}
		})
		if t.Failed() {
			return
		}
	}
}

func without(drop func(*schema.Rule) bool) func([]*schema.Rule) []*schema.Rule {
	return func(all []*schema.Rule) []*schema.Rule { return slices.DeleteFunc(slices.Clone(all), drop) }
}

func each(change func(*schema.Rule)) func([]*schema.Rule) []*schema.Rule {
	return func(all []*schema.Rule) []*schema.Rule {
		for _, r := range all {
			change(r)
		}
		return all
	}
}

func ifThen(cond bool, then, otherwise schema.Expr) schema.Expr {
	if cond {
		return then
	}
	return otherwise
}

func ifThenOperand(cond bool, then, otherwise schema.Operand) schema.Operand {
	if cond {
		return then
	}
	return otherwise
}

func ifDecision(cond bool, d *Decision, where schema.Expr) *Decision {
	if !cond {
		return d
	}
	out := *d
	out.Where = where
	return &out
}

func (d *Decision) masked(change func(int8) int8) *Decision {
	out := *d
	out.Mask = slices.Clone(d.Mask)
	for i, m := range out.Mask {
		out.Mask[i] = change(m)
	}
	return &out
}

// bent changes every node of a decision's conditions, the inner ones first.
func bent(change func(schema.Expr) schema.Expr) func(*Decision) *Decision {
	var walk func(x schema.Expr) schema.Expr
	list := func(all []schema.Expr) []schema.Expr {
		out := make([]schema.Expr, len(all))
		for i, x := range all {
			out[i] = walk(x)
		}
		return out
	}
	walk = func(x schema.Expr) schema.Expr {
		switch n := x.(type) {
		case schema.And:
			x = schema.And(list(n))
		case schema.Or:
			x = schema.Or(list(n))
		case schema.Not:
			x = schema.Not{X: walk(n.X)}
		case schema.Exists:
			if n.Where != nil {
				n.Where = walk(n.Where)
				x = n
			}
		}
		return change(x)
	}
	return func(d *Decision) *Decision { return d.Map(walk) }
}

func compares(from, to schema.Op) func(*Decision) *Decision {
	return bent(func(x schema.Expr) schema.Expr {
		if c, ok := x.(schema.Compare); ok && c.Op == from {
			c.Op = to
			return c
		}
		return x
	})
}

// operands changes what conditions compare.
func operands(change func(schema.Operand) schema.Operand) func(*Decision) *Decision {
	return bent(func(x schema.Expr) schema.Expr {
		switch n := x.(type) {
		case schema.Compare:
			n.Left, n.Right = change(n.Left), change(n.Right)
			return n
		case schema.IsNull:
			n.X = change(n.X)
			return n
		}
		return x
	})
}

// shorter takes the first step of a path that stays within its class away.
func shorter(o schema.Operand) schema.Operand {
	if p, ok := o.(*schema.Path); ok && len(p.Steps) > 0 && p.Steps[0].Rel.To == p.Steps[0].Rel.From {
		short := *p
		short.Steps = p.Steps[1:]
		return &short
	}
	return o
}

func dropTerm(x schema.Expr, and bool) schema.Expr {
	switch n := x.(type) {
	case schema.And:
		if and && len(n) > 0 {
			return n[:len(n)-1]
		}
	case schema.Or:
		if !and && len(n) > 0 {
			return n[:len(n)-1]
		}
	}
	return x
}

func firstOf(in schema.In) schema.Expr {
	if len(in.List) > 0 {
		in.List = in.List[:1]
	}
	return in
}

func unequalToNull(x schema.Expr) schema.Expr {
	if c, ok := x.(schema.Compare); ok && c.Op == schema.Ne {
		return schema.Or{c, schema.IsNull{X: c.Left}}
	}
	return x
}

// threeValued is "not" as databases have it by nature: unknown of what is unknown.
func threeValued(x schema.Expr) schema.Expr {
	if n, ok := x.(schema.Not); ok {
		if c, ok := n.X.(schema.Compare); ok {
			return schema.And{n, schema.Not{X: schema.IsNull{X: c.Left}}}
		}
	}
	return x
}
