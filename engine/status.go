package engine

import (
	"net/http"

	"github.com/dowel-dev/dowel/actions"
)

// The words of `retry` in problems.
const (
	retryNever       = "never"        // no change of this request will help
	retryAfterChange = "after-change" // once the request, or what it met, has changed
	retryLater       = "later"        // the same request may work in a while
)

// status is what HTTP makes of a code.
type status struct {
	Status int
	Title  string
	Retry  string
}

// statuses is the only place where codes meet HTTP statuses.
var statuses = map[actions.Code]status{
	actions.Overloaded:             {http.StatusServiceUnavailable, "The server is busy", retryLater},
	actions.RateLimited:            {http.StatusTooManyRequests, "Too many requests", retryLater},
	actions.TargetTooLong:          {http.StatusRequestURITooLong, "The address is too long", retryAfterChange},
	actions.HeadersTooLarge:        {http.StatusRequestHeaderFieldsTooLarge, "The header fields are too large", retryAfterChange},
	actions.MethodUnknown:          {http.StatusNotImplemented, "Unknown method", retryNever},
	actions.InvalidToken:           {http.StatusUnauthorized, "The credentials are not valid", retryAfterChange},
	actions.InvalidCredentials:     {http.StatusUnauthorized, "Wrong login or password", retryAfterChange},
	actions.AuthUnavailable:        {http.StatusServiceUnavailable, "Credentials cannot be checked now", retryLater},
	actions.BadPath:                {http.StatusBadRequest, "The path cannot be read", retryAfterChange},
	actions.NotFound:               {http.StatusNotFound, "Not found", retryNever},
	actions.MethodNotAllowed:       {http.StatusMethodNotAllowed, "The method is not offered here", retryNever},
	actions.BadQuery:               {http.StatusBadRequest, "The query cannot be read", retryAfterChange},
	actions.BadHeader:              {http.StatusBadRequest, "A header field cannot be read", retryAfterChange},
	actions.NotAcceptable:          {http.StatusNotAcceptable, "No acceptable representation", retryAfterChange},
	actions.ContentNotAllowed:      {http.StatusBadRequest, "The request must not have content", retryAfterChange},
	actions.ContentMissing:         {http.StatusBadRequest, "The request needs content", retryAfterChange},
	actions.UnsupportedMediaType:   {http.StatusUnsupportedMediaType, "Unsupported media type", retryAfterChange},
	actions.ContentTooLarge:        {http.StatusRequestEntityTooLarge, "The content is too large", retryAfterChange},
	actions.RangeNotSatisfiable:    {http.StatusRequestedRangeNotSatisfiable, "The content has no such range", retryAfterChange},
	actions.BadContent:             {http.StatusBadRequest, "The content cannot be read", retryAfterChange},
	actions.ActionInvalid:          {http.StatusConflict, "The action does not fit the schema", retryAfterChange},
	actions.AuthenticationRequired: {http.StatusUnauthorized, "Authentication required", retryAfterChange},
	actions.Forbidden:              {http.StatusForbidden, "Not allowed", retryNever},
	actions.PreconditionRequired:   {http.StatusPreconditionRequired, "A precondition is required", retryAfterChange},
	actions.PreconditionFailed:     {http.StatusPreconditionFailed, "The precondition failed", retryAfterChange},
	actions.AlreadyExists:          {http.StatusConflict, "Already exists", retryAfterChange},
	actions.ReferenceMissing:       {http.StatusConflict, "A referenced record is missing", retryAfterChange},
	actions.StillReferenced:        {http.StatusConflict, "Still referenced", retryAfterChange},
	actions.StateConflict:          {http.StatusConflict, "Not possible in the present state", retryAfterChange},
	actions.PatchTestFailed:        {http.StatusConflict, "A test of the patch failed", retryAfterChange},
	actions.ConcurrentChange:       {http.StatusConflict, "Changed by somebody else at the same time", retryLater},
	actions.IdempotencyKeyReused:   {http.StatusUnprocessableEntity, "The key was used for another request", retryAfterChange},
	actions.IdempotencyInFlight:    {http.StatusConflict, "The first request with the key is at work", retryLater},
	actions.ActionUnavailable:      {http.StatusNotImplemented, "The action is not available here", retryNever},
	actions.StorageUnavailable:     {http.StatusServiceUnavailable, "The storage is not available", retryLater},
	actions.OutcomeUnknown:         {http.StatusGatewayTimeout, "The outcome is unknown", retryLater},
	actions.Internal:               {http.StatusInternalServerError, "Internal error", retryNever},
}

// statusOf returns the row of a code. Codes of no table are defects of ours.
// actionInvalid is the deployment's choice for actions that do not fit the schema.
func statusOf(code actions.Code, actionInvalid int) status {
	s, ok := statuses[code]
	if !ok {
		return statuses[actions.Internal]
	}
	if code == actions.ActionInvalid && actionInvalid != 0 {
		s.Status = actionInvalid
	}
	return s
}

// outcomes tells clients what came of a write that failed in the storage.
var outcomes = map[actions.Code]string{
	actions.StorageUnavailable: "not_applied",
	actions.OutcomeUnknown:     "unknown",
}
