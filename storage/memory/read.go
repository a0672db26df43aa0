package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/storage"
)

// read answers a query from one state.
func read(ctx context.Context, s *state, q *storage.Query) (*storage.Page, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.knows(q.Base()); err != nil {
		return nil, err
	}
	v := &view{ctx: ctx, state: s, most: q.Most}
	found := v.selected(q, v.candidates(q))
	page := &storage.Page{}
	if q.Total {
		page.Total = int64(len(found))
	}
	found = v.beyond(q, found)
	page.More = q.More && q.Limit > 0 && len(found) > max(q.Skip, 0)+q.Limit
	if q.Back() && q.Limit >= 0 {
		found = found[max(0, len(found)-q.Limit):]
	}
	page.Rows = v.rows(q, found)
	if v.err != nil {
		return nil, v.err
	}
	if len(q.Watch) == 0 {
		return page, nil
	}
	var err error
	page.Counters, err = counters(ctx, s, q.Watch)
	return page, err
}

func counters(ctx context.Context, s *state, classes []*schema.Class) ([]int64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ns := make([]int64, len(classes))
	for i, c := range classes {
		if err := s.knows(c); err != nil {
			return nil, err
		}
		ns[i] = s.table(c).counter
	}
	return ns, nil
}

// candidates are the rows a query could be about, in the order of their keys.
func (v *view) candidates(q *storage.Query) []*record {
	if q.Summary != nil {
		return v.summary(q.Summary)
	}
	t := v.state.table(q.Class)
	if q.Key != nil {
		if r, ok := t.rows.get(keyOf(q.Key...)); ok {
			return []*record{r}
		}
		return nil
	}
	all := make([]*record, 0, t.rows.len())
	for _, r := range t.rows.all() {
		all = append(all, r)
	}
	return all
}

// selected leaves the rows that satisfy the query, in its order. It reuses the slice.
func (v *view) selected(q *storage.Query, from []*record) []*record {
	kept := from[:0]
	for i, r := range from {
		if i%256 == 255 && v.err == nil {
			v.err = v.ctx.Err()
		}
		if v.err != nil {
			return nil
		}
		if takesPart(q.Class, r, q.Deleted) && v.match(r, q.Where) {
			kept = append(kept, r)
		}
	}
	return v.sorted(q, kept)
}

// sorted brings rows into the query's order. Rows it does not tell apart stay in the order of their keys.
func (v *view) sorted(q *storage.Query, rows []*record) []*record {
	if len(q.Order) == 0 || len(rows) < 2 {
		return rows
	}
	type ranked struct {
		record *record
		by     []schema.Value
	}
	list := make([]ranked, len(rows))
	for i, r := range rows {
		list[i] = ranked{r, v.keys(q, r)}
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return inOrder(q, a.by, b.by) })
	for i := range list {
		rows[i] = list[i].record
	}
	return rows
}

// keys are what a row sorts by.
func (v *view) keys(q *storage.Query, r *record) []schema.Value {
	by := make([]schema.Value, len(q.Order))
	for k, o := range q.Order {
		by[k] = rank(o.By.Type, expr.Value(o.By, row{v, r}))
	}
	return by
}

// inOrder compares rows by their keys.
func inOrder(q *storage.Query, a, b []schema.Value) int {
	for k, o := range q.Order {
		if c := compare(a[k], b[k], o.Desc); c != 0 {
			return c
		}
	}
	return 0
}

// beyond leaves the rows, which are in order, on the side of the query's place that is read.
func (v *view) beyond(q *storage.Query, rows []*record) []*record {
	if q.From == nil || q.From.Values == nil {
		return rows
	}
	place := make([]schema.Value, len(q.Order))
	for k, o := range q.Order {
		place[k] = rank(o.By.Type, q.From.Values[k])
	}
	behind := func(r *record, _ []schema.Value) int { return inOrder(q, v.keys(q, r), place) }
	at, there := slices.BinarySearchFunc(rows, place, behind)
	switch {
	case q.From.Back:
		return rows[:at]
	case there:
		at++
	}
	return rows[at:]
}

// rank is what a value sorts by: its place in its type's own order, or itself.
func rank(t schema.Type, v schema.Value) schema.Value {
	if ranked, ok := t.(schema.Ranked); ok && !v.IsNull() {
		return schema.NewInt(int64(ranked.Rank(v.Text())))
	}
	return v
}

// compare puts nulls last whatever the direction.
func compare(a, b schema.Value, desc bool) int {
	if a.IsNull() || b.IsNull() {
		return cmp.Compare(btoi(a.IsNull()), btoi(b.IsNull()))
	}
	c, _ := schema.Order(a, b)
	if desc {
		return -c
	}
	return c
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rows cuts the page out of the rows found and reads what the query wants of each.
func (v *view) rows(q *storage.Query, found []*record) []storage.Row {
	found = found[min(max(q.Skip, 0), len(found)):]
	if q.Limit >= 0 {
		found = found[:min(q.Limit, len(found))]
	}
	if len(found) == 0 {
		return nil
	}
	rows := make([]storage.Row, len(found))
	for i, r := range found {
		if v.err != nil {
			return nil
		}
		rows[i] = v.row(q.Class, q, r)
	}
	return rows
}

// row reads one row: its columns, tests and expansions.
func (v *view) row(c *schema.Class, q *storage.Query, r *record) storage.Row {
	if v.read++; v.most > 0 && v.read > v.most {
		v.fail(storage.ErrTooManyRows)
		return storage.Row{}
	}
	out := storage.Row{Version: r.version, Values: make([]schema.Value, len(c.Fields), len(c.Fields)+len(q.Paths))}
	for _, col := range q.Columns {
		out.Values[col.Field.Index] = v.value(r, col.Field, col.Guard)
	}
	for _, x := range q.Paths {
		out.Values = append(out.Values, expr.Value(x, row{v, r}))
	}
	for i, test := range q.Tests {
		if v.match(r, test) {
			out.Tests |= 1 << i
		}
	}
	if len(q.Expand) == 0 {
		return out
	}
	out.Expanded = make([][]storage.Row, len(q.Expand))
	for i := range q.Expand {
		e := &q.Expand[i]
		var from []*record
		for far := range v.state.related(e.Rel, r) {
			from = append(from, far)
		}
		out.Expanded[i] = v.rows(&e.Query, v.selected(&e.Query, from))
	}
	return out
}
