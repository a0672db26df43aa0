package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Apply runs one guarded change. One that fails is taken back by itself: the
// transaction is as it was before, and may be read to find out why.
func (t *tx) Apply(ctx context.Context, c *storage.Change) (*storage.Row, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	if err := t.use(c.Class); err != nil {
		return nil, err
	}
	a, err := t.newApply(ctx, c)
	if err != nil {
		return nil, err
	}
	if c.Final && t.batches == 0 && len(t.points) == 0 {
		if row, err, settled := a.final(); settled {
			t.committed = err == nil
			t.over = t.committed
			return row, err
		}
		if c.Op == storage.SoftDelete {
			t.pending[len(t.pending)-1] = statementOf("begin isolation level read committed") // as ahead has it
		}
	}
	row, err := a.change()
	if err != nil {
		if again := new(againError); t.lost == nil && errors.As(err, &again) {
			t.lost = err
		}
		return nil, t.meaning(ctx, err)
	}
	t.changes++
	t.over = c.Final
	return row, nil
}

// apply is one change on its way.
type apply struct {
	*tx
	*storage.Change
	ctx   context.Context
	table *sqlgen.Table
	point point
	// ask runs statements that only read: in the transaction, or outside of any.
	ask func(context.Context, ...*command) error

	values   []schema.Value   // what is set, by slot
	sets     []storage.Assign // of an update, one a field
	counted  []*schema.Field  // of an insert, those it takes the next number for
	checks   []storage.Guard
	judges   []storage.Guard // what must hold of the row afterwards
	whole    bool            // one statement judges the change and reads it back
	verdicts []storage.Guard // what the statement judges: checks, and then guards
	last     bool            // the commit travels with the statement
}

func (t *tx) newApply(ctx context.Context, c *storage.Change) (*apply, error) {
	own := *c
	a := &apply{tx: t, Change: &own, ctx: ctx, table: t.model.Names.Table(c.Class), ask: t.run, judges: c.After}
	if c.Op == storage.Delete {
		a.whole = isAlone(t.model.Around(c.Class)) && (c.Return == nil || len(c.Return.Expand) == 0)
		return a, nil
	}
	if c.Op == storage.Insert {
		a.judges = slices.Concat(c.Before, c.After)
	} else {
		a.sets = a.settings()
	}
	if err := a.assign(); err != nil {
		return nil, err
	}
	for _, check := range c.Class.Checks {
		a.checks = append(a.checks, storage.Guard{Where: check.Where, Err: &storage.CheckError{Check: check}})
	}
	apart := guardsReach(a.checks, c.Class)
	a.whole = !apart && len(c.Links) == 0 && !a.looksBack() && !guardsReach(a.judges, c.Class)
	switch {
	case a.whole:
		a.verdicts = slices.Concat(a.checks, a.judges)
	case !apart:
		a.verdicts = a.checks
	}
	return a, nil
}

// isAlone reports whether nothing else hangs on the rows of a class.
func isAlone(x sqlgen.Around) bool { return len(x.References)+len(x.Links)+len(x.Manys) == 0 }

// looksBack reports whether the answer may read rows of the class that is written: the
// statement that writes a row does not see it in its table yet.
func (a *apply) looksBack() bool {
	q := a.Return
	switch {
	case q == nil:
		return false
	case len(q.Expand) > 0:
		return true
	case slices.ContainsFunc(q.Tests, func(e schema.Expr) bool { return reaches(e, a.Class) }):
		return true
	}
	return slices.ContainsFunc(q.Columns, func(c storage.Column) bool { return fieldReaches(c.Field, c.Guard, a.Class) })
}

func guardsReach(gs []storage.Guard, class *schema.Class) bool {
	return slices.ContainsFunc(gs, func(g storage.Guard) bool { return reaches(g.Where, class) })
}

// assign settles what is set.
func (a *apply) assign() error {
	a.values = make([]schema.Value, len(a.Class.Fields))
	for _, s := range a.Set {
		switch {
		case !s.Field.Stored():
			return fmt.Errorf("%s.%s is not a stored field", a.Class.Name, s.Field.Name)
		case !s.Sequence:
			a.values[s.Field.Index] = a.normal(s.Field, s.Value)
		case a.Op == storage.Insert && !slices.Contains(a.counted, s.Field):
			a.counted = append(a.counted, s.Field)
		}
	}
	return nil
}

// normal gives a value the one form in which it is stored.
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

// settings are the assignments of an update; restoring is one of them. Of several
// to one field the last counts. The key never changes.
func (a *apply) settings() []storage.Assign {
	sets := make([]storage.Assign, 0, len(a.Set)+1)
	add := func(s storage.Assign) {
		same := func(x storage.Assign) bool { return x.Field == s.Field }
		if i := slices.IndexFunc(sets, same); i >= 0 {
			sets[i] = s
		} else {
			sets = append(sets, s)
		}
	}
	for _, s := range a.Set {
		if !slices.Contains(a.Class.Key, s.Field) {
			add(s)
		}
	}
	if a.Op == storage.Restore {
		add(storage.Assign{Field: a.Class.DeletedAt})
	}
	return sets
}

// change runs the change within the transaction.
func (a *apply) change() (row *storage.Row, err error) {
	a.point = a.protect()
	a.last = a.Final && a.whole
	switch {
	case a.Op == storage.Insert:
		row, err = a.insert()
	case a.Op == storage.Delete && !a.whole:
		row, err = a.delete()
	default:
		row, err = a.update()
	}
	if err != nil {
		a.undo(a.point)
	}
	return row, err
}

