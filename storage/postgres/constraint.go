package postgres

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// broken gives the error of a failed insert or update its meaning. PostgreSQL judges
// unique indexes first, then the verdicts, then references; the contract puts
// checks first and guards last, so what may have come too early is looked at again.
func (a *apply) broken(err error) error {
	err = a.store.native(err)
	if n, ok := verdictOf(err); ok && n >= 0 && n < len(a.verdicts) {
		if n < len(a.checks) {
			return a.verdicts[n].Err
		}
		if missing := a.missing(); missing != nil {
			return missing
		}
		return a.verdicts[n].Err
	}
	meaning := oddUnique(a.Class, err)
	if meaning == nil {
		meaning = uniqueError(a.Class, err)
	}
	if meaning == nil {
		meaning = referenceError(a.Class, err)
	}
	if meaning == nil {
		meaning = a.store.checkError(a.Class, err)
	}
	if meaning == nil {
		return err
	}
	if failed := a.wouldFail(); failed != nil {
		return failed
	}
	return meaning
}

// wouldFail evaluates the checks of the class on a row that could not be stored.
func (a *apply) wouldFail() error {
	if len(a.checks) == 0 {
		return nil
	}
	p := a.print()
	t0, src := p.NewAlias(), p.NewAlias()
	p.Put("select ")
	for i, g := range a.checks {
		if i > 0 {
			p.Put(", ")
		}
		p.Truth(g.Where, t0)
	}
	p.Put(" from (")
	a.wouldBe(p, src)
	p.Put(") as t0")
	var failed error
	err := a.ask(a.ctx, a.printed(func(cols [][]byte) error {
		for i, g := range a.checks {
			if failed == nil && string(cols[i]) != "t" {
				failed = g.Err
			}
		}
		return nil
	}))
	if err != nil {
		return err
	}
	return failed
}

// wouldBe prints the row as it would have been stored. The first half of the union has
// no rows; it is there to give the values their types.
func (a *apply) wouldBe(p *sqlgen.Printer, src sqlgen.Alias) {
	columns := func(print func(f *schema.Field)) {
		first := true
		for _, f := range a.Class.Fields {
			if !f.Stored() {
				continue
			}
			if !first {
				p.Put(", ")
			}
			first = false
			print(f)
		}
	}
	p.Put("select ")
	columns(func(f *schema.Field) { p.Column(src, a.table.Columns[f.Index]) })
	p.Put(" from ")
	p.From(a.table, src)
	p.Put(" where false union all select ")
	columns(func(f *schema.Field) {
		switch {
		case a.Op == storage.Insert && slices.Contains(a.counted, f):
			sequenceOf(f, a.values).next(p, a.table)
		case f == a.unknownKey():
			takenKey(p, a.table, f)
		case a.Op == storage.Insert || a.isSet(f):
			p.Arg(a.values[f.Index])
		default:
			p.Column(src, a.table.Columns[f.Index])
		}
	})
	if a.Op != storage.Insert {
		p.Put(" from ")
		p.From(a.table, src)
		p.Row(a.Key, storage.WithDeleted, a.table, src)
	}
}

// unknownKey is the key of a new row that the database numbers, else nil.
func (a *apply) unknownKey() *schema.Field {
	if id := numbered(a.Class); id != nil && a.Op == storage.Insert && a.values[id.Index].IsNull() {
		return id
	}
	return nil
}

// isSet reports whether an update sets the field.
func (a *apply) isSet(f *schema.Field) bool {
	return slices.ContainsFunc(a.sets, func(s storage.Assign) bool { return s.Field == f })
}

// missing reports a reference of the change that leads nowhere. It is asked when a verdict failed
// the statement before the references were looked at.
func (a *apply) missing() error {
	var refs []*schema.Field
	p := a.print()
	for _, f := range a.Class.Fields {
		if f.Ref == nil || a.values[f.Index].IsNull() || a.Op != storage.Insert && !a.isSet(f) {
			continue
		}
		p.Put([...]string{"select ", ", "}[min(len(refs), 1)])
		to := p.Names.Table(f.Ref.To)
		p.Put("exists (select 1 from " + to.Name + " where " + to.Bare[f.Ref.To.Key[0].Index] + " = ")
		p.Arg(a.values[f.Index])
		p.Put(")")
		if id := a.unknownKey(); id != nil && f.Ref.To == a.Class { // the row may refer to itself
			p.Put(" or ")
			p.Arg(a.values[f.Index])
			p.Put(" = ")
			takenKey(p, a.table, id)
		}
		refs = append(refs, f)
	}
	if len(refs) == 0 {
		return nil
	}
	var missing error
	err := a.ask(a.ctx, a.printed(func(cols [][]byte) error {
		for i, f := range refs {
			self := f.Ref.To == a.Class && slices.Equal(a.ownKey(), []schema.Value{a.values[f.Index]})
			if missing == nil && string(cols[i]) != "t" && !self {
				missing = &storage.ReferenceError{Field: f}
			}
		}
		return nil
	}))
	if err != nil {
		return err
	}
	return missing
}

