package openapi

import (
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
)

// can documents the questions about rights.
func (b *builder) can() {
	question := b.component(nil, "Question", func() *openapi3.Schema {
		id := typed("string")
		if b.exact {
			id.Type = &openapi3.Types{"string", "integer"}
		}
		s := typed("object").
			WithProperty("verb", text("What is to be done: list, get, create, update, delete, restore, purge, or an action of the class.")).
			WithProperty("class", text("The name of the class.")).
			WithProperty("id", id)
		if b.Schema.Tenant != nil {
			s.WithProperty("tenant", id)
		}
		s.Required, s.AdditionalProperties = []string{"verb", "class"}, closed()
		return s
	})
	questions := b.component(nil, "Questions", func() *openapi3.Schema {
		named := mapOf(question).NewRef()
		if b.exact {
			list := typed("array")
			list.Items = question
			named = anyOf(named, list.NewRef())
		}
		s := typed("object").WithPropertyRef("actions", named)
		s.Required, s.AdditionalProperties = []string{"actions"}, closed()
		return s
	})
	answers := b.component(nil, "Rights", func() *openapi3.Schema {
		named := mapOf(typed("boolean").NewRef()).NewRef()
		if b.exact {
			list := typed("array")
			list.Items = typed("boolean").NewRef()
			named = anyOf(named, list.NewRef())
		}
		s := typed("object").WithPropertyRef("actionResults", named)
		s.Required = []string{"actionResults"}
		return s
	})
	o := openapi3.NewOperation()
	o.OperationID, o.Tags = b.id("can"), []string{"Service"}
	o.Summary = "Ask what one may do"
	o.Description = "Answers each question with true or false, under the name or at the place of the question. Of a record that may not be seen it says the same as of one that is not there."
	o.Security = b.security(true)
	body := openapi3.NewRequestBody().WithRequired(true)
	body.Content = openapi3.Content{typeJSON: media(questions)}
	o.RequestBody = &openapi3.RequestBodyRef{Value: body}
	o.Responses = openapi3.NewResponsesWithCapacity(0)
	o.Responses.Set("200", b.told("The answers.", "Rights", answers, "X-Request-Id"))
	b.failures(o.Responses, 400, 401, 409, 413, 414, 415, 422, 429, 431, 500, 503)
	item := &openapi3.PathItem{}
	item.SetOperation(http.MethodPost, o)
	b.doc.Paths.Set("/auth/can", item)
}
