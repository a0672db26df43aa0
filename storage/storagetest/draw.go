package storagetest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
)

// The Draw functions make random things that are sound: what they draw could
// have come from a schema file, a rule or a request. Values come from small
// pools, so that rows meet, clash and refer to each other.

// choose draws one of several by its place, so that the log of draws stays readable.
func choose[T any](t *rapid.T, from []T, label string) T {
	return from[rapid.IntRange(0, len(from)-1).Draw(t, label)]
}

func often(t *rapid.T, label string) bool { return rapid.IntRange(0, 7).Draw(t, label) > 0 }

// DrawSchema draws two to four classes with every kind of key, field,
// relation and constraint.
func DrawSchema(t *rapid.T) *schema.Schema {
	n := rapid.IntRange(2, 4).Draw(t, "classes")
	kinds := make([]string, n)
	for i := range kinds {
		kinds[i] = rapid.SampledFrom([]string{"auto", "text", "uuid", "composite"}).Draw(t, "key")
	}
	kinds[0] = "auto" // something that can be referred to
	specs := make([]ClassSpec, n)
	for i := range specs {
		d := &classDraw{t: t, name: className(i), kinds: kinds}
		d.draw(i)
		specs[i] = Class(d.name, d.parts...)
	}
	return Schema(specs...)
}

func className(i int) string { return fmt.Sprintf("c%d", i) }

// classDraw collects the parts of one class.
type classDraw struct {
	t     *rapid.T
	name  string
	kinds []string
	parts []Part
}

func (d *classDraw) add(p Part) { d.parts = append(d.parts, p) }

func (d *classDraw) bool(label string) bool { return rapid.Bool().Draw(d.t, label) }

func (d *classDraw) draw(i int) {
	d.add(Text("label", Unique)) // a name for `many … by`
	switch d.kinds[i] {
	case "text":
		d.add(Text("code"))
		d.add(Key("code"))
	case "uuid":
		d.add(Of("uuid", "id"))
		d.add(Key("id"))
	case "composite":
		d.add(Of("int", "k1"))
		d.add(Text("k2"))
		d.add(Key("k1", "k2"))
	}
	if d.bool("soft delete") {
		d.add(SoftDelete)
	}
	plain := d.fields()
	targets := d.targets()
	groups := append([]string{""}, plain...)
	for r := range rapid.IntRange(0, 2).Draw(d.t, "references") {
		name := fmt.Sprintf("r%d", r)
		d.reference(name, rapid.SampledFrom(targets).Draw(d.t, "target"))
		groups = append(groups, name)
	}
	if d.bool("sequence") {
		d.add(Of("int", "seq", Sequence(rapid.SampledFrom(groups).Draw(d.t, "per"))))
	}
	if d.kinds[i] != "composite" {
		for m := range rapid.IntRange(0, 1).Draw(d.t, "sets") {
			by := rapid.SampledFrom([]string{"", "label"}).Draw(d.t, "by")
			name := fmt.Sprintf("m%d", m)
			d.add(Many(name, rapid.SampledFrom(targets).Draw(d.t, "set of"), by, d.name+"_"+name))
		}
	}
	d.computed()
	if len(plain) > 1 && d.bool("unique together") {
		d.add(UniqueTogether(plain[0], plain[1]))
	}
	if len(plain) > 0 && d.bool("check") {
		d.check(plain[0])
	}
}

// check forbids one value of a field; that seldom matters, and when it does it is the check's fault.
func (d *classDraw) check(name string) {
	null := rapid.Bool().Draw(d.t, "check null")
	seed := rapid.IntRange(0, 1000).Draw(d.t, "check value")
	d.add(Check("check", func(c *schema.Class) schema.Expr {
		p := Path(c, name)
		v := rapid.Custom(func(t *rapid.T) schema.Value { return DrawValue(t, p.Field) }).Example(seed)
		differs := schema.Compare{Op: schema.Ne, Left: p, Right: schema.Lit{Value: v}}
		if null {
			return schema.Or{schema.IsNull{X: p}, differs}
		}
		return schema.Not{X: schema.Compare{Op: schema.Eq, Left: p, Right: schema.Lit{Value: v}}}
	}))
}

// targets are the classes that can be referred to: those with a key of one field.
func (d *classDraw) targets() (names []string) {
	for i, k := range d.kinds {
		if k != "composite" {
			names = append(names, className(i))
		}
	}
	return names
}

