package expr

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Bound is a dotted path with its names resolved: relations walked from a
// class, then a field, then members inside of it.
type Bound struct {
	Class  *schema.Class      // where it starts
	Rels   []*schema.Relation // outermost first
	Field  *schema.Field      // of the last class; nil when the path ends in a relation
	Member []string           // inside a nested object, by their names on the wire
	Type   schema.Type        // of what it ends in; nil for a relation
	// Many is set when the path named a `many` field: the walk then ends in
	// the field of the other class that it is shown by.
	Many *schema.Field
}

// BindPath resolves a path as clients write it: orders.total, customer.email,
// address.city. The error is a *BindError. A path must end in a field.
func BindPath(s *Scope, path string) (Bound, error) {
	var names []Name
	at := 0
	for part := range strings.SplitSeq(path, ".") {
		names = append(names, Name{part, at, at + len(part)})
		at += len(part) + 1
	}
	b, err := resolve(s, names)
	if err == nil && b.Field == nil {
		err = isRelation(b, names)
	}
	if err != nil {
		return Bound{}, err
	}
	return b, nil
}

// ToMany reports whether the path may lead to several rows.
func (b *Bound) ToMany() bool {
	return slices.ContainsFunc(b.Rels, func(r *schema.Relation) bool { return !r.Single() })
}

// Operand returns the path as an operand, which it is unless it leads to several rows.
func (b *Bound) Operand() (*schema.Path, bool) {
	if b.Field == nil || b.ToMany() {
		return nil, false
	}
	return b.path(b.Rels), true
}

func (b *Bound) path(rels []*schema.Relation) *schema.Path {
	p := &schema.Path{Field: b.Field, Member: b.Member, Type: b.Type}
	for _, r := range rels {
		p.Steps = append(p.Steps, schema.Step{Rel: r})
	}
	return p
}

// Through makes a condition on what a path ends in one on the class it starts
// from: over relations to several rows it means that one of them satisfies it.
func Through(b Bound, cond func(schema.Operand) schema.Expr) schema.Expr {
	walk := len(b.Rels)
	for walk > 0 && b.Rels[walk-1].Single() {
		walk--
	}
	e := cond(b.path(b.Rels[walk:]))
	return exists(b.Rels[:walk], e)
}

// exists wraps a condition on the class at the end of relations.
func exists(rels []*schema.Relation, e schema.Expr) schema.Expr {
	for _, r := range slices.Backward(rels) {
		e = schema.Exists{Rel: r, Where: e}
	}
	return e
}

// maxWalk is how many relations a path may lead over: each is a query inside of
// the one before, of which databases nest only so many.
const maxWalk = 8

// resolve walks the names of a path.
func resolve(s *Scope, names []Name) (Bound, *BindError) {
	b := Bound{Class: s.Class}
	c := s.Class
	for i, name := range names {
		f, r := s.field(c, name.Text), s.relation(c, name.Text)
		last := i == len(names)-1
		switch {
		case f == nil && r == nil:
			return b, unknown(s, c, name)
		case f != nil && f.Many != nil:
			r = f.Many.Rel
			if last {
				b.Many = f
			}
		case f != nil && (last || r == nil):
			return b, b.field(s, f, names, i)
		}
		if s.Mode == Check {
			return b, bindError(name.Start, name.End, CodeMode, "a check looks at one row only, and `%s` leads to another", name.Text)
		}
		if len(b.Rels) == maxWalk {
			return b, bindError(name.Start, name.End, CodeMode, "a path leads over %d relations at most", maxWalk)
		}
		b.Rels = append(b.Rels, r)
		c = r.To
	}
	if b.Many == nil {
		return b, nil
	}
	if b.Field = b.Many.Many.By; b.Field == nil {
		if len(c.Key) != 1 {
			return b, bindError(names[0].Start, names[len(names)-1].End, CodeType, "rows of `%s` have no single key to compare", c.Name)
		}
		b.Field = c.Key[0]
	}
	b.Type = b.Field.Type
	return b, nil
}

// field ends the walk in a field and the members inside of it.
func (b *Bound) field(s *Scope, f *schema.Field, names []Name, i int) *BindError {
	b.Field, b.Type = f, f.Type
	switch {
	case f.Type.Traits().Secret:
		return bindError(names[i].Start, names[i].End, CodeSecret, "`%s` is a %s: nobody may filter or sort by it", f.Name, f.Type.Name())
	case s.Mode == Check && !f.Stored():
		return bindError(names[i].Start, names[i].End, CodeMode, "a check looks at stored fields only, and `%s` is computed", f.Name)
	}
	for ; i+1 < len(names); i++ {
		name := names[i+1]
		o, ok := b.Type.(*schema.ObjectType)
		if !ok {
			e := bindError(name.Start, name.End, CodeUnknown, "`%s` is of type %s and has no member `%s`", names[i].Text, b.Type.Name(), name.Text)
			if f.Ref != nil && len(b.Member) == 0 {
				e.hint("write `%s.%s`", f.Ref.Rel.Name, name.Text)
			}
			return e
		}
		m := o.Member(name.Text)
		if m == nil {
			e := bindError(name.Start, name.End, CodeUnknown, "`%s` has no member `%s`", names[i].Text, name.Text)
			var all []string
			for _, x := range o.Fields() {
				all = append(all, wireName(x))
			}
			e.Hint = didYouMean(name.Text, all)
			return e
		}
		b.Member, b.Type = append(b.Member, wireName(m)), m.Type
	}
	return nil
}

func wireName(f *schema.Field) string {
	if f.JSON != "" {
		return f.JSON
	}
	return f.Name
}

func unknown(s *Scope, c *schema.Class, name Name) *BindError {
	e := bindError(name.Start, name.End, CodeUnknown, "`%s` has no field `%s`", c.Name, name.Text)
	e.Hint = didYouMean(name.Text, s.names(c))
	return e
}

// isRelation is the error of a relation where a value is needed.
func isRelation(b Bound, names []Name) *BindError {
	last := names[len(names)-1]
	to := b.Rels[len(b.Rels)-1].To
	e := bindError(names[0].Start, last.End, CodeType, "`%s` is a relation to `%s`, not a field of it", last.Text, to.Name)
	if len(to.Key) > 0 {
		e.hint("name a field: %s.%s", last.Text, to.Key[0].Name)
	}
	return e
}
