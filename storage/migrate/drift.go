package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Difference is something in the database that no apply has left there.
type Difference struct {
	Sign  string `json:"sign"` // + came, ~ changed, - is gone
	Kind  string `json:"kind"` // table, column, index, reference, view, …
	Table string `json:"table,omitempty"`
	Name  string `json:"name"`
	Text  string `json:"text"`
}

const (
	lastTables = "tables"
	lastSchema = "schema"
)

// remember notes the tables as they are.
func remember(ctx context.Context, c Conn, schema string) error {
	have, err := c.Dialect().inspect(ctx, c)
	if err != nil {
		return err
	}
	text, err := json.Marshal(have)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, "insert into _dowel_state (name, value) values ("+literal(lastTables)+", "+literal(string(text))+"), ("+literal(lastSchema)+", "+literal(schema)+
		") on conflict (name) do update set value = excluded.value")
	return err
}

// Drift lists what is in the database that was not made here, or differs from what the last
// apply or baseline has left. Without either, it lists every table.
func Drift(ctx context.Context, c Conn) ([]Difference, error) {
	have, err := Inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	last := &Database{}
	if have.ready {
		err := c.Query(ctx, "select value from _dowel_state where name = "+literal(lastTables), func(cols []string) {
			err = json.Unmarshal([]byte(cols[0]), last)
		})
		if err != nil {
			return nil, err
		}
	}
	d := drift{since: "the last apply"}
	d.tables(last, have)
	return d.found, nil
}

type drift struct {
	since string // in words, when the tables were as they are compared with
	found []Difference
}

func (d *drift) add(sign, kind, table, name, format string, args ...any) {
	d.found = append(d.found, Difference{Sign: sign, Kind: kind, Table: table, Name: name, Text: fmt.Sprintf(format, args...)})
}

func (d *drift) tables(last, have *Database) {
	for _, t := range have.Tables {
		before := last.Table(t.Name)
		switch {
		case before == nil && t.Ours:
			d.add("+", "table", "", t.Name, "made since %s", d.since)
		case before == nil || !t.Ours && !before.Ours:
			d.add("+", "table", "", t.Name, "not made by Dowel")
		default:
			d.columns(before, t)
			d.indexes(before, t)
		}
	}
	for _, t := range last.Tables {
		if t.Ours && have.Table(t.Name) == nil {
			d.add("-", "table", "", t.Name, "is gone")
		}
	}
	for _, o := range have.Others {
		d.add("+", o.Kind, o.Table, o.Name, "not made by Dowel")
	}
}

func (d *drift) columns(before, t *Table) {
	for _, c := range t.Columns {
		b := before.Column(c.Name)
		if b == nil {
			d.add("+", "column", t.Name, c.Name, "%s, came since %s", strings.ToLower(c.Type), d.since)
			continue
		}
		if c.Type != b.Type {
			d.add("~", "column", t.Name, c.Name, "type %s -> %s", strings.ToLower(b.Type), strings.ToLower(c.Type))
		}
		if c.NotNull != b.NotNull {
			d.add("~", "column", t.Name, c.Name, "%s", map[bool]string{true: "optional -> required", false: "required -> optional"}[c.NotNull])
		}
		if c.Default != b.Default {
			d.add("~", "column", t.Name, c.Name, "default %s -> %s", orNone(b.Default), orNone(c.Default))
		}
		if !sameTarget(b.Refers, c.Refers) {
			d.add("~", "reference", t.Name, c.Name, "refers to %s -> %s", target(b.Refers), target(c.Refers))
		}
	}
	for _, b := range before.Columns {
		if t.Column(b.Name) == nil {
			d.add("-", "column", t.Name, b.Name, "is gone")
		}
	}
	if !slices.Equal(before.Key, t.Key) {
		d.add("~", "key", t.Name, strings.Join(t.Key, ", "), "key (%s) -> (%s)", strings.Join(before.Key, ", "), strings.Join(t.Key, ", "))
	}
}

func (d *drift) indexes(before, t *Table) {
	for _, x := range t.Indexes {
		b := before.index(x.Name)
		switch {
		case b == nil:
			d.add("+", "index", t.Name, x.Name, "came since %s", d.since)
		case x.SQL != b.SQL || x.SQL == "" && !x.same(b):
			d.add("~", "index", t.Name, x.Name, "was made otherwise")
		case x.Broken:
			d.add("~", "index", t.Name, x.Name, "is not valid")
		}
	}
	for _, b := range before.Indexes {
		if t.index(b.Name) == nil {
			d.add("-", "index", t.Name, b.Name, "is gone")
		}
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func target(r *Reference) string {
	if r == nil {
		return "nothing"
	}
	return r.Table
}

// Baseline takes the tables as they are for what an apply has left: those of the schema
// become ours, with the meaning the schema gives their columns. No table is changed.
func Baseline(ctx context.Context, c Conn, s *schema.Schema) error {
	d := c.Dialect()
	return d.exclusively(ctx, c, func() error {
		if err := d.prepare(ctx, c); err != nil {
			return err
		}
		have, err := d.inspect(ctx, c)
		if err != nil {
			return err
		}
		want := Desired(s, d)
		err = d.transaction(ctx, c, func() error {
			for _, w := range want.Tables {
				if err := baseline(ctx, c, have.Table(w.Name), w); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return remember(ctx, c, want.fingerprint(nil))
	})
}

// baseline notes the columns of a table that are as they are wanted.
func baseline(ctx context.Context, c Conn, h, w *Table) error {
	if h == nil {
		return nil
	}
	known := Table{Name: w.Name, Checks: w.Checks}
	for _, col := range w.Columns {
		if there := h.Column(col.Name); there != nil && there.Type == col.Type {
			known.Columns = append(known.Columns, col)
		}
	}
	if len(known.Columns) == 0 {
		return nil
	}
	if _, err := c.Exec(ctx, noteTable(&known)); err != nil {
		return err
	}
	if sql := c.Dialect().startCounters(w.Name); sql != "" && !w.Link {
		_, err := c.Exec(ctx, sql)
		return err
	}
	return nil
}

// Entry is one step in the ledger of what was applied.
type Entry struct {
	Run   int64  `json:"run"` // counts applies
	Step  int    `json:"step"`
	Plan  string `json:"plan"`
	Text  string `json:"text"`
	Begun string `json:"begun,omitempty"` // time; "" for one that was never begun
	Done  string `json:"done,omitempty"`
}

// History is the ledger, oldest first.
func History(ctx context.Context, c Conn) (entries []Entry, err error) {
	have, err := Inspect(ctx, c)
	if err != nil || !have.ready {
		return nil, err
	}
	err = c.Query(ctx, "select run, step, plan, text, begun, done from _dowel_migrations order by run, step", func(cols []string) {
		entries = append(entries, Entry{integer(cols[0]), int(integer(cols[1])), cols[2], cols[3], cols[4], cols[5]})
	})
	return entries, err
}
