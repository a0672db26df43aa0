package openapi

import (
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/schema"
)

// Own is a place that the application parses requests for itself.
type Own struct {
	Method, Path string // as from the mount
	Verb         string
	Summary, Doc string
	In, Out      *schema.Shape // of the content and the answer; nil is none, or what Type names
	Type         string        // media type of an answer that is no JSON
}

// special documents the action types of the application's own.
func (b *builder) special() {
	for _, own := range b.Own {
		o := openapi3.NewOperation()
		o.OperationID = b.id(own.Verb)
		o.Summary, o.Description = orElse(own.Summary, own.Verb), own.Doc
		for _, found := range variables.FindAllStringSubmatch(own.Path, -1) {
			p := openapi3.NewPathParameter(found[1]).WithSchema(typed("string"))
			o.Parameters = append(o.Parameters, &openapi3.ParameterRef{Value: p})
		}
		if own.In != nil {
			body := openapi3.NewRequestBody().WithRequired(true)
			body.Content = openapi3.Content{typeJSON: media(b.shape(*own.In).NewRef())}
			o.RequestBody = &openapi3.RequestBodyRef{Value: body}
		}
		o.Responses = openapi3.NewResponsesWithCapacity(0)
		switch {
		case own.Out != nil:
			o.Responses.Set("200", b.told("What the action answers.", own.Verb+" Answer", b.shape(*own.Out).NewRef(), "X-Request-Id"))
		case own.Type != "":
			r := openapi3.NewResponse().WithDescription("What the action answers.")
			r.Headers = b.headers("X-Request-Id")
			r.Content = openapi3.Content{own.Type: media(typed("string").NewRef())}
			o.Responses.Set("200", &openapi3.ResponseRef{Value: r})
		default:
			o.Responses.Set("204", b.shared("NoContent", "Done; there is nothing to show.", "ETag", "Last-Modified", "Preference-Applied", "Idempotency-Replayed", "X-Request-Id"))
		}
		b.failures(o.Responses, 400, 401, 403, 404, 409, 414, 422, 429, 431, 500, 503)
		item := b.doc.Paths.Value(own.Path)
		if item == nil {
			item = &openapi3.PathItem{}
			b.doc.Paths.Set(own.Path, item)
		}
		if own.Method == "" {
			own.Method = http.MethodGet
		}
		item.SetOperation(own.Method, o)
	}
}
