package openapi

import (
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/engine/docs"
)

// failures are the responses to what an operation may refuse, by status.
func (b *builder) failures(r *openapi3.Responses, statuses ...int) {
	for _, status := range statuses {
		if ref := b.failure(status); ref != nil {
			r.Set(itoa(status), ref)
		}
	}
}

// failure is the response of a status, nil where no code has it.
func (b *builder) failure(status int) *openapi3.ResponseRef {
	name := b.name(nil, http.StatusText(status)+" Answer")
	if all := b.doc.Components.Responses; all[name] == nil {
		var lines []string
		for _, e := range b.Errors {
			if e.Status == status {
				lines = append(lines, "- `"+e.Code+"`: "+e.Title)
			}
		}
		if lines == nil {
			return nil
		}
		r := openapi3.NewResponse().WithDescription(http.StatusText(status) + "\n\n" + strings.Join(lines, "\n"))
		r.Headers = b.headers(append([]string{"X-Request-Id"}, failureHeaders[status]...)...)
		r.Content = openapi3.Content{}
		if b.exact || !b.Envelope {
			r.Content["application/problem+json"] = media(b.problem())
		}
		if b.exact || b.Envelope {
			r.Content["application/json"] = media(b.wrappedProblem())
		}
		all[name] = &openapi3.ResponseRef{Value: r}
	}
	return &openapi3.ResponseRef{Ref: "#/components/responses/" + name}
}

// failureHeaders are the header fields that go with a status.
var failureHeaders = map[int][]string{
	http.StatusUnauthorized:                 {"WWW-Authenticate"},
	http.StatusMethodNotAllowed:             {"Allow"},
	http.StatusPreconditionFailed:           {"ETag"},
	http.StatusUnsupportedMediaType:         {"Accept", "Accept-Encoding", "Accept-Patch"},
	http.StatusRequestedRangeNotSatisfiable: {"Content-Range"},
	http.StatusTooManyRequests:              {"Retry-After"},
	http.StatusServiceUnavailable:           {"Retry-After"},
}

// problem is an error as RFC 9457 has it.
func (b *builder) problem() *openapi3.SchemaRef {
	return b.component(nil, "Problem", func() *openapi3.Schema {
		s := typed("object")
		s.Description = "An error (RFC 9457)."
		s.Required = []string{"type", "title", "status", "instance", "code", "request_id", "retry"}
		s.Properties = openapi3.Schemas{
			"type":       format("uri", "The code as an address.").NewRef(),
			"title":      text("What the code means.").NewRef(),
			"status":     typed("integer").NewRef(),
			"detail":     text("What happened, for people.").NewRef(),
			"instance":   format("uri", "Names this one occurrence.").NewRef(),
			"code":       codes(b.Problems).NewRef(),
			"hint":       text("What was probably meant.").NewRef(),
			"errors":     listOf(b.fault()).NewRef(),
			"request_id": text("The id of the request, also in X-Request-Id and in the log.").NewRef(),
			"retry":      oneOf("When the same request may work: never, once something has changed, or later.", "never", "after-change", "later").NewRef(),
			"outcome":    outcome().NewRef(),
			"accept":     listOf(typed("string").NewRef()).NewRef(),
		}
		return s
	})
}

// fault is one of the things wrong with a request.
func (b *builder) fault() *openapi3.SchemaRef {
	return b.component(nil, "Fault", func() *openapi3.Schema {
		s := typed("object")
		s.Description = "One thing wrong with a request, and its place."
		s.Required = []string{"code", "detail"}
		s.Properties = openapi3.Schemas{
			"code":      text("A stable word: required, type, length, unknown, ….").NewRef(),
			"detail":    text("What is wrong, for people.").NewRef(),
			"pointer":   text("The place in the content, as a JSON Pointer in a fragment: #/address/zip.").NewRef(),
			"parameter": text("The parameter of the query.").NewRef(),
			"modifier":  text("The modifier of the path.").NewRef(),
			"header":    text("The header field.").NewRef(),
			"hint":      text("What was probably meant.").NewRef(),
			"line":      typed("integer").NewRef(),
			"column":    typed("integer").NewRef(),
		}
		return s
	})
}

// wrappedProblem is an error in style envelope.
func (b *builder) wrappedProblem() *openapi3.SchemaRef {
	return b.component(nil, "Failure", func() *openapi3.Schema {
		s := typed("object")
		s.Description = "An error in an envelope."
		s.Required = []string{"success", "error", "meta"}
		s.Properties = openapi3.Schemas{
			"success": typed("boolean").NewRef(),
			"error": b.component(nil, "FailureCause", func() *openapi3.Schema {
				cause := typed("object")
				cause.Required = []string{"code", "message", "details"}
				cause.Properties = openapi3.Schemas{
					"code": codes(b.Wrapped).NewRef(), "message": text("What happened, for people.").NewRef(),
					"details": described(mapOf(listOf(typed("string").NewRef()).NewRef()).NewRef(), "What is wrong, by member or parameter."),
					"outcome": outcome().NewRef(),
				}
				return cause
			}),
			"meta": b.component(nil, "FailureMeta", func() *openapi3.Schema {
				meta := typed("object")
				meta.Required = []string{"timestamp", "request_id"}
				meta.Properties = openapi3.Schemas{
					"timestamp": format("date-time", "").NewRef(), "request_id": text("The id of the request, also in X-Request-Id and in the log.").NewRef(),
				}
				return meta
			}),
		}
		return s
	})
}

func codes(all []docs.Error) *openapi3.Schema {
	s := text("A stable word for what happened.")
	for _, e := range all {
		s.Enum = append(s.Enum, e.Code)
	}
	return s
}

func outcome() *openapi3.Schema {
	return oneOf("Whether a write that failed in the storage was applied.", "not_applied", "unknown")
}

// oneOf is one of a few words.
func oneOf(description string, all ...string) *openapi3.Schema {
	s := text(description)
	for _, word := range all {
		s.Enum = append(s.Enum, word)
	}
	return s
}

func format(name, description string) *openapi3.Schema {
	s := text(description)
	s.Format = name
	return s
}
