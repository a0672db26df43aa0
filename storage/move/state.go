package move

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// state is how far a move has come, as the target keeps it.
type state struct {
	From   string               `json:"from"`
	Schema string               `json:"schema"`
	Parts  map[string]*progress `json:"parts"`
}

// progress is that of one class or set.
type progress struct {
	Counter int64    `json:"counter"` // of the class in the source, when the first row was read
	Rows    int64    `json:"rows"`
	Last    []string `json:"last,omitempty"` // key of the last row
	Hash    hash     `json:"hash"`
	Done    bool     `json:"done"`
}

// stateName names the state in _dowel_state.
const stateName = "move"

// begin finds out whether the target can be moved to, and makes its tables.
func (m *mover) begin() error {
	m.state = state{From: m.from.Name, Schema: migrate.WantedBy(migrate.Desired(m.schema, m.target.Dialect())), Parts: map[string]*progress{}}
	have, err := migrate.Inspect(m.ctx, m.target)
	if err != nil {
		return err
	}
	before, err := m.stored()
	switch {
	case err != nil:
		return err
	case before != nil && !m.o.Resume:
		return ErrUnfinished
	case before != nil && (before.From != m.state.From || before.Schema != m.state.Schema):
		return ErrOther
	case before != nil:
		m.state.Parts = before.Parts
	default:
		for _, p := range m.parts {
			if have.Table(p.table) == nil {
				continue
			}
			if n, err := count(m.ctx, m.target, p.table); err != nil || n > 0 {
				return errors.Join(err, &NotEmptyError{p.table})
			}
		}
	}
	if before == nil || !m.isSQLite() { // SQLite would look at references that are not all there yet
		if err := migrate.Bare(m.ctx, m.target, m.schema); err != nil {
			return err
		}
	}
	if m.isSQLite() { // looked at when all rows are there
		if _, err := m.target.Exec(m.ctx, "pragma foreign_keys = off"); err != nil {
			return err
		}
	}
	return m.note()
}

// stored reads the state of an earlier move, nil for none.
func (m *mover) stored() (before *state, err error) {
	there := "select 1 where to_regclass('_dowel_state') is not null"
	if m.isSQLite() {
		there = "select 1 from sqlite_schema where name = '_dowel_state'"
	}
	ready := false
	err = m.target.Query(m.ctx, there, func([]string) { ready = true })
	if err != nil || !ready {
		return nil, err
	}
	var wrong error
	err = m.target.Query(m.ctx, "select value from _dowel_state where name = '"+stateName+"'", func(cols []string) {
		before = &state{}
		wrong = json.Unmarshal([]byte(cols[0]), before)
	})
	return before, errors.Join(err, wrong)
}

// note keeps the state.
func (m *mover) note() error {
	text, err := json.Marshal(m.state)
	if err != nil {
		return err
	}
	_, err = m.target.Exec(m.ctx, "insert into _dowel_state (name, value) values ('"+stateName+"', "+literal(schema.NewText(string(text)))+") on conflict (name) do update set value = excluded.value")
	return err
}

// forget ends the move.
func (m *mover) forget() error {
	_, err := m.target.Exec(m.ctx, "delete from _dowel_state where name = '"+stateName+"'")
	return err
}

// empty takes back what was copied of a class or set.
func (m *mover) empty(p *part) error {
	before := m.state.Parts[p.name]
	delete(m.state.Parts, p.name)
	err := m.transaction(func() error {
		if _, err := m.target.Exec(m.ctx, "delete from "+sqlgen.Quote(p.table)); err != nil {
			return err
		}
		return m.note()
	})
	if err != nil {
		m.state.Parts[p.name] = before
	}
	return err
}

func (m *mover) isSQLite() bool { return m.target.Dialect().Name() == "sqlite" }

// transaction runs fn in a transaction of the target.
func (m *mover) transaction(fn func() error) error {
	begin := "begin"
	if m.isSQLite() {
		begin = "begin immediate"
	}
	if _, err := m.target.Exec(m.ctx, begin); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		_, err = m.target.Exec(m.ctx, "commit")
	}
	if err != nil {
		_, failed := m.target.Exec(context.WithoutCancel(m.ctx), "rollback")
		return errors.Join(err, failed)
	}
	return nil
}

