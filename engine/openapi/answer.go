package openapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
)

const typeJSON = "application/json"

// The header fields of what is read, and of what was written.
var (
	read    = []string{"ETag", "Last-Modified", "X-Request-Id"}
	written = []string{"ETag", "Last-Modified", "Content-Location", "Preference-Applied", "Idempotency-Replayed", "X-Request-Id"}
)

// readOf are the header fields of what is read of a class.
func readOf(c *schema.Class) []string {
	if c.CachePublic {
		return append([]string{"Cache-Control"}, read...)
	}
	return read
}

// respond says what an operation answers: its successes, then what it may refuse.
func (b *builder) respond(op *request.Operation) *openapi3.Responses {
	r := openapi3.NewResponsesWithCapacity(0)
	c := op.Class
	switch op.Verb {
	case request.Search:
		r.Set("200", b.reuse(c, "Records", func() *openapi3.ResponseRef {
			shapes := b.lists(c)
			if b.exact {
				shapes = append(shapes, b.groups())
			}
			return b.answer("A page of records, or groups of them where `group` or `measure` asks for these.", b.data(c, "Records", true, shapes...), append([]string{"Count-Kind", "Link", "X-Total-Count"}, readOf(c)...)...)
		}))
	case request.Get, request.Related:
		r.Set("200", b.reuse(c, "Record", func() *openapi3.ResponseRef {
			return b.answer("The record.", b.data(c, "", false, b.record(c)), read...)
		}))
	case request.GetProperty:
		r.Set("200", b.answer("The value of the member.", b.data(c, "MemberValue", false, b.property(c)), readOf(c)...))
	case request.Create:
		b.created(r, op)
	case request.Replace:
		r.Set("200", b.written(c))
		if c.ClientKeyed() {
			r.Set("201", b.answer("The record, which is new.", b.data(c, "", false, b.record(c)), append([]string{"Location"}, written...)...))
		}
	case request.History:
		r.Set("200", b.history(c))
	case request.Patch, request.Restore, request.Undo:
		r.Set("200", b.written(c))
	case request.PutProperty:
		r.Set("200", b.answer("The value of the member.", b.data(c, "MemberValue", false, b.property(c)), written...))
	case request.GetFile:
		b.download(r, op)
	case request.PutFile:
		r.Set("200", b.answer("What the record shows of the file.", b.data(c, op.File.Name+" File", false, b.shownValue(op.File)), written...))
	case request.PatchMany:
		r.Set("200", b.reuse(c, "Changed", func() *openapi3.ResponseRef {
			shapes := []*openapi3.SchemaRef{b.byID(c)}
			if b.exact {
				shapes = append(shapes, b.count("updated"))
			}
			return b.answer("The records by their ids, or the number of those a filter found.", b.data(c, "ById", false, shapes...), written...)
		}))
	case request.DeleteMany:
		r.Set("200", b.reuse(nil, "Deleted", func() *openapi3.ResponseRef {
			return b.answer("How many were deleted.", b.data(nil, "Deleted", false, b.count("deleted")), "Preference-Applied", "Idempotency-Replayed", "X-Request-Id")
		}))
	case request.BulkImport, request.BulkUpdate, request.BulkDelete:
		b.bulk(r, op)
	case request.Run, request.Query:
		b.ran(r, op)
	}
	switch op.Method {
	case http.MethodGet:
		r.Set("304", b.shared("NotModified", "Nothing has changed since the tag or time that was sent.", "ETag", "X-Request-Id"))
	default:
		r.Set("204", b.shared("NoContent", "Done; there is nothing to show.", "ETag", "Last-Modified", "Preference-Applied", "Idempotency-Replayed", "X-Request-Id"))
		b.accepts(r)
	}
	if slices.Contains(op.Options, "explain") {
		b.explains(r)
	}
	b.refused(r, op)
	return r
}

// created says what a POST to a collection answers: one record, or several.
func (b *builder) created(r *openapi3.Responses, op *request.Operation) {
	c := op.Class
	shapes := []*openapi3.SchemaRef{b.record(c)}
	if b.exact {
		shapes = append(shapes, b.lists(c)...)
	}
	r.Set("201", b.answer("The record, or the list of them; without content where `Prefer: return=minimal` was sent.",
		b.data(c, "Created", false, shapes...), append([]string{"Location"}, written...)...))
	if b.exact || c.OnConflict == "update" {
		r.Set("200", b.answer("Nothing was made: the list was empty, or the record existed and was updated.", b.data(c, "Created", false, shapes...), written...))
	}
}

