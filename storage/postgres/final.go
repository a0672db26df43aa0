package postgres

import (
	"hash/fnv"
	"slices"

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
	switch a.Op {
	case storage.Insert, storage.Delete:
		return true
	case storage.SoftDelete:
		if len(a.restricting()) > 0 {
			return false
		}
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
	w, err := a.finalStatement()
	if err != nil {
		return nil, err, true
	}
	err = a.store.writes.do(a.ctx, &w.command)
	switch {
	case err == nil && w.found:
		return &w.out, nil, true
	case err == nil && len(a.counted) > 0:
		start := sequenceOf(a.counted[0], a.values).start(a.table)
		err := a.store.writes.do(a.ctx, start)
		return nil, err, err != nil
	case err == nil:
		why := a.whyNot()
		return nil, why, why != nil
	case w.err == nil || isContract(err): // it did not come so far as to be refused
		return nil, err, true
	case lostRace(err) || codeOf(err) == codeLock:
		return nil, err, false
	}
	if n, ok := verdictOf(err); ok && n == fence {
		err := a.store.fenced(a.ctx)
		return nil, err, err != nil
	}
	return nil, a.broken(err), true
}

// finalStatement prints the change; its counter moves with the transaction that it shares.
func (a *apply) finalStatement() (*writing, error) {
	epoch, err := a.store.epoch(a.ctx, a.Class.Table)
	if err != nil {
		return nil, err
	}
	w := a.statement()
	w.tally, w.place = tally{a.Class.Table, epoch}, placeOf(a.Class, a.Key)
	return w, nil
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
