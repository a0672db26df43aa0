package openapi

import (
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// explains adds what `explain=true` is answered with.
func (b *builder) explains(r *openapi3.Responses) {
	if !b.exact {
		return
	}
	had := r.Value("200")
	if had == nil {
		r.Set("200", b.reuse(nil, "Explanation", func() *openapi3.ResponseRef {
			made := openapi3.NewResponse().WithDescription("What would run, where `explain` asks for that.")
			made.Headers = b.headers("X-Request-Id")
			made.Content = openapi3.Content{typeJSON: media(b.explanation())}
			return &openapi3.ResponseRef{Value: made}
		}))
		return
	}
	v := had.Value
	if name, shared := strings.CutPrefix(had.Ref, "#/components/responses/"); shared {
		v = b.doc.Components.Responses[name].Value
	}
	m, explanation := v.Content[typeJSON], b.explanation()
	if m == nil { // the content of a file
		v.Content[typeJSON] = media(explanation)
		return
	}
	if m.Schema.Value != nil && slices.ContainsFunc(m.Schema.Value.AnyOf, func(s *openapi3.SchemaRef) bool { return s.Ref == explanation.Ref }) {
		return // an answer that several operations share
	}
	m.Schema = anyOf(m.Schema, explanation)
}

// explanation is what would run.
func (b *builder) explanation() *openapi3.SchemaRef {
	texts := func() *openapi3.Schema { return listOf(typed("string").NewRef()) }
	return b.component(nil, "Explanation", func() *openapi3.Schema {
		line := typed("object").WithProperty("at", typed("string")).WithProperty("rule", typed("string")).WithProperty("does", typed("string"))
		line.Required = []string{"at", "rule", "does"}
		decision := typed("object").WithProperty("class", typed("string")).WithProperty("verb", typed("string")).
			WithProperty("effect", oneOf("", "yes", "no", "rows")).WithProperty("where", typed("string")).WithProperty("lines", listOf(line.NewRef()))
		decision.Required = []string{"class", "verb", "effect", "lines"}
		subject := typed("object").WithProperty("id", typed("string")).WithProperty("roles", texts())
		subject.Required = []string{"roles"}
		refusal := typed("object").WithProperty("code", typed("string")).WithProperty("detail", typed("string"))
		refusal.Required = []string{"code", "detail"}
		s := typed("object").
			WithPropertyRef("action", mapOf((&openapi3.Schema{}).NewRef()).NewRef()).
			WithProperty("subject", subject).
			WithProperty("allowed", typed("boolean")).
			WithProperty("refusal", refusal).
			WithProperty("decisions", listOf(decision.NewRef())).
			WithProperty("sql", texts())
		s.Required = []string{"action", "subject", "allowed", "decisions", "sql"}
		return s
	})
}
