package openapi

import (
	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/schema"
)

// history is the answer that shows what became of a record.
func (b *builder) history(c *schema.Class) *openapi3.ResponseRef {
	r := openapi3.NewResponse().WithDescription("A page of changes, the newest first.")
	r.Headers = b.headers(append([]string{"Link"}, readOf(c)...)...)
	entries := b.component(nil, "Changes", func() *openapi3.Schema {
		members := func(doc string) *openapi3.SchemaRef {
			s := mapOf((&openapi3.Schema{Nullable: !b.exact}).NewRef())
			s.Description = doc
			return b.null(s, true).NewRef()
		}
		s := typed("object").
			WithProperty("id", typed("integer")).
			WithProperty("version", typed("integer")).
			WithProperty("at", typed("string").WithFormat("date-time")).
			WithProperty("verb", text("create, update, delete, restore, purge, or the action that was run on the record.")).
			WithProperty("action", text("What was asked for, as rules name it.")).
			WithProperty("subject", text("Whose rights counted.")).
			WithProperty("by", text("Who asked, where it was somebody else.")).
			WithProperty("system", typed("boolean")).
			WithProperty("request_id", typed("string")).
			WithPropertyRef("before", members("The members that changed, as they were.")).
			WithPropertyRef("after", members("The same members since then."))
		s.Required = []string{"id", "version", "at", "verb", "before", "after"}
		return listOf(s.NewRef())
	})
	r.Content = openapi3.Content{typeJSON: media(b.data(nil, "History", true, entries))}
	return &openapi3.ResponseRef{Value: r}
}

// undone says which change is to be undone.
func (b *builder) undone() *openapi3.SchemaRef {
	return b.component(nil, "Undo", func() *openapi3.Schema {
		s := typed("object").
			WithPropertyRef("id", described(typed("integer").NewRef(), "The entry of the history.")).
			WithPropertyRef("version", described(typed("integer").NewRef(), "Instead: the version that the change made."))
		if b.exact {
			one := uint64(1)
			s.MinProps, s.MaxProps = one, &one
		}
		return s
	})
}
