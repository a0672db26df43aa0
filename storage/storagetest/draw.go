package storagetest

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
)

// The Draw functions make random things that are sound: what they draw could
// have come from a schema file, a rule or a request. Values come from small
// pools, so that rows meet, clash and refer to each other.

// Known are keys of rows that exist, so that most draws of a key hit one.
type Known map[*schema.Class][][]schema.Value

// Key draws a key of the class, mostly of a row that exists.
func (k Known) Key(t *rapid.T, c *schema.Class) []schema.Value {
	if keys := k[c]; len(keys) > 0 && often(t, "existing") {
		return choose(t, keys, c.Name)
	}
	return DrawKey(t, c)
}

// Value draws a value of the field, never null; a reference mostly hits.
func (k Known) Value(t *rapid.T, f *schema.Field) schema.Value {
	if f.Ref != nil {
		return k.Key(t, f.Ref.To)[0]
	}
	return DrawValue(t, f)
}

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
	for r := range rapid.IntRange(0, 2).Draw(d.t, "references") {
		d.reference(fmt.Sprintf("r%d", r), rapid.SampledFrom(targets).Draw(d.t, "target"))
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
			"enum", "email", "bigint", "uuid", "list", "object", "json"}).Draw(d.t, "type")
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
		})
	})
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

// DrawKey draws a key of the class; there are few.
func DrawKey(t *rapid.T, c *schema.Class) []schema.Value {
	key := make([]schema.Value, len(c.Key))
	for i, f := range c.Key {
		key[i] = drawKeyPart(t, f)
	}
	return key
}

func drawKeyPart(t *rapid.T, f *schema.Field) schema.Value {
	switch f.Type.Name() {
	case "int":
		return schema.NewInt(rapid.Int64Range(1, 5).Draw(t, f.Name))
	case "uuid":
		return schema.NewText(fmt.Sprintf("00000000-0000-7000-8000-%012d", rapid.IntRange(1, 4).Draw(t, f.Name)))
	}
	return schema.NewText(rapid.SampledFrom([]string{"a", "A", "b", "a-b", "é"}).Draw(t, f.Name))
}

