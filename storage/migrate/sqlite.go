package migrate

import "strings"

// sqlite is SQLite: strict tables, references inside of them, decimals as units.
type sqlite struct{}

func (sqlite) Name() string           { return "sqlite" }
func (sqlite) versionDefault() string { return "1" }
func (sqlite) identity() bool         { return false }

func (sqlite) columnType(kind string) string {
	switch kind {
	case "bool", "int", "duration", versionKind:
		return "INTEGER"
	case "float":
		return "REAL"
	case "text", "json", "date", "time", "datetime", "uuid":
		return "TEXT"
	}
	return "INTEGER" // a decimal: its units
}

// systemTables: _dowel_counters and _dowel_sequences are the store's own and made when
// the file is opened.
func (sqlite) systemTables() []string {
	return []string{
		"create table if not exists _dowel_counters (name text primary key, n integer not null, id integer not null) strict, without rowid",
		"create table if not exists _dowel_sequences (name text not null, per text not null, n integer not null, primary key (name, per)) strict, without rowid",
		"create table if not exists _dowel_kept (key text primary key, value text not null, until integer not null) strict",
		"create index if not exists _dowel_kept_until on _dowel_kept (until)",
		"create table if not exists _dowel_columns (name text not null, col text not null, kind text not null, says text not null default '', primary key (name, col)) strict, without rowid",
		"create table if not exists _dowel_migrations (run integer not null, step integer not null, plan text not null, text text not null, at integer not null, point text not null default '', begun text, done text, primary key (run, step)) strict, without rowid",
		"create table if not exists _dowel_state (name text primary key, value text not null) strict, without rowid",
	}
}

func (d sqlite) createTable(t *Table, name string) string {
	var b strings.Builder
	b.WriteString("create table " + quote(name) + " (\n")
	rowKey := d.rowKey(t)
	for _, c := range t.Columns {
		b.WriteString("  " + d.column(c, c.Name == rowKey) + ",\n")
	}
	if rowKey != "" || len(t.Key) == 0 {
		return strings.TrimSuffix(b.String(), ",\n") + "\n) strict"
	}
	b.WriteString("  primary key (" + quoteAll(t.Key) + ")\n) strict")
	if t.Link {
		b.WriteString(", without rowid")
	}
	return b.String()
}

// rowKey is the column that is SQLite's own row number: a single integer key.
func (sqlite) rowKey(t *Table) string {
	if len(t.Key) != 1 || t.Link {
		return ""
	}
	if c := t.Column(t.Key[0]); c != nil && c.Type == "INTEGER" {
		return c.Name
	}
	return ""
}

func (sqlite) column(c *Column, rowKey bool) string {
	s := quote(c.Name) + " " + c.Type
	if rowKey {
		s += " primary key"
	}
	if c.NotNull {
		s += " not null"
	}
	if c.Default != "" {
		s += " default " + c.Default
	}
	if c.Refers != nil {
		s += " references " + quote(c.Refers.Table) + " (" + quote(c.Refers.Column) + ")"
	}
	return s
}

func (sqlite) createIndex(table string, x *Index) string {
	return createIndex(table, x, "", func(c IndexColumn) string {
		if c.Fold {
			return quote(c.Name) + " collate nocase"
		}
		return quote(c.Name)
	})
}

func (sqlite) addReference(string, *Column) string { return "" }
func (sqlite) startCounters(string) string         { return "" }

// createIndex prints what the databases have in common.
func createIndex(table string, x *Index, how string, column func(IndexColumn) string) string {
	sql := "create index "
	if x.Unique {
		sql = "create unique index "
	}
	columns := make([]string, len(x.Columns))
	for i, c := range x.Columns {
		columns[i] = column(c)
	}
	sql += how + quote(x.Name) + " on " + quote(table) + " (" + strings.Join(columns, ", ") + ")"
	if x.Live != "" {
		sql += " where " + quote(x.Live) + " is null"
	}
	return sql
}
