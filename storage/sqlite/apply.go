package sqlite

import (
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// insert adds a row. What was not set is null, so the row as it is stored is
// known without asking for it.
func (a *apply) insert() (*storage.Row, error) {
	values := make([]schema.Value, len(a.Class.Fields))
	if err := a.assign(values); err != nil {
		return nil, err
	}
	if err := a.number(values); err != nil {
		return nil, err
	}
	version, err := a.bump(a.Class)
	if err != nil {
		return nil, err
	}
	p := a.print()
	p.Put("insert into ")
	p.Put(a.table.Name)
	p.Put(" (")
	p.Put(a.table.Version[1:])
	for i, col := range a.table.Bare {
		if col != "" && !values[i].IsNull() {
			p.Put(", ")
			p.Put(col)
		}
	}
	p.Put(") values (")
	p.Arg(schema.NewInt(version))
	for i, col := range a.table.Bare {
		if col != "" && !values[i].IsNull() {
			p.Put(", ")
			p.Arg(values[i])
		}
	}
	p.Put(")")
	if _, err := a.conn.exec(); err != nil {
		return nil, a.broken(err, func(i int) schema.Value { return values[i] }, nil)
	}
	a.wrote = true
	a.Key = keyOf(a.Class, values)
	if err := a.relink(); err != nil {
		return nil, err
	}
	a.After = append(a.Before[:len(a.Before):len(a.Before)], a.After...)
	if a.plain() {
		return &storage.Row{Version: version, Tests: settled(a.Return), Values: values}, nil
	}
	return a.answer()
}

func keyOf(c *schema.Class, values []schema.Value) []schema.Value {
	key := make([]schema.Value, len(c.Key))
	for i, f := range c.Key {
		key[i] = values[f.Index]
	}
	return key
}

// plain reports whether the row needs no look at the database: nothing is
// judged about it and only stored fields of it are asked for.
func (a *apply) plain() bool {
	if len(a.Class.Checks) > 0 {
		return false
	}
	for _, g := range a.After {
		if holds, settled := sqlgen.IsConstant(g.Where); !settled || !holds {
			return false
		}
	}
	if a.Return == nil {
		return true
	}
	for _, e := range a.Return.Tests {
		if _, settled := sqlgen.IsConstant(e); !settled {
			return false
		}
	}
	for i := range a.Return.Columns {
		if f := a.Return.Columns[i].Field; !f.Stored() && !f.Synthetic {
			return false
		}
	}
	return len(a.Return.Expand) == 0
}

// settled are the tests of a query that hold for every row.
func settled(q *storage.Query) (tests uint64) {
	if q == nil {
		return 0
	}
	for i, e := range q.Tests {
		if holds, ok := sqlgen.IsConstant(e); ok && holds {
			tests |= 1 << uint(i)
		}
	}
	return tests
}

// assign fills in what the change sets, numbers of sequences last because they depend on others.
func (a *apply) assign(values []schema.Value) error {
	for _, s := range a.Set {
		if !s.Field.Stored() {
			return fmt.Errorf("%s.%s is not a stored field", a.Class.Name, s.Field.Name)
		}
		if !s.Sequence {
			values[s.Field.Index] = a.normal(s.Field, s.Value)
		}
	}
	for _, s := range a.Set {
		if s.Field.Auto != schema.AutoSequence {
			continue
		}
		v, err := a.sequence(s, values)
		if err != nil {
			return err
		}
		values[s.Field.Index] = v
	}
	return nil
}

// normal gives a value the one form it has in the file.
func (a *apply) normal(f *schema.Field, v schema.Value) schema.Value {
	switch v.Kind() {
	case schema.Float:
		if v.Float() == 0 {
			return schema.NewFloat(0) // no negative zero
		}
	case schema.Decimal:
		scale := a.table.Kinds[f.Index].Scale
		for v.Scale() < scale {
			v = schema.NewDecimal(v.Int()*10, v.Scale()+1)
		}
	}
	return v
}

// number gives the row a key when the store numbers the class and none was given.
func (a *apply) number(values []schema.Value) error {
	f := numbered(a.Class)
	if f == nil {
		return nil
	}
	if given := values[f.Index]; !given.IsNull() {
		e, err := a.ledger.entry(a.model.Names, a.Class)
		if err == nil {
			e.id = max(e.id, given.Int())
		}
		return err
	}
	id, err := a.ledger.nextID(a.model.Names, a.Class)
	values[f.Index] = schema.NewInt(id)
	return err
}

// update changes a row, also those of soft deletion. The row is found, judged
// and changed by one statement; only when it did nothing is the reason looked for.
func (a *apply) update() (*storage.Row, error) {
	if a.Op == storage.SoftDelete {
		if err := a.refused(); err != nil {
			return nil, err
		}
	}
	values := make([]schema.Value, len(a.Class.Fields))
	if err := a.group(values); err != nil {
		return nil, err
	}
	if err := a.assign(values); err != nil {
		return nil, err
	}
	entry, err := a.ledger.entry(a.model.Names, a.Class)
	if err != nil {
		return nil, err
	}
	version := entry.n + 1
	p := a.print()
	t0 := p.NewAlias()
	p.Put("update ")
	p.From(a.table, t0)
	p.Put(" set ")
	p.Put(a.table.Version[1:])
	p.Put(" = ")
	p.Arg(schema.NewInt(version))
	for _, s := range a.sets() {
		p.Put(", ")
		p.Put(a.table.Bare[s.Field.Index])
		p.Put(" = ")
		p.Arg(values[s.Field.Index])
	}
	p.Row(a.Key, a.Deleted, a.table, t0)
	for _, g := range a.Before {
		p.Put(" and ")
		p.Where(g.Where, t0)
	}
	if a.IfVersion != 0 {
		p.Put(" and ")
		p.Column(t0, a.table.Version)
		p.Put(" = ")
		p.Arg(schema.NewInt(a.IfVersion))
	}
	n, err := a.conn.exec()
	if err != nil {
		return nil, a.broken(err, nil, values)
	}
	if n == 0 {
		return nil, a.whyNot()
	}
	if _, err := a.bump(a.Class); err != nil {
		return nil, err
	}
	a.wrote = true
	if err := a.moved(values); err != nil {
		return nil, err
	}
	if err := a.relink(); err != nil {
		return nil, err
	}
	if a.Return == nil && len(a.After) == 0 && len(a.Class.Checks) == 0 {
		return &storage.Row{Version: version, Values: a.keyValues()}, nil
	}
	return a.answer()
}

// sets are the assignments of an update; restoring is one of them. Of several
// to one field the last counts. The key never changes.
func (a *apply) sets() []storage.Assign {
	sets := make([]storage.Assign, 0, len(a.Set)+1)
	add := func(s storage.Assign) {
		for i := range sets {
			if sets[i].Field == s.Field {
				return
			}
		}
		sets = append(sets, s)
	}
	for _, s := range a.Set {
		if !isKey(a.Class, s.Field) {
			add(s)
		}
	}
	if a.Op == storage.Restore {
		add(storage.Assign{Field: a.Class.DeletedAt})
	}
	return sets
}

func isKey(c *schema.Class, f *schema.Field) bool {
	for _, k := range c.Key {
		if k == f {
			return true
		}
	}
	return false
}

func (a *apply) keyValues() []schema.Value {
	values := make([]schema.Value, len(a.Class.Fields))
	for i, f := range a.Class.Key {
		values[f.Index] = a.Key[i]
	}
	return values
}

// whyNot says why an update or a deletion found no row to change.
func (a *apply) whyNot() error {
	p := a.print()
	t0 := p.NewAlias()
	p.Put("select ")
	p.Column(t0, a.table.Version)
	for _, g := range a.Before {
		p.Put(", ")
		p.Truth(g.Where, t0)
	}
	p.Put(" from ")
	p.From(a.table, t0)
	p.Row(a.Key, a.Deleted, a.table, t0)
	err := storage.ErrNotFound
	failed := a.oneRow(func(st *sqlite.Stmt) {
		err = nil
		for i, g := range a.Before {
			if st.ColumnInt64(i+1) == 0 {
				err = g.Err
				return
			}
		}
		if v := st.ColumnInt64(0); a.IfVersion != 0 && v != a.IfVersion {
			err = &storage.StaleError{Current: v}
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// answer judges the row as it is now by checks and After guards, and reads it back.
// All of them are tests of one query, in batches where they are many.
func (a *apply) answer() (*storage.Row, error) {
	q := storage.Query{Class: a.Class, Key: a.Key, Limit: -1, Deleted: storage.WithDeleted}
	if a.Return != nil {
		q.Columns, q.Expand, q.Most = a.Return.Columns, a.Return.Expand, a.Return.Most
		q.Tests = a.Return.Tests
	} else {
		for _, f := range a.Class.Key {
			q.Columns = append(q.Columns, storage.Column{Field: f})
		}
	}
	judged := a.judges()
	own := len(q.Tests)
	if own+len(judged) > 64 {
		if err := a.judge(judged); err != nil {
			return nil, err
		}
		judged = nil
	}
	q.Tests = append(q.Tests[:own:own], wheres(judged)...)
	row, err := a.readBack(&q)
	if err != nil {
		return nil, err
	}
	for i, j := range judged {
		if !row.Test(own + i) {
			return nil, j.Err
		}
	}
	row.Tests &= 1<<uint(own) - 1
	return row, nil
}

func (a *apply) readBack(q *storage.Query) (*storage.Row, error) {
	page, err := a.conn.page(q)
	if err != nil {
		return nil, err
	}
	if len(page.Rows) == 0 {
		return nil, storage.ErrConcurrent
	}
	return &page.Rows[0], nil
}

// judges are the conditions on the written row, in order, with their errors.
// A row that is about to go need not pass checks.
func (a *apply) judges() []storage.Guard {
	if len(a.Class.Checks) == 0 || a.Op == storage.Delete {
		return a.After
	}
	out := make([]storage.Guard, 0, len(a.Class.Checks)+len(a.After))
	if len(a.Links) == 0 { // else they were judged before the links changed
		out = append(out, checks(a.Class)...)
	}
	return append(out, a.After...)
}

func checks(c *schema.Class) []storage.Guard {
	out := make([]storage.Guard, len(c.Checks))
	for i, check := range c.Checks {
		out[i] = storage.Guard{Where: check.Where, Err: &storage.CheckError{Check: check}}
	}
	return out
}

// relink changes the links of the row, after its checks.
func (a *apply) relink() error {
	if len(a.Links) == 0 {
		return nil
	}
	if err := a.judge(checks(a.Class)); err != nil {
		return err
	}
	return a.link()
}

func wheres(guards []storage.Guard) []schema.Expr {
	out := make([]schema.Expr, len(guards))
	for i, g := range guards {
		out[i] = g.Where
	}
	return out
}

// judge evaluates any number of conditions on the row.
func (a *apply) judge(guards []storage.Guard) error {
	for len(guards) > 0 {
		n := min(len(guards), 64)
		row, err := a.readBack(&storage.Query{Class: a.Class, Key: a.Key, Limit: -1, Deleted: storage.WithDeleted, Tests: wheres(guards[:n])})
		if err != nil {
			return err
		}
		for i, g := range guards[:n] {
			if !row.Test(i) {
				return g.Err
			}
		}
		guards = guards[n:]
	}
	return nil
}
