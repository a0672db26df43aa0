package expr

import (
	"slices"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// Resolve puts constants in the place of me, me.FIELD and now, so that the
// condition can go to a store. What compares with a subject or a field of it
// that is not there is false. A condition that does not depend on the request
// is returned as it is, without an allocation; nil stays nil.
func Resolve(e schema.Expr, env *Env) schema.Expr {
	if e == nil || !depends(e) {
		return e
	}
	r := resolver{env: env}
	return r.expr(e)
}

// ResolveOperand returns the value of a constant, me, me.FIELD or now; null
// for what is not there. A path depends on a row and is null.
func ResolveOperand(o schema.Operand, env *Env) schema.Value {
	r := resolver{env: env}
	if lit, ok := r.operand(o).(schema.Lit); ok {
		return lit.Value
	}
	return schema.Value{}
}

// depends reports whether anything in a condition is about the request.
func depends(e schema.Expr) bool {
	switch e := e.(type) {
	case schema.And:
		return slices.ContainsFunc(e, depends)
	case schema.Or:
		return slices.ContainsFunc(e, depends)
	case schema.Not:
		return depends(e.X)
	case schema.Compare:
		return varying(e.Left) || varying(e.Right)
	case schema.In:
		return varying(e.X) || slices.ContainsFunc(e.List, varying)
	case schema.Like:
		return varying(e.X)
	case schema.IsNull:
		return varying(e.X)
	case schema.Contains:
		return varying(e.X) || varying(e.Item)
	case schema.Exists:
		return depends(e.Where) || depends(e.Guard)
	}
	return false
}

func varying(o schema.Operand) bool {
	switch o := o.(type) {
	case schema.Me, schema.MeField, schema.Now:
		return true
	case *schema.Path:
		return depends(o.Guard) || slices.ContainsFunc(o.Steps, func(s schema.Step) bool { return depends(s.Guard) })
	}
	return false
}

type resolver struct {
	env *Env
	now time.Time // of the first `now`, so that a condition has one
}

// expr rebuilds a condition; parts that do not depend on the request are shared.
func (r *resolver) expr(e schema.Expr) schema.Expr {
	if e == nil || !depends(e) {
		return e
	}
	switch e := e.(type) {
	case schema.And:
		all := make([]schema.Expr, len(e))
		for i, x := range e {
			all[i] = r.expr(x)
		}
		return And(all...)
	case schema.Or:
		any := make([]schema.Expr, len(e))
		for i, x := range e {
			any[i] = r.expr(x)
		}
		return Or(any...)
	case schema.Not:
		return Not(r.expr(e.X))
	case schema.Compare:
		return r.compare(e)
	case schema.In:
		return r.in(e)
	case schema.Like:
		if e.X = r.operand(e.X); e.X == nil {
			return schema.Const(false)
		}
		if x, ok := constant(e.X); ok {
			return schema.Const(x.Kind() == schema.Text && Like(e.Pattern, x.Text()))
		}
		return e
	case schema.IsNull:
		if e.X = r.operand(e.X); e.X == nil {
			return schema.Const(true)
		}
		if x, ok := constant(e.X); ok {
			return schema.Const(x.IsNull())
		}
		return e
	case schema.Contains:
		e.X, e.Item = r.operand(e.X), r.operand(e.Item)
		if e.X == nil || e.Item == nil {
			return schema.Const(false)
		}
		return e
	case schema.Exists:
		e.Where, e.Guard = r.expr(e.Where), r.expr(e.Guard)
		if e.Guard == schema.Expr(schema.Const(true)) {
			e.Guard = nil
		}
		return some(e)
	}
	return e
}

func (r *resolver) compare(e schema.Compare) schema.Expr {
	typ := typeOf(e.Left)
	e.Left, e.Right = r.operand(e.Left), r.operand(e.Right)
	if e.Left == nil || e.Right == nil {
		return schema.Const(false)
	}
	x, ok1 := constant(e.Left)
	y, ok2 := constant(e.Right)
	if ok1 && ok2 {
		return schema.Const(holds(e.Op, x, y, typ))
	}
	return e
}

func (r *resolver) in(e schema.In) schema.Expr {
	if e.X = r.operand(e.X); e.X == nil {
		return schema.Const(false)
	}
	list := make([]schema.Operand, 0, len(e.List))
	for _, o := range e.List {
		if o = r.operand(o); o != nil {
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return schema.Const(false)
	}
	e.List = list
	x, ok := constant(e.X)
	if !ok {
		return e
	}
	return schema.Const(slices.ContainsFunc(list, func(o schema.Operand) bool {
		y, _ := constant(o)
		return holds(schema.Eq, x, y, nil)
	}))
}

// operand returns the operand for a store, or nil when it has no value.
func (r *resolver) operand(o schema.Operand) schema.Operand {
	switch o := o.(type) {
	case schema.Me:
		return literal(o.Type, r.env.Me)
	case schema.MeField:
		return r.field(o)
	case schema.Now:
		return r.time(o)
	case *schema.Path:
		return r.path(o)
	case schema.Lit:
		if o.Value.IsNull() {
			return nil
		}
	}
	return o
}

// literal reads text as a type; text that is none of it has no value.
func literal(t schema.Type, text string) schema.Operand {
	if text == "" || t == nil {
		return nil
	}
	v, err := schema.ParseOperand(t, text)
	if err != nil {
		return nil
	}
	return schema.Lit{Value: v}
}

func (r *resolver) field(o schema.MeField) schema.Operand {
	if o.Field != nil {
		if o.Field.Index >= len(r.env.User) || r.env.User[o.Field.Index].IsNull() {
			return nil
		}
		return schema.Lit{Value: r.env.User[o.Field.Index]}
	}
	v, ok := r.env.Claims[o.Name]
	if !ok || v.IsNull() || v.Kind() == schema.JSON {
		return nil
	}
	return literal(o.Type, v.String())
}

func (r *resolver) time(o schema.Now) schema.Operand {
	if r.now.IsZero() {
		if r.env.Now == nil {
			return nil
		}
		r.now = r.env.Now()
	}
	at := r.now.Add(o.Offset)
	if o.Type != nil && o.Type.Name() == "date" {
		return schema.Lit{Value: schema.NewDate(at)}
	}
	return schema.Lit{Value: schema.NewDatetime(at)}
}

// path resolves the guards of a path. One that nobody passes makes it null.
func (r *resolver) path(p *schema.Path) schema.Operand {
	if !varying(p) {
		return p
	}
	q := *p
	q.Guard = r.expr(p.Guard)
	q.Steps = slices.Clone(p.Steps)
	for i, s := range q.Steps {
		q.Steps[i].Guard = r.expr(s.Guard)
		if never(q.Steps[i].Guard) {
			return nil
		}
		if q.Steps[i].Guard == schema.Expr(schema.Const(true)) {
			q.Steps[i].Guard = nil
		}
	}
	return &q
}

func constant(o schema.Operand) (schema.Value, bool) {
	lit, ok := o.(schema.Lit)
	return lit.Value, ok
}

// typeOf is the type an operand is compared as, nil for a constant.
func typeOf(o schema.Operand) schema.Type {
	switch o := o.(type) {
	case *schema.Path:
		return o.Type
	case schema.Me:
		return o.Type
	case schema.MeField:
		return o.Type
	case schema.Now:
		return o.Type
	}
	return nil
}
