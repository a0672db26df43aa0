package migrate_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// read reads the classes of a schema file.
func read(t testing.TB, classes string) *schema.Schema {
	t.Helper()
	file := "dowel: 1\ndefaults: {timestamps: false}\nclasses:\n" + classes
	s, list := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(file)}}, ".", load.Options{})
	if s == nil {
		t.Fatalf("%v\n%s", list, file)
	}
	return s
}

// fill inserts rows, a line each: "book id=1 title=A". A line that begins with a link table gives its
// columns: "books_tags book_id=1 tag_id=2".
func (w *world) fill(s *schema.Schema, rows string) {
	w.Helper()
	for line := range strings.Lines(rows) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		c := s.Class(words[0])
		table := words[0]
		var cols, values []string
		for _, word := range words[1:] {
			name, text, _ := strings.Cut(word, "=")
			col, value := name, text
			if c != nil {
				f := c.Field(name)
				if f == nil {
					w.Fatalf("no field %s.%s", c.Name, name)
				}
				v, err := f.Type.Parse(strings.ReplaceAll(text, "~", " "))
				if err != nil {
					w.Fatalf("%s.%s: %v", c.Name, name, err)
				}
				col, value, table = f.Column, migrate.Literal(w.Dialect(), f, v), c.Table
			}
			cols, values = append(cols, sqlgen.Quote(col)), append(values, value)
		}
		w.exec(fmt.Sprintf("insert into %s (%s) values (%s)", sqlgen.Quote(table), strings.Join(cols, ", "), strings.Join(values, ", ")))
	}
}

// dump shows every row of the classes of a schema, the same on both databases.
func (w *world) dump(s *schema.Schema) string {
	w.Helper()
	var b strings.Builder
	for _, c := range s.Classes {
		var shown, keys []string
		for _, f := range c.Fields {
			if f.Stored() {
				shown = append(shown, w.canonical(f))
			}
		}
		for _, k := range c.Key {
			keys = append(keys, sqlgen.Quote(k.Column))
		}
		w.query("select "+strings.Join(shown, ", ")+" from "+sqlgen.Quote(c.Table)+" order by "+strings.Join(keys, ", "), func(cols []string) {
			b.WriteString(c.Name)
			i := 0
			for _, f := range c.Fields {
				if f.Stored() {
					if cols[i] != "" {
						fmt.Fprintf(&b, " %s=%s", f.JSON, cols[i])
					}
					i++
				}
			}
			b.WriteByte('\n')
		})
	}
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			if f.Many != nil {
				w.query("select "+f.Many.Own+", "+f.Many.Other+" from "+f.Many.Table+" order by 1, 2", func(cols []string) {
					fmt.Fprintf(&b, "%s.%s %s-%s\n", c.Name, f.Name, cols[0], cols[1])
				})
			}
		}
	}
	return b.String()
}

func (w *world) query(sql string, row func(cols []string)) {
	w.Helper()
	if err := w.Query(w.Context(), sql, row); err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
}

// canonical is a column as text that is the same on both databases.
func (w *world) canonical(f *schema.Field) string {
	col := sqlgen.Quote(f.Column)
	kind := f.Type.Kind()
	switch {
	case kind == schema.Bool:
		return "case when " + col + " then 'true' when not " + col + " then 'false' end"
	case kind == schema.Float:
		return "case when " + col + " = cast(" + col + " as bigint) then cast(cast(" + col + " as bigint) as text) else cast(" + col + " as text) end"
	case kind == schema.Decimal && !w.isPostgres():
		scale := int(sqlgen.ScaleOf(f.Type))
		if scale == 0 {
			return col
		}
		return fmt.Sprintf("case when %[1]s is not null then case when %[1]s < 0 then '-' else '' end || (abs(%[1]s) / 1%[2]s) || '.' || substr('%[2]s' || (abs(%[1]s) %% 1%[2]s), -%[3]d) end", col, strings.Repeat("0", scale), scale)
	case f.Type.Name() == "datetime" && w.isPostgres():
		return "to_char(" + col + ` at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
	case f.Type.Name() == "time" && w.isPostgres():
		return "to_char(" + col + "::interval, 'HH24:MI:SS.US')"
	}
	return col
}
