package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// inspect reads the tables with SQLite's own functions, each for all tables at once.
func (d sqlite) inspect(ctx context.Context, c Asker) (*Database, error) {
	r := reader{ctx: ctx, ask: c, db: &Database{Dialect: d}}
	r.each("select type, name, tbl_name, coalesce(sql, '') from sqlite_schema order by rowid", func(cols []string) {
		kind, name, sql := cols[0], cols[1], cols[3]
		switch {
		case strings.HasPrefix(name, "sqlite_"), isSystem(name):
			r.db.ready = r.db.ready || name == "_dowel_state"
		case kind == "table" && strings.HasPrefix(strings.ToLower(sql), "create virtual"):
			r.other("virtual table", name, "", sql)
		case kind == "table":
			r.table(name).sql = sql
		case kind == "view", kind == "trigger":
			r.other(kind, name, strings.TrimPrefix(cols[2], name), sql)
		}
	})
	r.each(`select m.name, x.name, x.type, x."notnull", x.pk, coalesce(x.dflt_value, ''), x.hidden
		from sqlite_schema m join pragma_table_xinfo(m.name) x where m.type = 'table' order by m.rowid, x.cid`, func(cols []string) {
		t := r.tables[cols[0]]
		if t == nil || cols[6] == "1" {
			return
		}
		t.Columns = append(t.Columns, &Column{Name: cols[1], Type: strings.ToUpper(cols[2]), NotNull: cols[3] == "1", Default: cols[5], generated: cols[6] != "0"})
		if cols[4] != "0" {
			t.keyParts = append(t.keyParts, cols[4]+" "+cols[1])
		}
	})
	r.sqliteReferences()
	r.indexes()
	for _, t := range r.db.Tables {
		r.tables[t.Name].settle()
	}
	r.ledger("select name, col, kind, says from _dowel_columns", "select name, col, kind, '' from _dowel_columns")
	return r.db, r.failed("sqlite")
}

// isSystem reports whether a table is one that the store or this package keeps for itself. A class
// that the engine makes, such as that of sessions, is a class.
func isSystem(name string) bool {
	switch name {
	case "_dowel_counters", "_dowel_sequences", "_dowel_kept", "_dowel_columns", "_dowel_migrations", "_dowel_state", "_dowel_files", "_dowel_version":
		return true
	}
	return false
}

// reader collects what is there.
type reader struct {
	ctx    context.Context
	ask    Asker
	db     *Database
	tables map[string]*found
	err    error
}

// found is a table while it is read.
type found struct {
	*Table
	keyParts []string // "2 name"
}

func (r *reader) each(sql string, row func(cols []string)) {
	if r.err == nil {
		r.err = r.ask.Query(r.ctx, sql, row)
	}
}

func (r *reader) failed(name string) error {
	if r.err == nil {
		return nil
	}
	return fmt.Errorf("%s: reading the tables: %w", name, r.err)
}

func (r *reader) table(name string) *found {
	t := &found{Table: &Table{Name: name, stored: name, Rows: -1}}
	if r.tables == nil {
		r.tables = map[string]*found{}
	}
	r.tables[name] = t
	r.db.Tables = append(r.db.Tables, t.Table)
	return t
}

func (r *reader) other(kind, name, table, sql string) {
	r.db.Others = append(r.db.Others, Other{Kind: kind, Name: name, Table: table, SQL: sql})
}