// insert adds a row.
func (a *apply) insert() (*storage.Row, error) {
	for first := true; ; first = false {
		w := a.statement()
		cmds := append([]*command{&w.command}, a.notes()...)
		var s *sequel
		if a.Key = a.ownKey(); !a.whole && !slices.ContainsFunc(a.Key, schema.Value.IsNull) {
			var err error
			if s, cmds, err = a.sequel(cmds); err != nil {
				return nil, err
			}
		}
		err := a.send(w, cmds)
		switch {
		case a.committed:
			return &w.out, nil
		case a.lost != nil:
			return nil, err
		case w.none(err) && first && len(a.counted) > 0:
			if err := a.startNumbers(); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			a.undo(a.point)
			return nil, a.broken(err)
		case !w.found:
			return nil, fmt.Errorf("insert of %s stored nothing", a.Class.Name)
		}
		a.bump(a.Class)
		a.Key = w.out.Key(a.Class)
		if a.whole {
			return &w.out, nil
		}
		return a.finish(s)
	}
}

// send runs the statement of the change and what goes with it; with the commit, if
// the transaction ends here.
func (a *apply) send(w *writing, cmds []*command) error {
	if !a.last {
		return a.run(a.ctx, cmds...)
	}
	if err := a.connect(a.ctx); err != nil {
		return err
	}
	a.bump(a.Class)
	cmds, end, err := a.closing(a.ctx, cmds)
	if err != nil {
		a.lost = err
		return err
	}
	ctx, done := a.store.outlasting(a.ctx)
	defer done()
	err = a.run(ctx, cmds...)
	switch {
	case err == nil || end.done:
		a.committed = true
		a.leave()
	case a.conn.pg.IsClosed(), a.conn.pg.TxStatus() == 'I' && w.found: // lost, or not to be read, after it may have happened
		a.lost = fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, err)
		return a.lost
	default:
		if n, ok := verdictOf(err); ok && n == fence {
			a.lost = a.unfenced(a.ctx, err)
			return a.lost
		}
	}
	return err
}

// startNumbers makes the groups that numbers are taken from.
func (a *apply) startNumbers() error {
	a.undo(a.point)
	cmds := make([]*command, len(a.counted))
	for i, f := range a.counted {
		cmds[i] = sequenceOf(f, a.values).start(a.table)
	}
	return a.run(a.ctx, cmds...)
}

// update changes a row, also those of soft deletion. The row is found, judged
// and changed by one statement; only when it did nothing is the reason looked for.
func (a *apply) update() (*storage.Row, error) {
	if slices.ContainsFunc(a.sets, func(s storage.Assign) bool { return s.Field.Auto == schema.AutoSequence }) {
		if err := a.number(); err != nil {
			return nil, err
		}
	}
	var cmds []*command
	if a.Op == storage.SoftDelete && len(a.restricting()) > 0 {
		cmds = append(cmds, a.lock(), a.unused())
	}
	w := a.statement()
	cmds = append(cmds, &w.command)
	cmds = append(cmds, a.notes()...)
	var s *sequel
	var err error
	if !a.whole {
		if s, cmds, err = a.sequel(cmds); err != nil {
			return nil, err
		}
	}
	err = a.send(w, cmds)
	switch {
	case a.committed:
		return &w.out, nil
	case a.lost != nil:
		return nil, err
	}
	if used := a.usedBy(err); used != nil || w.none(err) {
		a.undo(a.point)
		if why := a.whyNot(); why != nil {
			return nil, why
		}
		if used != nil {
			return nil, used
		}
		return nil, &againError{storage.ErrConcurrent}
	}
	if err != nil {
		a.undo(a.point)
		return nil, a.broken(err)
	}
	a.bump(a.Class)
	if a.whole {
		return &w.out, nil
	}
	return a.finish(s)
}

// sequel is what follows the statement of a change that could not do all by itself.
type sequel struct {
	checks *look // of checks that the statement could not judge
	links  []*linking
	after  *look // the guards, and the row as it is read back
}

// sequel adds the statements that change the links of the row, judge it and read it back.
func (a *apply) sequel(cmds []*command) (s *sequel, all []*command, err error) {
	s = &sequel{}
	if len(a.verdicts) == 0 && len(a.checks) > 0 {
		if s.checks, err = a.newLook(nil, storage.WithDeleted, wheres(a.checks)); err != nil {
			return nil, nil, err
		}
		cmds = append(cmds, s.checks.commands()...)
	}
	cmds, s.links = a.link(cmds)
	back := storage.Query{Class: a.Class}
	if q := a.Return; q != nil {
		back.Columns, back.Expand, back.Most, back.Tests = q.Columns, q.Expand, q.Most, q.Tests
	} else {
		for _, f := range a.Class.Key {
			back.Columns = append(back.Columns, storage.Column{Field: f})
		}
	}
	if s.after, err = a.newLook(&back, storage.WithDeleted, wheres(a.judges)); err != nil {
		return nil, nil, err
	}
	return s, append(cmds, s.after.commands()...), nil
}

// finish judges what came of the sequel, which it runs first when the key of the row was
// not known before.
func (a *apply) finish(s *sequel) (*storage.Row, error) {
	if s == nil {
		var cmds []*command
		var err error
		if s, cmds, err = a.sequel(nil); err != nil {
			return nil, err
		}
		if err := a.run(a.ctx, cmds...); err != nil {
			return nil, err
		}
	}
	if s.checks != nil {
		if _, err := s.checks.row(); err != nil {
			return nil, err
		}
		if err := s.checks.failed(a.checks, 0); err != nil {
			return nil, err
		}
	}
	if err := a.linked(s.links); err != nil {
		return nil, err
	}
	row, err := s.after.row()
	switch {
	case err != nil:
		return nil, err
	case row == nil:
		return nil, storage.ErrConcurrent
	}
	return row, s.after.failed(a.judges, 0)
}
