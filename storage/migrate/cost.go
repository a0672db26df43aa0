package migrate

import "time"

// costs of work on one row, as measured on tables of some columns in memory: an
// estimate is to tell a moment from an hour.
type work struct{ sqlite, postgres time.Duration }

var (
	scanning  = work{300, 150}   // reading it
	joining   = work{600, 700}   // looking up a row it refers to
	indexing  = work{1200, 900}  // putting it into an index
	rewriting = work{2500, 2200} // writing it to a new place
	updating  = work{4000, 9000} // changing it where it is
)

// cost is how long some work on the rows of a table takes.
func (d *differ) cost(rows int64, w work) time.Duration {
	each := w.sqlite
	if d.d.identity() {
		each = w.postgres
	}
	return time.Duration(max(rows, 0)) * each
}