// fields adds plain fields and returns the names of those that may be unique.
func (d *classDraw) fields() (names []string) {
	for i := range rapid.IntRange(1, 5).Draw(d.t, "fields") {
		name := fmt.Sprintf("f%d", i)
		var words []Word
		if d.bool("optional") {
			words = append(words, Optional)
		}
		kind := rapid.SampledFrom([]string{"string", "int", "float", "decimal", "bool", "date", "datetime", "time", "duration",
			"enum", "email", "bigint", "uuid", "text", "slug", "list", "object", "json"}).Draw(d.t, "type")
		switch kind {
		case "enum":
			d.add(Enum(name, []string{"z", "a", "m"}, words...))
		case "decimal":
			d.add(Decimal(name, rapid.SampledFrom([]string{"0", "2", "4"}).Draw(d.t, "scale"), words...))
		case "list":
			d.add(List(name, rapid.SampledFrom([]string{"string", "int"}).Draw(d.t, "elements"), words...))
			continue
		case "object":
			d.add(Object(name, []string{"a", "b"}, words...))
			continue
		case "json":
			d.add(Of("json", name, words...))
			continue
		default:
			if kind == "email" && d.bool("unique e-mail") {
				words = append(words, Unique)
			}
			d.add(Of(kind, name, words...))
		}
		names = append(names, name)
	}
	return names
}

func (d *classDraw) reference(name, to string) {
	var words []Word
	if rapid.IntRange(0, 4).Draw(d.t, "unique reference") == 0 {
		words = append(words, Unique)
	}
	switch rapid.IntRange(0, 3).Draw(d.t, "on delete") {
	case 0:
		words = append(words, SetNull)
	case 1:
		words = append(words, Cascade, Optional)
	case 2:
		words = append(words, Cascade)
	default:
		words = append(words, Optional)
	}
	d.add(Ref(name, to, d.name+"_"+name, words...))
}

// computed adds a fold over every relation there turns out to be.
func (d *classDraw) computed() {
	fn := rapid.SampledFrom([]string{"count", "sum", "min", "max", "avg"}).Draw(d.t, "fold")
	d.add(func(b *builder, c *schema.Class) {
		b.references = append(b.references, func() {
			b.computed = append(b.computed, func() { foldAll(c, fn) })
			b.conditions = append(b.conditions, func() {
				for _, f := range c.Fields {
					if f.Computed != nil && d.bool("some rows only") {
						f.Computed.Where = drawOwn(d.t, f.Computed.Rel.To)
					}
				}
			})
		})
	})
}

// drawOwn draws a condition on the stored fields of a row, which leads nowhere else.
func drawOwn(t *rapid.T, c *schema.Class) schema.Expr {
	var fields []*schema.Field
	for _, f := range c.Fields {
		if f.Stored() && f.Type.Kind() != schema.JSON && f != c.DeletedAt {
			fields = append(fields, f)
		}
	}
	p := &schema.Path{Field: choose(t, fields, "own")}
	p.Type = p.Field.Type
	lit := func() schema.Operand { return schema.Lit{Value: drawLiteral(t, p)} }
	if rapid.Bool().Draw(t, "among") {
		return schema.In{X: p, List: []schema.Operand{lit(), lit()}}
	}
	return schema.Not{X: schema.Compare{Op: drawOp(t, p.Type), Left: p, Right: lit()}}
}

// foldAll gives the class a computed field per relation to many rows.
func foldAll(c *schema.Class, fn string) {
	for _, rel := range c.Relations {
		if rel.Single() {
			continue
		}
		f := &schema.Field{Name: "of_" + rel.Name, JSON: "of_" + rel.Name, Class: c, ReadOnly: true, Computed: &schema.Computed{Func: "count", Rel: rel}}
		f.Type = typed("int", schema.Options{})
		for _, g := range rel.To.Fields {
			if number := g.Type != nil && g.Type.Kind() != schema.Text && g.Type.Kind() != schema.JSON && g.Type.Kind() != schema.Bool; fn != "count" && number && g.Stored() && g.Ref == nil {
				f.Computed.Func, f.Computed.Of, f.Type, f.Optional = fn, g, g.Type, fn != "sum"
			}
		}
		if f.Computed.Func == "avg" {
			f.Type = typed("float", schema.Options{})
		}
		c.Fields = append(c.Fields, f)
	}
}
