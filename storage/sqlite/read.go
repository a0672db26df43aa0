package sqlite

import (
	"context"
	"math"
	"slices"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/slab"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Read answers a query. What takes one statement runs by itself; what takes
// several runs in a transaction, which is one snapshot.
func (s *Store) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	m, err := s.models.Of(q.Base())
	if err != nil {
		return nil, err
	}
	c, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer s.release(c)
	c.begin(ctx)
	c.print.Names = m.Names
	page, err := c.snapshot(q)
	if err != nil {
		return nil, readError(ctx, err)
	}
	return page, nil
}

// Counters returns the change counter of each class.
func (s *Store) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	c, err := s.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer s.release(c)
	c.begin(ctx)
	counters, err := c.counters(classes)
	if err != nil {
		return nil, readError(ctx, err)
	}
	return counters, nil
}

// release gives a reader back, out of any transaction: one that was interrupted
// could not end its own.
func (s *Store) release(c *conn) {
	c.end()
	if !c.db.AutocommitEnabled() {
		// A rollback of what only read cannot fail; if it does, the next begin says so.
		_ = c.do("rollback")
	}
	s.readers <- c
}

// snapshot reads in a transaction when one statement is not enough.
func (c *conn) snapshot(q *storage.Query) (*storage.Page, error) {
	if len(q.Expand) == 0 && len(q.Watch) == 0 && !q.Total {
		return c.page(q)
	}
	if err := c.do("begin"); err != nil {
		return nil, err
	}
	page, err := c.page(q)
	if err == nil && len(q.Watch) > 0 {
		page.Counters, err = c.counters(q.Watch)
	}
	if end := c.do("commit"); err == nil {
		err = end
	}
	return page, err
}

// page reads all that a query asks for but the counters.
func (c *conn) page(q *storage.Query) (*storage.Page, error) {
	page, into := newPage(q)
	c.read, c.most = 0, q.Most
	if q.Limit != 0 || q.Key != nil {
		r := rowReader{conn: c}
		rows, err := r.read(q, into)
		if err != nil {
			return nil, err
		}
		page.Rows, page.More = rows, r.more
	}
	if !q.Total {
		return page, nil
	}
	// A page that is not full ends where the rows end.
	if n := len(page.Rows); q.From != nil {
	} else if q.Limit < 0 && (n > 0 || q.Skip <= 0) || n > 0 && n < q.Limit || n == 0 && q.Skip <= 0 && q.Limit > 0 {
		page.Total = int64(max(q.Skip, 0) + n)
		return page, nil
	}
	total, err := c.count(q)
	page.Total = total
	return page, err
}

// newPage makes a page and room for its rows; for one row in one piece.
func newPage(q *storage.Query) (*storage.Page, []storage.Row) {
	if q.Key != nil {
		one := new(struct {
			page storage.Page
			rows [1]storage.Row
		})
		return &one.page, one.rows[:0]
	}
	return new(storage.Page), make([]storage.Row, 0, expected(q))
}

func (c *conn) count(q *storage.Query) (n int64, err error) {
	c.print.Reset()
	c.print.Count(q)
	st, err := c.printed()
	if err != nil {
		return 0, err
	}
	err = each(st, func(st *sqlite.Stmt) { n = st.ColumnInt64(0) })
	return n, err
}

// rowReader reads the rows of one query, and of those expanded in it.
type rowReader struct {
	*conn
	slab  slab.Slab
	plan  plan
	err   error
	extra []*schema.Field
	// single: there is one row at most, so nobody need ask for a second.
	single bool
	// most is where the page ends when one more row was asked for, else 0; more says that there was one.
	most int
	more bool
}

// plan says what to do with the columns of a result.
type plan struct {
	width   int    // values of a row
	settled uint64 // tests that hold for every row
	tests   []int8 // bit of each test column
	columns []target
	derived bool // numbers were worked out, and may have outgrown their kind
}

// target is where the value of a column goes.
type target struct {
	slot int32
	sqlgen.Kind
}

// compile fills the plan for a query.
func (r *rowReader) compile(q *storage.Query) {
	kinds := r.print.Names.Kinds(q)
	p := plan{width: len(q.Class.Fields), derived: q.Summary != nil, columns: r.targets[len(r.targets):]}
	for i, e := range q.Tests {
		if holds, settled := sqlgen.IsConstant(e); !settled {
			p.tests = append(p.tests, int8(i))
		} else if holds {
			p.settled |= 1 << uint(i)
		}
	}
	for i := range q.Columns {
		f := q.Columns[i].Field
		if sqlgen.Reads(f) {
			p.columns = append(p.columns, target{int32(f.Index), kinds[f.Index]})
		}
	}
	for i, x := range q.Paths {
		p.columns = append(p.columns, target{int32(p.width + i), r.print.Names.Shape(x)})
	}
	p.width += len(q.Paths)
	for i, f := range r.extra {
		p.columns = append(p.columns, target{int32(p.width + i), kinds[f.Index]})
	}
	p.width += len(r.extra)
	r.targets = append(r.targets, p.columns...) // keeps them from those compiled while this plan is in use
	r.plan = p
}

