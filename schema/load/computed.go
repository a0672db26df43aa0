package load

import (
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// computeDecl is a computed field whose condition is bound later.
type computeDecl struct {
	f     *schema.Field
	val   value
	where int // where the condition begins in val, -1 without
}

var computeFuncs = []string{"count", "sum", "min", "max", "avg"}

// computed reads `count REL [where EXPR]` and `sum REL.FIELD [where EXPR]`.
func (l *loader) computed(d *classDecl) {
	l.camel = d.camel
	var made []*schema.Field
	for _, m := range l.members(d, "computed") {
		what := "computed field `" + d.c.Name + "." + m.name + "`"
		if !l.fieldName(m.key, m.name) {
			l.spoil("member", d.c.Name, m.name)
			continue
		}
		f := &schema.Field{Name: m.name, JSON: l.json(m.name), Pos: m.key.pos(), Computed: &schema.Computed{}, ReadOnly: true}
		if !l.compute(d, f, m.val, what) {
			l.spoil("member", d.c.Name, m.name)
			continue
		}
		made = append(made, f)
	}
	// After the declared fields, before the ones the engine keeps.
	at := len(d.c.Fields)
	for _, f := range []*schema.Field{d.c.CreatedAt, d.c.UpdatedAt, d.c.DeletedAt} {
		if f != nil {
			at--
		}
	}
	d.c.Fields = append(d.c.Fields[:at:at], append(made, d.c.Fields[at:]...)...)
}

func (l *loader) compute(d *classDecl, f *schema.Field, v value, what string) bool {
	text, ok := l.text(v, what)
	if !ok {
		return false
	}
	ps := words(text)
	wrong := func(p part, label, help string) bool {
		l.report("E056", v.at(p.from, p.to), label, help, "%s cannot be read", what)
		return false
	}
	const form = "write it like `count orders` or `sum orders.total where status = 'paid'`"
	if len(ps) == 0 {
		l.report("E056", v.pos(), "empty", form, "%s cannot be read", what)
		return false
	}
	if !contains(computeFuncs, ps[0].text) {
		help := diag.DidYouMean(ps[0].text, computeFuncs)
		if help == "" {
			help = form
		}
		return wrong(ps[0], "expected count, sum, min, max or avg", help)
	}
	if len(ps) < 2 {
		return wrong(ps[0], "of what?", form)
	}
	where := -1
	if len(ps) > 2 {
		if ps[2].text != "where" {
			return wrong(ps[2], "expected `where`", form)
		}
		if len(ps) == 3 {
			return wrong(ps[2], "expected a condition after it", form)
		}
		where = ps[3].from
	}
	if !l.measure(d, f, v, ps[0].text, ps[1], what) {
		return false
	}
	d.computes = append(d.computes, &computeDecl{f, v, where})
	return true
}

// measure finds the relation and field that a computed field is about.
func (l *loader) measure(d *classDecl, f *schema.Field, v value, fn string, p part, what string) bool {
	relName, fieldName, dotted := strings.Cut(p.text, ".")
	relEnd := p.from + len([]rune(relName))
	rel := d.c.Relation(relName)
	if rel == nil {
		l.unknownRelation(d, relName, v.at(p.from, relEnd))
		return false
	}
	c := f.Computed
	c.Func, c.Rel = fn, rel
	if rel.Single() {
		l.report("E057", v.at(p.from, relEnd), "leads to one row", "", "%s counts the rows of `%s`, which leads to one row at most", what, relName)
		return false
	}
	if fn == "count" {
		if dotted {
			l.report("E056", v.at(relEnd, p.to), "not needed", "write `count "+relName+"`", "%s counts rows, not fields", what)
			return false
		}
		f.Type = schema.MustType("int", schema.Options{})
		return true
	}
	if !dotted || fieldName == "" {
		l.report("E056", v.at(p.from, p.to), "of which field?", "write `"+fn+" "+relName+".FIELD`", "%s does not say which field it is about", what)
		return false
	}
	at := v.at(relEnd+1, p.to)
	of := rel.To.Field(fieldName)
	if of == nil {
		l.unknownField(l.classes[rel.To.Name], fieldName, at)
		return false
	}
	if l.marred[of] {
		return false
	}
	c.Of = of
	t, optional, why := measureType(fn, of)
	if why != "" {
		l.report("E057", at, why, "", "%s cannot be: %s", what, why)
		return false
	}
	f.Type, f.Optional = t, optional
	return true
}

// measureType is the type of a measure over a field. Of no rows a sum is zero
// and the others are null.
func measureType(fn string, of *schema.Field) (t schema.Type, optional bool, why string) {
	if of.Computed != nil || !of.Stored() {
		return nil, false, "`" + of.Name + "` is not stored in a column"
	}
	kind := of.Type.Kind()
	number := of.Ref == nil && (kind == schema.Int || kind == schema.Float || kind == schema.Decimal) && of.Type.Name() != "duration"
	switch fn {
	case "sum":
		if !number && of.Type.Name() != "duration" {
			return nil, false, "only numbers and durations can be added"
		}
		return unlimited(of.Type), false, ""
	case "avg":
		if !number {
			return nil, false, "only numbers have an average"
		}
		return schema.MustType("float", schema.Options{}), true, ""
	}
	if of.Ref != nil || !of.Type.Traits().Order {
		return nil, false, "`" + of.Name + "` has no order"
	}
	return of.Type, true, ""
}

// unlimited is a type without min and max, which a sum may exceed.
func unlimited(t schema.Type) schema.Type {
	switch t.Name() {
	case "int", "bigint", "float", "duration":
		return schema.MustType(t.Name(), schema.Options{})
	}
	if d, ok := t.(interface{ Scale() uint8 }); ok && t.Name() == "decimal" {
		return schema.MustType("decimal", schema.Options{Text: map[string]string{"scale": strconv.Itoa(int(d.Scale()))}})
	}
	return t
}

// unknownRelation reports a name that leads nowhere.
func (l *loader) unknownRelation(d *classDecl, name string, pos schema.Pos) {
	if l.lost(d, name) {
		return
	}
	var names []string
	for _, r := range d.c.Relations {
		names = append(names, r.Name)
	}
	help := diag.DidYouMean(name, names)
	if help == "" && len(names) > 0 {
		help = "relations here: " + strings.Join(names, ", ")
	}
	l.report("E057", pos, "no such relation", help, "the class `%s` has no relation `%s`", d.c.Name, name)
}
