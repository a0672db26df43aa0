package postgres

import (
	"errors"
	"slices"

	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/slab"
)

// results are the rows of one statement of a reading: those of the page, or those of one expansion of
// all rows of its parent.
type results struct {
	command
	decoder decoder
	reading *reading
	query   *storage.Query
	rows    []storage.Row
	one     *onePage
	limit   int // rows of the page when one more was asked for, else 0
	more    bool

	// Of an expansion: what it belongs to, the parent of each row, and of each parent
	// the place where its rows begin.
	parent *results
	at     int // in Expand of the parent's query
	single bool
	owners []int
	mixed  bool // the rows do not come in the order of their parents
	first  []int
}

// onePage is a page and room for its only row in one piece.
type onePage struct {
	storage.Page
	rows [1]storage.Row
}

func newResults(r *reading) *results {
	s := &results{reading: r}
	s.command.row = s.add
	return s
}

// begin prepares for the rows of a page.
func (r *results) begin(q *storage.Query) {
	r.query, r.limit, r.more = q, 0, false
	r.decoder.compile(r.reading.model.Names, q)
	if q.More && q.Limit > 0 {
		r.limit = q.Limit
	}
}

// expand prepares for the rows of an expansion.
func (r *results) expand(parent *results, at int) {
	e := &parent.query.Expand[at]
	r.begin(&e.Query)
	r.parent, r.at, r.single, r.limit = parent, at, e.Rel.Single(), 0
	r.owners, r.first, r.mixed = r.owners[:0], r.first[:0], false
}

// add takes in a row.
func (r *results) add(cols [][]byte) error {
	if r.limit > 0 && len(r.rows) == r.limit {
		r.more = true
		return nil
	}
	if r.reading.read++; r.reading.most > 0 && r.reading.read > r.reading.most {
		return storage.ErrTooManyRows
	}
	if r.rows == nil {
		r.make()
	}
	if r.parent != nil {
		owner, depth, err := r.place(cols)
		if err != nil {
			return err
		}
		if n := len(r.owners); n > 0 && owner < r.owners[n-1] {
			r.mixed = true
		}
		r.owners = append(r.owners, owner)
		cols = cols[depth:]
	}
	r.rows = append(r.rows, storage.Row{})
	return r.decoder.into(cols, &r.rows[len(r.rows)-1])
}

// make makes room for the rows, when there is a first one.
func (r *results) make() {
	n := expected(r.query)
	switch {
	case r.parent != nil:
		n = r.related(len(r.parent.rows))
	case r.query.Key != nil:
		r.one = &onePage{}
		r.rows = r.one.rows[:0]
	}
	r.decoder.slab.Rows = n
	if r.rows == nil {
		r.rows = make([]storage.Row, 0, n)
	}
}

// related guesses the number of related rows of several rows.
func (r *results) related(rows int) int {
	each := 4
	if r.single {
		each = 1
	} else if r.query.Limit > 0 {
		each = min(each, r.query.Limit)
	}
	return min(each*rows, 256)
}

var errOrdinal = errors.New("postgres: a related row belongs to no row of the page")

// place finds the parent of a row by its ordinals: which row of the page, which of its related
// rows, …. It returns the index of the parent among its likes and the number of ordinals.
func (r *results) place(cols [][]byte) (index, depth int, err error) {
	if r.parent == nil {
		return 0, 0, nil
	}
	above, depth, err := r.parent.place(cols)
	if err != nil {
		return 0, 0, err
	}
	if depth >= len(cols) {
		return 0, 0, errOrdinal
	}
	n, err := integer(cols[depth])
	if err != nil {
		return 0, 0, err
	}
	from, to := 0, len(r.parent.rows)
	if r.parent.parent != nil {
		r.parent.order() // it is complete: its statement came before
		from, to = r.parent.first[above], r.parent.first[above+1]
	}
	if n < 1 || n > int64(to-from) {
		return 0, 0, errOrdinal
	}
	return from + int(n) - 1, depth + 1, nil
}

// order brings the rows into the order of their parents and notes where those of each begin.
func (r *results) order() {
	if len(r.first) > 0 {
		return
	}
	for _, owner := range r.owners {
		for len(r.first) <= owner {
			r.first = append(r.first, 0)
		}
		r.first[owner]++
	}
	for len(r.first) <= len(r.parent.rows) {
		r.first = append(r.first, 0)
	}
	sum := 0
	for i, n := range r.first {
		r.first[i] = sum
		sum += n
	}
	if !r.mixed {
		return
	}
	sorted, next := make([]storage.Row, len(r.rows)), slices.Clone(r.first)
	for i, owner := range r.owners {
		sorted[next[owner]] = r.rows[i]
		next[owner]++
	}
	r.rows = sorted
}

// attach hands the rows to their parents.
func (r *results) attach() {
	for i := range r.parent.rows {
		if from, to := r.first[i], r.first[i+1]; from < to {
			r.parent.rows[i].Expanded[r.at] = r.rows[from:to:to]
		}
	}
}

// openUp gives each row room for what is expanded in it.
func (r *results) openUp() {
	n := len(r.query.Expand)
	if n == 0 {
		return
	}
	lists := make([][]storage.Row, len(r.rows)*n)
	for i := range r.rows {
		r.rows[i].Expanded, lists = lists[:n:n], lists[n:]
	}
}

// page is the page of the rows that were taken in.
func (r *results) page() *storage.Page {
	page := &storage.Page{}
	if r.one != nil {
		page = &r.one.Page
	}
	page.Rows, page.More = r.rows, r.more
	return page
}

// end lets go of what was given away, and of the query.
func (r *results) end() {
	r.query, r.rows, r.one, r.parent, r.decoder.slab = nil, nil, nil, nil, slab.Slab{}
	c := &r.command
	c.shape, c.err, c.affected = nil, nil, 0
	clear(c.args[:cap(c.args)])
	if cap(c.sql) > maxSpare {
		c.sql = nil
	}
}
