package migrate

import (
	"slices"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// PostgreSQL changes tables in place while others work with them. What would hold them up for
// longer than a moment is done in several transactions: something is made beside what is there,
// filled in small parts or proved without a lock, and put in its place at the end.

// moment is how long a change of the catalog takes once it has its lock.
const moment = 5 * time.Millisecond

func (postgres) shadow(t *Table) string { return quote(t.stored) }

func (postgres) folded(value string, fold bool) string {
	if fold {
		return "lower(" + value + ")"
	}
	return value
}

func (postgres) numbered(t *Table, c *Column, value func(*Column) string) string {
	return numberedBy(t, c, value)
}

func (d postgres) recast(to *Column) (conversion, bool) {
	c := conversion{expr: "$::" + to.Type}
	if scale, ok := scaleOf(to.Kind); ok {
		c.bad = "$ <> round($, " + itoa(scale) + ")"
	}
	return c, true
}

// brief adds a statement that changes the catalog only.
func (s *Step) brief(sql, lock string) {
	s.sql(sql, lock)
	s.Estimate += moment
	if lock == accessExclusive {
		s.Held += moment
	}
}

func alter(table, what string) string { return "alter table " + quote(table) + " " + what }

// fence moves the epoch of the table's change counter: a node that knows the former one cannot commit writes.
func (postgres) fence(s *Step, table string) {
	s.sql("update _dowel_counters set epoch = epoch + 1 where name = "+literal(table), "")
}

func (d postgres) renameTable(_ *differ, s *Step, h, w *Table) {
	s.brief(alter(h.Name, "rename to "+quote(w.Name)), accessExclusive)
	d.fence(s, h.Name)
	renameNotes(s, h.Name, w.Name, "_dowel_counters", "_dowel_columns")
}

func (d postgres) renameColumn(_ *differ, s *Step, t *Table, c *Column, name string) {
	s.brief(alter(t.Name, "rename column "+quote(c.Name)+" to "+quote(name)), accessExclusive)
	renameColumnNotes(s, t.Name, c.Name, name)
	d.fence(s, t.owner().Table)
}

func (postgres) renameParts(s *Step, t *Table) {
	rename := func(from, to string) {
		s.sql(alter(t.Name, "rename constraint "+quote(from)+" to "+quote(to)), accessExclusive)
	}
	if name := sqlgen.ConstraintName("pk", t.Name); t.keyMade && t.KeyName != name {
		rename(t.KeyName, name)
		t.KeyName = name
	}
	for _, c := range t.Columns {
		if c.Refers == nil {
			continue
		}
		if name := sqlgen.ConstraintName("fk", t.Name, c.Name); c.Refers.made && c.Refers.Name != name {
			rename(c.Refers.Name, name)
			c.Refers.Name = name
		}
	}
	for _, x := range t.Indexes {
		if name := x.natural(t); x.made && x.Name != name {
			s.sql("alter index "+quote(x.Name)+" rename to "+quote(name), "")
			x.Name = name
		}
	}
}

func (d postgres) addColumn(c *change, s *Step, col *Column, f *fill) {
	bare := *col
	bare.NotNull, bare.Default = false, ""
	switch {
	case f == nil:
		bare.NotNull = col.NotNull // there is no row
		s.brief(alter(c.have.Name, "add column "+d.column(&bare)), accessExclusive)
		if col.NotNull { // rows of nodes that do not know the column would lack it
			c.fence(s)
		}
	case f.constant: // kept as the default, so that rows of nodes that do not know the column get it too
		bare.NotNull, bare.Default = col.NotNull, f.sql
		s.brief(alter(c.have.Name, "add column "+d.column(&bare)), accessExclusive)
		col.Default = f.sql
		if !col.NotNull {
			s.sql(alter(c.have.Name, "alter column "+quote(col.Name)+" drop default"), accessExclusive)
			col.Default = ""
		}
	default:
		s.brief(alter(c.have.Name, "add column "+d.column(&bare)), accessExclusive)
		if f.each {
			s.sql(alter(c.have.Name, "alter column "+quote(col.Name)+" set default "+f.sql), accessExclusive)
			col.Default = f.sql
		} else {
			c.fence(s)
		}
	}
	c.note(s, col)
	if f != nil && !f.constant {
		d.filling(c, s, col, f)
		if col.NotNull {
			d.proving(c, s, col)
		}
	}
	if col.Refers != nil {
		d.addNewReference(c, s, col, col.Refers)
	}
}

// filling gives rows without a value one, a range of keys after the other.
func (d postgres) filling(c *change, s *Step, col *Column, f *fill) {
	rows := c.rows()
	s.Estimate += c.cost(rows, updating)
	name := quote(col.Name)
	if f.sql == numbering {
		keys, join := quoteAll(c.have.Key), make([]string, len(c.have.Key))
		for i, k := range c.have.Key {
			join[i] = "t." + quote(k) + " = s." + quote(k)
		}
		s.begin()
		s.sql("delete from _dowel_sequences where name = "+literal(c.have.Name+"."+col.Name), "")
		s.sql("update "+quote(c.have.Name)+" t set "+name+" = s.n from (select "+keys+", "+d.numbered(c.have, col, (*Column).now)+" as n from "+quote(c.have.Name)+") s where "+
			strings.Join(join, " and ")+" and t."+name+" is null", rowExclusive)
		return
	}
	st := s.outside("update "+quote(c.have.Name)+" set "+name+" = "+f.sql+", "+d.newVersion(c)+" where "+name+" is null and "+batchRange, rowExclusive)
	st.Batch = c.batch()
}

// newVersion moves the version of a row that is written.
func (postgres) newVersion(c *change) string {
	if c.have.Link || c.have.Column(sqlgen.VersionColumn) == nil {
		return quote(c.have.Key[0]) + " = " + quote(c.have.Key[0])
	}
	return quote(sqlgen.VersionColumn) + " = nextval('_dowel_version')"
}

func (c *change) batch() *Batch {
	b := &Batch{Table: c.have.Name, Key: c.have.Key, Rows: int(c.differ.want.batch)}
	for _, k := range c.have.Key {
		b.Types = append(b.Types, c.have.Column(k).Type)
	}
	return b
}

// proof is the name of the check that proves a column to be filled.
func proof(table, column string) string {
	return sqlgen.ConstraintName(helperPrefix+"filled", table, column)
}

// unproved holds new rows to have a value, without a look at those that are there.
func (postgres) unproved(c *change, s *Step, col *Column) {
	s.begin()
	s.brief(alter(c.have.Name, "add constraint "+quote(proof(c.have.Name, col.Name))+" check ("+quote(col.Name)+" is not null) not valid"), accessExclusive)
}

// proved makes a column required once every row was seen to have a value.
func (postgres) proved(c *change, s *Step, col *Column) {
	check := quote(proof(c.have.Name, col.Name))
	s.begin()
	s.sql(alter(c.have.Name, "validate constraint "+check), shareUpdateExclusive)
	s.Estimate += c.cost(c.rows(), scanning)
	s.begin()
	s.brief(alter(c.have.Name, "alter column "+quote(col.Name)+" set not null, drop constraint "+check), accessExclusive)
}

func (d postgres) proving(c *change, s *Step, col *Column) {
	d.unproved(c, s, col)
	d.proved(c, s, col)
}

func (d postgres) require(c *change, s *Step, col *Column, f *fill) {
	d.unproved(c, s, col)
	c.fence(s)
	if f != nil {
		d.filling(c, s, col, f)
	}
	d.proved(c, s, col)
}

func (postgres) relax(c *change, s *Step, col *Column) {
	s.brief(alter(c.have.Name, "alter column "+quote(col.Name)+" drop not null"), accessExclusive)
}

func (postgres) number(c *change, s *Step, col *Column, on bool) {
	name := quote(col.Name)
	if !on {
		s.brief(alter(c.have.Name, "alter column "+name+" drop identity"), accessExclusive)
		return
	}
	if col.Default != "" {
		s.sql(alter(c.have.Name, "alter column "+name+" drop default"), accessExclusive)
	}
	s.brief(alter(c.have.Name, "alter column "+name+" add generated by default as identity"), accessExclusive)
	s.sql("select setval(pg_get_serial_sequence("+literal(quote(c.have.Name))+", "+literal(col.Name)+"), greatest(max("+name+"), 1), max("+name+") is not null) from "+quote(c.have.Name), "")
}

func (d postgres) refer(c *change, s *Step, col *Column, to *Reference) {
	if col.Refers != nil {
		d.unrefer(c, s, col)
	}
	d.addNewReference(c, s, col, to)
}

// addNewReference holds new rows to refer to something, then proves that the others do.
func (d postgres) addNewReference(c *change, s *Step, col *Column, to *Reference) {
	referring := Column{Name: col.Name, Refers: to}
	if len(s.SQL) > 0 && col.Refers == to {
		s.begin()
	}
	s.brief(d.addReference(c.have.Name, &referring)+" not valid", shareRowExclusive)
	s.begin()
	s.sql(alter(c.have.Name, "validate constraint "+quote(to.Name)), shareUpdateExclusive)
	s.Estimate += c.cost(c.rows(), joining)
}

func (postgres) unrefer(c *change, s *Step, col *Column) {
	s.brief(alter(c.have.Name, "drop constraint "+quote(col.Refers.Name)), accessExclusive)
}

// addIndex builds it while others write. One that was left half done by an earlier try is dropped first.
func (d postgres) addIndex(c *change, s *Step, x *Index) {
	s.outside("drop index concurrently if exists "+quote(x.Name), "").Again = true
	s.outside(createIndex(c.have.Name, x, "concurrently ", pgIndexColumn), shareUpdateExclusive)
	s.Estimate += moment + c.cost(c.rows(), indexing)
}

func (postgres) dropIndex(c *change, s *Step, x *Index) {
	if x.constraint {
		s.brief(alter(c.have.Name, "drop constraint "+quote(x.Name)), accessExclusive)
		return
	}
	s.outside("drop index concurrently if exists "+quote(x.Name), "")
	s.Estimate += moment
}

func (postgres) renameIndex(c *change, x *Index, name string) {
	c.naming("index").sql("alter index "+quote(x.Name)+" rename to "+quote(name), "")
	x.Name = name
	c.stays[x] = true
}

// replaceIndex builds the new one beside the old, so that it holds at every moment.
func (d postgres) replaceIndex(c *change, s *Step, old, x *Index) {
	if old.Broken {
		d.addIndex(c, s, x)
		return
	}
	beside := *x
	beside.Name = sqlgen.ConstraintName(helperPrefix+"new", x.Name)
	d.addIndex(c, s, &beside)
	s.begin()
	if old.constraint {
		s.sql(alter(c.have.Name, "drop constraint "+quote(old.Name)), accessExclusive)
	} else {
		s.sql("drop index "+quote(old.Name), accessExclusive)
	}
	s.brief("alter index "+quote(beside.Name)+" rename to "+quote(x.Name), "")
}

func (d postgres) dropColumn(c *change, s *Step, col *Column) {
	s.brief(alter(c.have.Name, "drop column "+quote(col.Name)), accessExclusive)
	forgetColumn(s, c.have.Name, col.Name)
	c.fence(s)
}

func (d postgres) dropTable(_ *differ, s *Step, t *Table) {
	s.brief("drop table "+quote(t.Name), accessExclusive)
	forgetTable(s, t.Name)
	d.fence(s, t.Name)
}

// remake drops an empty table and makes it as it is wanted, with the references of others to it.
func (d postgres) remake(c *change, s *Step) {
	name := c.have.Name
	s.sql("lock table "+quote(name)+" in access exclusive mode", accessExclusive)
	s.verify("not exists (select 1 from "+quote(name)+")", "the table "+name+" is no longer empty")
	var back []string
	for _, t := range c.differ.have.Tables {
		for _, col := range t.Columns {
			if col.Refers == nil || col.Refers.Table != name || t == c.have {
				continue
			}
			s.sql(alter(t.Name, "drop constraint if exists "+quote(col.Refers.Name)), "")
			key := c.want.Column(col.Refers.Column)
			if key != nil && key.Type == col.Type && slices.Equal(c.want.Key, []string{key.Name}) {
				back = append(back, d.addReference(t.Name, &Column{Name: col.Name, Refers: col.Refers}))
			} else {
				col.Refers = nil
			}
		}
	}
	s.sql("drop table "+quote(name), "")
	s.sql("delete from _dowel_columns where name = "+literal(name), "")
	s.sql(d.createTable(c.want, name), accessExclusive)
	for _, x := range c.want.Indexes {
		s.sql(d.createIndex(name, x), "")
	}
	for _, sql := range back {
		s.sql(sql, "")
	}
	for _, col := range c.want.Columns {
		if col.Refers == nil {
			continue
		}
		target := c.differ.have.Table(col.Refers.Table)
		if target == nil { // made after this one, with all references to it
			continue
		}
		if key := target.Column(col.Refers.Column); target == c.have || key != nil && key.Type == col.Type {
			s.sql(d.addReference(name, col), "")
		}
	}
	if !c.want.Link {
		s.sql(d.startCounters(name), "")
	}
	s.sql(noteTable(c.want), "")
	c.fence(s)
	s.Estimate += 4 * moment
}

func (postgres) finish(*change) {}

// cleanUp removes what an interrupted step has left on a table.
func (d postgres) cleanUp(c *change, s *Step) {
	for _, kind := range []string{"trigger", "constraint"} {
		for _, helper := range c.have.helpers {
			name, is := strings.CutPrefix(helper, kind+" ")
			switch {
			case !is:
			case kind == "trigger":
				s.brief("drop trigger if exists "+quote(name)+" on "+quote(c.have.Name), accessExclusive)
				s.sql("drop function if exists "+quote(name)+"()", "")
			default:
				s.brief(alter(c.have.Name, "drop constraint if exists "+quote(name)), accessExclusive)
			}
		}
	}
	for _, col := range slices.Clone(c.have.Columns) {
		if strings.HasPrefix(col.Name, helperPrefix+"new") {
			s.brief(alter(c.have.Name, "drop column "+quote(col.Name)), accessExclusive)
			c.have.Indexes = slices.DeleteFunc(c.have.Indexes, func(x *Index) bool {
				return slices.ContainsFunc(x.Columns, func(y IndexColumn) bool { return y.Name == col.Name })
			})
			c.have.Columns = slices.DeleteFunc(c.have.Columns, func(o *Column) bool { return o == col })
		}
	}
}
