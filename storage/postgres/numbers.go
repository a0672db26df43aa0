package postgres

import (
	"slices"
	"strconv"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Numbers of auto=sequence fields are rows of _dowel_sequences, one a field and group:
// what is undone has taken no number. The row of a group is locked until the
// transaction ends, so that those who number in it wait for each other.

// sequence is the row of _dowel_sequences of a field and group.
type sequence struct {
	field     *schema.Field
	name, per schema.Value
	group     schema.Value // value of Field.Per
}

func sequenceOf(f *schema.Field, values []schema.Value) sequence {
	s := sequence{field: f, name: schema.NewText(f.Class.Table + "." + f.Column), per: schema.NewText("")}
	if f.Per != nil {
		s.group = values[f.Per.Index]
		if !s.group.IsNull() {
			s.per = schema.NewText("=" + s.group.String()) // null is a group of its own
		}
	}
	return s
}

// numbers prints the numbers that an insert takes as tables n0, n1, …: each is empty for a
// group that was never counted.
func (a *apply) numbers(p *sqlgen.Printer) {
	for i, f := range a.counted {
		s := sequenceOf(f, a.values)
		p.Put([...]string{"n", ", n"}[min(i, 1)] + strconv.Itoa(i) + " as (update _dowel_sequences set n = n + 1 where name = ")
		p.Arg(s.name)
		p.Put(" and per = ")
		p.Arg(s.per)
		p.Put(" returning n)")
	}
}

// take takes the next number of a group.
func (s sequence) take(into *schema.Value) *command {
	c := statementOf("update _dowel_sequences set n = n + 1 where name = $1 and per = $2 returning n", s.name, s.per)
	c.row = func(cols [][]byte) error {
		n, err := integer(cols[0])
		*into = schema.NewInt(n)
		return err
	}
	return c
}

// next prints the number that the group is at, which nobody has taken yet.
func (s sequence) next(p *sqlgen.Printer, t *sqlgen.Table) {
	p.Put("(select coalesce((select n from _dowel_sequences where name = ")
	p.Arg(s.name)
	p.Put(" and per = ")
	p.Arg(s.per)
	p.Put("), (select greatest(max(" + t.Bare[s.field.Index] + "), 0) from " + t.Name)
	switch {
	case s.field.Per == nil:
	case s.group.IsNull():
		p.Put(" where " + t.Bare[s.field.Per.Index] + " is null")
	default:
		p.Put(" where " + t.Bare[s.field.Per.Index] + " = ")
		p.Arg(s.group)
	}
	p.Put("), 0) + 1)")
}

// start makes the row of a group. It starts above the rows there are, should others have put them in.
func (s sequence) start(t *sqlgen.Table) *command {
	where, args := s.rows(t, 3)
	return statementOf("insert into _dowel_sequences (name, per, n) select $1::text, $2::text, greatest(coalesce(max("+t.Bare[s.field.Index]+"), 0), 0) from "+
		t.Name+where+" on conflict do nothing", slices.Concat([]schema.Value{s.name, s.per}, args)...)
}

// rows is the condition for the rows of the group, with its value as the n-th bound one.
func (s sequence) rows(t *sqlgen.Table, n int) (where string, args []schema.Value) {
	switch {
	case s.field.Per == nil:
		return "", nil
	case s.group.IsNull():
		return " where " + t.Bare[s.field.Per.Index] + " is null", nil
	}
	return " where " + t.Bare[s.field.Per.Index] + " = $" + strconv.Itoa(n), []schema.Value{s.group}
}

// note moves the numbering of a group above the number n that source yields: that of a row
// which was numbered outright, or has moved there with its number.
func (s sequence) note(t *sqlgen.Table, source string, args ...schema.Value) *command {
	n := len(args)
	where, group := s.rows(t, n+3)
	name, per := "$"+strconv.Itoa(n+1)+"::text", "$"+strconv.Itoa(n+2)+"::text"
	return statementOf("insert into _dowel_sequences (name, per, n) select "+name+", "+per+", greatest(x.n, 0, case when not exists"+
		" (select 1 from _dowel_sequences where name = "+name+" and per = "+per+") then (select max("+t.Bare[s.field.Index]+") from "+t.Name+where+") end)"+
		" from ("+source+") as x where x.n is not null on conflict (name, per) do update set n = excluded.n where _dowel_sequences.n < excluded.n",
		slices.Concat(args, []schema.Value{s.name, s.per}, group)...)
}

// number settles the numbers of an update, which takes round trips of its own: the group
// may be a value of the row.
func (a *apply) number() error {
	var missing []storage.Column
	for _, s := range a.sets {
		if per := s.Field.Per; s.Field.Auto == schema.AutoSequence && per != nil && !a.isSet(per) {
			missing = append(missing, storage.Column{Field: per})
		}
	}
	if len(missing) > 0 {
		l, err := a.newLook(&storage.Query{Class: a.Class, Columns: missing}, a.Deleted, nil)
		if err != nil {
			return err
		}
		row, err := l.run(a.ctx, a.tx.run)
		if err != nil {
			return err
		}
		if row == nil {
			return a.whyNot()
		}
		for _, c := range missing {
			a.values[c.Field.Index] = row.Values[c.Field.Index]
		}
	}
	for _, s := range a.sets {
		if !s.Sequence {
			continue
		}
		of := sequenceOf(s.Field, a.values)
		into := &a.values[s.Field.Index]
		*into = schema.Value{}
		if err := a.run(a.ctx, of.take(into)); err != nil {
			return err
		}
		if into.IsNull() {
			if err := a.run(a.ctx, of.start(a.table), of.take(into)); err != nil {
				return err
			}
		}
	}
	return nil
}

// notes are the statements that take notice of numbers after the row was written.
func (a *apply) notes() (cmds []*command) {
	if a.Op == storage.Delete {
		return nil
	}
	for _, f := range a.Class.Fields {
		if f.Auto != schema.AutoSequence || slices.Contains(a.counted, f) {
			continue
		}
		given := a.values[f.Index]
		switch {
		case !given.IsNull() && !a.takes(f):
			cmds = append(cmds, sequenceOf(f, a.values).note(a.table, "select $1::bigint as n", given))
		case a.Op != storage.Insert && f.Per != nil && a.isSet(f.Per) && !a.isSet(f):
			where, args := a.keyed()
			cmds = append(cmds, sequenceOf(f, a.values).note(a.table, "select "+a.table.Bare[f.Index]+" as n from "+a.table.Name+where, args...))
		}
	}
	if f := numbered(a.Class); f != nil && a.Op == storage.Insert && a.values[f.Index].Int() > 0 {
		cmds = append(cmds, noteKey(a.table, f, a.values[f.Index].Int()))
	}
	return cmds
}

// takes reports whether the change numbers the field.
func (a *apply) takes(f *schema.Field) bool {
	return slices.ContainsFunc(a.sets, func(s storage.Assign) bool { return s.Field == f && s.Sequence })
}

// keyed is the condition for the row by its key.
func (a *apply) keyed() (where string, args []schema.Value) {
	for i, v := range a.Key {
		where += [...]string{" where ", " and "}[min(i, 1)] + a.table.Bare[a.Class.Key[i].Index] + " = $" + strconv.Itoa(i+1)
		args = append(args, v)
	}
	return where, args
}