// ran says what a declared action answers.
func (b *builder) ran(r *openapi3.Responses, op *request.Operation) {
	a := op.Action
	shown := b.answered(a)
	switch {
	case shown == nil:
		anything := (&openapi3.Schema{Description: "Any JSON."}).NewRef()
		r.Set("200", b.answer("What the action answers.", b.data(a.Class, a.Name+" Answer", false, anything), written...))
	case a.Returns != nil:
		r.Set("200", b.written(a.Returns))
	case len(a.ReturnFields) > 0:
		r.Set("200", b.answer("What the action answers.", b.data(a.Class, a.Name+" Result", false, shown), written...))
	default:
		r.Set("200", b.written(a.Class))
	}
}

// written is the record that a write answers.
func (b *builder) written(c *schema.Class) *openapi3.ResponseRef {
	return b.reuse(c, "Written", func() *openapi3.ResponseRef {
		return b.answer("The record.", b.data(c, "", false, b.record(c)), written...)
	})
}

// refused says what an operation may refuse.
func (b *builder) refused(r *openapi3.Responses, op *request.Operation) {
	b.failures(r, 400, 401, 403, 404, 406, 409, 412, 414, 422, 429, 431, 500, 503)
	if op.Method == http.MethodGet && op.Verb != request.Query {
		return
	}
	b.failures(r, 504)
	if op.Content != request.NoContent {
		b.failures(r, 413, 415)
	}
	if op.Class.Concurrency == "required" {
		b.failures(r, 428)
	}
	if op.Action != nil && op.Action.Run && !b.Handled(op.Action) {
		b.failures(r, 501)
	}
}

// data is a JSON answer in the styles it can have. role names the envelope; page: the envelope counts.
func (b *builder) data(c *schema.Class, role string, page bool, shapes ...*openapi3.SchemaRef) *openapi3.SchemaRef {
	switch {
	case b.exact && b.Envelope:
		return anyOf(append([]*openapi3.SchemaRef{b.envelope(c, role, page, shapes)}, shapes...)...)
	case b.exact:
		return anyOf(append(shapes[:len(shapes):len(shapes)], b.envelope(c, role, page, shapes))...)
	}
	return b.wrapped(c, role, page, shapes...)
}

// wrapped is a JSON answer in the style of the application.
func (b *builder) wrapped(c *schema.Class, role string, page bool, shapes ...*openapi3.SchemaRef) *openapi3.SchemaRef {
	if b.Envelope {
		return b.envelope(c, role, page, shapes)
	}
	return anyOf(shapes...)
}

func (b *builder) envelope(c *schema.Class, role string, page bool, shapes []*openapi3.SchemaRef) *openapi3.SchemaRef {
	return b.component(c, role+"Envelope", func() *openapi3.Schema {
		s := typed("object")
		s.Required = []string{"success", "data", "meta"}
		s.WithProperty("success", typed("boolean")).WithPropertyRef("data", anyOf(shapes...)).WithPropertyRef("meta", b.meta(page))
		return s
	})
}

// meta is what envelopes say beside the data.
func (b *builder) meta(page bool) *openapi3.SchemaRef {
	name := "Meta"
	if page {
		name = "PageMeta"
	}
	return b.component(nil, name, func() *openapi3.Schema {
		s := typed("object")
		s.Required = []string{"timestamp", "version"}
		s.WithProperty("timestamp", format("date-time", "")).WithProperty("version", text("The version of the application."))
		if page {
			s.Required = append(s.Required, "per_page")
			links := typed("object")
			for _, rel := range []string{"next", "prev", "first", "last"} {
				links.WithProperty(rel, typed("string"))
			}
			links.Description = "Other pages, as in `Link`, where `cursor` says which page this is. Then its number is not known."
			s.WithProperty("links", links)
			for _, name := range []string{"total", "per_page", "current_page", "last_page"} {
				s.WithProperty(name, typed("integer"))
			}
			s.WithProperty("from", b.null(typed("integer"), true)).WithProperty("to", b.null(typed("integer"), true))
		}
		return s
	})
}

// groups are what `group` and `measure` ask for: what a group has in common, and its measures.
func (b *builder) groups() *openapi3.SchemaRef {
	return b.component(nil, "Aggregates", func() *openapi3.Schema {
		one := typed("object")
		one.Description = "What the records of a group have in common, then what was worked out of them."
		one.AdditionalProperties = openapi3.AdditionalProperties{Schema: (&openapi3.Schema{}).NewRef()}
		return listOf(one.NewRef())
	})
}

