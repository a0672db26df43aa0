package openapi

import (
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema"
)

// record is what is shown of a class. In the exact document only the key is in
// every record: `fields` leaves members out, and so does what one may not read. In the
// plain one `fields` adds members, and all that everybody reads is there.
func (b *builder) record(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "", func() *openapi3.Schema {
		return b.example(b.members(c, func(f *schema.Field) bool {
			return isKey(f) || !b.exact && f.Shown() && b.Readers(f) == ""
		}), sample.Record(c))
	})
}

// members is the schema of a record of which some members are always there.
func (b *builder) members(c *schema.Class, always func(*schema.Field) bool) *openapi3.Schema {
	s := typed("object")
	s.Description, s.Properties = c.Doc, openapi3.Schemas{}
	for _, f := range c.Fields {
		if f.WriteOnly || f.Type.Traits().Secret {
			continue
		}
		s.Properties[f.JSON] = b.member(f)
		if always(f) {
			s.Required = append(s.Required, f.JSON)
		}
	}
	for _, r := range c.Relations {
		if _, set := s.Properties[r.JSON]; !set && published(r.To) {
			s.Properties[r.JSON] = b.expansion(r)
		}
	}
	return s
}

// member is the schema of a field as it is shown.
func (b *builder) member(f *schema.Field) *openapi3.SchemaRef {
	note := f.Doc
	switch {
	case f.Computed != nil || f.Hidden:
		note = strings.TrimSpace(note + " Shown when named in `fields`.")
	case note != "":
	case f.Ref != nil:
		note = "Id of the " + target(f) + "."
	case filled(f) && !f.Synthetic:
		note = "Filled in by the server."
	}
	return described(b.shownValue(f), note)
}

func (b *builder) shownValue(f *schema.Field) *openapi3.SchemaRef {
	if f.Many == nil {
		return b.value(keyType(f), shown, f.Class, "."+f.JSON, f.Optional)
	}
	items := b.value(keyType(element(f)), shown, f.Class, "."+f.JSON+".Item", false)
	if b.exact && published(f.Many.To) {
		items = anyOf(items, b.record(f.Many.To)) // with=
	}
	return listOf(items).NewRef()
}

// expansion is the member that `with` adds for a relation.
func (b *builder) expansion(r *schema.Relation) *openapi3.SchemaRef {
	s := listOf(b.record(r.To))
	if r.Single() {
		s = b.orNull(b.record(r.To))
	}
	s.Description = "Shown when asked for: `with=" + r.JSON + "`."
	return s.NewRef()
}

// keyType is the type of a field's values: a reference's are its target's.
func keyType(f *schema.Field) schema.Type {
	for f.Ref != nil {
		f = f.Ref.To.Key[0]
	}
	return f.Type
}

// element is the field that the elements of a set are values of.
func element(f *schema.Field) *schema.Field {
	if f.Many.By != nil {
		return f.Many.By
	}
	return f.Many.To.Key[0]
}

// target is what the documents call the class that a field leads to.
func target(f *schema.Field) string {
	if c := f.Target(); published(c) {
		return words(c.Name)
	}
	return "record"
}

// filled reports whether the server alone sets a field.
func filled(f *schema.Field) bool {
	return f.Type.Name() == "file" || f.ReadOnly || f.Auto != schema.NoAuto || f.Computed != nil || f.Synthetic
}

func isKey(f *schema.Field) bool { return f.Synthetic || slices.Contains(f.Class.Key, f) }

// list is a page of records.
func (b *builder) list(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "Records", func() *openapi3.Schema { return listOf(b.record(c)) })
}

// byID is records as keyByIds shows them.
func (b *builder) byID(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "ById", func() *openapi3.Schema {
		s := mapOf(b.record(c))
		s.Description = "Records by their ids."
		return s
	})
}

// byClass is records as groupedByClass shows them.
func (b *builder) byClass(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "ByClass", func() *openapi3.Schema {
		s := typed("object").WithPropertyRef(c.Collection, anyOf(b.list(c), b.byID(c)))
		s.Required = []string{c.Collection}
		return s
	})
}

// lists are the shapes that a list of records can have.
func (b *builder) lists(c *schema.Class) []*openapi3.SchemaRef {
	if !b.exact {
		return []*openapi3.SchemaRef{b.list(c)}
	}
	return []*openapi3.SchemaRef{b.list(c), b.byID(c), b.byClass(c)}
}

// properties are the members that an operation on {property} is about.
func properties(op *request.Operation) (names []any) {
	for _, f := range op.Properties {
		secret := f.WriteOnly || f.Type.Traits().Secret
		settable := !filled(f) && !isKey(f)
		switch {
		case op.Verb == request.GetProperty && secret:
		case op.Verb == request.PutProperty && !settable:
		case op.Verb == request.ClearProperty && (!settable || !f.Optional):
		default:
			names = append(names, f.JSON)
		}
	}
	return names
}
