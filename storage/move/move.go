// Package move copies all rows of one database to another, as they are: SQLite
// to PostgreSQL and back.
//
// It is the operator's copy below the engine: no rule is asked, no action runs, and
// ids, times and passwords stay what they were. Constraints are not passed by. Rows go into
// tables that only lack references and indexes; when all are there these are made, which fails
// over a row that breaks one, and every row is read back and compared.
//
// What was copied is noted in the target with each batch, so that a move goes on where it was
// interrupted. Change counters tell whether the source was written to meanwhile: what changed is
// copied again. Versions of rows are not copied; the target gives its own.
package move

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/migrate"
)

// Side is one of the two databases.
type Side struct {
	Store storage.Store // of the schema
	// Name tells the database from others, without its password.
	Name string
	// Migrating runs fn with a session of its own.
	Migrating func(ctx context.Context, fn func(migrate.Conn) error) error
}

// Options tune a move. The zero value is what people want.
type Options struct {
	// Resume goes on with a move that was interrupted.
	Resume bool
	// Batch is the number of rows that are copied in one transaction; 0 is 2000.
	Batch int
	// Progress, if any, is told of every batch: the rows of a class or set so far, and of how many.
	Progress func(name string, rows, of int64)
	// Again, if any, is told of what is copied again because it was written to.
	Again func(names []string)
}

// Sum is what became of the rows of one class or set.
type Sum struct {
	Name   string // customer, customer.tags
	Rows   int64
	Source string // checksum, whatever the order of the rows
	Target string
}

// Errors of Run. Callers compare with errors.Is and errors.As.
var (
	// ErrUnfinished: the target has a move that was interrupted, and Resume was not asked for.
	ErrUnfinished = errors.New("a move to this database was interrupted")
	// ErrOther: that move was of another source, or of another revision of the schema.
	ErrOther = errors.New("the move that was interrupted was another one")
	// ErrDiffers: rows were read back otherwise than they were written.
	ErrDiffers = errors.New("the rows of both databases differ")
)

// NotEmptyError: the target has rows.
type NotEmptyError struct{ Table string }

func (e *NotEmptyError) Error() string { return "the target has rows in " + e.Table }

// BusyError: somebody goes on writing to the source.
type BusyError struct{ Names []string }

func (e *BusyError) Error() string {
	return "the source is being written to: " + strings.Join(e.Names, ", ")
}

// LeftError: something that the schema wants cannot be made of the rows.
type LeftError struct{ Steps []storage.Step }

func (e *LeftError) Error() string {
	lines := make([]string, len(e.Steps))
	for i, s := range e.Steps {
		lines[i] = s.Text
	}
	return "the rows do not allow what the schema wants: " + strings.Join(lines, "; ")
}

// rounds is how often what was written to meanwhile is copied again.
const rounds = 3

// Run copies the rows of every class and set.
func Run(ctx context.Context, s *schema.Schema, from, to Side, o Options) (sums []Sum, err error) {
	if o.Batch <= 0 {
		o.Batch = 2000
	}
	m := &mover{ctx: ctx, schema: s, from: from, to: to, o: o}
	m.list()
	err = from.Migrating(ctx, func(source migrate.Conn) error {
		return to.Migrating(ctx, func(target migrate.Conn) error {
			m.source, m.target = source, target
			return m.copy()
		})
	})
	if err != nil {
		return nil, err
	}
	left, err := to.Store.Migrate(ctx, s, true)
	if err != nil {
		return nil, err
	}
	if len(left) > 0 {
		return nil, &LeftError{left}
	}
	err = to.Migrating(ctx, func(target migrate.Conn) error {
		m.target = target
		if sums, err = m.compare(); err != nil {
			return err
		}
		return m.forget()
	})
	return sums, err
}

// mover is one move.
type mover struct {
	ctx            context.Context
	schema         *schema.Schema
	from, to       Side
	o              Options
	source, target migrate.Conn
	parts          []*part
	state          state
}

// list finds what there is to copy.
func (m *mover) list() {
	for _, c := range m.schema.Classes {
		m.parts = append(m.parts, classPart(c))
	}
	for _, c := range m.schema.Classes {
		for _, f := range c.Fields {
			if f.Many != nil {
				m.parts = append(m.parts, setPart(f))
			}
		}
	}
}

