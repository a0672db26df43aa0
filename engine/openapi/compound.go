package openapi

import (
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/request"
)

// compoundPath is the place of compounds below the mount. Paths of a document begin
// with a slash; without it the place is the same.
const compoundPath = "/;compound"

// compound documents several actions in one request.
func (b *builder) compound() {
	op := request.CompoundOperation()
	o := openapi3.NewOperation()
	o.OperationID, o.Tags = b.id("compound"), []string{"Service"}
	o.Summary = "Run several actions in one transaction"
	o.Description = "Also `" + b.Mount + ";compound`. Each action is a request to this API, in order, with its own rights and preconditions; all happen or none. " +
		"`{\"$ref\": \"NAME.member\"}` in the content of a later action, in its `params` or its `if_match`, is a value of an earlier answer, and so is an id of the path as `{NAME.member}`. " +
		"An action that fails is named by `errors`, and its status is that of the answer; with `\"atomic\": false` each counts by itself."
	for _, name := range op.Options {
		if known, ok := options[name]; ok && (b.exact || known.plain) && (known.when == nil || known.when(b, &op)) {
			o.Parameters = append(o.Parameters, b.option(name, &known, nil))
		}
	}
	for _, f := range requestFields {
		if f.when(&op) {
			o.Parameters = append(o.Parameters, b.requestField(&f, false))
		}
	}
	body := openapi3.NewRequestBody().WithRequired(true)
	body.Content = openapi3.Content{typeJSON: media(b.compoundContent())}
	o.RequestBody = &openapi3.RequestBodyRef{Value: body}
	o.Responses = openapi3.NewResponsesWithCapacity(0)
	done := openapi3.NewResponse().WithDescription("What came of each action.")
	done.Headers = b.headers("Preference-Applied", "Idempotency-Replayed", "X-Request-Id")
	done.Content = openapi3.Content{typeJSON: media(b.data(nil, "Compound Answer", false, b.compoundResults()))}
	o.Responses.Set("200", &openapi3.ResponseRef{Value: done})
	b.accepts(o.Responses)
	b.failures(o.Responses, 400, 401, 403, 404, 405, 406, 409, 412, 413, 414, 415, 422, 428, 429, 431, 500, 501, 503, 504)
	o.Security = b.security(true)
	item := &openapi3.PathItem{}
	item.SetOperation(http.MethodPost, o)
	b.doc.Paths.Set(compoundPath, item)
}

func (b *builder) compoundContent() *openapi3.SchemaRef {
	return b.component(nil, "Compound", func() *openapi3.Schema {
		action := b.compoundAction()
		byName := described(mapOf(action).NewRef(), "The actions by their names, in the order in which they run.")
		s := typed("object").
			WithPropertyRef("actions", b.either(byName, listOf(action).NewRef())).
			WithPropertyRef("atomic", described(typed("boolean").NewRef(), "Whether all happen or none; true unless it is said."))
		s.Required, s.AdditionalProperties = []string{"actions"}, closed()
		return s
	})
}

// either is what may have another form, which only the exact document says.
func (b *builder) either(plain, other *openapi3.SchemaRef) *openapi3.SchemaRef {
	if b.exact {
		return anyOf(plain, other)
	}
	return plain
}

func (b *builder) compoundAction() *openapi3.SchemaRef {
	anything := func(description string) *openapi3.SchemaRef {
		return (&openapi3.Schema{Description: description, Nullable: !b.exact}).NewRef()
	}
	return b.component(nil, "Compound Action", func() *openapi3.Schema {
		ref := typed("object").WithProperty("$ref", typed("string"))
		ref.Required, ref.AdditionalProperties = []string{"$ref"}, closed()
		params := mapOf(anything("A text, a number, true, false, an array of these, or a `$ref`."))
		params.Description = "The query, by names."
		s := typed("object").
			WithProperty("method", oneOf("", http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete)).
			WithProperty("path", text("The path below the mount, `/customers/7`; modifiers may be in it.")).
			WithProperty("queryString", text("The query.")).
			WithPropertyRef("params", params.NewRef()).
			WithPropertyRef("contentObject", anything("The content as JSON.")).
			WithPropertyRef("content", anything("The content as text, or as JSON where it is no text.")).
			WithProperty("contentType", text("The media type of the content; `application/json` unless it is said.")).
			WithPropertyRef("if_match", described(b.either(typed("string").NewRef(), ref.NewRef()), "The entity tag that the record must have."))
		s.Required, s.AdditionalProperties = []string{"method", "path"}, closed()
		return s
	})
}

func (b *builder) compoundResults() *openapi3.SchemaRef {
	return b.component(nil, "Compound Results", func() *openapi3.Schema {
		one := typed("object").
			WithProperty("statusCode", typed("integer")).
			WithPropertyRef("contentObject", (&openapi3.Schema{Description: "The content of the answer, absent where it has none.", Nullable: !b.exact}).NewRef()).
			WithProperty("etag", text("The entity tag of what was answered."))
		one.Required = []string{"statusCode"}
		s := typed("object").WithPropertyRef("actionResults", described(b.either(mapOf(one.NewRef()).NewRef(), listOf(one.NewRef()).NewRef()), "By the names of the actions, or in their order."))
		s.Required = []string{"actionResults"}
		return s
	})
}