var (
	poolText     = []string{"", "a", "A", "b", "ab", "aB", "Ab", "b a", "é", "É", "%", "_", "*", `\`, `a"b`, "a'b", "ß", "\uffee", "\U0001F600", "10", "9"}
	poolEmail    = []string{"a@x.io", "A@x.io", "b@x.io", "a@X.IO", "c@x.io"}
	poolDate     = []string{"2026-01-01", "2025-12-31", "1970-01-01", "2024-02-29"}
	poolDatetime = []string{"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2025-12-31T23:59:59Z", "1970-01-01T00:00:00Z"}
	poolTime     = []string{"00:00:00", "12:30:00", "23:59:59"}
	poolDuration = []string{"PT1S", "PT90M", "PT1H", "P1D"}
	poolJSON     = []string{`{}`, `[]`, `[1,2]`, `"a"`, `{"a":{"b":1}}`, `0`, `false`}
	poolBig      = []int64{-2, -1, 0, 1, 2, 3, 1 << 53, 1<<53 + 1}
)

// DrawValue draws a value of the field, never null.
func DrawValue(t *rapid.T, f *schema.Field) schema.Value {
	if f.Ref != nil {
		return drawKeyPart(t, f.Ref.To.Key[0])
	}
	if f.Name == "label" { // unique in every class, so from a larger pool
		return schema.NewText(fmt.Sprintf("l%d", rapid.IntRange(1, 30).Draw(t, "label")))
	}
	return drawTyped(t, f.Type, f.Name)
}

func drawTyped(t *rapid.T, typ schema.Type, label string) schema.Value {
	pick := func(pool []string) schema.Value {
		return Value(typ, rapid.SampledFrom(pool).Draw(t, label))
	}
	switch typ.Name() {
	case "int":
		return schema.NewInt(rapid.Int64Range(-2, 3).Draw(t, label))
	case "bigint":
		return schema.NewInt(rapid.SampledFrom(poolBig).Draw(t, label))
	case "float":
		return schema.NewFloat(float64(rapid.IntRange(-6, 6).Draw(t, label)) / 4)
	case "decimal":
		zero := Value(typ, "0")
		scale := int64(1)
		for range zero.Scale() {
			scale *= 10
		}
		quarters := rapid.Int64Range(-6, 6).Draw(t, label)
		if scale < 100 {
			return schema.NewDecimal(quarters, zero.Scale())
		}
		return schema.NewDecimal(quarters*scale/4, zero.Scale())
	case "bool":
		return schema.NewBool(rapid.Bool().Draw(t, label))
	case "date":
		return pick(poolDate)
	case "datetime":
		return pick(poolDatetime)
	case "time":
		return pick(poolTime)
	case "duration":
		return pick(poolDuration)
	case "enum":
		return pick(typ.Shape().Enum)
	case "email":
		return pick(poolEmail)
	case "uuid":
		return schema.NewText(fmt.Sprintf("00000000-0000-7000-8000-%012d", rapid.IntRange(1, 4).Draw(t, label)))
	case "json":
		return pick(poolJSON)
	case "list":
		b := []byte{'['}
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			if i > 0 {
				b = append(b, ',')
			}
			if typ.Shape().Items.Type == "integer" {
				b = fmt.Append(b, rapid.IntRange(0, 3).Draw(t, label))
			} else {
				b = schema.AppendQuoted(b, rapid.SampledFrom(poolText).Draw(t, label))
			}
		}
		return schema.NewJSON(string(append(b, ']')))
	case "object":
		a := schema.AppendQuoted([]byte(`{"a":`), rapid.SampledFrom(poolText).Draw(t, label))
		if rapid.Bool().Draw(t, "b") {
			return schema.NewJSON(string(append(a, `,"b":null}`...)))
		}
		return schema.NewJSON(string(append(schema.AppendQuoted(append(a, `,"b":`...), rapid.SampledFrom(poolText).Draw(t, label)), '}')))
	}
	return schema.NewText(rapid.SampledFrom(poolText).Draw(t, label))
}

// DrawExpr draws a condition bound to the class, at most depth levels deep.
func DrawExpr(t *rapid.T, c *schema.Class, depth int) schema.Expr {
	if depth <= 0 {
		return drawLeaf(t, c)
	}
	sub := func() schema.Expr { return DrawExpr(t, c, depth-1) }
	switch rapid.IntRange(0, 9).Draw(t, "node") {
	case 0:
		return schema.Not{X: sub()}
	case 1:
		return schema.And{sub(), sub()}
	case 2:
		return schema.Or{sub(), sub()}
	case 3, 4:
		if len(c.Relations) == 0 {
			return sub()
		}
		rel := choose(t, c.Relations, "exists")
		return schema.Exists{Rel: rel, Where: DrawExpr(t, rel.To, depth-1), Guard: drawGuard(t, rel.To, depth-1)}
	case 5:
		return schema.Const(rapid.Bool().Draw(t, "const"))
	}
	return drawLeaf(t, c)
}

// drawGuard draws what may be seen of a class, mostly everything.
func drawGuard(t *rapid.T, c *schema.Class, depth int) schema.Expr {
	if rapid.IntRange(0, 3).Draw(t, "guard") > 0 {
		return nil
	}
	return DrawExpr(t, c, min(depth, 1))
}

