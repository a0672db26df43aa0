package openapi

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
)

// records are several of them in another form than JSON.
func records(media string) *openapi3.SchemaRef {
	if strings.HasSuffix(media, "/csv") {
		return text("Names of members in the first line, then a record a line (RFC 4180).").NewRef()
	}
	return text("A record in JSON a line.").NewRef()
}

// imported is the content of a bulk-import.
func (b *builder) imported(c *schema.Class, media string) *openapi3.SchemaRef {
	if media != typeJSON {
		return records(media)
	}
	one := b.create(c, nil)
	if b.exact {
		one = anyOf(one, (&openapi3.Schema{
			Description: "With `on_conflict=update` members may be left out; with `mode=partial` the answer tells of records that do not fit.",
		}).NewRef())
	}
	return listOf(one).NewRef()
}

// bulkUpdate is the content of a bulk-update: one patch for several records, or one for each.
func (b *builder) bulkUpdate(c *schema.Class) *openapi3.SchemaRef {
	alike := b.component(c, "BulkUpdate", func() *openapi3.Schema {
		s := typed("object")
		s.Description, s.Required, s.AdditionalProperties = "One patch for several records.", []string{"ids", "set"}, closed()
		return s.WithPropertyRef("ids", b.rowIDs(c)).WithPropertyRef("set", b.patch(c))
	})
	if !b.exact {
		return alike
	}
	return anyOf(alike, b.patchEach(c))
}

// bulkDelete is the content of a bulk-delete.
func (b *builder) bulkDelete(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "BulkDelete", func() *openapi3.Schema {
		s := typed("object")
		s.Required, s.AdditionalProperties = []string{"ids"}, closed()
		return s.WithPropertyRef("ids", b.rowIDs(c))
	})
}

// rowIDs are the ids of several records, as records show them or as paths have them.
func (b *builder) rowIDs(c *schema.Class) *openapi3.SchemaRef {
	one := b.idSchema(c).NewRef()
	if b.exact {
		one = anyOf(one, typed("string").NewRef(), typed("integer").NewRef())
	}
	s := listOf(one)
	most := uint64(b.Limits.Bulk)
	s.MaxItems = &most
	return s.NewRef()
}

// bulk says what the bulk operations answer.
func (b *builder) bulk(r *openapi3.Responses, op *request.Operation) {
	c := op.Class
	switch op.Verb {
	case request.BulkUpdate:
		r.Set("200", b.reuse(nil, "Updated", func() *openapi3.ResponseRef {
			return b.answer("How many were changed.", b.data(nil, "Updated", false, b.count("updated")), "Preference-Applied", "Idempotency-Replayed", "X-Request-Id")
		}))
	case request.BulkDelete:
		r.Set("200", b.reuse(nil, "Deleted", func() *openapi3.ResponseRef {
			return b.answer("How many were deleted.", b.data(nil, "Deleted", false, b.count("deleted")), "Preference-Applied", "Idempotency-Replayed", "X-Request-Id")
		}))
	default:
		r.Set("200", b.answer("What became of each record.", b.data(c, "Imported", false, b.report(c)), "Preference-Applied", "Idempotency-Replayed", "X-Request-Id"))
	}
}

// report is what became of the records of a bulk-import.
func (b *builder) report(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "ImportReport", func() *openapi3.Schema {
		row := typed("object")
		row.Description, row.Required = "What became of one record: the id, or why there is none.", []string{"index"}
		row.WithProperty("index", typed("integer")).WithProperty("id", b.idSchema(c)).WithPropertyRef("errors", listOf(b.fault()).NewRef())
		s := typed("object")
		for _, name := range []string{"created", "updated", "skipped", "failed"} {
			s.Required = append(s.Required, name)
			s.WithProperty(name, typed("integer"))
		}
		s.Required = append(s.Required, "rows")
		return s.WithPropertyRef("rows", listOf(row.NewRef()).NewRef())
	})
}
