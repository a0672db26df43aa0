package load

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// keys finds the key of every class, gives references the type of the key they
// hold, and puts the generated fields in their places.
func (l *loader) keys() {
	for _, d := range l.order {
		l.tenantField(d)
	}
	for _, d := range l.order {
		l.key(d)
	}
	for _, d := range l.order {
		for _, f := range d.declared {
			l.referenceType(f, nil)
		}
	}
	for _, d := range l.order {
		for _, f := range d.declared {
			l.manyType(f)
		}
	}
	for _, d := range l.order {
		l.checkKey(d)
		l.assemble(d)
	}
	for _, d := range l.order {
		for _, f := range d.declared {
			l.fill(f)
		}
	}
}

// key finds the fields that identify a row.
func (l *loader) key(d *classDecl) {
	c, v := d.c, d.own.get("key")
	if !v.given() {
		if f := d.field("id"); f != nil {
			if e, ok := d.own.keys["id"]; ok {
				l.reportPair("E022", e.key.pos(), "a generated id", f.key.pos(), "a field of its own", "keep one of them",
					"the class `%s` has both `id:` and a field `id`", c.Name)
			}
			c.Key = []*schema.Field{f.f}
			return
		}
		l.generatedID(d)
		return
	}
	if id := d.own.get("id"); id.given() {
		l.reportPair("E022", d.own.keys["id"].key.pos(), "a generated id", v.pos(), "a key of its own", "keep one of them", "the class `%s` has both `key` and `id`", c.Name)
	}
	if v.isList() && len(v.n.Content) == 0 {
		l.report("E029", v.pos(), "empty", "name a field, or leave `key` out for a generated id", "the key of `%s` names no field", c.Name)
	}
	for _, item := range l.texts(v, d.own.of("key")) {
		name := item.n.Value
		if name == "id" && d.field(name) == nil && !l.lost(d, name) {
			l.report("E028", item.pos(), "no such field", "declare it: `fields: {id: bigint}`, or leave `key` out for a generated id", "the class `%s` has no field `id`", c.Name)
			continue
		}
		f := d.field(name)
		if f == nil {
			l.unknownField(d, name, item.pos())
			continue
		}
		twice := false
		for _, k := range c.Key {
			twice = twice || k == f.f
		}
		if twice {
			l.report("E012", item.pos(), "second time", "delete one of them", "the key of `%s` has `%s` twice", c.Name, name)
			continue
		}
		c.Key = append(c.Key, f.f)
	}
	if len(c.Key) == 0 {
		l.generatedID(d) // something to go on with
	}
}

// generatedID gives a class the default key.
func (l *loader) generatedID(d *classDecl) {
	kind := l.choiceOf(d, "id", "int")
	f := &schema.Field{Name: "id", JSON: "id", Column: "id", Pos: d.c.Pos, Immutable: true, Auto: schema.AutoID, Type: schema.MustType(kind, schema.Options{})}
	if kind == "uuid" {
		f.Auto = schema.AutoUUID
	}
	d.c.Key = []*schema.Field{f}
}

// field returns the declared field of that name, or nil.
func (d *classDecl) field(name string) *fieldDecl {
	for _, f := range d.declared {
		if f.f.Name == name {
			return f
		}
	}
	return nil
}

