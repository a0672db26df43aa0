package storagetest

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Part is one thing said of a class: a field, a key, a check.
type Part func(b *builder, c *schema.Class)

// Word is one thing said of a field.
type Word func(b *builder, f *schema.Field)

// builder collects what can only be resolved when every class is known, in the
// order references, computed fields, conditions.
type builder struct {
	schema     *schema.Schema
	references []func()
	computed   []func()
	conditions []func()
}

// ClassSpec is a class and what is said of it.
type ClassSpec struct {
	Name  string
	Parts []Part
}

// Class describes a class. Without a Key part it has an integer id numbered by the store.
func Class(name string, parts ...Part) ClassSpec { return ClassSpec{name, parts} }

// Schema builds a sealed schema from Go, without any YAML. A mistake panics.
func Schema(specs ...ClassSpec) *schema.Schema {
	b := &builder{schema: &schema.Schema{App: schema.App{Title: "test", Mount: "/api", PageSize: 20, PageMax: 100, Depth: 3}}}
	for _, spec := range specs {
		b.class(spec)
	}
	for _, later := range slices.Concat(b.references, b.computed) {
		later()
	}
	b.schema.Seal()
	for _, later := range b.conditions {
		later()
	}
	return b.schema
}

func (b *builder) class(spec ClassSpec) {
	plural := spec.Name + "s"
	c := &schema.Class{
		Name: spec.Name, Plural: plural, Table: plural, Collection: strings.ReplaceAll(plural, "_", "-"),
		TypeName: spec.Name, Expose: true, Bulk: true,
	}
	b.schema.Classes = append(b.schema.Classes, c)
	for _, part := range spec.Parts {
		part(b, c)
	}
	switch len(c.Key) {
	case 0:
		id := &schema.Field{Name: "id", JSON: "id", Column: "id", Class: c, Type: typed("int", schema.Options{}), Auto: schema.AutoID, ReadOnly: true, Immutable: true}
		c.Fields = slices.Insert(c.Fields, 0, id)
		c.Key = []*schema.Field{id}
	case 1:
	default:
		id := &schema.Field{Name: "id", JSON: "id", Class: c, Type: typed("string", schema.Options{}), Synthetic: true, ReadOnly: true}
		c.Fields = slices.Insert(c.Fields, 0, id)
	}
	if c.SoftDelete {
		c.DeletedAt = &schema.Field{Name: "deleted_at", JSON: "deleted_at", Column: "deleted_at", Class: c, Type: typed("datetime", schema.Options{}), Optional: true, ReadOnly: true}
		c.Fields = append(c.Fields, c.DeletedAt)
	}
	c.Sort = nil
}

func typed(name string, o schema.Options) schema.Type { return schema.MustType(name, o) }

// Text is a required field of text; most fields of a test are.
func Text(name string, words ...Word) Part {
	return Field(name, typed("string", schema.Options{}), words...)
}

// Of is a field of a built-in type without options.
func Of(typeName, name string, words ...Word) Part {
	return Field(name, typed(typeName, schema.Options{}), words...)
}

// Enum is a field of a closed set of words, in this order.
func Enum(name string, set []string, words ...Word) Part {
	return Field(name, typed("enum", schema.Options{Enum: set}), words...)
}

// Decimal is a field of exact numbers.
func Decimal(name, scale string, words ...Word) Part {
	return Field(name, typed("decimal", schema.Options{Text: map[string]string{"scale": scale}}), words...)
}

// List is a field of a list of a built-in type.
func List(name, elem string, words ...Word) Part {
	return Field(name, typed("list", schema.Options{Elem: typed(elem, schema.Options{})}), words...)
}

// Object is a field of a nested object whose members are optional texts.
func Object(name string, members []string, words ...Word) Part {
	var fields []*schema.Field
	for _, m := range members {
		fields = append(fields, &schema.Field{Name: m, JSON: m, Type: typed("string", schema.Options{}), Optional: true})
	}
	return Field(name, typed("object", schema.Options{Fields: fields}), words...)
}

// Field is a field of any type.
func Field(name string, t schema.Type, words ...Word) Part {
	return func(b *builder, c *schema.Class) {
		f := &schema.Field{Name: name, JSON: name, Column: name, Class: c, Type: t}
		c.Fields = append(c.Fields, f)
		for _, w := range words {
			w(b, f)
		}
	}
}

// Optional lets the field be null.
func Optional(_ *builder, f *schema.Field) { f.Optional = true }

// Unique gives the field a unique index of its own.
func Unique(_ *builder, f *schema.Field) {
	f.Unique = true
	f.Class.Uniques = append(f.Class.Uniques, &schema.Index{Name: f.Class.Table + "_" + f.JSON, Fields: []*schema.Field{f}, Unique: true})
}

// Was names the field of the former revision that this one continues.
func Was(name string) Word { return func(_ *builder, f *schema.Field) { f.Was = name } }

// Cascade deletes the row with its target.
func Cascade(_ *builder, f *schema.Field) { f.Ref.OnDelete = schema.Cascade }

// SetNull clears the reference when its target is deleted.
func SetNull(_ *builder, f *schema.Field) { f.Ref.OnDelete, f.Optional = schema.SetNull, true }

