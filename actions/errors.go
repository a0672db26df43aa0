package actions

import "strings"

// Code is a stable word for what went wrong; engine/status.go has the HTTP status of each.
type Code string

// The codes, in the order of the pipeline.
const (
	Overloaded             Code = "overloaded"
	RateLimited            Code = "rate-limited"
	TargetTooLong          Code = "target-too-long"
	HeadersTooLarge        Code = "headers-too-large"
	MethodUnknown          Code = "method-unknown"
	InvalidToken           Code = "invalid-token"
	InvalidCredentials     Code = "invalid-credentials"
	AuthUnavailable        Code = "auth-unavailable"
	BadPath                Code = "bad-path"
	NotFound               Code = "not-found"
	MethodNotAllowed       Code = "method-not-allowed"
	BadQuery               Code = "bad-query"
	BadHeader              Code = "bad-header"
	NotAcceptable          Code = "not-acceptable"
	ContentNotAllowed      Code = "content-not-allowed"
	ContentMissing         Code = "content-missing"
	UnsupportedMediaType   Code = "unsupported-media-type"
	ContentTooLarge        Code = "content-too-large"
	RangeNotSatisfiable    Code = "range-not-satisfiable"
	BadContent             Code = "bad-content"
	ActionInvalid          Code = "action-invalid"
	AuthenticationRequired Code = "authentication-required"
	Forbidden              Code = "forbidden"
	PreconditionRequired   Code = "precondition-required"
	PreconditionFailed     Code = "precondition-failed"
	AlreadyExists          Code = "already-exists"
	ReferenceMissing       Code = "reference-missing"
	StillReferenced        Code = "still-referenced"
	StateConflict          Code = "state-conflict"
	PatchTestFailed        Code = "patch-test-failed"
	ConcurrentChange       Code = "concurrent-change"
	IdempotencyKeyReused   Code = "idempotency-key-reused"
	IdempotencyInFlight    Code = "idempotency-in-flight"
	ActionUnavailable      Code = "action-unavailable"
	StorageUnavailable     Code = "storage-unavailable"
	OutcomeUnknown         Code = "outcome-unknown"
	Internal               Code = "internal"
)

// Error is every refusal of the engine, from the parser to the store.
type Error struct {
	Code     Code
	Detail   string    // one sentence for people; names the thing and the fix
	Hint     string    // "did you mean `status`?"
	Errors   []Problem // every problem found, where there are several
	Tag      string    // current entity tag, for precondition-failed
	Allow    []string  // for method-not-allowed
	Accept   []string  // for not-acceptable and unsupported-media-type
	Patch    []string  // Accept-Patch
	Encoding []string  // Accept-Encoding, for a content coding we do not know
	Retry    int       // Retry-After in seconds; 0 is none
	Cause    error     // for the log only, never sent
}

// Problem is one entry of Error.Errors. Exactly one of the four places is set.
type Problem struct {
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Pointer   string `json:"pointer,omitempty"` // JSON Pointer into the content: /address/zip
	Parameter string `json:"parameter,omitempty"`
	Modifier  string `json:"modifier,omitempty"`
	Header    string `json:"header,omitempty"`
	Hint      string `json:"hint,omitempty"`
	Line      int    `json:"line,omitempty"`   // of the content's text, from 1, where it is no JSON
	Column    int    `json:"column,omitempty"` // in characters, from 1
}

// Error returns the code and what happened.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	for _, p := range e.Errors {
		b.WriteString("; " + p.Pointer + p.Parameter + p.Modifier + p.Header + ": " + p.Detail)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error of a code and a sentence.
func Errorf(code Code, detail string) *Error { return &Error{Code: code, Detail: detail} }

// Invalid makes the error of an action that does not fit the schema.
func Invalid(problems ...Problem) *Error {
	e := &Error{Code: ActionInvalid, Errors: problems}
	switch len(problems) {
	case 0:
		e.Detail = "The action does not fit the schema."
	case 1:
		e.Detail, e.Hint = problems[0].Detail, problems[0].Hint
	default:
		e.Detail = "Several things do not fit the schema."
	}
	return e
}
