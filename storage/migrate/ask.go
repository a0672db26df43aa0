package migrate

import (
	"fmt"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// count asks for a number. Nobody to ask is 0: then nothing stands in the way.
func (d *differ) count(sql string) (n int64) {
	if d.ask == nil || d.err != nil {
		return 0
	}
	if n, known := d.counted[sql]; known {
		return n
	}
	if err := d.ask.Query(d.ctx, sql, func(cols []string) { n = integer(cols[0]) }); err != nil {
		d.err = fmt.Errorf("%s: %w", sql, err)
	}
	d.counted[sql] = n
	return n
}

// source is a table of the database as SQL, under the name it has before the plan.
func (t *Table) source() string { return quote(t.stored) }

// value is what a column will hold after the plan, in terms of the table as it is before.
func (c *Column) value() string {
	v := c.before
	if v == "" {
		v = quote(c.stored)
	}
	return v
}

// now is the same in terms of the table once columns have their new names.
func (c *Column) now() string {
	if c.copied == "" {
		return quote(c.Name)
	}
	return c.copied
}

// where counts the rows of a table for which a condition on a value holds, $ standing for it.
func (d *differ) where(t *Table, value, condition string) int64 {
	if t.made {
		return 0
	}
	return d.count("select count(*) from (select " + value + " as v from " + t.source() + ") s where " + apply(condition, "v"))
}

// list is the query that shows such rows.
func list(t *Table, value, condition string) string {
	cols := keyColumns(t)
	if !strings.Contains(strings.Join(cols, " "), value) {
		cols = append(cols, value)
	}
	return "select " + strings.Join(cols, ", ") + " from " + t.source() + " where " + apply(condition, value)
}

// keyColumns are the columns of the key as they are called before the plan.
func keyColumns(t *Table) (cols []string) {
	for _, k := range t.Key {
		if c := t.Column(k); c != nil {
			cols = append(cols, quote(c.stored))
		}
	}
	return cols
}

// unknownRows is the number of rows where nobody can be asked: many, so that nothing relies on there being few.
const unknownRows = 1 << 40

// rows is the number of rows of a table: counted where that is cheap, else as the database estimates.
func (c *change) rows() int64 {
	const many = 200_000
	switch {
	case c.have.made:
		return 0
	case c.ask == nil:
		return unknownRows
	case c.have.Rows >= many && c.d.identity():
		return c.have.Rows
	}
	return c.count("select count(*) from " + c.have.source())
}

// isEmpty reports whether the table has no row.
func (c *change) isEmpty() bool {
	return c.ask != nil && c.count("select count(*) from (select 1 from "+c.have.source()+" limit 1) s") == 0
}

// empty reports whether no row has a value in a column.
func (c *change) empty(col *Column) bool {
	return c.ask != nil && c.count("select count(*) from (select 1 from "+c.have.source()+" where "+quote(col.stored)+" is not null limit 1) s") == 0
}

// scanned counts the values that a type refuses and returns the keys of some of them.
func (c *change) scanned(col *Column, t schema.Type, exact bool) (n int64, some []string) {
	if c.ask == nil || c.err != nil {
		return 0, nil
	}
	keys := keyColumns(c.have)
	sql := "select " + strings.Join(append(keys, quote(col.stored)), ", ") + " from " + c.have.source() + " where " + quote(col.stored) + " is not null"
	err := c.ask.Query(c.ctx, sql, func(cols []string) {
		if allowed(t, cols[len(cols)-1], exact) {
			return
		}
		n++
		if len(some) < 20 && len(cols) > 1 {
			parts := make([]string, len(cols)-1)
			for i, v := range cols[:len(cols)-1] {
				parts[i] = keys[i] + " = " + literal(v)
			}
			some = append(some, strings.Join(parts, " and "))
		}
	})
	if err != nil {
		c.err = fmt.Errorf("%s: %w", sql, err)
	}
	return n, some
}

// allowed reports whether a stored text is a value of a type.
func allowed(t schema.Type, text string, exact bool) bool {
	if t.Kind() == schema.JSON {
		return allowedJSON(t, text)
	}
	v, err := t.Parse(text)
	return err == nil && (!exact || v.Text() == text)
}

// allowedJSON does so for a document. Members that the type does not know are another matter.
func allowedJSON(t schema.Type, text string) (ok bool) {
	defer func() { ok = ok && recover() == nil }() // a document of another shape than the type can show
	_, problems := t.Decode(t.AppendJSON(nil, schema.NewJSON(text)))
	for _, p := range problems {
		if p.Code != schema.CodeUnknown && p.Code != schema.CodeReadOnly {
			return false
		}
	}
	return true
}

// condition prints a condition of the schema on the rows of a class, with its constants in it.
func (d *differ) condition(c *schema.Class, e schema.Expr) string {
	p := sqlgen.Printer{Dialect: d.d.printer(), Names: sqlgen.Compile(d.want.schema)}
	p.Put("select count(*) from ")
	t, a := p.Names.Table(c), p.NewAlias()
	p.From(t, a)
	p.Put(" where not (")
	p.Truth(e, a)
	p.Put(")")
	return d.inline(string(p.SQL), p.Args)
}

// inline puts constants in the place of bound values: $1 and +?1.
func (d *differ) inline(sql string, args []schema.Value) string {
	var b strings.Builder
	for i := 0; i < len(sql); i++ {
		switch ch := sql[i]; {
		case ch == '\'' || ch == '"':
			end := strings.IndexByte(sql[i+1:], ch)
			if end < 0 {
				return sql
			}
			b.WriteString(sql[i : i+end+2])
			i += end + 1
		case ch == '$' || ch == '?':
			n := 0
			for i+1 < len(sql) && sql[i+1] >= '0' && sql[i+1] <= '9' {
				n = n*10 + int(sql[i+1]-'0')
				i++
			}
			b.WriteString(d.d.argument(args[n-1]))
		default:
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// argument is a bound value as SQL: its type is inferred as that of a bound value is.
func (d sqlite) argument(v schema.Value) string { return d.literal(v, "") }

func (postgres) argument(v schema.Value) string {
	if v.IsNull() {
		return "null"
	}
	return literal(v.String())
}

func (sqlite) printer() sqlgen.Dialect   { return sqlgen.SQLite{} }
func (postgres) printer() sqlgen.Dialect { return sqlgen.Postgres{} }
