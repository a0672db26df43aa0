package sqlite

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// extraFields are the fields that expansions start from and that the query does not read itself.
func extraFields(q *storage.Query) []*schema.Field {
	var extra []*schema.Field
	for i := range q.Expand {
		f := sqlgen.NearField(q.Expand[i].Rel)
		read := func(c storage.Column) bool { return c.Field == f }
		if !slices.ContainsFunc(q.Columns, read) && !slices.Contains(extra, f) {
			extra = append(extra, f)
		}
	}
	return extra
}

// nearSlot is where a row keeps the value an expansion starts from.
func nearSlot(r *schema.Relation, q *storage.Query, extra []*schema.Field) int {
	f := sqlgen.NearField(r)
	if i := slices.Index(extra, f); i >= 0 {
		return len(q.Class.Fields) + len(q.Paths) + i
	}
	return f.Index
}

// expand reads the related rows of each row: one prepared statement, run once a
// row with only the key bound anew. In process that costs no more than a
// join, and order and limit hold for each row without further ado.
func (r *rowReader) expand(q *storage.Query, rows []storage.Row, extra []*schema.Field) error {
	lists := make([][]storage.Row, len(rows)*len(q.Expand))
	for i := range rows {
		rows[i].Expanded, lists = lists[:len(q.Expand):len(q.Expand)], lists[len(q.Expand):]
	}
	for i := range q.Expand {
		e := &q.Expand[i]
		if err := r.expandOne(e, i, rows, nearSlot(e.Rel, q, extra)); err != nil {
			return err
		}
	}
	for i := range rows {
		n := len(q.Class.Fields) + len(q.Paths)
		rows[i].Values = rows[i].Values[:n:n]
	}
	return nil
}

// related guesses the number of related rows of several rows.
func related(e *storage.Expand, rows int) int {
	each := 4
	if e.Rel.Single() {
		each = 1
	} else if e.Query.Limit > 0 {
		each = min(each, e.Query.Limit)
	}
	return min(each*rows, 256)
}

// expandOne reads one relation of all rows, and then what is expanded in it.
func (r *rowReader) expandOne(e *storage.Expand, at int, rows []storage.Row, slot int) error {
	if e.Query.Limit == 0 || len(rows) == 0 {
		return nil
	}
	child := rowReader{conn: r.conn, slab: r.slab.Beside(related(e, len(rows))), extra: extraFields(&e.Query)}
	r.print.Reset()
	r.print.Select(&e.Query, e.Rel, child.extra)
	st, err := r.printed()
	if err != nil {
		return err
	}
	child.compile(&e.Query)
	child.single = e.Rel.Kind == schema.ToOne
	all := make([]storage.Row, 0, child.slab.Rows)
	spans := make([]int, 0, len(rows)+1)
	var known map[schema.Value]int // for references: the row that has the same one
	if child.single {
		known = make(map[schema.Value]int, len(rows))
	}
	same := make([]int, len(rows))
	for i := range rows {
		spans = append(spans, len(all))
		same[i] = i
		near := rows[i].Values[slot]
		if near.IsNull() {
			continue
		}
		if known != nil {
			if first, ok := known[near]; ok {
				same[i] = first
				continue
			}
			known[near] = i
		}
		bindOne(st, 1, near)
		if all, err = child.collect(st, all); err != nil {
			return err
		}
	}
	spans = append(spans, len(all))
	r.slab.Resume(&child.slab)
	if len(e.Query.Expand) > 0 && len(all) > 0 {
		if err := child.expand(&e.Query, all, child.extra); err != nil {
			return err
		}
		r.slab.Resume(&child.slab)
	}
	for i := range rows {
		from, to := spans[same[i]], spans[same[i]+1]
		if from < to {
			rows[i].Expanded[at] = all[from:to:to]
		}
	}
	return nil
}
