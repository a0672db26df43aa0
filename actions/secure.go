package actions

import (
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
)

// secured is a client's condition after it was made safe: what the subject may
// not see cannot change its outcome.
type secured struct {
	Where schema.Expr
	// Hidden is a field the condition reads but the subject may not; it is
	// reported exactly like a field that does not exist.
	Hidden *schema.Field
}

// secure rewrites a client-supplied condition on a class. Every relation it
// walks gets the target's own read predicate, so hidden rows count as missing;
// a field that is visible on some rows only confines the condition to those.
// The owner's conditions (rules, scopes, checks) are never passed through here.
func (x *Exec) secure(e schema.Expr, c *schema.Class) secured {
	s := securer{x: x}
	out := s.expr(e, c)
	if len(s.tests) > 0 {
		out = conj(append(s.tests, out)...)
	}
	return secured{Where: out, Hidden: s.hidden}
}

// securePath does the same for an operand that rows are ordered by; it must be
// visible on every row.
func (x *Exec) securePath(p *schema.Path, c *schema.Class) (*schema.Path, *schema.Field) {
	s := securer{x: x, strict: len(p.Steps) == 0}
	out := s.path(p, c)
	if len(s.tests) > 0 {
		return nil, p.Field
	}
	return out, s.hidden
}

type securer struct {
	x      *Exec
	tests  []schema.Expr // on the row itself, for fields visible on some rows
	hidden *schema.Field
	strict bool
}

func (s *securer) expr(e schema.Expr, c *schema.Class) schema.Expr {
	switch e := e.(type) {
	case schema.And:
		out := make(schema.And, len(e))
		for i, m := range e {
			out[i] = s.expr(m, c)
		}
		return out
	case schema.Or:
		out := make(schema.Or, len(e))
		for i, m := range e {
			out[i] = s.expr(m, c)
		}
		return out
	case schema.Not:
		return schema.Not{X: s.expr(e.X, c)}
	case schema.Compare:
		return schema.Compare{Op: e.Op, Left: s.operand(e.Left, c), Right: s.operand(e.Right, c)}
	case schema.In:
		list := make([]schema.Operand, len(e.List))
		for i, o := range e.List {
			list[i] = s.operand(o, c)
		}
		return schema.In{X: s.operand(e.X, c), List: list}
	case schema.Like:
		return schema.Like{X: s.operand(e.X, c), Pattern: e.Pattern}
	case schema.IsNull:
		return schema.IsNull{X: s.operand(e.X, c)}
	case schema.Contains:
		return schema.Contains{X: s.operand(e.X, c), Item: s.operand(e.Item, c)}
	case schema.Exists:
		return s.exists(e, c)
	}
	return e
}

// crossing says when walking a relation tells no more than the field that makes
// it: hidden means never; near is a condition on the row one comes from, far one
// on the row one gets to, nil where there is none. The way back through a reference
// is as hidden as the reference. A class that may not be read at all is left to
// whoever authorizes it.
func (x *Exec) crossing(r *schema.Relation) (near, far schema.Expr, hidden bool) {
	f := r.Field
	if f == nil {
		return nil, nil, false
	}
	d := x.Decide(f.Class, authz.Get)
	if d.Effect == authz.Denied {
		return nil, nil, false
	}
	switch m := d.Mask[f.Index]; {
	case m < 0:
		return nil, nil, true
	case m == 0:
		return nil, nil, false
	case forward(r):
		return x.Resolve(d.Tests[m-1]), nil, false
	default:
		return nil, x.Resolve(d.Tests[m-1]), false
	}
}

// forward reports whether the field that makes the relation is on the side one comes from.
func forward(r *schema.Relation) bool { return r.Kind == schema.ToOne || r.Kind == schema.Link }

// cross notes that a relation is walked and returns the conditions on both its ends.
func (s *securer) cross(r *schema.Relation) (near, far schema.Expr) {
	near, far, hidden := s.x.crossing(r)
	if hidden || s.x.Decide(r.To, authz.Get).Effect == authz.Denied {
		s.hide(r.Field)
	}
	return near, far
}

