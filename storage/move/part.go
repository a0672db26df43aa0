package move

import (
	"context"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// part is the rows of one class, or the links of one set.
type part struct {
	name    string
	table   string
	class   *schema.Class // of the rows, or that the set is of
	field   *schema.Field // the set; nil for rows
	columns []string
	fields  []*schema.Field // of the columns of rows
	keys    []int           // columns of the key
	kinds   []schema.Kind   // of the columns of the key
}

func classPart(c *schema.Class) *part {
	p := &part{name: c.Name, table: c.Table, class: c}
	for _, f := range c.Fields {
		if f.Stored() {
			p.columns, p.fields = append(p.columns, f.Column), append(p.fields, f)
		}
	}
	for _, k := range c.Key {
		for i, f := range p.fields {
			if f == k {
				p.keys, p.kinds = append(p.keys, i), append(p.kinds, f.Type.Kind())
			}
		}
	}
	return p
}

func setPart(f *schema.Field) *part {
	return &part{
		name: f.Class.Name + "." + f.Name, table: f.Many.Table, class: f.Class, field: f,
		columns: []string{f.Many.Own, f.Many.Other}, keys: []int{0, 1},
		kinds: []schema.Kind{f.Class.Key[0].Type.Kind(), f.Many.To.Key[0].Type.Kind()},
	}
}

// read returns the rows that follow a key in the order of keys, deleted ones too.
func (p *part) read(ctx context.Context, store storage.Reader, c migrate.Conn, after []schema.Value, n int) ([][]schema.Value, error) {
	if p.field != nil {
		return p.readLinks(ctx, c, after, n)
	}
	q := &storage.Query{Class: p.class, Limit: n, Deleted: storage.WithDeleted, Where: p.following(after)}
	for _, f := range p.fields {
		q.Columns = append(q.Columns, storage.Column{Field: f})
	}
	for _, k := range p.keys {
		q.Order = append(q.Order, storage.Order{By: path(p.fields[k])})
	}
	page, err := store.Read(ctx, q)
	if err != nil {
		return nil, err
	}
	rows := make([][]schema.Value, len(page.Rows))
	for i := range page.Rows {
		row := make([]schema.Value, len(p.fields))
		for j, f := range p.fields {
			row[j] = page.Rows[i].Values[f.Index]
		}
		rows[i] = row
	}
	return rows, nil
}

func path(f *schema.Field) *schema.Path { return &schema.Path{Field: f, Type: f.Type} }

// following is the condition that a row comes after a key; nil is any.
func (p *part) following(after []schema.Value) schema.Expr {
	if after == nil {
		return nil
	}
	var or schema.Or
	for i := range p.keys {
		var and schema.And
		for j := range i {
			and = append(and, schema.Compare{Op: schema.Eq, Left: path(p.fields[p.keys[j]]), Right: schema.Lit{Value: after[j]}})
		}
		or = append(or, append(and, schema.Compare{Op: schema.Gt, Left: path(p.fields[p.keys[i]]), Right: schema.Lit{Value: after[i]}}))
	}
	return or
}

// readLinks reads pairs of keys, also those of deleted rows, which no relation shows.
func (p *part) readLinks(ctx context.Context, c migrate.Conn, after []schema.Value, n int) (rows [][]schema.Value, err error) {
	own, other := sqlgen.Quote(p.columns[0]), sqlgen.Quote(p.columns[1])
	shown := own + ", " + other
	if c.Dialect().Name() != "sqlite" {
		shown = p.shown(own, p.field.Class) + ", " + p.shown(other, p.field.Many.To)
	}
	sql := "select " + shown + " from " + sqlgen.Quote(p.table)
	if after != nil {
		sql += " where (" + own + ", " + other + ") > (" + literal(after[0]) + ", " + literal(after[1]) + ")"
	}
	sql += " order by " + own + ", " + other + " limit " + strconv.Itoa(n)
	var wrong error
	err = c.Query(ctx, sql, func(cols []string) {
		row, err := p.restore(cols)
		if err != nil {
			wrong = err
		}
		rows = append(rows, row)
	})
	if err == nil {
		err = wrong
	}
	return rows, err
}

// shown prints a key of PostgreSQL as every store spells it.
func (p *part) shown(column string, of *schema.Class) string {
	switch sqlgen.KindOf(of.Key[0].Type).Native {
	case sqlgen.Datetime:
		return "to_char(" + column + ` at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
	case sqlgen.Time:
		return "to_char(" + column + "::interval, 'HH24:MI:SS.US')"
	}
	return column
}

// literal is a part of a key as SQL.
func literal(v schema.Value) string {
	if v.Kind() == schema.Int {
		return strconv.FormatInt(v.Int(), 10)
	}
	return "'" + strings.ReplaceAll(v.Text(), "'", "''") + "'"
}

func (p *part) keyValues(row []schema.Value) []schema.Value {
	key := make([]schema.Value, len(p.keys))
	for i, k := range p.keys {
		key[i] = row[k]
	}
	return key
}

// keyOf is the key of a row as texts, of which restore makes values again.
func (p *part) keyOf(row []schema.Value) []string {
	key := make([]string, len(p.keys))
	for i, k := range p.keys {
		key[i] = row[k].String()
	}
	return key
}

func (p *part) restore(texts []string) ([]schema.Value, error) {
	if texts == nil {
		return nil, nil
	}
	key := make([]schema.Value, len(texts))
	for i, text := range texts {
		if p.kinds[i] != schema.Int {
			key[i] = schema.NewText(strings.Clone(text))
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		key[i] = schema.NewInt(n)
	}
	return key, nil
}

func count(ctx context.Context, c migrate.Conn, table string) (n int64, err error) {
	err = c.Query(ctx, "select count(*) from "+sqlgen.Quote(table), func(cols []string) { n, _ = strconv.ParseInt(cols[0], 10, 64) })
	return n, err
}
