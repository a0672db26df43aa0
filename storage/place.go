package storage

import "github.com/dowel-dev/dowel/schema"

// Place is a place in the order of a query, at a row or where a row was: Values are those of its sort keys,
// one for each of Query.Order. The page is made of the rows behind it; with Back of
// those before it, of which it is the last Limit in the order of the query, and Page.More
// tells whether others come before these. The row at the place is on neither page.
//
// A value is null only where the key can be.
// A Place without Values is before all rows, or with Back behind all of them.
type Place struct {
	Values []schema.Value
	Back   bool
}

// Back reports whether the query reads towards the beginning of its order.
func (q *Query) Back() bool { return q.From != nil && q.From.Back }