// settle completes a table whose columns are known.
func (t *found) settle() {
	slices.SortFunc(t.keyParts, func(a, b string) int { return int(integer(firstWord(a)) - integer(firstWord(b))) })
	for _, part := range t.keyParts {
		_, name, _ := strings.Cut(part, " ")
		t.Key = append(t.Key, name)
	}
	for _, c := range t.Columns {
		c.stored = c.Name
	}
	t.odd = oddParts(t.sql)
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// sqliteReferences reads references. SQLite knows names whatever their case, and a reference that
// names no column leads to the key.
func (r *reader) sqliteReferences() {
	type side struct{ table, id, from, to, column, onDelete string }
	var all []side
	wide := map[[2]string][]string{}
	r.each(`select m.name, x.id, x."from", x."table", coalesce(x."to", ''), x.on_delete from sqlite_schema m join pragma_foreign_key_list(m.name) x where m.type = 'table' order by m.rowid, x.id, x.seq`, func(cols []string) {
		all = append(all, side{cols[0], cols[1], cols[2], cols[3], cols[4], strings.ToLower(cols[5])})
		wide[[2]string{cols[0], cols[1]}] = append(wide[[2]string{cols[0], cols[1]}], cols[2])
	})
	for _, s := range all {
		t := r.tables[s.table]
		if t == nil {
			continue
		}
		if columns := wide[[2]string{s.table, s.id}]; len(columns) > 1 {
			if s.from == columns[0] {
				t.wide = append(t.wide, "("+strings.Join(columns, ", ")+") refers to "+s.to)
			}
			continue
		}
		col := t.fold(s.from)
		if col == nil || col.Refers != nil {
			continue
		}
		col.Refers = &Reference{Table: s.to, Column: s.column, onDelete: s.onDelete}
		for _, o := range r.db.Tables {
			if !strings.EqualFold(o.Name, s.to) {
				continue
			}
			col.Refers.Table = o.Name
			switch named := (&found{Table: o}).fold(s.column); {
			case named != nil:
				col.Refers.Column = named.Name
			case len(r.tables[o.Name].keyParts) == 1:
				_, col.Refers.Column, _ = strings.Cut(r.tables[o.Name].keyParts[0], " ")
			}
		}
	}
}

// fold finds a column whatever the case of its letters.
func (t *found) fold(name string) *Column {
	for _, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return nil
}

// oddParts are words of a table's SQL for what Dowel never makes, which a copy of the table would lose.
func oddParts(sql string) (odd []string) {
	words := strings.FieldsFunc(strings.ToLower(withoutQuoted(sql)), func(r rune) bool { return r < 'a' || r > 'z' })
	for _, word := range []string{"check", "collate", "generated", "unique", "autoincrement", "deferrable", "cascade", "restrict"} {
		if slices.Contains(words, word) {
			odd = append(odd, word)
		}
	}
	return odd
}

// withoutQuoted blanks names and texts in quotes, and comments.
func withoutQuoted(sql string) string {
	b := []byte(sql)
	for i := 0; i < len(b); i++ {
		end := b[i]
		switch {
		case b[i] == '[':
			end = ']'
		case b[i] == '-' && i+1 < len(b) && b[i+1] == '-':
			end = '\n'
		case b[i] == '/' && i+1 < len(b) && b[i+1] == '*':
			end = '/'
			b[i], b[i+1] = ' ', ' '
		case b[i] != '"' && b[i] != '\'' && b[i] != '`':
			continue
		}
		b[i] = ' '
		for i++; i < len(b) && b[i] != end; i++ {
			b[i] = ' '
		}
		if i < len(b) {
			b[i] = ' '
		}
	}
	return string(b)
}

// indexes reads the indexes that somebody made; those of constraints belong to their tables.
func (r *reader) indexes() {
	byName := map[string]*Index{}
	r.each(`select m.tbl_name, m.name, l."unique", l.partial, coalesce(m.sql, '') from sqlite_schema m join pragma_index_list(m.tbl_name) l on l.name = m.name
		where m.type = 'index' and l.origin in ('c', 'u') order by m.rowid`, func(cols []string) {
		t := r.tables[cols[0]]
		if t == nil {
			return
		}
		x := &Index{Name: cols[1], Unique: cols[2] == "1", SQL: cols[4], constraint: cols[4] == ""}
		if cols[3] == "1" {
			x.Live = liveColumn(x.SQL)
		}
		x.odd = cols[3] == "1" && x.Live == ""
		byName[x.Name] = x
		t.Indexes = append(t.Indexes, x)
	})
	r.each(`select m.name, coalesce(x.name, ''), x.desc, x.coll from sqlite_schema m join pragma_index_xinfo(m.name) x where m.type = 'index' and x.key = 1 order by m.rowid, x.seqno`, func(cols []string) {
		x := byName[cols[0]]
		if x == nil {
			return
		}
		coll := strings.ToUpper(cols[3])
		x.odd = x.odd || cols[1] == "" || cols[2] == "1" || coll != "BINARY" && coll != "NOCASE"
		x.Columns = append(x.Columns, IndexColumn{Name: cols[1], Fold: coll == "NOCASE"})
	})
	for _, x := range byName {
		x.settle()
	}
}

// settle keeps of an index what tells it from others: its definition, or its SQL where Dowel makes none like it.
func (x *Index) settle() {
	if x.odd {
		x.Columns, x.Live = nil, ""
	} else {
		x.SQL = ""
	}
}

// liveColumn reads the condition `where "deleted_at" is null` of an index, "" for any other.
func liveColumn(sql string) string {
	i := strings.LastIndex(strings.ToLower(sql), " where ")
	if i < 0 {
		return ""
	}
	return nullColumn(sql[i+len(" where "):])
}

// nullColumn reads a condition that a column is null.
func nullColumn(condition string) string {
	condition = strings.TrimSpace(condition)
	if inner, ok := strings.CutPrefix(condition, "("); ok {
		condition = strings.TrimSuffix(inner, ")")
	}
	if len(condition) < len(" is null") {
		return ""
	}
	cut := len(condition) - len(" is null")
	name := strings.TrimSpace(condition[:cut])
	if !strings.EqualFold(condition[cut:], " is null") {
		return ""
	}
	if inner, ok := strings.CutPrefix(name, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
	}
	if strings.ContainsAny(name, ` "()'+-*/|<>=,`) {
		return ""
	}
	return name
}

// ledger reads what was noted about columns.
func (r *reader) ledger(sql, former string) {
	if r.err != nil || !r.db.ready && former == "" {
		return
	}
	note := func(cols []string) {
		t := r.tables[cols[0]]
		if t == nil {
			return
		}
		t.Ours = true
		if name, ok := strings.CutPrefix(cols[1], checkNote); ok {
			if t.Checks == nil {
				t.Checks = map[string]string{}
			}
			t.Checks[name] = cols[3]
			return
		}
		if cols[1] == adoptedNote {
			t.Adopted = true
			return
		}
		if col := t.Column(cols[1]); col != nil {
			col.Kind, col.Limits, col.noted = cols[2], readLimits(cols[3]), true
		}
	}
	if !r.db.ready { // of a database that an earlier release made, or none
		there := false
		r.each("select 1 from sqlite_schema where name = '_dowel_columns'", func([]string) { there = true })
		if there {
			r.each(former, note)
		}
		return
	}
	r.each(sql, note)
	for _, t := range r.db.Tables {
		t.Link = t.Ours && t.Column("_version") == nil && len(t.Columns) == 2
	}
}
