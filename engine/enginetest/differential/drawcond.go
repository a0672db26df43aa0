package differential

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// place is where a condition stands; it decides what may be said.
type place uint8

const (
	ofClient place = iota // where= and filters: names as on the wire or as declared
	ofRule                // allow, scopes, when
	ofFold                // computed: without subjects or clocks
	ofCheck               // one row, without a look at others either
)

// end is what a path leads to.
type end struct {
	text  string
	class *schema.Class // of the field, nil for a member of an object
	field *schema.Field // nil for a member of an object
	typ   schema.Type
	many  bool // of several rows
}

// path draws a path from a class over at most steps relations to what fits.
func (d *drawer) path(c *schema.Class, where place, steps int, fit func(e *end) bool) (end, bool) {
	for range 20 {
		e := d.anyPath(c, where, d.weighted([]int{6, 3, 1}[:steps+1]))
		if e.typ != nil && fit(&e) {
			return e, true
		}
	}
	return end{}, false
}

func (d *drawer) anyPath(c *schema.Class, where place, steps int) (e end) {
	var b strings.Builder
	for range steps {
		rels := d.ways(c)
		if len(rels) == 0 {
			break
		}
		r := pick(d.dice, rels)
		b.WriteString(relName(r, where) + ".")
		e.many = e.many || !r.Single()
		c = r.To
	}
	f := pick(d.dice, c.Fields)
	if f.Type == nil || f.Type.Traits().Secret || f.WriteOnly || f.Synthetic || where == ofCheck && (f.Computed != nil || f.Many != nil) {
		return end{}
	}
	if where == ofCheck && f.Auto == schema.AutoID {
		return end{} // a row that is refused for another reason too may never get a number to be judged by
	}
	e.class, e.field, e.typ = c, f, keyType(f)
	b.WriteString(d.fieldName(f, where))
	if m := f.Many; m != nil {
		e.many, e.typ = true, keyType(m.To.Key[0])
		if m.By != nil {
			e.typ = m.By.Type
		}
	}
	for {
		o, ok := e.typ.(*schema.ObjectType)
		if !ok {
			break
		}
		if d.once(12) {
			break
		}
		m := pick(d.dice, o.Fields())
		name := m.Name
		if where == ofClient {
			name = m.JSON
		}
		b.WriteString("." + name)
		e.class, e.field, e.typ = nil, nil, m.Type
	}
	e.text = b.String()
	return e
}

// ways are the relations of a class to others that people see.
func (d *drawer) ways(c *schema.Class) []*schema.Relation {
	return slices.DeleteFunc(slices.Clone(c.Relations), func(r *schema.Relation) bool { return r.To.Internal || !r.To.Expose })
}

func relName(r *schema.Relation, where place) string {
	if where == ofClient {
		return r.JSON
	}
	return r.Name
}

func (d *drawer) fieldName(f *schema.Field, where place) string {
	if where == ofClient && d.most(6) {
		return f.JSON
	}
	return f.Name
}

func filterable(e *end) bool { return e.typ.Traits().Filter }
func ordered(e *end) bool    { return e.typ.Traits().Order }
func listed(e *end) bool     { return e.typ.Traits().List && e.field != nil && e.field.Many == nil }
func likable(e *end) bool {
	return e.typ.Traits().Like && (e.field == nil || e.field.Ref == nil)
}

// cond draws a condition on rows of a class, at most depth levels deep.
func (d *drawer) cond(c *schema.Class, where place, depth int) string {
	if depth > 0 {
		switch d.IntN(6) {
		case 0:
			return "not (" + d.cond(c, where, depth-1) + ")"
		case 1:
			return "(" + d.cond(c, where, depth-1) + ") and (" + d.cond(c, where, depth-1) + ")"
		case 2:
			return d.cond(c, where, depth-1) + " or " + d.cond(c, where, depth-1)
		case 3:
			if rels := d.ways(c); len(rels) > 0 && where != ofCheck {
				r := pick(d.dice, rels)
				return relName(r, where) + " has (" + d.cond(r.To, where, depth-1) + ")"
			}
		}
	}
	for {
		if s := d.leaf(c, where); s != "" {
			return s
		}
	}
}