// unknownField reports a name that is no field of a class.
func (l *loader) unknownField(d *classDecl, name string, pos schema.Pos) {
	if l.lost(d, name) {
		return
	}
	var names []string
	for _, f := range d.declared {
		names = append(names, f.f.Name)
	}
	for _, f := range d.c.Fields {
		if !contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	help := diag.DidYouMean(name, names)
	if strings.Contains(name, ",") {
		help = listHelp(name)
	}
	l.report("E028", pos, "no such field", help, "the class `%s` has no field `%s`", d.c.Name, name)
}

// referenceType gives a reference the type of its target's key. path holds the
// references on the way, for keys that are references themselves.
func (l *loader) referenceType(d *fieldDecl, path []*fieldDecl) {
	f := d.f
	if f.Ref == nil || f.Type != nil {
		return
	}
	for _, p := range path {
		if p == d {
			l.report("E018", d.key.pos(), "leads back to itself", "give one of the classes a key of its own", "the key of `%s` is a reference that leads back to itself", d.class.c.Name)
			l.mar(d)
			return
		}
	}
	to := l.classes[f.Ref.To.Name]
	if len(to.c.Key) > 1 {
		l.report("E054", d.ref, "has a key of several fields", "give `"+to.c.Name+"` a key of one field", "%s refers to `%s`, whose key has several fields", d.spec.what, to.c.Name)
		l.mar(d)
		return
	}
	target := to.c.Key[0]
	if key := to.field(target.Name); key != nil && key.f == target {
		l.referenceType(key, append(path, d))
	}
	if f.Ref != nil {
		f.Type = target.Type
	}
}

// manyType gives a set of rows its type: a list of names or of ids.
func (l *loader) manyType(d *fieldDecl) {
	f := d.f
	if f.Many == nil {
		return
	}
	s, to := d.spec, l.classes[f.Many.To.Name]
	f.Optional = false
	if len(d.class.c.Key) > 1 {
		l.report("E054", d.ref, "", "declare a class for the links", "%s cannot be `many`: the key of `%s` has several fields", s.what, d.class.c.Name)
		l.mar(d)
		return
	}
	if len(to.c.Key) > 1 {
		l.report("E054", d.ref, "has a key of several fields", "declare a class for the links", "%s refers to `%s`, whose key has several fields", s.what, to.c.Name)
		l.mar(d)
		return
	}
	elem := to.c.Key[0].Type
	if by := s.find("by"); by != nil {
		target := to.field(by.text)
		if target == nil {
			l.unknownField(to, by.text, by.val)
			l.mar(d)
			return
		}
		if !target.f.Unique && !(len(to.c.Key) == 1 && to.c.Key[0] == target.f) && !l.marred[target.f] {
			l.reportTwo("E055", by.val, "not unique", target.key.pos(), "declared here", "add `unique` to `"+to.c.Name+"."+by.text+"`",
				"%s is shown by `%s`, which is not unique", s.what, by.text)
			l.mar(d)
			return
		}
		f.Many.By = target.f
		elem = target.f.Type
	}
	if o := s.find("create"); o != nil {
		l.creatable(d, to, o)
	}
	if l.marredKey(to) || elem == nil {
		l.mar(d)
		return
	}
	t, err := schema.NewType("list", schema.Options{Elem: elem})
	if err != nil {
		l.report("E055", s.typeAt, "", "", "%s cannot be shown: %v", s.what, err)
		l.mar(d)
		return
	}
	f.Type = t
	d.link()
}

// creatable checks that a name alone makes a row of the other class.
func (l *loader) creatable(d *fieldDecl, to *classDecl, o *option) {
	for _, f := range to.declared {
		if f.f == d.f.Many.By || f.spec == nil || !f.required() || f.f == to.tenant && d.class.tenant != nil {
			continue
		}
		l.reportTwo("E055", o.at, "a name is not enough", f.key.pos(), "required", "make it `optional` or give it a default",
			"%s cannot create rows of `%s` from a name: `%s` is required too", d.spec.what, to.c.Name, f.f.Name)
	}
}

// required is Field.Required before defaults are read.
func (d *fieldDecl) required() bool {
	s := d.spec
	return !d.f.Optional && d.f.Many == nil && !d.f.ReadOnly && !s.has("default") && !s.has("auto") && !s.has("from")
}

func (l *loader) marredKey(d *classDecl) bool {
	for _, k := range d.c.Key {
		if l.marred[k] {
			return true
		}
	}
	return false
}

// link names the link table and its columns.
func (d *fieldDecl) link() {
	own, m := d.class.c, d.f.Many
	if m.Table == "" {
		m.Table = own.Table + "_" + d.f.Name
	}
	m.Own = own.Name + "_id"
	m.Other = m.To.Name + "_id"
	if m.Own == m.Other {
		m.Other = d.f.Name + "_id"
	}
	if m.Own == m.Other {
		m.Other = "other_" + m.Own
	}
}

// checkKey refuses fields that cannot identify a row.
func (l *loader) checkKey(d *classDecl) {
	for _, k := range d.c.Key {
		decl := d.field(k.Name)
		if decl == nil || decl.f != k || decl.spec == nil {
			continue
		}
		k.Immutable = true
		help := ""
		why := ""
		switch {
		case k.Many != nil:
			why = "a set of rows cannot be a key"
		case k.Optional:
			why, help = "a key cannot be empty", "remove `optional`"
		case !k.Type.Traits().Key:
			why = a(k.Type.Name()) + " cannot be a key"
		case k.WriteOnly:
			why = "a key is always shown"
		}
		if why != "" {
			l.report("E029", l.keyPos(d, k.Name), why, help, "`%s` cannot be the key of `%s`: %s", k.Name, d.c.Name, why)
		}
	}
}

// keyPos is where the key names a field, else where the field is declared.
func (l *loader) keyPos(d *classDecl, name string) schema.Pos {
	v := d.own.get("key")
	if v.given() {
		for _, item := range l.items(v) {
			if item.isScalar() && item.n.Value == name {
				return item.pos()
			}
		}
	}
	return d.field(name).key.pos()
}

// assemble puts the fields of a class in the order of a record.
func (l *loader) assemble(d *classDecl) {
	c := d.c
	l.camel = d.camel
	if len(c.Key) > 1 {
		if f := d.field("id"); f != nil {
			l.report("E016", f.key.pos(), "", "choose another name", "`%s` has a key of several fields, so its `id` is made of them", c.Name)
			l.marred[f.f] = true
		}
		c.Fields = append(c.Fields, &schema.Field{
			Name: "id", JSON: "id", Type: schema.MustType("text", schema.Options{}), Synthetic: true, Immutable: true, Pos: c.Pos,
			Doc: "The key as one text: " + strings.Join(fieldNames(c.Key), " and ") + " joined by `-`.",
		})
	} else if d.field(c.Key[0].Name) == nil {
		c.Fields = append(c.Fields, c.Key[0])
	}
	for _, f := range d.declared {
		c.Fields = append(c.Fields, f.f)
	}
	if l.boolOf(d, "timestamps", true) {
		c.CreatedAt = l.generated(d, "created_at", schema.AutoNow)
		c.UpdatedAt = l.generated(d, "updated_at", schema.AutoUpdated)
	}
	if c.SoftDelete {
		c.DeletedAt = l.generated(d, "deleted_at", schema.NoAuto)
		c.DeletedAt.Optional, c.DeletedAt.ReadOnly = true, true
	}
}

// generated adds a field that the engine keeps.
func (l *loader) generated(d *classDecl, name string, auto schema.Auto) *schema.Field {
	if f := d.field(name); f != nil {
		help := "remove it, or write `timestamps: false`"
		if name == "deleted_at" {
			help = "remove it, or write `soft_delete: false`"
		}
		l.report("E016", f.key.pos(), "exists already", help, "`%s` has a field `%s` without declaring it", d.c.Name, name)
		return f.f
	}
	f := &schema.Field{
		Name: name, JSON: l.json(name), Column: name, Auto: auto, Pos: d.c.Pos,
		Type: schema.MustType("datetime", schema.Options{}),
	}
	d.c.Fields = append(d.c.Fields, f)
	return f
}

func fieldNames(fs []*schema.Field) []string {
	var names []string
	for _, f := range fs {
		names = append(names, f.Name)
	}
	return names
}
