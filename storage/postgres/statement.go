package postgres

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// writing is the statement of a change, and the row that came of it.
type writing struct {
	command
	found bool
	out   storage.Row
}

// noRow is the verdict of a statement that is to end its transaction and has found no row.
const noRow = -3

// none reports whether the statement has run and found no row; err is that of its batch.
func (w *writing) none(err error) bool {
	n, refused := verdictOf(err)
	return refused && n == noRow || w.done && !w.found
}

// nextVersion is the version of a row that is written.
const nextVersion = "nextval('_dowel_version')"

// print is the printer of the transaction, emptied.
func (t *tx) print() *sqlgen.Printer {
	t.printer.Reset()
	return &t.printer
}

// printed makes a command of what was printed.
func (t *tx) printed(row func(cols [][]byte) error) *command {
	return &command{sql: bytes.Clone(t.printer.SQL), args: slices.Clone(t.printer.Args), row: row}
}

// statement prints the change as one statement. It reads the row back as the change
// asks for it when that can be done at once (whole), else its key and version.
func (a *apply) statement() *writing {
	p := a.print()
	if a.last || len(a.counted) > 0 {
		p.Put("with ")
	}
	a.numbers(p)
	if a.last && len(a.counted) > 0 {
		p.Put(", ")
	}
	if a.last {
		p.Put("w as (")
	}
	w := a.printStatement(p)
	if a.last { // without a row there is nothing to commit
		p.Put(") select w.*, case when (select count(*) from w) = 0 then cast('#-3 ' || (select count(*) from w) as int) end from (select 1) as x left join w on true")
	}
	w.sql, w.args = bytes.Clone(a.printer.SQL), slices.Clone(a.printer.Args)
	return w
}

func (a *apply) printStatement(p *sqlgen.Printer) *writing {
	switch a.Op {
	case storage.Insert:
		return a.insertInto(p)
	case storage.Delete:
		return a.deleteFrom(p)
	}
	return a.updateSet(p)
}

// insertInto prints an insert of all columns, so that a class has one text for it; a
// key that the database numbers is left out.
func (a *apply) insertInto(p *sqlgen.Printer) *writing {
	t0 := p.NewAlias()
	var skip *schema.Field
	if id := numbered(a.Class); id != nil && a.values[id.Index].IsNull() {
		skip = id
	}
	columns := slices.DeleteFunc(slices.Clone(a.Class.Fields), func(f *schema.Field) bool { return f == skip || !f.Stored() })
	p.Put(" insert into ")
	p.From(a.table, t0)
	p.Put(" (" + a.table.Version[1:])
	for _, f := range columns {
		p.Put(", " + a.table.Bare[f.Index])
	}
	p.Put(") select " + nextVersion)
	for _, f := range columns {
		p.Put(", ")
		if i := slices.Index(a.counted, f); i >= 0 {
			p.Put("n" + strconv.Itoa(i) + ".n")
		} else {
			p.Arg(a.values[f.Index])
		}
	}
	for i := range a.counted {
		p.Put([...]string{" from ", ", "}[min(i, 1)] + "n" + strconv.Itoa(i))
	}
	given := slices.Clone(a.counted)
	if skip != nil {
		given = append(given, skip)
	}
	return a.returning(p, t0, given)
}

func (a *apply) updateSet(p *sqlgen.Printer) *writing {
	t0 := p.NewAlias()
	p.Put("update ")
	p.From(a.table, t0)
	p.Put(" set " + a.table.Version[1:] + " = " + nextVersion)
	for _, s := range a.sets {
		p.Put(", " + a.table.Bare[s.Field.Index] + " = ")
		p.Arg(a.values[s.Field.Index])
	}
	a.where(p, t0, a.Before)
	return a.returning(p, t0, nil)
}

// deleteFrom prints the deletion of a row that nothing hangs on. All guards are
// judged on the one row there is.
func (a *apply) deleteFrom(p *sqlgen.Printer) *writing {
	t0 := p.NewAlias()
	p.Put("delete from ")
	p.From(a.table, t0)
	a.where(p, t0, slices.Concat(a.Before, a.After))
	return a.returning(p, t0, nil)
}

