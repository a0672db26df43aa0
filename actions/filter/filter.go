// Package filter is the language of `field=expr` filters.
//
//	expr = *( "not:" ) ( eq|ne|lt|le|gt|ge|in|like|is ":" operand | bare )
//
// Parse reads the grammar and needs no schema; its errors are the client's
// syntax (400). Lower gives a term its meaning on a typed operand; its errors
// are about the schema (409 or 422). Each operator is one entry of Operators.
package filter

// Term is one filter as written: Path names the field (dots walk relations).
type Term struct {
	Path string   `json:"path"`
	Not  bool     `json:"not,omitempty"`
	Op   string   `json:"op"`             // eq ne lt le gt ge in like is
	Args []string `json:"args,omitempty"` // one, except for in
}
