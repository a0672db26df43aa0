package load

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// way is one field that leads to another class, before its relations are made.
type way struct {
	d       *fieldDecl
	to      *classDecl
	inverse *option
}

// relations makes the ways between classes, both ways.
func (l *loader) relations() {
	for _, d := range l.order {
		var ways []way
		for _, f := range d.declared {
			if f.spec == nil {
				continue
			}
			switch {
			case f.f.Ref != nil:
				ways = append(ways, way{f, l.classes[f.f.Ref.To.Name], f.spec.find("inverse")})
			case f.f.Many != nil:
				ways = append(ways, way{f, l.classes[f.f.Many.To.Name], f.spec.find("inverse")})
			}
		}
		l.ambiguous(d, ways)
		for _, w := range ways {
			l.relate(d, w)
		}
	}
	for _, d := range l.order {
		slices.SortStableFunc(d.c.Relations, func(a, b *schema.Relation) int { return wayBack(a) - wayBack(b) })
	}
}

// wayBack is 1 for relations that another class declares, which come after a class's own.
func wayBack(r *schema.Relation) int {
	if r.Kind == schema.ToOne || r.Kind == schema.Link {
		return 0
	}
	return 1
}

// ambiguous refuses several ways to one class of which not each names its inverse.
func (l *loader) ambiguous(d *classDecl, ways []way) {
	for i, w := range ways {
		if w.inverse != nil {
			continue
		}
		for j, other := range ways {
			if j == i || other.to != w.to {
				continue
			}
			l.spoilWay(w.d)
			if j > i && other.inverse == nil {
				break // reported at the later one
			}
			l.reportPair("E051", w.d.ref, "needs `inverse=`", other.d.ref, "needs `inverse=`",
				"add `inverse=NAME` to each", "`%s.%s` and `%s.%s` both refer to `%s`: their ways back need names",
				d.c.Name, other.d.f.Name, d.c.Name, w.d.f.Name, w.to.c.Name)
			break
		}
	}
}

// relate makes the relation of one field and the way back.
func (l *loader) relate(d *classDecl, w way) {
	f, c, to := w.d.f, d.c, w.to.c
	there := &schema.Relation{Name: f.Name, From: c, To: to, Field: f}
	back := &schema.Relation{From: to, To: c, Field: f, Back: there}
	there.Back = back
	back.Name = c.Plural
	switch {
	case f.Many != nil:
		there.Kind, back.Kind = schema.Link, schema.LinkInverse
	case d.leadsToOne(w):
		there.Kind, back.Kind = schema.ToOne, schema.InverseOne
		back.Name = c.Name
	default:
		there.Kind, back.Kind = schema.ToOne, schema.ToMany
	}
	at := w.d.ref
	if w.inverse != nil {
		at = w.inverse.val
		if !validName(w.inverse.text) {
			l.report("E015", at, "not a name", "", "`inverse` of %s cannot be `%s`: a name is small letters, digits and _", w.d.spec.what, w.inverse.text)
		} else {
			back.Name = w.inverse.text
		}
	}
	l.camel = d.camel
	there.JSON = l.json(there.Name)
	l.camel = w.to.camel
	back.JSON = l.json(back.Name)
	c.Relations = append(c.Relations, there)
	if f.Many != nil {
		f.Many.Rel = there
	} else {
		f.Ref.Rel, f.Ref.Inverse = there, back
	}
	if l.inverseTaken(w, back, at) {
		l.ways[back.Name] = true
		return
	}
	to.Relations = append(to.Relations, back)
}

// leadsToOne reports whether at most one row refers to each row of the other
// class. Below an organization unique means within it, so that rows outside of
// organizations may still be referred to from several.
func (d *classDecl) leadsToOne(w way) bool {
	f := w.d.f
	if len(d.c.Key) == 1 && d.c.Key[0] == f {
		return true
	}
	if d.tenant != nil && (w.to.tenant == nil || f == d.tenant) {
		return false
	}
	if f.Unique {
		return true
	}
	for _, p := range d.parts {
		v := p.get("unique")
		if !v.isList() {
			continue
		}
		lists := []value{v}
		for _, n := range v.n.Content {
			lists = append(lists, v.in(n))
		}
		for _, list := range lists {
			if list.isList() && len(list.n.Content) == 1 && list.in(list.n.Content[0]).n.Value == f.Name {
				return true
			}
		}
	}
	return false
}