func drawPath(t *rapid.T, c *schema.Class) *schema.Path {
	p := &schema.Path{}
	for range rapid.IntRange(0, 2).Draw(t, "steps") {
		var single []*schema.Relation
		for _, r := range c.Relations {
			if r.Single() {
				single = append(single, r)
			}
		}
		if len(single) == 0 {
			break
		}
		rel := choose(t, single, "step")
		p.Steps = append(p.Steps, schema.Step{Rel: rel, Guard: drawGuard(t, rel.To, 0)})
		c = rel.To
	}
	var ends []*schema.Field
	for _, f := range c.Fields {
		if !f.Synthetic && !(f.Computed != nil && f.Computed.Func == "avg") {
			ends = append(ends, f)
		}
	}
	p.Field = choose(t, ends, "end")
	p.Type = p.Field.Type
	switch {
	case p.Field.Computed != nil:
		p.Guard = drawGuard(t, p.Field.Computed.Rel.To, 0)
	case p.Field.Many != nil:
		p.Guard = drawGuard(t, p.Field.Many.To, 0)
	case p.Type.Name() == "object":
		p.Member, p.Type = []string{rapid.SampledFrom([]string{"a", "b"}).Draw(t, "member")}, typed("string", schema.Options{})
	}
	return p
}

// drawLeaf draws a condition on one path that its type allows.
func drawLeaf(t *rapid.T, c *schema.Class) schema.Expr {
	p := drawPath(t, c)
	if p.Type.Kind() == schema.JSON {
		if p.Type.Name() != "list" || p.Field.Many == nil && rapid.Bool().Draw(t, "null") {
			return schema.IsNull{X: p}
		}
		return schema.Contains{X: p, Item: schema.Lit{Value: drawElement(t, p)}}
	}
	lit := func() schema.Operand { return schema.Lit{Value: drawLiteral(t, p)} }
	switch rapid.IntRange(0, 5).Draw(t, "leaf") {
	case 0:
		return schema.IsNull{X: p}
	case 1:
		in := schema.In{X: p}
		for range rapid.IntRange(0, 3).Draw(t, "in") {
			in.List = append(in.List, lit())
		}
		return in
	case 2:
		if p.Type.Kind() == schema.Text && p.Type.Traits().Like {
			pool := []string{"*", "a*", "*B", "*a*", "", `\*`, `\\`, "%", "_", "É*", "a?b", `a"*`}
			return schema.Like{X: p, Pattern: rapid.SampledFrom(pool).Draw(t, "pattern")}
		}
	case 3:
		if q := drawPath(t, c); comparable(p.Type, q.Type) {
			return schema.Compare{Op: drawOp(t, p.Type), Left: p, Right: q}
		}
	}
	return schema.Compare{Op: drawOp(t, p.Type), Left: p, Right: lit()}
}

func drawElement(t *rapid.T, p *schema.Path) schema.Value {
	switch m := p.Field.Many; {
	case m != nil && m.By != nil:
		return drawTyped(t, m.By.Type, "item")
	case m != nil:
		return drawKeyPart(t, m.To.Key[0])
	case p.Type.Shape().Items.Type == "integer":
		return schema.NewInt(rapid.Int64Range(0, 3).Draw(t, "item"))
	}
	return schema.NewText(rapid.SampledFrom(poolText).Draw(t, "item"))
}

func drawLiteral(t *rapid.T, p *schema.Path) schema.Value {
	if rapid.IntRange(0, 9).Draw(t, "null literal") == 0 {
		return schema.Value{}
	}
	if len(p.Member) > 0 || p.Field.Computed != nil {
		return drawTyped(t, p.Type, "literal")
	}
	for _, k := range p.Field.Class.Key {
		if k == p.Field {
			return drawKeyPart(t, k)
		}
	}
	return DrawValue(t, p.Field)
}

func drawOp(t *rapid.T, typ schema.Type) schema.Op {
	if !typ.Traits().Order {
		return rapid.SampledFrom([]schema.Op{schema.Eq, schema.Ne}).Draw(t, "op")
	}
	return rapid.SampledFrom([]schema.Op{schema.Eq, schema.Ne, schema.Lt, schema.Le, schema.Gt, schema.Ge}).Draw(t, "op")
}

// comparable reports whether values of two types may be compared with each other.
func comparable(a, b schema.Type) bool {
	number := func(t schema.Type) bool {
		return t.Name() == "int" || t.Name() == "bigint" || t.Name() == "float" || t.Name() == "decimal"
	}
	return a.Name() == b.Name() && a.Kind() != schema.JSON || number(a) && number(b)
}