// versioned gives rows versions of the target, above all that the class ever had there. PostgreSQL
// does so by itself.
func (m *mover) versioned(p *part, rows [][]schema.Value) (columns []string, out [][]schema.Value, err error) {
	n := int64(0)
	name := literal(schema.NewText(p.table))
	err = m.target.Query(m.ctx, "select n from _dowel_counters where name = "+name, func(cols []string) { n, _ = strconv.ParseInt(cols[0], 10, 64) })
	if err != nil {
		return nil, nil, err
	}
	out = make([][]schema.Value, len(rows))
	for i, row := range rows {
		n++
		out[i] = append(row[:len(row):len(row)], schema.NewInt(n))
	}
	_, err = m.target.Exec(m.ctx, "insert into _dowel_counters (name, n, id) values ("+name+", "+strconv.FormatInt(n, 10)+", 0) on conflict (name) do update set n = excluded.n")
	return append(p.columns[:len(p.columns):len(p.columns)], sqlgen.VersionColumn), out, err
}

// numbers makes numberings go on above all that the source ever gave out.
func (m *mover) numbers() error {
	var sql []string
	for _, p := range m.parts {
		if p.field != nil {
			continue
		}
		more, err := m.keyNumbers(p)
		if err != nil {
			return err
		}
		sql = append(sql, more...)
		for _, f := range p.fields {
			if f.Auto != schema.AutoSequence {
				continue
			}
			name := literal(schema.NewText(p.table + "." + f.Column))
			err := m.source.Query(m.ctx, "select per, n from _dowel_sequences where name = "+name, func(cols []string) {
				sql = append(sql, "insert into _dowel_sequences (name, per, n) values ("+name+", "+literal(schema.NewText(cols[0]))+", "+cols[1]+
					") on conflict (name, per) do update set n = case when excluded.n > _dowel_sequences.n then excluded.n else _dowel_sequences.n end")
			})
			if err != nil {
				return err
			}
		}
		if !m.isSQLite() {
			sql = append(sql, "update _dowel_counters set n = n + 1 where shard = 0 and name = "+literal(schema.NewText(p.table)))
		}
	}
	return m.transaction(func() error {
		for _, statement := range sql {
			var err error
			if strings.HasPrefix(statement, "select ") {
				err = m.target.Query(m.ctx, statement, func([]string) {})
			} else {
				_, err = m.target.Exec(m.ctx, statement)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// keyNumbers does so for a key that the database numbers.
func (m *mover) keyNumbers(p *part) ([]string, error) {
	if len(p.class.Key) != 1 || p.class.Key[0].Auto != schema.AutoID {
		return nil, nil
	}
	column := p.class.Key[0].Column
	highest, err := given(m.ctx, m.source, p.table, column)
	if err != nil {
		return nil, err
	}
	n := strconv.FormatInt(highest, 10)
	name := literal(schema.NewText(p.table))
	if m.isSQLite() {
		return []string{"insert into _dowel_counters (name, n, id) values (" + name + ", 0, " + n + ") on conflict (name) do update set id = max(id, excluded.id)"}, nil
	}
	if highest == 0 {
		return nil, nil
	}
	sequence := "pg_get_serial_sequence(" + literal(schema.NewText(sqlgen.Quote(p.table))) + ", " + literal(schema.NewText(column)) + ")"
	return []string{"select setval(" + sequence + ", " + n + ")"}, nil
}

// given is the highest number that a key ever had.
func given(ctx context.Context, c migrate.Conn, table, column string) (n int64, err error) {
	read := func(sql string) error {
		return c.Query(ctx, sql, func(cols []string) {
			if v, err := strconv.ParseInt(cols[0], 10, 64); err == nil {
				n = max(n, v)
			}
		})
	}
	err = read("select max(" + sqlgen.Quote(column) + ") from " + sqlgen.Quote(table))
	if err != nil {
		return n, err
	}
	name := literal(schema.NewText(table))
	if c.Dialect().Name() == "sqlite" {
		return n, read("select id from _dowel_counters where name = " + name)
	}
	sequence := ""
	err = c.Query(ctx, "select pg_get_serial_sequence("+literal(schema.NewText(sqlgen.Quote(table)))+", "+literal(schema.NewText(column))+")", func(cols []string) { sequence = cols[0] })
	if err != nil || sequence == "" {
		return n, err
	}
	return n, read("select case when is_called then last_value else last_value - 1 end from " + sequence)
}
