package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// ledger collects which classes a transaction wrote. Their change counters move
// once, when it commits.
type ledger struct{ entries []entry }

// entry is how far the counter of a table moves.
type entry struct {
	table string
	step  int64
}

// maxStep bounds what a transaction adds to a counter. It is drawn, so that sums over
// different sets of transactions differ: on a replica they need not be
// visible in the order in which they were committed.
const maxStep = 1 << 20

func drawStep() int64 { return rand.Int64N(maxStep) + 1 }

// bump counts a change of the class.
func (l *ledger) bump(class *schema.Class) {
	for i := range l.entries {
		if l.entries[i].table == class.Table {
			l.entries[i].step++
			return
		}
	}
	l.entries = append(l.entries, entry{class.Table, drawStep()})
}

// moved is how far the transaction has moved a counter so far.
func (l *ledger) moved(class *schema.Class) int64 {
	for _, e := range l.entries {
		if e.table == class.Table {
			return e.step
		}
	}
	return 0
}

// mark returns what undo needs to come back to this moment.
func (l *ledger) mark() []entry { return slices.Clone(l.entries) }

func (l *ledger) undo(mark []entry) { l.entries = append(l.entries[:0], mark...) }

// ordered are the entries in the order in which every transaction takes their locks.
func (l *ledger) ordered() []entry {
	slices.SortFunc(l.entries, func(a, b entry) int { return strings.Compare(a.table, b.table) })
	return l.entries
}

// fence is what a statement says when the tables have been changed by another revision of the schema.
const fence = -1

// moveCounter adds to a counter, and fails (verdictOf: fence) when the table is not any more what it was
// when its epoch was read.
const moveCounter = "with m as (update _dowel_counters set n = n + $1 where name = $2 and shard = $3 and epoch = $4 returning n)" +
	" select case when count(*) = 1 then 0 else cast('#-1 ' || count(*) as int) end from m"

// epochs remembers of each table by which change of its columns it was found to be
// what the schema served needs. A counter whose epoch has moved on belongs to
// tables of another revision, as far as anybody knows.
type epochs struct {
	mu  sync.RWMutex
	of  map[string]int64 // nil: not compared yet
	set uint64           // how often of was replaced
	// fit is the schema that the tables were last found to fit, by Migrate, and at which epochs that was.
	fit   *schema.Schema
	fitOf map[string]int64
	// foreign is when the tables were last found to be of another revision.
	foreign time.Time

	comparing sync.Mutex
}

func (e *epochs) get(table string) (epoch int64, known bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	epoch, known = e.of[table]
	return epoch, known
}

// found takes in that the tables fit a schema, which may be served next.
func (e *epochs) found(s *schema.Schema, of map[string]int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fit, e.fitOf = s, of
}

// use says which schema is served from now on.
func (e *epochs) use(s *schema.Schema) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of, e.foreign = nil, time.Time{}
	if e.fit == s {
		e.of = e.fitOf
	}
	e.set++
}

func (e *epochs) replace(of map[string]int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of, e.foreign = of, time.Time{}
	e.set++
}

func (e *epochs) generation() uint64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.set
}

func (e *epochs) setForeign() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.foreign = time.Now()
}

func (e *epochs) isForeign() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return time.Since(e.foreign) < time.Second
}

var errNoCounter = errors.New("a table has no change counter: its migration has not been run")

// readEpochs asks by which change of its columns each table is known now.
func (s *Store) readEpochs(ctx context.Context) (map[string]int64, error) {
	of := map[string]int64{}
	err := s.reads.do(ctx, &command{sql: []byte("select name, max(epoch) from _dowel_counters group by name"), row: func(cols [][]byte) error {
		epoch, err := strconv.ParseInt(string(cols[1]), 10, 64)
		of[string(cols[0])] = epoch
		return err
	}})
	return of, readError(ctx, err)
}

// epoch returns that of a table.
func (s *Store) epoch(ctx context.Context, table string) (int64, error) {
	if epoch, known := s.epochs.get(table); known {
		return epoch, nil
	}
	// The present ones will not do: the tables may have changed since the schema was compared with them.
	if err := s.fenced(ctx); err != nil {
		return 0, err
	}
	if epoch, known := s.epochs.get(table); known {
		return epoch, nil
	}
	return 0, unavailable(errNoCounter)
}

// fenced decides what a change means that met the fence: a migration has moved the epochs
// since they were read. It returns nil when the tables are what the schema served
// needs, so that the change may be tried again.
func (s *Store) fenced(ctx context.Context) error {
	before := s.epochs.generation()
	s.epochs.comparing.Lock() // many changes meet the fence at the same time
	defer s.epochs.comparing.Unlock()
	if s.epochs.isForeign() {
		return unavailable(errRevision)
	}
	if s.epochs.generation() != before {
		return nil
	}
	of, err := s.readEpochs(ctx) // before the tables are looked at
	if err != nil {
		return err
	}
	pending, err := s.Migrate(ctx, s.models.Present().Schema, false)
	if err != nil {
		return readError(ctx, err)
	}
	if len(pending) > 0 {
		s.epochs.setForeign()
		return unavailable(errRevision)
	}
	s.epochs.replace(of)
	return nil
}

// countersOf is the statement that sums up change counters, in the order of the classes.
func countersOf(classes []*schema.Class, into []int64) []*command {
	cmds := make([]*command, len(classes))
	for i, class := range classes {
		cmds[i] = &command{
			sql:  []byte("select coalesce(sum(n), 0) from _dowel_counters where name = $1"),
			args: []schema.Value{schema.NewText(class.Table)},
			row: func(cols [][]byte) (err error) {
				into[i], err = strconv.ParseInt(string(cols[0]), 10, 64)
				return err
			},
		}
	}
	return cmds
}

// numbered is the key field that the store numbers, or nil.
func numbered(c *schema.Class) *schema.Field {
	if len(c.Key) == 1 && c.Key[0].Auto == schema.AutoID {
		return c.Key[0]
	}
	return nil
}

// takenKey prints the number that was given out last: for an insert that has just failed, the one it
// had taken, unless others took one meanwhile.
func takenKey(p *sqlgen.Printer, t *sqlgen.Table, f *schema.Field) {
	p.Put("coalesce(pg_sequence_last_value(pg_get_serial_sequence(")
	p.Arg(schema.NewText(t.Name))
	p.Put(", ")
	p.Arg(schema.NewText(sqlgen.ColumnName(f)))
	p.Put(")), 1)")
}

// noteKey moves the numbering of a key above one that was given outright. A sequence
// cannot be locked against those who take numbers meanwhile, so the gap is walked
// number by number; only one that nobody else can cross in the blink of an eye is jumped.
func noteKey(t *sqlgen.Table, f *schema.Field, key int64) *command {
	return &command{
		sql: []byte("select case when gap > 4096 then setval(s, $3) else (select max(nextval(s) + 0 * g) from generate_series(1, gap) as g) end" +
			" from (select s, $3 - coalesce(pg_sequence_last_value(s), 0) as gap from (select pg_get_serial_sequence($1, $2)::regclass as s) as x" +
			" where $3 > coalesce(pg_sequence_last_value(s), 0) offset 0) as y"),
		args: []schema.Value{schema.NewText(t.Name), schema.NewText(sqlgen.ColumnName(f)), schema.NewInt(key)},
	}
}