// where picks the row as it has to be for the change.
func (a *apply) where(p *sqlgen.Printer, t0 sqlgen.Alias, guards []storage.Guard) {
	p.Row(a.Key, a.Deleted, a.table, t0)
	for _, g := range guards {
		p.Put(" and ")
		p.Where(g.Where, t0)
	}
	if a.IfVersion != 0 {
		p.Put(" and ")
		p.Column(t0, a.table.Version)
		p.Put(" = ")
		p.Arg(schema.NewInt(a.IfVersion))
	}
}

// returning prints what is read back, and the verdict last. given are the fields that
// the database has filled in.
func (a *apply) returning(p *sqlgen.Printer, t0 sqlgen.Alias, given []*schema.Field) *writing {
	w := &writing{}
	p.Put(" returning ")
	if a.whole && a.Return != nil && !a.isKnown() {
		p.Returning(a.Return, t0)
		d := newDecoder(a.model.Names, a.Return)
		d.slab.Rows = 1
		w.row = func(cols [][]byte) (err error) {
			w.found = true
			w.out, err = d.row(cols[:1+len(d.tests)+len(d.columns)])
			return err
		}
	} else {
		p.Column(t0, a.table.Version)
		for _, f := range given {
			p.Put(", ")
			p.Column(t0, a.table.Columns[f.Index])
		}
		w.row = func(cols [][]byte) error { return a.fill(w, given, cols) }
	}
	a.verdict(p, t0)
	return w
}

// isKnown reports whether an inserted row is known without reading it back: what
// was not set is null.
func (a *apply) isKnown() bool {
	if a.Op != storage.Insert {
		return false
	}
	if slices.ContainsFunc(a.Return.Tests, func(e schema.Expr) bool { _, settled := sqlgen.IsConstant(e); return !settled }) {
		return false
	}
	return !slices.ContainsFunc(a.Return.Columns, func(c storage.Column) bool { return !c.Field.Stored() && !c.Field.Synthetic })
}

// fill makes the row of what was set and what the database has filled in.
func (a *apply) fill(w *writing, given []*schema.Field, cols [][]byte) (err error) {
	w.found = true
	if w.out.Version, err = integer(cols[0]); err != nil {
		return err
	}
	if a.Op == storage.Insert {
		w.out.Values = slices.Clone(a.values)
	} else {
		w.out.Values = make([]schema.Value, len(a.Class.Fields))
		for i, f := range a.Class.Key {
			w.out.Values[f.Index] = a.Key[i]
		}
	}
	for i, f := range given {
		n, err := integer(cols[1+i])
		if err != nil {
			return err
		}
		w.out.Values[f.Index] = schema.NewInt(n)
	}
	if a.Return != nil {
		for i, e := range a.Return.Tests {
			if holds, _ := sqlgen.IsConstant(e); holds {
				w.out.Tests |= 1 << uint(i)
			}
		}
	}
	return nil
}

// verdict prints a column that fails the statement when the row breaks a condition: it
// reads "#N …" as a number, N being the place of the condition among the verdicts.
func (a *apply) verdict(p *sqlgen.Printer, t0 sqlgen.Alias) {
	started := false
	for i, g := range a.verdicts {
		if holds, settled := sqlgen.IsConstant(g.Where); settled && holds {
			continue
		}
		if !started {
			p.Put(", case")
			started = true
		}
		p.Put(" when not (")
		p.Truth(g.Where, t0)
		p.Put(") then cast('#" + strconv.Itoa(i) + " ' || ")
		p.Column(t0, a.table.Version) // not a constant, which would be read while planning
		p.Put(" as int)")
	}
	if started {
		p.Put(" end")
	}
}

// verdictOf reads from an error which verdict failed a statement.
func verdictOf(err error) (n int, ok bool) {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != codeText {
		return 0, false
	}
	_, text, found := strings.Cut(e.Message, "#")
	digits, _, ended := strings.Cut(text, " ")
	n, bad := strconv.Atoi(digits)
	return n, found && ended && bad == nil
}
