package migrate

// DDL makes everything that the tables need, in a database with nothing in it.
func (d *Database) DDL() []string {
	out := d.Dialect.systemTables()
	made := map[string]bool{}
	for _, t := range d.Tables {
		out = append(out, d.create(t, made, func(string) *Table { return nil })...)
	}
	return out
}

// create makes a table with its indexes and notes, and the references from and to
// the tables made before it, to which it then belongs, and to those that were there.
func (d *Database) create(t *Table, made map[string]bool, there func(name string) *Table) []string {
	out := []string{d.Dialect.createTable(t, t.Name)}
	for _, x := range t.Indexes {
		out = append(out, d.Dialect.createIndex(t.Name, x))
	}
	if sql := d.Dialect.startCounters(t.Name); sql != "" && !t.Link {
		out = append(out, sql)
	}
	made[t.Name] = true
	refer := func(from *Table, c *Column) {
		if sql := d.Dialect.addReference(from.Name, c); sql != "" {
			out = append(out, sql)
		}
	}
	for _, c := range t.Columns {
		if c.Refers == nil {
			continue
		}
		if target := there(c.Refers.Table); made[c.Refers.Table] || target != nil && target.Column(c.Refers.Column) != nil && alike(target.Column(c.Refers.Column).Type, c.Type) {
			refer(t, c)
		}
	}
	for _, from := range d.Tables {
		for _, c := range from.Columns {
			if made[from.Name] && from != t && c.Refers != nil && c.Refers.Table == t.Name {
				refer(from, c)
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