// Sequence numbers rows, from 1 for every value of the field per; "" is one sequence for all.
func Sequence(per string) Word {
	return func(b *builder, f *schema.Field) {
		f.Auto = schema.AutoSequence
		b.computed = append(b.computed, func() {
			if per != "" {
				f.Per = memberOf(f.Class, per)
			}
		})
	}
}

// Ref is a reference to one row of another class. The way back is called inverse,
// or like the plural of this class when that is "".
func Ref(name, to, inverse string, words ...Word) Part {
	return func(b *builder, c *schema.Class) {
		f := &schema.Field{Name: name, JSON: name + "_id", Column: name + "_id", Class: c, Indexed: true, Ref: &schema.Ref{}}
		c.Fields = append(c.Fields, f)
		for _, w := range words {
			w(b, f)
		}
		b.references = append(b.references, func() {
			target := b.find(to)
			f.Ref.To, f.Type = target, target.Key[0].Type
			kind := schema.ToMany
			if f.Unique {
				kind = schema.InverseOne
			}
			f.Ref.Rel, f.Ref.Inverse = relate(f, target, inverse, schema.ToOne, kind)
		})
	}
}

// Many is a set of rows of another class, shown by a unique field of theirs or,
// when by is "", by their keys.
func Many(name, to, by, inverse string) Part {
	return func(b *builder, c *schema.Class) {
		f := &schema.Field{Name: name, JSON: name, Class: c, Optional: true, Many: &schema.Many{
			Table: c.Table + "_" + name, Own: "own_id", Other: "other_id",
		}}
		c.Fields = append(c.Fields, f)
		b.references = append(b.references, func() {
			f.Many.To = b.find(to)
			shown := f.Many.To.Key[0]
			if by != "" {
				f.Many.By = memberOf(f.Many.To, by)
				shown = f.Many.By
			}
			f.Type = typed("list", schema.Options{Elem: shown.Type})
			f.Many.Rel, _ = relate(f, f.Many.To, inverse, schema.Link, schema.LinkInverse)
		})
	}
}

// relate enters both ways between the class of f and its target.
func relate(f *schema.Field, to *schema.Class, inverse string, kind, back schema.RelKind) (there, home *schema.Relation) {
	c := f.Class
	if inverse == "" {
		inverse = c.Plural
	}
	there = &schema.Relation{Name: f.Name, JSON: f.Name, Kind: kind, From: c, To: to, Field: f}
	home = &schema.Relation{Name: inverse, JSON: inverse, Kind: back, From: to, To: c, Field: f, Back: there}
	there.Back = home
	c.Relations = append(c.Relations, there)
	to.Relations = append(to.Relations, home)
	return there, home
}

// Computed folds a field of related rows, fn of relation.of; a count has of "".
// when, not nil, is a condition on the related rows.
func Computed(name, fn, relation, of string, when Cond) Part {
	return func(b *builder, c *schema.Class) {
		f := &schema.Field{Name: name, JSON: name, Class: c, ReadOnly: true, Computed: &schema.Computed{Func: fn}}
		c.Fields = append(c.Fields, f)
		b.computed = append(b.computed, func() {
			i := slices.IndexFunc(c.Relations, func(r *schema.Relation) bool { return r.Name == relation })
			f.Computed.Rel = c.Relations[i]
			f.Type = typed("int", schema.Options{})
			if of != "" {
				f.Computed.Of = memberOf(f.Computed.Rel.To, of)
				f.Type = f.Computed.Of.Type
			}
			if fn == "avg" {
				f.Type = typed("float", schema.Options{})
			}
			f.Optional = fn != "count" && fn != "sum"
		})
		if when != nil {
			b.conditions = append(b.conditions, func() { f.Computed.Where = when(f.Computed.Rel.To) })
		}
	}
}

// Key makes fields the key; they must be required.
func Key(names ...string) Part {
	return func(_ *builder, c *schema.Class) {
		for _, n := range names {
			f := memberOf(c, n)
			f.Immutable = true
			c.Key = append(c.Key, f)
		}
	}
}

// UniqueTogether is a unique index over several fields.
func UniqueTogether(names ...string) Part {
	return func(_ *builder, c *schema.Class) {
		x := &schema.Index{Name: c.Table + "_" + strings.Join(names, "_"), Unique: true}
		for _, n := range names {
			x.Fields = append(x.Fields, memberOf(c, n))
		}
		c.Uniques = append(c.Uniques, x)
	}
}

// Check is a condition that every stored row satisfies.
func Check(name string, holds Cond) Part {
	return func(b *builder, c *schema.Class) {
		check := &schema.Check{Name: name, Text: name}
		c.Checks = append(c.Checks, check)
		b.conditions = append(b.conditions, func() { check.Where = holds(c) })
	}
}

// SoftDelete gives the class a deleted_at.
func SoftDelete(_ *builder, c *schema.Class) { c.SoftDelete = true }

func (b *builder) find(class string) *schema.Class {
	for _, c := range b.schema.Classes {
		if c.Name == class {
			return c
		}
	}
	panic("storagetest: no class " + class)
}

// memberOf finds a field before the schema is sealed.
func memberOf(c *schema.Class, name string) *schema.Field {
	for _, f := range c.Fields {
		if f.Name == name || f.JSON == name {
			return f
		}
	}
	panic("storagetest: no field " + c.Name + "." + name)
}
