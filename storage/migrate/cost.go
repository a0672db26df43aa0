package migrate

import "time"

// work is what something costs for one row, in nanoseconds, as measured on tables of
// some columns in memory: an estimate is to tell a moment from an hour.
type work struct{ sqlite, postgres time.Duration }

var (
	scanning   = work{200, 100}     // reading it
	joining    = work{800, 700}     // looking up a row it refers to
	indexing   = work{800, 800}     // putting it into an index
	rewriting  = work{4_000, 2_800} // writing it to a new place, with its indexes
	updating   = work{4_000, 8_500} // changing it where it is
	exchanging = work{0, 16_000}    // the same by way of a trigger, with an index
)

// cost is how long some work on the rows of a table takes.
func (d *differ) cost(rows int64, w work) time.Duration {
	each := w.sqlite
	if d.d.identity() {
		each = w.postgres
	}
	return time.Duration(max(rows, 0)) * each
}
