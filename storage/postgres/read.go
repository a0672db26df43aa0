package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Read answers a query in one round trip, which is one snapshot.
func (s *Store) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	m, err := s.models.Of(q.Base())
	if err != nil {
		return nil, err
	}
	if page, done, err := s.replicas.read(ctx, m, q); done {
		return page, err
	}
	r, err := newReading(m, q)
	if err != nil {
		return nil, err
	}
	cmds := r.commands()
	if len(cmds) == 0 {
		return r.page()
	}
	err = errAside
	if q.Limit >= 0 || q.Key != nil || q.Most > 0 {
		r.share(true)
		err = s.reads.do(ctx, cmds...)
	}
	if err == errAside {
		r.share(false)
		err = s.readAlone(ctx, cmds)
	}
	if err == nil && r.vague() {
		err = s.estimate(ctx, r, q)
	}
	if err != nil {
		r.free()
		return nil, s.unforeseen(ctx, readError(ctx, err))
	}
	return r.page()
}

// Counters returns the change counter of each class.
func (s *Store) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	if len(classes) == 0 {
		return []int64{}, ctx.Err()
	}
	r := readings.Get().(*reading)
	r.watch(classes)
	if err := s.reads.do(ctx, r.commands()...); err != nil {
		r.free()
		return nil, readError(ctx, err)
	}
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	return page.Counters, nil
}

// readAlone runs commands that read on a connection of their own, where they hold up nobody.
func (s *Store) readAlone(ctx context.Context, cmds []*command) error {
	select {
	case s.slow <- struct{}{}:
	default:
		if !slices.ContainsFunc(cmds, func(c *command) bool { return c.shape == nil || c.shape.endless() }) {
			return s.reads.do(ctx, cmds...) // rather this than to wait for those that are really slow
		}
		patience := time.NewTimer(max(s.options.Timeout, s.options.Wait))
		defer patience.Stop()
		select {
		case s.slow <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return unavailable(errBusy)
		}
	}
	defer func() { <-s.slow }()
	c, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer s.release(c)
	c.rtt = time.Duration(s.rtt.Load())
	err = c.run(ctx, cmds...)
	if isOutdated(err) {
		if err := c.forget(ctx); err != nil {
			return err
		}
		err = c.run(ctx, cmds...)
	}
	return err
}

var errBusy = errors.New("too many long reads at the same time")

// Explain shows the statements that Read uses for a query, and the values they are bound to.
func (s *Store) Explain(q *storage.Query) (sql string, args []schema.Value) {
	m, err := s.models.Of(q.Base())
	if err != nil {
		m = sqlgen.NewModel(&schema.Schema{})
	}
	r, err := newReading(m, q)
	if err != nil {
		return err.Error(), nil
	}
	var b strings.Builder
	for i, c := range r.commands() {
		if i > 0 {
			b.WriteString(";\n")
		}
		b.Write(c.sql)
		args = append(args, c.args...)
	}
	r.free()
	return b.String(), args
}

// reading is a query on its way: its statements, and what their rows become.
type reading struct {
	print sqlgen.Printer
	cmds  []*command
	model *sqlgen.Model
	root  *storage.Query // as it is printed
	path  []int          // the expansion that is being printed

	parts []*results // the page and its expansions, each behind what it belongs to
	spare []*results
	read  int // rows so far, and how many there may be
	most  int

	bounded storage.Query // the query with no more rows than can be told from too many

	total    scalar
	counted  bool // the total is asked for, and not told by the page
	tell     bool // the total is the number of rows of the page
	rough    bool // the total may be an estimate above exactly
	counters counters
}

var readings = sync.Pool{New: func() any {
	r := &reading{}
	r.print.Dialect = sqlgen.Postgres{}
	r.total.row = r.total.set
	r.counters.row = r.counters.add
	return r
}}

// newReading prints all statements of a query.
func newReading(m *sqlgen.Model, q *storage.Query) (*reading, error) {
	r := readings.Get().(*reading)
	r.model, r.print.Names = m, m.Names
	r.most, r.read = q.Most, 0
	if q.Limit != 0 || q.Key != nil {
		r.rows(q)
	}
	if q.Total {
		r.tell = q.Limit < 0 && q.Skip <= 0 && q.From == nil
		r.counted = !r.tell
	}
	if r.counted {
		r.begin(&r.total.command)
		if r.rough = q.Rough; r.rough {
			r.print.CountUpTo(q, exactly+1)
		} else {
			r.print.Count(q)
		}
		r.end(&r.total.command)
	}
	if len(q.Watch) > 0 {
		r.watch(q.Watch)
	}
	return r, nil
}

