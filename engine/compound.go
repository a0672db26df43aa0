package engine

import (
	"net/http"
	"strconv"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/format"
	"github.com/dowel-dev/dowel/schema"
)

// showsContent reports whether a result has content at all.
func showsContent(r *actions.Result) bool { return r.View != nil || r.Raw != nil || r.Counts != nil }

// render writes the content of a step of a compound: never in an envelope, which
// is around the answer as a whole.
func render(r *actions.Result, o *actions.Output) []byte {
	if !showsContent(r) || r.Outcome == actions.NotModified {
		return nil
	}
	d := format.Document{
		Class: r.Class, View: r.View, Rows: r.Rows, List: r.List, Keyed: r.Keyed,
		Property: r.Property, Counts: r.Counts, Raw: r.Raw, Page: r.Page,
		KeyByIDs: o.KeyByIDs, GroupedByClass: o.GroupedByClass,
	}
	return format.AppendJSON(make([]byte, 0, 256*max(1, len(r.Rows))), &d)
}

// Answers is what came of a compound, as clients are told: {"actionResults": …}.
func (e *Engine) Answers(res *actions.Result) []byte {
	x := &exchange{h: e.handler, schema: e.Schema(), start: e.cfg.Clock(), actionInvalid: e.cfg.Settings.Status.ActionInvalid}
	return x.stepsOf(res)
}

// stepsOf writes {"actionResults": …}: an object with the names of the steps, or
// an array where they had none.
func (x *exchange) stepsOf(r *actions.Result) []byte {
	size := 64
	for i := range r.Steps {
		size += len(r.Steps[i].Content) + len(r.Steps[i].Name) + 96
	}
	b := append(make([]byte, 0, size), `{"actionResults":`...)
	opening, closing := byte('{'), byte('}')
	if r.Listed {
		opening, closing = '[', ']'
	}
	b = append(b, opening)
	for i := range r.Steps {
		s := &r.Steps[i]
		if i > 0 {
			b = append(b, ',')
		}
		if !r.Listed {
			b = append(schema.AppendQuoted(b, s.Name), ':')
		}
		b = x.appendStep(b, s)
	}
	return append(b, closing, '}')
}

func (x *exchange) appendStep(b []byte, s *actions.StepResult) []byte {
	var code int
	var tag string
	content := s.Content
	switch {
	case s.Err != nil:
		status := statusOf(s.Err.Code, x.actionInvalid)
		code, tag, content = status.Status, s.Err.Tag, x.failureOf(s.Err, status)
	case s.Result.Outcome == actions.NotModified:
		code, tag, content = http.StatusNotModified, s.Result.Tag, nil
	default:
		var body bool
		minimal := s.Output.Minimal || x.action != nil && x.action.Common().Output.Minimal
		if code, body = statusOfResult(s.Result, minimal); !body {
			content = nil
		}
		tag = s.Result.Tag
	}
	b = append(b, `{"statusCode":`...)
	b = strconv.AppendInt(b, int64(code), 10)
	if content != nil {
		b = append(append(b, `,"contentObject":`...), content...)
	}
	if tag != "" {
		b = append(b, `,"etag":`...)
		b = schema.AppendQuoted(b, quoteTag(tag, ""))
	}
	return append(b, '}')
}

// failureOf is the content of an answer with an error.
func (x *exchange) failureOf(e *actions.Error, s status) []byte {
	if x.envelope {
		return marshal(x.envelopeOf(e, s))
	}
	return marshal(x.problemOf(e, s))
}