// inverseTaken reports a way back whose name the other class has already.
func (l *loader) inverseTaken(w way, back *schema.Relation, at schema.Pos) bool {
	to := w.to
	for _, r := range to.c.Relations {
		if r.Name != back.Name {
			continue
		}
		if w.inverse == nil && l.ways[back.Name] {
			return true // said by ambiguous
		}
		other := r.Field.Pos
		l.reportPair("E052", at, "the other way to `"+back.Name+"`", other, "one way to `"+back.Name+"`", "add `inverse=NAME` with another name",
			"the way back from `%s` to `%s.%s` would be `%s`, which it has already", to.c.Name, back.To.Name, w.d.f.Name, back.Name)
		return true
	}
	if f := to.field(back.Name); f != nil {
		l.reportPair("E052", at, "the way back", f.key.pos(), "the field `"+back.Name+"`", "add `inverse=NAME` with another name",
			"the way back from `%s` to `%s.%s` would be `%s`, which is a field of it", to.c.Name, back.To.Name, w.d.f.Name, back.Name)
		return true
	}
	return false
}

// clashes refuses members of a class that have one name.
func (l *loader) clashes(d *classDecl) {
	type taken struct {
		pos  schema.Pos
		what string
		of   *schema.Field
	}
	members := map[string]taken{}
	columns := map[string]taken{}
	claim := func(all map[string]taken, name string, t taken, kind string) {
		other, clash := all[name]
		if !clash {
			all[name] = t
			return
		}
		bothActions := t.what == "an action" && other.what == t.what // said by actionPaths
		if other.of == t.of && t.of != nil || other.pos == t.pos || bothActions {
			return
		}
		const help, message = "rename one of them", "two %s of `%s` are called `%s`"
		if t.pos == d.c.Pos {
			t, other = other, t
		}
		if other.pos == d.c.Pos { // made for the class, without a place of its own
			l.reportTwo("E016", t.pos, t.what, other.pos, "made for the class", help, message, kind, d.c.Name, name)
			return
		}
		l.reportPair("E016", t.pos, t.what, other.pos, other.what, help, message, kind, d.c.Name, name)
	}
	for _, f := range d.c.Fields {
		if l.marred[f] {
			continue
		}
		claim(members, f.JSON, taken{f.Pos, "a field", f}, "members")
		if f.Column != "" {
			claim(columns, strings.ToLower(f.Column), taken{f.Pos, "a column", f}, "columns")
		}
	}
	for _, r := range d.c.Relations {
		of := r.Field
		if r.From != d.c || r.Kind == schema.ToOne || r.Kind == schema.InverseOne || r.Kind == schema.ToMany || r.Kind == schema.LinkInverse {
			of = nil
		}
		claim(members, r.JSON, taken{r.Field.Pos, "a relation", of}, "members")
	}
	for _, a := range d.c.Actions {
		what := taken{a.Pos, "an action", nil}
		if !a.OnCollection {
			claim(members, a.Path, what, "members")
		}
	}
	for _, f := range d.c.Fields {
		if f.Many != nil {
			l.linkTable(d, f)
		}
	}
}

// linkTable refuses a link table that is called like another table.
func (l *loader) linkTable(d *classDecl, f *schema.Field) {
	met := false
	for _, other := range l.order {
		if strings.EqualFold(other.c.Table, f.Many.Table) {
			l.reportPair("E016", f.Pos, "its link table", other.key.pos(), "a class's table", "write another `table:` for the class",
				"the link table of `%s.%s` and the class `%s` have one name, `%s`", d.c.Name, f.Name, other.c.Name, f.Many.Table)
		}
		for _, g := range other.c.Fields {
			if met = met || g == f; met {
				break // said at the later of the two
			}
			if g.Many != nil && strings.EqualFold(g.Many.Table, f.Many.Table) {
				l.reportPair("E016", f.Pos, "its link table", g.Pos, "the other", "give one of them another `table=`",
					"the link tables of `%s.%s` and `%s.%s` have one name, `%s`", other.c.Name, g.Name, d.c.Name, f.Name, f.Many.Table)
			}
		}
	}
}
