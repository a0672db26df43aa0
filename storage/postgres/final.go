package postgres

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// A change that is all its transaction does can be one statement: it finds, judges and writes the row,
// moves the counter, and reads the row back. Those of concurrent
// requests travel together and share one commit (pipe.go).

// finalTries is how often a final change is sent before it becomes a transaction like others.
const finalTries = 3

// isFinal reports whether the change fits into one statement.
func (a *apply) isFinal() bool {
	if !a.whole || len(a.notes()) > 0 || len(a.counted) > 1 {
		return false
	}
	return !slices.ContainsFunc(a.sets, func(s storage.Assign) bool { return s.Field.Auto == schema.AutoSequence })
}

// final runs the change as one statement. It is not settled when the change has to be run as a
// transaction of its own after all; then nothing has happened.
func (a *apply) final() (row *storage.Row, err error, settled bool) {
	if !a.isFinal() {
		return nil, nil, false
	}
	outside := *a
	outside.ask = a.store.reads.do
	for range finalTries {
		row, err, settled = outside.once()
		if settled {
			return row, readError(a.ctx, err), true
		}
		if err != nil {
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// once sends the change. It is not settled when it may be sent again, or with an
// error when that would be no use.
func (a *apply) once() (row *storage.Row, err error, settled bool) {
	epoch, err := a.store.epoch(a.ctx, a.Class.Table)
	if err != nil {
		return nil, err, true
	}
	cmds := a.ahead()
	a.last = len(cmds) > 0 // they take locks, which count as writing (moveTogether)
	w := a.statement()
	w.tally, w.place = tally{a.Class.Table, epoch}, placeOf(a.Class, a.Key)
	err = a.store.writes.do(a.ctx, append(cmds, &w.command)...)
	switch {
	case err == nil && w.found:
		return &w.out, nil, true
	case (err == nil || w.none(err)) && len(a.counted) > 0:
		start := sequenceOf(a.counted[0], a.values).start(a.table)
		err := a.store.writes.do(a.ctx, start)
		return nil, err, err != nil
	case err == nil || w.none(err):
		why := a.whyNot()
		return nil, why, why != nil
	case codeOf(err) == "" && w.found: // it has happened, and what came back cannot be read
		return nil, fmt.Errorf("%w: %w", storage.ErrOutcomeUnknown, err), true
	case codeOf(err) == "" || errors.Is(err, storage.ErrOutcomeUnknown):
		return nil, err, true
	case lostRace(err):
		return nil, err, false
	}
	n, refused := verdictOf(err)
	switch {
	case refused && n == fence:
		err := a.store.fenced(a.ctx)
		return nil, err, err != nil
	case refused && n >= inUse:
		if why := a.whyNot(); why != nil {
			return nil, why, true
		}
		return nil, a.usedBy(err), true
	}
	return nil, a.broken(err), true
}

// inUse is the verdict about the first of the references that keep a row from being soft-deleted.
const inUse = 1000

// ahead are the statements that go before the change, in the same transaction. There each
// statement sees what was committed before it began, so what a lock was waited
// for is seen by those that follow: soft deletions and references to the row they delete come
// one after the other. A transaction of several changes has one snapshot for all of them,
// where a reference that is made meanwhile is not seen.
func (a *apply) ahead() (cmds []*command) {
	if a.Op == storage.SoftDelete && len(a.restricting()) > 0 {
		cmds = append(cmds, a.lock(), a.unused())
	}
	for _, f := range a.Class.Fields {
		if f.Ref == nil || f.Ref.OnDelete != schema.Restrict || !f.Ref.To.SoftDelete || a.Op == storage.Delete || a.values[f.Index].IsNull() {
			continue
		}
		to := a.model.Names.Table(f.Ref.To)
		cmds = append(cmds, statementOf("select 1 from "+to.Name+" where "+to.Bare[f.Ref.To.Key[0].Index]+" = $1 for key share", a.values[f.Index]))
	}
	return cmds
}

// lock keeps others from making references to the row.
func (a *apply) lock() *command {
	where, args := a.keyed()
	return statementOf("select 1 from "+a.table.Name+where+" for update", args...)
}

// unused fails with a verdict when live rows keep the row from being soft-deleted.
func (a *apply) unused() *command {
	counts := a.users()
	sql, from := "select case", ""
	for i, c := range counts {
		n := strconv.Itoa(i)
		sql += " when n" + n + " > 0 then cast('#" + strconv.Itoa(inUse+i) + " ' || n" + n + " || ' ' as int)"
		from += [...]string{"", ", "}[min(i, 1)] + "(" + c + ") as n" + n
	}
	return statementOf(sql+" end from (select "+from+" offset 0) as x", a.Key[0])
}

// usedBy is the meaning of a verdict of unused, nil for other errors.
func (a *apply) usedBy(err error) error {
	if n, refused := verdictOf(err); refused && n >= inUse {
		return &storage.ReferencedError{By: a.restricting()[n-inUse], Count: countOf(err)}
	}
	return nil
}

// countOf reads how many rows a verdict was about.
func countOf(err error) (n int64) {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		_, text, _ := strings.Cut(e.Message, "#")
		words := strings.Fields(text)
		if len(words) > 1 {
			n, _ = strconv.ParseInt(words[1], 10, 64) // it is a number: we have written it
		}
	}
	return n
}

// placeOf is a number by which all nodes put changes of rows into the same order. An insert
// has none: nobody waits for a row that is not there yet.
func placeOf(class *schema.Class, key []schema.Value) uint64 {
	if len(key) == 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(class.Table)) // never fails
	for _, v := range key {
		_, _ = h.Write([]byte(v.String()))
	}
	return h.Sum64()
}
