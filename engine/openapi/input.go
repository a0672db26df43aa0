package openapi

import (
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema"
)

// contents collects the members of content.
type contents struct {
	*openapi3.Schema
	b      *builder
	sample sample.Object
}

func (b *builder) contents() *contents {
	s := typed("object")
	s.Properties, s.AdditionalProperties = openapi3.Schemas{}, closed()
	return &contents{Schema: s, b: b}
}

// add takes in a field under its name, and a reference under its other names in the exact document.
func (t *contents) add(f *schema.Field, required bool, schema func() *openapi3.SchemaRef) {
	t.Properties[f.JSON] = schema()
	names := []string{f.JSON}
	if t.b.exact && f.Ref != nil {
		for _, name := range aliases(f) {
			t.Properties[name] = schema()
			names = append(names, name)
		}
	}
	switch {
	case !required:
	case len(names) == 1:
		t.Required = append(t.Required, f.JSON)
	default: // one of its names
		one := &openapi3.Schema{}
		for _, name := range names {
			one.AnyOf = append(one.AnyOf, (&openapi3.Schema{Required: []string{name}}).NewRef())
		}
		t.AllOf = append(t.AllOf, one.NewRef())
	}
	if required {
		t.sample.Add(f.JSON, sample.Value(f))
	}
}

// done gives the content its example: what is required, or one member where nothing is.
func (t *contents) done(fields []*schema.Field) *openapi3.Schema {
	for _, f := range fields {
		if t.sample.Empty() && t.Properties[f.JSON] != nil && (f.Class == nil || !isKey(f)) {
			t.sample.Add(f.JSON, sample.Value(f))
		}
	}
	return t.b.example(t.Schema, t.sample.Line())
}

// aliases are the other names that a field answers to: as it is declared, and a
// reference by the record it leads to.
func aliases(f *schema.Field) (names []string) {
	candidates := []string{f.Name}
	if f.Ref != nil && f.Ref.Rel != nil {
		candidates = append(candidates, f.Ref.Rel.JSON)
	}
	for _, name := range candidates {
		if name != f.JSON && !slices.Contains(names, name) && (f.Class == nil || f.Class.Field(name) == f) {
			names = append(names, name)
		}
	}
	return names
}

// create is content that makes a record. in, when not nil, is the relation that
// the path makes it belong to, so that the content need not say so.
func (b *builder) create(c *schema.Class, in *schema.Relation) *openapi3.SchemaRef {
	role := "Create"
	if in != nil && (in.Kind == schema.ToMany || in.Kind == schema.InverseOne) && in.Field.Required() {
		role = "CreateIn " + in.From.TypeName + " " + in.Name
	} else {
		in = nil
	}
	return b.component(c, role, func() *openapi3.Schema {
		t := b.contents()
		update := b.exact && c.OnConflict == "update"
		if update {
			t.Description = "Where the record exists, required members may be left out."
		}
		for _, f := range c.Fields {
			if !filled(f) {
				required := f.Required() && !update && (in == nil || f != in.Field)
				t.add(f, required, func() *openapi3.SchemaRef { return b.sentValue(f, sent) })
			}
		}
		return t.done(c.Fields)
	})
}

// replace is content that replaces a record: what is left out takes its default.
func (b *builder) replace(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "Replace", func() *openapi3.Schema {
		t := b.contents()
		for _, f := range c.Fields {
			if !filled(f) || isKey(f) {
				kept := isKey(f) || f.Immutable || f.WriteOnly || f.Type.Traits().Secret
				t.add(f, f.Required() && !kept, func() *openapi3.SchemaRef { return b.changed(f, sent) })
			}
			t.echo(f)
		}
		return t.done(c.Fields)
	})
}

// patch is content that changes the members it names (RFC 7396).
func (b *builder) patch(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "Patch", func() *openapi3.Schema { return b.patchOf(c).done(c.Fields) })
}

func (b *builder) patchOf(c *schema.Class) *contents {
	t := b.contents()
	for _, f := range c.Fields {
		if !filled(f) || isKey(f) {
			t.add(f, false, func() *openapi3.SchemaRef { return b.changed(f, patched) })
		}
		t.echo(f)
	}
	return t
}

// echo lets a file be sent back as it was shown, or as null. The plain document, of
// which clients are made, has none of it.
func (t *contents) echo(f *schema.Field) {
	if _, file := f.Type.(*schema.FileType); !file || f.Ref != nil || f.ReadOnly || !t.b.exact {
		return
	}
	t.add(f, false, func() *openapi3.SchemaRef {
		return described(anyOf(t.b.shownValue(f), typed("string").NewRef()), "As it was shown, the link alone, or null. Its content is sent to the link.")
	})
}

// changed is a member of content that changes a record.
func (b *builder) changed(f *schema.Field, u use) *openapi3.SchemaRef {
	note := ""
	switch {
	case isKey(f):
		note = "The id in the path, if it is sent at all."
	case f.Immutable:
		note = "Cannot change once it is set."
	}
	return described(b.sentValue(f, u), note)
}

