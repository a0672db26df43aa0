package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// problemType is the start of the URIs that name the kinds of problems; the code follows.
const problemType = "https://dowel.dev/errors/"

// detailMax is how many bytes of a detail are sent.
const detailMax = 1000

// problem is the body of an error (RFC 9457).
type problem struct {
	Type      string            `json:"type"`
	Title     string            `json:"title"`
	Status    int               `json:"status"`
	Detail    string            `json:"detail,omitempty"`
	Instance  string            `json:"instance"`
	Code      actions.Code      `json:"code"`
	Hint      string            `json:"hint,omitempty"`
	Errors    []actions.Problem `json:"errors,omitempty"`
	RequestID string            `json:"request_id"`
	Retry     string            `json:"retry"`
	Outcome   string            `json:"outcome,omitempty"`
	Accept    []string          `json:"accept,omitempty"`
}

// envelopeError is the body of an error in style envelope.
type envelopeError struct {
	Success bool          `json:"success"`
	Error   envelopeCause `json:"error"`
	Meta    envelopeMeta  `json:"meta"`
}

type envelopeCause struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details detailsByField `json:"details"`
	Outcome string         `json:"outcome,omitempty"`
}

type envelopeMeta struct {
	Timestamp string `json:"timestamp"`
	RequestID string `json:"request_id"`
}

// asError makes an *actions.Error of any error. What is none of the known
// kinds is a defect: its text goes to the log and never to the client.
func asError(err error) *actions.Error {
	var e *actions.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, storage.ErrOutcomeUnknown):
		return &actions.Error{Code: actions.OutcomeUnknown, Detail: "The write may or may not have been stored.", Cause: err}
	case errors.Is(err, storage.ErrUnavailable):
		return &actions.Error{Code: actions.StorageUnavailable, Detail: "The storage could not do it now; nothing was changed.", Cause: err}
	case errors.Is(err, storage.ErrConcurrent):
		return &actions.Error{Code: actions.ConcurrentChange, Detail: "Others changed the same rows at the same time; nothing was changed.", Cause: err}
	case errors.Is(err, account.ErrBusy):
		return &actions.Error{Code: actions.RateLimited, Detail: "Too many passwords are being checked; wait a little.", Cause: err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &actions.Error{Code: actions.StorageUnavailable, Detail: "The request took too long; nothing was changed.", Cause: err}
	}
	return &actions.Error{Code: actions.Internal, Cause: err}
}

// fail answers with an error.
func (x *exchange) fail(err error) {
	e := asError(err)
	if other := x.happens(x.r.Context(), Error, &Event{Err: e}); other != nil {
		e = asError(other)
	}
	s := statusOf(e.Code, x.actionInvalid)
	x.failure = e
	h := x.w.Header()
	delete(h, "Content-Encoding")
	delete(h, "Etag")
	x.errorHeaders(h, e, s)
	x.explainDenial(h, s.Status)
	if x.envelope {
		h["Content-Type"] = typeJSON
		x.send(s.Status, marshal(x.envelopeOf(e, s)))
		return
	}
	h["Content-Type"] = typeProblem
	x.send(s.Status, marshal(x.problemOf(e, s)))
}

func (x *exchange) errorHeaders(h http.Header, e *actions.Error, s status) {
	h["Cache-Control"] = noStore
	if x.vary != nil {
		h["Vary"] = x.vary
	}
	switch e.Code {
	case actions.InvalidToken:
		h.Set("WWW-Authenticate", x.challenge()+`, error="invalid_token"`)
	case actions.AuthenticationRequired, actions.InvalidCredentials:
		h.Set("WWW-Authenticate", x.challenge())
	case actions.PreconditionFailed:
		if e.Tag != "" {
			h["Etag"] = []string{quoteTag(e.Tag, "")}
		}
	case actions.MethodNotAllowed:
		h["Allow"] = []string{strings.Join(e.Allow, ", ")} // present even when empty (RFC 9110 §15.5.6)
	case actions.UnsupportedMediaType:
		setList(h, "Accept-Encoding", e.Encoding)
		if len(e.Encoding) == 0 {
			setList(h, "Accept", e.Accept)
		}
		setList(h, "Accept-Patch", e.Patch)
	case actions.ContentTooLarge:
		h["Connection"] = []string{"close"} // what is left of the content is not read
	}
	retry := e.Retry
	if retry == 0 && (s.Status == http.StatusServiceUnavailable || s.Status == http.StatusTooManyRequests) {
		retry = 1
	}
	if retry > 0 {
		h["Retry-After"] = []string{strconv.Itoa(retry)}
	}
}

func setList(h http.Header, name string, values []string) {
	if len(values) > 0 {
		h[name] = []string{strings.Join(values, ", ")}
	}
}