// ownKey is the key of the row as far as it is known.
func (a *apply) ownKey() []schema.Value {
	if a.Op != storage.Insert {
		return a.Key
	}
	key := make([]schema.Value, len(a.Class.Key))
	for i, f := range a.Class.Key {
		key[i] = a.values[f.Index]
	}
	return key
}

// linking is one change of a set of links on its way.
type linking struct {
	*storage.Links
	wanted int
	found  int64
}

// link changes sets of links; only what differs is written. Each moves the counter
// of the class it leads to; the row's own version has moved already.
func (a *apply) link(cmds []*command) ([]*command, []*linking) {
	out := make([]*linking, len(a.Links))
	for i := range a.Links {
		l := &linking{Links: &a.Links[i]}
		out[i] = l
		link := a.model.Names.Link(l.Field)
		name, own, other := link.Name, link.Own[1:], link.Other[1:]
		add := distinct(l.Add)
		l.wanted = len(add)
		switch {
		case l.Replace && len(add) == 0:
			cmds = append(cmds, statementOf("delete from "+name+" where "+own+" = $1", a.Key[0]))
		case l.Replace:
			cmds = append(cmds, statementOf("delete from "+name+" where "+own+" = $1 and "+other+" <> all($2)", a.Key[0], sqlgen.Array(add)))
		case len(l.Remove) > 0:
			cmds = append(cmds, statementOf("delete from "+name+" where "+own+" = $1 and "+other+" = any($2)", a.Key[0], sqlgen.Array(l.Remove)))
		}
		if len(add) == 0 {
			continue
		}
		to := a.model.Names.Table(l.Field.Many.To)
		key := to.Bare[l.Field.Many.To.Key[0].Index]
		insert := statementOf("with f as (select "+key+" as k from "+to.Name+" where "+key+" = any($2)), i as (insert into "+name+" ("+own+", "+other+
			") select $1, k from f on conflict do nothing) select count(*) from f", a.Key[0], sqlgen.Array(add))
		insert.row = func(cols [][]byte) (err error) {
			l.found, err = integer(cols[0])
			return err
		}
		cmds = append(cmds, insert)
	}
	return cmds, out
}

func distinct(vs []schema.Value) []schema.Value {
	seen := make(map[schema.Value]bool, len(vs))
	return slices.DeleteFunc(slices.Clone(vs), func(v schema.Value) bool {
		twice := seen[v]
		seen[v] = true
		return twice
	})
}

// linked judges what link has done.
func (a *apply) linked(links []*linking) error {
	for _, l := range links {
		if int64(l.wanted) != l.found {
			return &storage.ReferenceError{Field: l.Field}
		}
		a.bump(l.Field.Many.To)
	}
	return nil
}

// users are the statements that count the live rows which forbid the soft deletion of
// a row, one for each of restricting. A row does not hold on to itself.
func (a *apply) users() (counts []string) {
	for _, f := range a.restricting() {
		t := a.model.Names.Table(f.Class)
		sql := "select count(*) from " + t.Name + " as t0 where t0" + t.Columns[f.Index] + " = $1"
		if t.Live != "" {
			sql += " and t0" + t.Live
		}
		if f.Class == a.Class {
			sql += " and t0" + t.Columns[a.Class.Key[0].Index] + " <> $1"
		}
		counts = append(counts, sql)
	}
	return counts
}

// restricting are the references that keep a row of the class from being deleted.
func (a *apply) restricting() []*schema.Field {
	return slices.DeleteFunc(slices.Clone(a.model.Around(a.Class).References), func(f *schema.Field) bool { return f.Ref.OnDelete != schema.Restrict })
}