// patchEach is content that patches records by their ids.
func (b *builder) patchEach(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "PatchMap", func() *openapi3.Schema {
		one := b.component(c, "PatchItem", func() *openapi3.Schema {
			t := b.patchOf(c)
			t.Properties["$if_match"] = text("The entity tag that the record must have still.").NewRef()
			return t.done(c.Fields)
		})
		s := mapOf(one)
		s.Description = "Patches by the ids of the records."
		return s
	})
}

// sentValue is the schema of a field in content.
func (b *builder) sentValue(f *schema.Field, u use) *openapi3.SchemaRef {
	switch {
	case f.Many != nil:
		return b.sentSet(f, u)
	case f.Ref != nil:
		return described(b.orLookup(b.value(keyType(f), sent, f.Class, "."+f.JSON, f.Optional), f), orElse(f.Doc, "Id of the "+target(f)+"."))
	case f.Synthetic:
		return text(f.Doc).NewRef()
	}
	s := b.value(f.Type, u, f.Class, "."+f.JSON, f.Optional)
	if u == sent {
		b.initial(s.Value, f)
	}
	return described(s, f.Doc)
}

// initial says what a member is that is not sent, unless its value is nobody's business.
func (b *builder) initial(s *openapi3.Schema, f *schema.Field) {
	d := f.Default
	if s == nil || d == nil || d.Now || d.Me || d.Value.IsNull() || f.WriteOnly || f.Type.Traits().Secret {
		return
	}
	s.Default = rawJSON(f.Type.AppendJSON(nil, d.Value))
}

// sentSet is the schema of a set in content: its members, or in a patch what joins and leaves it.
func (b *builder) sentSet(f *schema.Field, u use) *openapi3.SchemaRef {
	items := b.orLookup(b.value(keyType(element(f)), sent, f.Class, "."+f.JSON+".Item", false), f)
	note := "Ids of each " + target(f) + " in the set."
	if f.Many.By != nil {
		note = "The " + f.Many.By.JSON + " of each " + target(f) + " in the set."
	}
	note = orElse(f.Doc, note)
	list := listOf(items)
	if !b.exact {
		return described(list.NewRef(), note)
	}
	b.null(list, true)
	if u != patched {
		return described(list.NewRef(), note)
	}
	change := typed("object")
	change.AdditionalProperties = closed()
	change.WithPropertyRef("add", listOf(items).NewRef()).WithPropertyRef("remove", listOf(items).NewRef())
	return described(anyOf(list.NewRef(), change.NewRef()), note)
}

// orLookup is what names a record, or a unique key of it in the exact document.
func (b *builder) orLookup(key *openapi3.SchemaRef, f *schema.Field) *openapi3.SchemaRef {
	if c := f.Target(); b.exact && published(c) {
		return anyOf(key, b.lookup(c))
	}
	return key
}

// lookup is a reference by a unique key of its target.
func (b *builder) lookup(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "Lookup", func() *openapi3.Schema {
		s := typed("object")
		s.Description, s.Properties, s.AdditionalProperties, s.MinProps = "A "+words(c.Name)+" by its key, or by one of its unique keys.", openapi3.Schemas{}, closed(), 1
		all := slices.Clone(c.Key)
		for _, u := range c.Uniques {
			all = append(all, u.Fields...)
		}
		for _, f := range all {
			if f.WriteOnly || f.Type.Traits().Secret {
				continue
			}
			for _, name := range append(aliases(f), f.JSON) {
				s.Properties[name] = b.value(keyType(f), sent, c, "."+f.JSON, false)
			}
		}
		return s
	})
}

// input is the content of a declared action.
func (b *builder) input(a *schema.Action) *openapi3.SchemaRef {
	return b.component(a.Class, a.Name+" Input", func() *openapi3.Schema {
		t := b.contents()
		for _, f := range a.Input {
			t.add(f, f.Required(), func() *openapi3.SchemaRef { return b.inputValue(a, f) })
		}
		return t.done(a.Input)
	})
}

// inputValue is a member of an action's content; unlike fields, inputs belong to no class.
func (b *builder) inputValue(a *schema.Action, f *schema.Field) *openapi3.SchemaRef {
	if f.Ref != nil {
		return described(b.orLookup(b.value(keyType(f), sent, a.Class, a.Name+"."+f.JSON, f.Optional), f), orElse(f.Doc, "Id of the "+target(f)+"."))
	}
	s := b.value(f.Type, sent, a.Class, a.Name+"."+f.JSON, f.Optional)
	b.initial(s.Value, f)
	return described(s, f.Doc)
}

// answered is what a declared action answers, nil for anything.
func (b *builder) answered(a *schema.Action) *openapi3.SchemaRef {
	switch {
	case a.Free:
		return nil
	case a.Returns != nil && published(a.Returns):
		return b.record(a.Returns)
	case len(a.ReturnFields) > 0:
		return b.component(a.Class, a.Name+" Result", func() *openapi3.Schema {
			s := typed("object")
			for _, f := range a.ReturnFields {
				s.WithPropertyRef(f.JSON, described(b.value(keyType(f), shown, a.Class, a.Name+"."+f.JSON, f.Optional), f.Doc))
			}
			return s
		})
	case a.Returns == nil && !a.OnCollection:
		return b.record(a.Class)
	}
	return nil
}
