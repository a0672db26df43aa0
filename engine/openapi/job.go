package openapi

import (
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
)

// accepts says that a write may be queued instead of done.
func (b *builder) accepts(r *openapi3.Responses) {
	if b.Jobs == "" {
		return
	}
	r.Set("202", b.reuse(nil, "Accepted", func() *openapi3.ResponseRef {
		return b.told("A job will do it, as `Prefer: respond-async` asked for.", "Accepted Job", b.job(), "Location", "Retry-After", "Preference-Applied", "Idempotency-Replayed", "X-Request-Id")
	}))
}

// jobs documents the place of a job.
func (b *builder) jobs() {
	if b.Jobs == "" {
		return
	}
	operation := func(id, summary, description string) *openapi3.Operation {
		o := openapi3.NewOperation()
		o.OperationID, o.Tags = b.id(id), []string{"Service"}
		o.Summary, o.Description = summary, description
		o.Security = b.security(false)
		o.Responses = openapi3.NewResponsesWithCapacity(0)
		b.failures(o.Responses, 401, 404, 414, 429, 431, 500, 503)
		return o
	}
	get := operation("getJob", "Get a job", "Whoever queued it may look at it: how far it is, and what came of it. `answer` is what the request would have been answered with, `problem` why it could not be done.")
	get.Responses.Set("200", b.told("The job.", "Job", b.job(), "Retry-After", "X-Request-Id"))
	cancel := operation("cancelJob", "Cancel a job", "Only while it is queued.")
	cancel.Responses.Set("204", b.shared("Empty", "Done.", "X-Request-Id"))
	b.failures(cancel.Responses, 409)
	item := &openapi3.PathItem{Parameters: openapi3.Parameters{{
		Value: openapi3.NewPathParameter("job").WithSchema(typed("string")).WithDescription("The id of the job."),
	}}}
	item.SetOperation(http.MethodGet, get)
	item.SetOperation(http.MethodDelete, cancel)
	b.doc.Paths.Set(b.Jobs+"{job}", item)
}

func (b *builder) job() *openapi3.SchemaRef {
	return b.component(nil, "Job", func() *openapi3.Schema {
		anything := func(description string) *openapi3.SchemaRef {
			return (&openapi3.Schema{Description: description, Nullable: !b.exact}).NewRef()
		}
		answer := typed("object").
			WithProperty("status", typed("integer")).
			WithProperty("location", text("Where the new record is.")).
			WithProperty("etag", text("The entity tag of what is shown.")).
			WithProperty("content_type", text("The media type of the body.")).
			WithPropertyRef("body", anything("The content, as a text where it is no JSON."))
		answer.Required = []string{"status"}
		moment := func(description string) *openapi3.Schema {
			return format("date-time", description)
		}
		s := typed("object").
			WithProperty("id", typed("string")).
			WithProperty("status", oneOf("", "queued", "running", "done", "failed")).
			WithProperty("attempts", described(typed("integer").NewRef(), "How often it was begun.").Value).
			WithProperty("created_at", moment("When it was queued.")).
			WithProperty("due_at", moment("Before that it is not begun; only while it is queued.")).
			WithProperty("ended_at", moment("When it was done, or failed for good.")).
			WithPropertyRef("answer", described(answer.NewRef(), "What came of it, once it is done.")).
			WithPropertyRef("problem", described(typed("object").NewRef(), "Why the last attempt failed: a problem (RFC 9457)."))
		s.Required = []string{"id", "status", "attempts", "created_at"}
		return s
	})
}