// rows prints the statements for the rows of the page and what is expanded in them.
func (r *reading) rows(q *storage.Query) {
	r.root = q
	if q.Most > 0 && q.Key == nil && (q.Limit < 0 || q.Limit > q.Most) {
		r.bounded = *q
		r.bounded.Limit, r.bounded.More = q.Most+1, false
		r.root = &r.bounded
	}
	page := r.part()
	page.begin(q)
	r.begin(&page.command)
	r.print.Select(r.root, nil, nil)
	r.end(&page.command)
	r.expansions(page)
}

// expansions prints a statement for each expansion of the rows of a part, and of those in them.
func (r *reading) expansions(of *results) {
	for i := range of.query.Expand {
		if of.query.Expand[i].Query.Limit == 0 {
			continue
		}
		r.path = append(r.path, i)
		part := r.part()
		part.expand(of, i)
		r.begin(&part.command)
		r.print.Expansion(r.root, r.path)
		r.end(&part.command)
		r.expansions(part)
		r.path = r.path[:len(r.path)-1]
	}
}

func (r *reading) part() *results {
	if n := len(r.parts); n < len(r.spare) {
		r.parts = r.spare[:n+1]
	} else {
		r.spare = append(r.spare, newResults(r))
		r.parts = r.spare
	}
	return r.parts[len(r.parts)-1]
}

// begin and end lend the buffers of a command to the printer.
func (r *reading) begin(c *command) {
	r.print.Reset()
	r.print.SQL, r.print.Args = c.sql[:0], c.args[:0]
}

func (r *reading) end(c *command) {
	c.sql, c.args = r.print.SQL, r.print.Args
	r.print.SQL, r.print.Args = nil, nil
	r.cmds = append(r.cmds, c)
}

func (r *reading) watch(classes []*schema.Class) {
	r.counters.begin(classes)
	r.cmds = append(r.cmds, &r.counters.command)
}

// commands are the statements, for one round trip.
func (r *reading) commands() []*command { return r.cmds }

// share says whether the commands travel with those of others. Then bytes of rows are not overwritten.
func (r *reading) share(shared bool) {
	for _, c := range r.cmds {
		c.aside = shared
	}
	for _, part := range r.parts {
		part.lasting, part.decoder.lasting = shared, shared
	}
}

// page is the answer, once the commands have run. The reading is not used again.
func (r *reading) page() (*storage.Page, error) {
	defer r.free()
	page := &storage.Page{}
	if len(r.parts) > 0 {
		for _, part := range r.parts[1:] {
			part.order()
		}
		for _, part := range r.parts {
			part.openUp()
		}
		for _, part := range r.parts[1:] {
			part.attach()
		}
		page = r.parts[0].page()
		if r.root.Back() {
			slices.Reverse(page.Rows)
		}
	}
	page.Counters = r.counters.sums
	switch {
	case r.counted:
		page.Total, page.Rough = r.total.n, r.vague()
	case r.tell:
		page.Total = int64(len(page.Rows))
	}
	return page, nil
}

// free gives the reading back for the next query.
func (r *reading) free() {
	for _, part := range r.parts {
		part.end()
	}
	r.share(false)
	r.total.command.shape, r.counters.command.shape = nil, nil
	clear(r.total.args)
	r.parts, r.cmds, r.path = r.spare[:0], r.cmds[:0], r.path[:0]
	r.model, r.print.Names, r.root = nil, nil, nil
	r.bounded = storage.Query{}
	r.counted, r.tell, r.rough = false, false, false
	r.counters.sums, r.counters.classes = nil, nil
	if len(r.spare) > 16 {
		return
	}
	readings.Put(r)
}

// expected guesses the number of rows, for the first allocation.
func expected(q *storage.Query) int {
	switch {
	case q.Key != nil:
		return 1
	case q.Limit < 0 || q.Limit > 32:
		return 32
	}
	return q.Limit
}

// scalar is the result of a statement that yields one number.
type scalar struct {
	command
	n int64
}

func (s *scalar) set(cols [][]byte) (err error) {
	s.n, err = integer(cols[0])
	return err
}

// counters are the change counters of classes.
type counters struct {
	command
	classes []*schema.Class
	sums    []int64
	names   []schema.Value
}

const sumCounters = "select name, sum(n)::bigint from _dowel_counters where name = any($1) group by name"

func (c *counters) begin(classes []*schema.Class) {
	c.classes, c.sums = classes, make([]int64, len(classes))
	c.names = c.names[:0]
	for _, class := range classes {
		c.names = append(c.names, schema.NewText(class.Table))
	}
	c.sql = append(c.sql[:0], sumCounters...)
	c.args = append(c.args[:0], sqlgen.Array(c.names))
}

func (c *counters) add(cols [][]byte) error {
	n, err := integer(cols[1])
	for i, class := range c.classes {
		if class.Table == string(cols[0]) {
			c.sums[i] = n
		}
	}
	return err
}