// property is the value of one member.
func (b *builder) property(c *schema.Class) *openapi3.SchemaRef {
	return b.component(c, "MemberValue", func() *openapi3.Schema {
		return &openapi3.Schema{Description: "The value of a member, as it stands in the record.", Nullable: !b.exact}
	})
}

// count is an answer that is one number.
func (b *builder) count(name string) *openapi3.SchemaRef {
	return b.component(nil, schema.Pascal(name)+"Count", func() *openapi3.Schema {
		s := typed("object").WithProperty(name, typed("integer"))
		s.Required = []string{name}
		return s
	})
}

// answer is a response with content.
func (b *builder) answer(description string, shown *openapi3.SchemaRef, fields ...string) *openapi3.ResponseRef {
	r := openapi3.NewResponse().WithDescription(description)
	r.Headers = b.headers(fields...)
	r.Content = openapi3.Content{typeJSON: media(shown)}
	if b.exact {
		for _, f := range b.Formats {
			if name, _, _ := strings.Cut(f.Type, ";"); r.Content[name] == nil {
				r.Content[name] = media(typed("string").NewRef())
			}
		}
	}
	return &openapi3.ResponseRef{Value: r}
}

// reuse is a reference to a response, which is made when it is first asked for.
// Generators of clients make types of responses and schemas alike, so they share no names.
func (b *builder) reuse(c *schema.Class, role string, build func() *openapi3.ResponseRef) *openapi3.ResponseRef {
	name := b.name(c, role+" Answer")
	if all := b.doc.Components.Responses; all[name] == nil {
		all[name] = build()
	}
	return &openapi3.ResponseRef{Ref: "#/components/responses/" + name}
}

// shared is a response without content that is the same everywhere.
func (b *builder) shared(name, description string, fields ...string) *openapi3.ResponseRef {
	return b.reuse(nil, name, func() *openapi3.ResponseRef {
		r := openapi3.NewResponse().WithDescription(description)
		r.Headers = b.headers(fields...)
		return &openapi3.ResponseRef{Value: r}
	})
}

// fields describes the header fields of responses.
var fields = map[string]string{
	"Accept-Ranges":           "`bytes`: parts can be asked for.",
	"Content-Disposition":     "The name of the file, and whether browsers show or save it.",
	"Content-Security-Policy": "What browsers may do with the file: nothing but show it.",
	"Content-Range":           "Which part it is, of how many bytes.",
	"Accept":                  "The media types that are understood here.",
	"Allow":                   "The methods that are offered here.",
	"Accept-Encoding":         "The content codings that are understood here.",
	"Accept-Patch":            "The media types of patches that are understood here.",
	"Cache-Control":           "For how long any cache may keep the answer, where everybody is answered alike.",
	"Content-Location":        "Where the record in the answer is.",
	"Count-Kind":              "`estimate` where `X-Total-Count` is one.",
	"ETag":                    "The strong entity tag of what is shown: send it in `If-None-Match`, or in `If-Match` of a write.",
	"Idempotency-Replayed":    "`true` where the answer is that of an earlier request with the same `Idempotency-Key`.",
	"Last-Modified":           "When the record was written last, where that is exact.",
	"Link":                    "The addresses of other pages (RFC 8288): `next`, `prev`, `first`, `last`.",
	"Location":                "Where the new record is, or the job.",
	"Preference-Applied":      "The preference that was honoured.",
	"Retry-After":             "In how many seconds it may work.",
	"WWW-Authenticate":        "How to say who asks (RFC 6750).",
	"X-Request-Id":            "The id of the request, taken from it or made.",
	"X-Total-Count":           "How many records there are on all pages, where they were counted.",
}

// headers are header fields of a response.
func (b *builder) headers(names ...string) openapi3.Headers {
	out := openapi3.Headers{}
	for _, name := range names {
		if b.doc.Components.Headers[name] == nil {
			kind := "string"
			if name == "Retry-After" || name == "X-Total-Count" {
				kind = "integer"
			}
			b.doc.Components.Headers[name] = &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: openapi3.Parameter{
				Description: fields[name], Schema: typed(kind).NewRef(),
			}}}
		}
		out[name] = &openapi3.HeaderRef{Ref: "#/components/headers/" + name}
	}
	return out
}

func media(s *openapi3.SchemaRef) *openapi3.MediaType { return &openapi3.MediaType{Schema: s} }

func itoa(n int) string { return strconv.Itoa(n) }

func rawJSON(b []byte) json.RawMessage { return json.RawMessage(b) }
