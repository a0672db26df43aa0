package postgres

import (
	"github.com/dowel-dev/dowel/storage"
)

// results are the rows of one statement of a reading.
type results struct {
	command
	decoder decoder
	reading *reading
	query   *storage.Query
	rows    []storage.Row
	one     *onePage
	limit   int // rows of the page when one more was asked for, else 0
	more    bool
}

// onePage is a page and room for its only row in one piece.
type onePage struct {
	storage.Page
	rows [1]storage.Row
}

// begin makes room for the rows of a query.
func (r *results) begin(q *storage.Query) {
	r.query, r.limit, r.more = q, 0, false
	r.decoder.compile(r.reading.model.Names, q)
	r.decoder.slab.rows = expected(q)
	r.decoder.lasting = false
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
	r.rows = append(r.rows, storage.Row{})
	return r.decoder.into(cols, &r.rows[len(r.rows)-1])
}

func (r *results) make() {
	if r.query.Key != nil {
		r.one = &onePage{}
		r.rows = r.one.rows[:0]
		return
	}
	r.rows = make([]storage.Row, 0, expected(r.query))
}

// keep says that the bytes of rows are not overwritten.
func (r *results) keep() { r.decoder.lasting = true }

// page is the page of the rows that were taken in.
func (r *results) page() *storage.Page {
	page := &storage.Page{}
	if r.one != nil {
		page = &r.one.Page
	}
	page.Rows, page.More = r.rows, r.more
	return page
}

// end lets go of what was given away.
func (r *results) end() {
	r.query, r.rows, r.one, r.decoder.slab = nil, nil, nil, slab{}
}
