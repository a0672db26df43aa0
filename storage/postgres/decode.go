package postgres

import (
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// decoder makes rows of the columns of a select list as Printer.Select prints it.
type decoder struct{}

// newDecoder compiles the select list of a query.
func newDecoder(n *sqlgen.Names, q *storage.Query) *decoder { return &decoder{} }

// row reads one row. The columns may be overwritten afterwards.
func (d *decoder) row(cols [][]byte) (storage.Row, error) { return storage.Row{}, nil }