// read prints and runs a query.
func (r *rowReader) read(q *storage.Query, into []storage.Row) ([]storage.Row, error) {
	r.targets = r.targets[:0]
	r.extra = extraFields(q)
	r.print.Reset()
	r.print.Select(q, nil, r.extra)
	st, err := r.printed()
	if err != nil {
		return nil, err
	}
	r.compile(q)
	r.slab.Rows, r.slab.RowText = expected(q), textOfRow
	r.single = q.Key != nil
	if q.More {
		r.most = max(q.Limit, 0)
	}
	rows, err := r.collect(st, into)
	if q.Back() {
		slices.Reverse(rows)
	}
	if err != nil || len(q.Expand) == 0 {
		return rows, err
	}
	return rows, r.expand(q, rows, r.extra)
}

// expected guesses the number of rows, for the first allocation.
func expected(q *storage.Query) int {
	if q.Key != nil {
		return 1
	}
	if q.Limit < 0 || q.Limit > 32 {
		return 32
	}
	return q.Limit
}

// collect appends the rows of a bound statement.
func (r *rowReader) collect(st *sqlite.Stmt, rows []storage.Row) ([]storage.Row, error) {
	for {
		more, err := st.Step()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		if r.most > 0 && len(rows) == r.most {
			r.more = true
			break
		}
		if r.conn.read++; r.conn.most > 0 && r.conn.read > r.conn.most {
			_ = st.Reset() // what it says was said by Step
			return nil, storage.ErrTooManyRows
		}
		rows = append(rows, storage.Row{})
		r.row(st, &rows[len(rows)-1])
		if r.single {
			break
		}
	}
	if err := st.Reset(); err != nil {
		return nil, err
	}
	return rows, r.err
}

func (r *rowReader) row(st *sqlite.Stmt, row *storage.Row) {
	row.Version = st.ColumnInt64(0)
	row.Tests = r.plan.settled
	col := 1
	for _, bit := range r.plan.tests {
		if st.ColumnInt64(col) != 0 {
			row.Tests |= 1 << uint(bit)
		}
		col++
	}
	values := r.slab.Values(r.plan.width)
	for i := range r.plan.columns {
		t := &r.plan.columns[i]
		values[t.slot] = r.value(st, col, t)
		col++
	}
	row.Values = values
}

// textOfRow is how many bytes of text a row is expected to have: longer pieces are fewer
// calls into SQLite that find too little room.
const textOfRow = 192

// column reads a text column of the current row. null reports a null.
func (r *rowReader) column(st *sqlite.Stmt, col int) (text string, null bool) {
	free := r.slab.Free()
	n := st.ColumnBytes(col, free)
	if n == 0 && len(free) > 0 {
		return "", st.ColumnIsNull(col)
	}
	if n == len(free) { // full: it may have been cut off
		n = st.ColumnLen(col)
		if n == 0 {
			return "", st.ColumnIsNull(col)
		}
		if n > len(free) {
			r.slab.Grow(n)
			st.ColumnBytes(col, r.slab.Free())
		}
	}
	return r.slab.Keep(n), false
}

// value reads a column as its kind. Zero values are looked at again: they are
// what the driver shows for null.
func (r *rowReader) value(st *sqlite.Stmt, col int, t *target) schema.Value {
	switch t.Kind.Kind {
	case schema.Text:
		if text, null := r.column(st, col); !null {
			return schema.NewText(text)
		}
	case schema.Int:
		if n := st.ColumnInt64(col); n != 0 || !st.ColumnIsNull(col) {
			return schema.NewInt(n)
		}
	case schema.Decimal:
		if r.plan.derived && st.ColumnType(col) == sqlite.TypeFloat {
			r.err = storage.ErrTooLarge
		}
		if n := st.ColumnInt64(col); n != 0 || !st.ColumnIsNull(col) {
			return schema.NewDecimal(n, t.Scale)
		}
	case schema.Bool:
		if n := st.ColumnInt64(col); n != 0 || !st.ColumnIsNull(col) {
			return schema.NewBool(n != 0)
		}
	case schema.Float:
		f := st.ColumnFloat(col)
		if math.IsInf(f, 0) {
			r.err = storage.ErrTooLarge
		}
		if f != 0 || !st.ColumnIsNull(col) {
			return schema.NewFloat(f)
		}
	case schema.JSON:
		if text, null := r.column(st, col); !null {
			return schema.NewJSON(text)
		}
	}
	return schema.Value{}
}
