package expr

import (
	"fmt"

	"github.com/dowel-dev/dowel/schema"
)

// Mode is where a condition stands, which decides what it may mention.
type Mode uint8

// The modes.
const (
	// Rule is a condition of the schema's owner on a row: rules, row roles, scopes, `when`.
	Rule Mode = iota
	// Check is decided by the stored fields of one row, at any time and for anybody.
	Check
	// Computed restricts the rows a computed field takes in: no subject, no time.
	Computed
	// Client comes from outside: fields that are never shown do not exist.
	Client
)

// Scope is what the names of a condition mean.
type Scope struct {
	Schema *schema.Schema
	Class  *schema.Class // whose rows it is about
	Login  *schema.Class // whose rows `me` is one of; nil without
	Mode   Mode
	// May, when not nil, says which fields exist for whoever wrote the
	// condition. Others are unknown, not forbidden, down to the suggestions.
	May func(*schema.Field) bool
}

func (s *Scope) of(c *schema.Class) *Scope {
	inner := *s
	inner.Class = c
	return &inner
}

// field finds a member that exists for the writer.
func (s *Scope) field(c *schema.Class, name string) *schema.Field {
	if f := c.Field(name); f != nil && s.exists(f) {
		return f
	}
	return nil
}

func (s *Scope) exists(f *schema.Field) bool {
	if s.Mode == Client && f.WriteOnly || f.Synthetic {
		return false
	}
	return s.May == nil || s.May(f)
}

// relation finds a way to another class. A reference the writer may not see leads nowhere.
func (s *Scope) relation(c *schema.Class, name string) *schema.Relation {
	r := c.Relation(name)
	if r == nil || r.To.Internal {
		return nil
	}
	if r.Field != nil && r.Field.Class == c && !s.exists(r.Field) {
		return nil
	}
	return r
}

// names are the candidates for a misspelt name.
func (s *Scope) names(c *schema.Class) []string {
	var all []string
	for _, f := range c.Fields {
		if s.exists(f) && !f.Type.Traits().Secret {
			all = append(all, f.Name)
			if f.JSON != f.Name {
				all = append(all, f.JSON)
			}
		}
	}
	for _, r := range c.Relations {
		if s.relation(c, r.Name) != nil {
			all = append(all, r.Name)
		}
	}
	return all
}

// Codes of BindError.
const (
	CodeUnknown = "unknown" // a name that means nothing
	CodeType    = "type"    // things of types that do not go together
	CodeValue   = "value"   // a constant that is none of the type
	CodeMode    = "mode"    // not possible at this place
	CodeSecret  = "secret"  // a field that nobody may ask about
)

// BindError is one thing in a condition that does not fit the class.
type BindError struct {
	Offset, End   int // bytes of the source
	Code          string
	Message, Hint string
	// Unfit tells a name that exists, but cannot be used like this, from one that does not exist.
	Unfit bool
}

// Error returns the sentence of the problem.
func (e *BindError) Error() string { return e.Message }

func bindError(start, end int, code, format string, args ...any) *BindError {
	return &BindError{Offset: start, End: end, Code: code, Message: fmt.Sprintf(format, args...), Unfit: code != CodeUnknown}
}

func (e *BindError) hint(format string, args ...any) *BindError {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}
