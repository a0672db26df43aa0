package migrate

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// retype gives a column another type: a small table is rewritten at once, in a large one the
// new values are written beside the old and take their place.
func (d postgres) retype(c *change, s *Step, h, w *Column, conv conversion) {
	c.have.Indexes = slices.DeleteFunc(c.have.Indexes, func(x *Index) bool {
		i := slices.IndexFunc(x.Columns, func(y IndexColumn) bool { return y.Name == h.Name })
		if i < 0 || w.Kind != "json" && (w.Kind == "text" || !x.Columns[i].Fold) {
			return false
		}
		s.sql("drop index if exists "+quote(x.Name), accessExclusive) // cannot be over the new type
		return true
	})
	if c.rows() >= c.differ.want.online && len(c.have.Key) > 0 && !slices.Contains(c.have.Key, h.Name) && h.Refers == nil {
		d.exchange(c, s, h, w, conv)
		return
	}
	name := quote(h.Name)
	what := "alter column " + name + " type " + w.Type + " using " + apply(conv.expr, name)
	if h.Default != "" {
		what = "alter column " + name + " drop default, " + what
	}
	if c.have.Column(sqlgen.VersionColumn) != nil && h.Name != sqlgen.VersionColumn {
		what += ", alter column " + quote(sqlgen.VersionColumn) + " type bigint using nextval('_dowel_version')"
	}
	if len(s.guards) > 0 {
		s.sql("lock table "+quote(c.have.Name)+" in access exclusive mode", accessExclusive)
		s.guarded()
	}
	s.sql(alter(c.have.Name, what), accessExclusive)
	c.note(s, w)
	d.moved(c, s)
	cost := moment + c.cost(c.rows(), rewriting)
	s.Estimate += cost
	s.Held += cost
}

// moved counts a change of rows, and keeps nodes of the former schema from writing others.
func (d postgres) moved(c *change, s *Step) {
	s.sql("update _dowel_counters set n = n + 1, epoch = epoch + 1 where name = "+literal(c.have.Name), "")
}

// exchange writes converted values into a new column. A trigger does so for rows that others
// write meanwhile; when all are there, the new column takes the place of the old.
func (d postgres) exchange(c *change, s *Step, h, w *Column, conv conversion) {
	table := c.have.Name
	beside := sqlgen.ConstraintName(helperPrefix+"new", h.Name)
	sync := sqlgen.ConstraintName(helperPrefix+"sync", table, h.Name)
	old, fresh := quote(h.Name), quote(beside)
	s.brief(alter(table, "add column "+fresh+" "+w.Type), accessExclusive)
	s.sql("create or replace function "+quote(sync)+"() returns trigger language plpgsql as "+
		literal("begin new."+fresh+" := "+apply(conv.expr, "new."+old)+"; return new; end"), "")
	s.sql("create trigger "+quote(sync)+" before insert or update on "+quote(table)+" for each row execute function "+quote(sync)+"()", shareRowExclusive)
	st := s.outside("update "+quote(table)+" set "+d.newVersion(c)+" where "+fresh+" is null and "+old+" is not null and "+batchRange, rowExclusive)
	st.Batch = c.batch()
	s.Estimate += c.cost(c.rows(), exchanging)
	moving := &Column{Name: beside}
	if w.NotNull && h.NotNull {
		d.proving(c, s, moving)
	}
	var after []string
	for _, x := range c.have.Indexes {
		if !slices.ContainsFunc(x.Columns, func(y IndexColumn) bool { return y.Name == h.Name }) || x.Broken || strings.HasPrefix(x.Name, helperPrefix) {
			continue
		}
		y := *x
		y.Name, y.Columns = sqlgen.ConstraintName(helperPrefix+"new", x.Name), slices.Clone(x.Columns)
		for i := range y.Columns {
			if y.Columns[i].Name == h.Name {
				y.Columns[i].Name = beside
			}
		}
		d.addIndex(c, s, &y)
		after = append(after, "alter index "+quote(y.Name)+" rename to "+quote(x.Name))
	}
	s.begin()
	s.sql("lock table "+quote(table)+" in access exclusive mode", accessExclusive)
	s.guarded()
	s.sql("drop trigger "+quote(sync)+" on "+quote(table), accessExclusive)
	s.sql("drop function "+quote(sync)+"()", "")
	s.brief(alter(table, "drop column "+old), accessExclusive)
	s.sql(alter(table, "rename column "+fresh+" to "+old), accessExclusive)
	for _, sql := range after {
		s.sql(sql, "")
	}
	c.note(s, w)
	d.moved(c, s)
}