func (s *securer) exists(e schema.Exists, c *schema.Class) schema.Expr {
	near, far := s.cross(e.Rel)
	if near != nil {
		s.tests = append(s.tests, near)
	}
	inner := securer{x: s.x}
	where := inner.expr(e.Where, e.Rel.To)
	if inner.hidden != nil && s.hidden == nil {
		s.hidden = inner.hidden
	}
	return schema.Exists{Rel: e.Rel, Where: where, Guard: s.guard(e.Rel.To, inner.tests, conj(e.Guard, far))}
}

// guard is what of a class may take part: its read predicate and extra tests.
// A class that may not be read at all hides the field that leads there.
func (s *securer) guard(c *schema.Class, tests []schema.Expr, had schema.Expr) schema.Expr {
	return conj(append([]schema.Expr{s.x.Guard(c), had}, tests...)...)
}

func (s *securer) operand(o schema.Operand, c *schema.Class) schema.Operand {
	p, ok := o.(*schema.Path)
	if !ok {
		return o
	}
	return s.path(p, c)
}

func (s *securer) path(p *schema.Path, c *schema.Class) *schema.Path {
	at := c
	if len(p.Steps) == 0 {
		s.see(p.Field, c)
		return s.related(p)
	}
	q := *p
	q.Steps = make([]schema.Step, len(p.Steps))
	for i, step := range p.Steps {
		near, far := s.cross(step.Rel)
		switch {
		case near == nil:
		case i == 0:
			s.tests = append(s.tests, near)
		default:
			q.Steps[i-1].Guard = conj(near, q.Steps[i-1].Guard)
		}
		at = step.Rel.To
		q.Steps[i] = schema.Step{Rel: step.Rel, Guard: s.guard(at, nil, conj(far, step.Guard))}
	}
	last := &q.Steps[len(q.Steps)-1]
	last.Guard = conj(append(s.on(p.Field, at), last.Guard)...)
	return s.related(&q)
}

// related confines a computed or `many` operand to the rows the subject may see.
func (s *securer) related(p *schema.Path) *schema.Path {
	to := relatedClass(p.Field)
	if to == nil {
		return p
	}
	q := *p
	q.Guard = conj(s.x.guardOf(p.Field, to), p.Guard)
	return &q
}

// guardOf is what of the rows behind a computed or `many` field may take part: those
// the subject may see, and of them what it is worked out of.
func (x *Exec) guardOf(f *schema.Field, to *schema.Class) schema.Expr {
	guard := x.Guard(to)
	if f.Computed == nil {
		return guard
	}
	_, far, _ := x.crossing(f.Computed.Rel)
	guard = conj(guard, far)
	if of := f.Computed.Of; of != nil {
		if d := x.Decide(to, authz.Get); d.Effect != authz.Denied && d.Mask[of.Index] > 0 {
			guard = conj(guard, x.Resolve(d.Tests[d.Mask[of.Index]-1]))
		}
	}
	return guard
}

// see notes that the row's own field is read.
func (s *securer) see(f *schema.Field, c *schema.Class) {
	s.tests = append(s.tests, s.on(f, c)...)
}

// on returns the condition under which a field of a class may be seen, and
// notes fields that never may.
func (s *securer) on(f *schema.Field, c *schema.Class) []schema.Expr {
	d := s.x.Decide(c, authz.Get)
	if d.Effect == authz.Denied {
		return nil // refused as a whole, by whoever authorizes the class
	}
	if f.WriteOnly || f.Type != nil && f.Type.Traits().Secret {
		s.hide(f)
		return nil
	}
	switch m := d.Mask[f.Index]; {
	case m < 0:
		s.hide(f)
	case m > 0:
		return []schema.Expr{s.x.Resolve(d.Tests[m-1])}
	}
	return nil
}

func (s *securer) hide(f *schema.Field) {
	if s.hidden == nil {
		s.hidden = f
	}
}

// relatedClass is the class whose rows make up a computed or `many` field, or nil.
func relatedClass(f *schema.Field) *schema.Class {
	switch {
	case f.Computed != nil:
		return f.Computed.Rel.To
	case f.Many != nil:
		return f.Many.To
	}
	return nil
}