// leaf draws one comparison, or "" when the class has nothing for the kind drawn.
func (d *drawer) leaf(c *schema.Class, where place) string {
	steps := 2
	if where == ofCheck {
		steps = 0
	}
	switch d.IntN(12) {
	case 0, 1:
		if e, ok := d.path(c, where, steps, func(e *end) bool { return filterable(e) || e.field != nil && e.field.Many == nil }); ok {
			return e.text + d.one(" is null", " is not null")
		}
	case 2:
		if e, ok := d.path(c, where, steps, filterable); ok {
			return e.text + " in (" + d.literal(e.class, e.field, e.typ) + ", " + d.literal(e.class, e.field, e.typ) + ")"
		}
	case 3:
		if e, ok := d.path(c, where, steps, likable); ok {
			return e.text + " like '" + strings.ReplaceAll(d.pattern(e), "'", "''") + "'"
		}
	case 4:
		if e, ok := d.path(c, where, steps, listed); ok {
			if elem := e.typ.(*schema.ListType).Elem(); elem.Traits().Filter {
				return e.text + " has " + d.literal(nil, nil, elem)
			}
		}
	case 5:
		if e, ok := d.path(c, where, steps, func(e *end) bool { return e.field != nil && e.field.Ref != nil && e.field.Ref.To.Auth != nil }); ok && where < ofFold {
			return e.text + d.one(" = me", " = me", " != me")
		}
	case 6:
		if e, ok := d.path(c, where, steps, likable); ok && where < ofFold && d.once(2) {
			return e.text + d.one(" = ", " != ", " < ") + d.one("me.name", "me.email")
		}
		if e, ok := d.path(c, where, steps, func(e *end) bool { return e.typ.Name() == "bool" }); ok {
			return d.one("", "not ") + e.text
		}
	case 7:
		if a, ok := d.path(c, where, steps, func(e *end) bool { return ordered(e) && !e.many && (e.field == nil || e.field.Ref == nil) }); ok {
			b, ok := d.path(c, where, steps, func(e *end) bool {
				return sameShape(e.typ, a.typ) && !e.many && e.text != a.text && (e.field == nil || e.field.Ref == nil)
			})
			if ok {
				return a.text + d.one(" = ", " != ", " < ", " <= ", " > ", " >= ") + b.text
			}
		}
	case 8:
		if e, ok := d.path(c, where, steps, func(e *end) bool { return e.typ.Name() == "datetime" }); ok && where < ofFold {
			return e.text + d.one(" < ", " >= ") + d.one("now", "now - 1h", "now + 7d", "now - 3s")
		}
	case 9, 10:
		if e, ok := d.path(c, where, steps, ordered); ok {
			return e.text + d.one(" < ", " <= ", " > ", " >= ") + d.literal(e.class, e.field, e.typ)
		}
	}
	if e, ok := d.path(c, where, steps, filterable); ok {
		return e.text + d.one(" = ", " != ") + d.literal(e.class, e.field, e.typ)
	}
	return d.one("true", "false")
}

// sameShape reports whether the values of two types compare with each other for certain.
func sameShape(a, b schema.Type) bool {
	x, y := a.Shape(), b.Shape()
	return a.Name() == b.Name() && slices.Equal(x.Enum, y.Enum) && x.Pattern == y.Pattern
}

// pattern draws what like compares with.
func (d *drawer) pattern(e end) string {
	switch d.IntN(4) {
	case 0:
		return d.one("*", "", "a*", "*B", "*a*", `\*`, `\\`, "%", "_", "_*", "É*", "é*", "?*", "**", "*\u212a*", "ı*", "*K*", "*ß*", "*i", "a\nb", "*\\**")
	case 1:
		return "*" + escaped(d.valueText(e.class, e.field, e.typ))
	}
	text := escaped(d.valueText(e.class, e.field, e.typ))
	if d.once(3) {
		text = strings.ToUpper(text)
	}
	return text + d.one("*", "")
}

func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`).Replace(s)
}