// challenge is what WWW-Authenticate says: a Bearer token, of this application (RFC 6750 §3).
func (x *exchange) challenge() string {
	realm := "dowel"
	if t := x.schema.App.Title; t != "" {
		realm = t
	}
	return `Bearer realm="` + strings.Map(quotable, realm) + `"`
}

// quotable keeps what may stand in a quoted string of a header field.
func quotable(r rune) rune {
	if r < ' ' || r > '~' || r == '"' || r == '\\' {
		return -1
	}
	return r
}

func (x *exchange) problemOf(e *actions.Error, s status) *problem {
	return &problem{
		Type:      problemType + string(e.Code),
		Title:     s.Title,
		Status:    s.Status,
		Detail:    clip(e.Detail),
		Instance:  "urn:uuid:" + newID(x.start),
		Code:      e.Code,
		Hint:      x.hintOf(e),
		Errors:    fragments(e.Errors),
		RequestID: x.id,
		Retry:     s.Retry,
		Outcome:   outcomes[e.Code],
		Accept:    e.Accept,
	}
}

// fragments writes JSON Pointers as RFC 9457 shows them: #/address/zip, and #
// for the content as a whole.
func fragments(found []actions.Problem) []actions.Problem {
	out := slices.Clone(found)
	for i, p := range out {
		if p.Parameter+p.Modifier+p.Header == "" {
			out[i].Pointer = "#" + p.Pointer
		}
	}
	return out
}

// spelled makes a refusal name options as the request wrote them.
func (x *exchange) spelled(err error) error {
	var e *actions.Error
	if !errors.As(err, &e) || len(e.Errors) == 0 {
		return err
	}
	named := *e
	named.Errors = request.Spelled(x.r, e.Errors)
	return &named
}

// hintOf adds how to log in where that is what is missing.
func (x *exchange) hintOf(e *actions.Error) string {
	if e.Hint != "" || e.Code != actions.AuthenticationRequired {
		return e.Hint
	}
	if x.schema.Login == nil {
		return "send a token: Authorization: Bearer TOKEN"
	}
	return "get a token from POST " + x.mount + "/auth/login and send it: Authorization: Bearer TOKEN"
}

func (x *exchange) envelopeOf(e *actions.Error, s status) *envelopeError {
	message := clip(e.Detail)
	if message == "" {
		message = s.Title + "."
	}
	if hint := x.hintOf(e); hint != "" {
		message += " Hint: " + hint
	}
	return &envelopeError{
		Error: envelopeCause{Code: envelopeCode(e.Code), Message: message, Details: e.Errors, Outcome: outcomes[e.Code]},
		Meta:  envelopeMeta{Timestamp: x.start.UTC().Format(time.RFC3339), RequestID: x.id},
	}
}

// envelopeCode is how envelopes write a code.
func envelopeCode(code actions.Code) string {
	if code == actions.ActionInvalid {
		return "VALIDATION_ERROR"
	}
	return strings.ToUpper(strings.ReplaceAll(string(code), "-", "_"))
}

// detailsByField shows problems as an object of field → sentences, in the order they were found.
type detailsByField []actions.Problem

// MarshalJSON implements json.Marshaler.
func (d detailsByField) MarshalJSON() ([]byte, error) {
	var fields []string
	sentences := map[string][]string{}
	for _, p := range d {
		field := fieldOf(p)
		if sentences[field] == nil {
			fields = append(fields, field)
		}
		sentence := p.Detail
		if p.Hint != "" {
			sentence += " (" + p.Hint + ")"
		}
		sentences[field] = append(sentences[field], sentence)
	}
	b := []byte{'{'}
	for i, field := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, field), ':', '[')
		for j, s := range sentences[field] {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendString(b, s)
		}
		b = append(b, ']')
	}
	return append(b, '}'), nil
}

// fieldOf names the place of a problem as forms do: /address/zip is address.zip.
func fieldOf(p actions.Problem) string {
	if place := p.Parameter + p.Modifier + p.Header; place != "" {
		return place
	}
	if p.Pointer == "" {
		return "_"
	}
	parts := strings.Split(p.Pointer[1:], "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return strings.Join(parts, ".")
}

func clip(s string) string {
	if len(s) <= detailMax {
		return s
	}
	return strings.ToValidUTF8(s[:detailMax], "") + "…"
}

// appendString is schema.AppendQuoted for text that may hold what a client sent, valid or not.
func appendString(b []byte, s string) []byte {
	return schema.AppendQuoted(b, strings.ToValidUTF8(s, "\ufffd"))
}

// marshal encodes a body of our own making. Characters of HTML stay readable: nosniff
// and the media type keep browsers from taking it for a page.
func marshal(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // strings and numbers always encode
	}
	return bytes.TrimSuffix(out.Bytes(), []byte{'\n'})
}
