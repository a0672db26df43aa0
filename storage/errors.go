package storage

import (
	"errors"
	"fmt"

	"github.com/dowel-dev/dowel/schema"
)

// Errors of a store. Callers compare with errors.Is and errors.As.
var (
	// ErrNotFound: no row with that key among those that take part.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable: the store could not do it now; nothing happened.
	ErrUnavailable = errors.New("storage unavailable")
	// ErrOutcomeUnknown: the commit may or may not have happened.
	ErrOutcomeUnknown = errors.New("outcome unknown")
	// ErrConcurrent: a race was lost after the store's own retries; nothing happened.
	ErrConcurrent = errors.New("concurrent change")
	// ErrTooLarge: a number outgrew 64 bits inside the store (a sum).
	ErrTooLarge = errors.New("number too large")
	// ErrTooManyRows: the answer would hold more rows than Query.Most.
	ErrTooManyRows = errors.New("too many rows")
)

// StaleError: the row has another version than Change.IfVersion.
type StaleError struct{ Current int64 }

func (e *StaleError) Error() string { return fmt.Sprintf("row has version %d", e.Current) }

// UniqueError: another row has these values already. Fields are those of the
// unique index, or the key.
type UniqueError struct {
	Class  *schema.Class
	Fields []*schema.Field
}

func (e *UniqueError) Error() string {
	return fmt.Sprintf("%s: %s already taken", e.Class.Name, names(e.Fields))
}

// ReferenceError: the row that a reference or an item of a `many` field points at does not exist.
type ReferenceError struct{ Field *schema.Field }

func (e *ReferenceError) Error() string {
	return fmt.Sprintf("%s.%s: no such %s", e.Field.Class.Name, e.Field.Name, e.Field.Target().Name)
}

// ReferencedError: live rows still point at the row to be deleted.
type ReferencedError struct {
	By    *schema.Field // the restricting reference
	Count int64         // rows that point with it at the row, or at rows that would go along
}

func (e *ReferencedError) Error() string {
	return fmt.Sprintf("still referenced by %d rows of %s", e.Count, e.By.Class.Name)
}

// CheckError: the row as it would be stored breaks a check of its class.
type CheckError struct{ Check *schema.Check }

func (e *CheckError) Error() string { return "check failed: " + e.Check.Text }

func names(fs []*schema.Field) string {
	s := ""
	for i, f := range fs {
		if i > 0 {
			s += ", "
		}
		s += f.JSON
	}
	return s
}
