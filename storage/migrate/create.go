package migrate

// DDL makes everything that the tables need, in a database with nothing in it.
func (d *Database) DDL() []string {
	out := d.Dialect.systemTables()
	there := map[string]bool{}
	for _, t := range d.Tables {
		out = append(out, d.create(t, there)...)
	}
	return out
}

// create makes a table with its indexes and notes, and the references between it
// and the tables that are there, to which it then belongs.
func (d *Database) create(t *Table, there map[string]bool) []string {
	out := []string{d.Dialect.createTable(t, t.Name)}
	for _, x := range t.Indexes {
		out = append(out, d.Dialect.createIndex(t.Name, x))
	}
	if sql := d.Dialect.startCounters(t.Name); sql != "" && !t.Link {
		out = append(out, sql)
	}
	there[t.Name] = true
	for _, from := range d.Tables {
		if !there[from.Name] {
			continue
		}
		for _, c := range from.Columns {
			if c.Refers == nil || !there[c.Refers.Table] || from != t && c.Refers.Table != t.Name {
				continue
			}
			if sql := d.Dialect.addReference(from.Name, c); sql != "" {
				out = append(out, sql)
			}
		}
	}
	return append(out, noteTable(t))
}

// noteTable remembers what the columns of a table mean and may hold.
func noteTable(t *Table) string {
	sql := "insert into _dowel_columns (name, col, kind, says) values "
	for i, c := range t.Columns {
		if i > 0 {
			sql += ", "
		}
		sql += noteRow(t.Name, c.Name, c.Kind, c.Limits.text())
	}
	for name, text := range sortedChecks(t) {
		sql += ", " + noteRow(t.Name, checkNote+name, "check", text)
	}
	return sql + " on conflict (name, col) do update set kind = excluded.kind, says = excluded.says"
}

// checkNote comes before the name of a check where it is noted like a column;
// no column has a space in its name.
const checkNote = "check "

func noteRow(table, col, kind, says string) string {
	return "(" + literal(table) + ", " + literal(col) + ", " + literal(kind) + ", " + literal(says) + ")"
}
