package postgres

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// tally is a change counter that a job moves. Jobs that share a transaction share the
// move, which is sent behind them.
type tally struct {
	table string
	epoch int64
}

// moveTogether moves a counter if anything was written before it in the transaction, and
// fails (verdictOf: fence) when the table is of another epoch.
const moveTogether = "with m as (update _dowel_counters set n = n + $1 where name = $2 and shard = $3 and epoch = $4 and pg_current_xact_id_if_assigned() is not null returning n)" +
	" select case when (select count(*) from m) <> 1 and pg_current_xact_id_if_assigned() is not null then cast('#-1 ' || (select count(*) from m) as int) end"

// count sends the moves of the counters of a transaction; the answers are those of a
// job of the line's own, nil when there is nothing to move.
func (l *line) count(jobs []*job, alone bool) {
	if l.pipe.mode != writes {
		return
	}
	var all []tally
	for _, j := range jobs {
		for _, t := range j.tallies {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	if len(all) == 0 {
		l.moves = append(l.moves, nil)
		return
	}
	slices.SortFunc(all, func(a, b tally) int { return strings.Compare(a.table, b.table) })
	move := &job{}
	l.moves = append(l.moves, move)
	shape := l.pipe.store.shapes.of([]byte(moveTogether))
	for _, t := range all {
		part := part{shape: shape}
		l.ensure(&part, alone)
		// Four values are always few enough.
		l.wire.out, _ = appendCall(l.wire.out, shape.name, []schema.Value{schema.NewInt(drawStep()), schema.NewText(t.table),
			schema.NewInt(int64(l.shard)), schema.NewInt(t.epoch)})
		move.parts = append(move.parts, part)
	}
}

// nextMoves are the moves of the transaction that is read next.
func (l *line) nextMoves() *job {
	if l.pipe.mode != writes || len(l.moves) == 0 {
		return nil
	}
	move := l.moves[0]
	l.moves = l.moves[1:]
	return move
}