// copy fills the target, until nothing was written to the source while it was copied.
func (m *mover) copy() error {
	if err := m.begin(); err != nil {
		return err
	}
	for round := 1; ; round++ {
		counters, err := m.counters()
		if err != nil {
			return err
		}
		var changed []string
		for _, p := range m.parts {
			now := counters[p.class]
			done := m.state.Parts[p.name]
			if done != nil && done.Counter != now {
				changed = append(changed, p.name)
				if err := m.empty(p); err != nil {
					return err
				}
				done = nil
			}
			if done == nil {
				m.state.Parts[p.name] = &progress{Counter: now}
			}
		}
		if len(changed) > 0 && round > rounds {
			return &BusyError{changed}
		}
		if len(changed) > 0 && m.o.Again != nil {
			m.o.Again(changed)
		}
		left := false
		for _, p := range m.parts {
			if m.state.Parts[p.name].Done {
				continue
			}
			left = true
			if err := m.copyPart(p); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		if !left {
			return m.numbers()
		}
	}
}

// counters are the change counters of the source by class.
func (m *mover) counters() (map[*schema.Class]int64, error) {
	values, err := m.from.Store.Counters(m.ctx, m.schema.Classes)
	if err != nil {
		return nil, err
	}
	counters := make(map[*schema.Class]int64, len(values))
	for i, c := range m.schema.Classes {
		counters[c] = values[i]
	}
	return counters, nil
}

// copyPart copies the rest of a class or set.
func (m *mover) copyPart(p *part) error {
	total, err := count(m.ctx, m.source, p.table)
	if err != nil {
		return err
	}
	at := m.state.Parts[p.name]
	for !at.Done {
		last, err := p.restore(at.Last)
		if err != nil {
			return err
		}
		rows, err := p.read(m.ctx, m.from.Store, m.source, last, m.o.Batch)
		if err != nil {
			return err
		}
		next := *at
		next.Rows += int64(len(rows))
		for _, row := range rows {
			next.Hash.add(row)
		}
		next.Done = len(rows) < m.o.Batch
		if len(rows) > 0 {
			next.Last = p.keyOf(rows[len(rows)-1])
		}
		if err := m.write(p, rows, &next); err != nil {
			return err
		}
		at = m.state.Parts[p.name]
		if m.o.Progress != nil && (len(rows) > 0 || at.Rows == 0) {
			m.o.Progress(p.name, at.Rows, max(total, at.Rows))
		}
	}
	return nil
}

// write adds rows to the target and notes how far it has come, both or neither.
func (m *mover) write(p *part, rows [][]schema.Value, then *progress) error {
	before := m.state.Parts[p.name]
	m.state.Parts[p.name] = then
	err := m.transaction(func() error {
		if len(rows) > 0 {
			columns := p.columns
			if p.field == nil && m.isSQLite() {
				var err error
				if columns, rows, err = m.versioned(p, rows); err != nil {
					return err
				}
			}
			filler, ok := m.target.(migrate.Filler)
			if !ok {
				return errors.New("the target takes no rows")
			}
			if err := filler.Fill(m.ctx, p.table, columns, rows); err != nil {
				return err
			}
		}
		return m.note()
	})
	if err != nil {
		m.state.Parts[p.name] = before
	}
	return err
}

// compare reads every row back.
func (m *mover) compare() (sums []Sum, err error) {
	differ := false
	for _, p := range m.parts {
		at := m.state.Parts[p.name]
		found := progress{}
		var last []schema.Value
		for {
			rows, err := p.read(m.ctx, m.to.Store, m.target, last, m.o.Batch)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			for _, row := range rows {
				found.Hash.add(row)
			}
			found.Rows += int64(len(rows))
			if len(rows) < m.o.Batch {
				break
			}
			last = p.keyValues(rows[len(rows)-1])
		}
		differ = differ || found.Hash != at.Hash || found.Rows != at.Rows
		sums = append(sums, Sum{p.name, found.Rows, at.Hash.String(), found.Hash.String()})
	}
	if differ {
		return sums, ErrDiffers
	}
	return sums, nil
}
