package postgres

import (
	"sync/atomic"
)

// job is what one caller has running in a pipe. It owns all its bytes, so that its
// caller and the line that serves it never meet but in state and done.
type job struct {
	state atomic.Uint32
	done  chan struct{} // one token when the line is through with it

	parts   []part
	tallies []tally
	place   uint64
	out     []byte // the messages that run the statements
	in      []byte // the row messages that came back, each from its length on, of all parts
	err     error
	at      int // the part that err is about

	// How often it was tried again: once for a connection that broke, once for statements that were outdated.
	resent, renewed bool
	lasting         bool // in is given away
	aside           bool // its caller takes errAside for an answer
}

// The states of a job.
const (
	queued uint32 = iota
	taken         // a line has it
	ready         // the line is through with it
	left          // its caller has gone; the line recycles it
)

// part is one statement of a job.
type part struct {
	shape    *shape
	end      int    // of its messages in out
	rows     []byte // its row messages
	affected int64
	probed   bool // its time is told from that of its neighbours
	prepared bool // and includes the preparation
	// twin is the place, from 1, in line.firsts of the same statement that was sent for
	// another job; below 0 the place of this one, for others; 0 if it has none.
	twin int
}

// maxSpare bounds the buffers that a job keeps for the next one.
const maxSpare = 64 << 10

// write lays out the messages of the commands.
func (j *job) write(s *shapes, cmds []*command) (err error) {
	expect := 0
	for _, c := range cmds {
		if c.shape == nil {
			c.shape = s.of(c.sql)
		}
		if c.aside && c.shape.slow() {
			return errAside
		}
		if j.out, err = appendCall(j.out, c.shape.name, c.args); err != nil {
			return err
		}
		j.parts = append(j.parts, part{shape: c.shape, end: len(j.out)})
		if c.tally.table != "" {
			j.tallies, j.place = append(j.tallies, c.tally), c.place
		}
		j.lasting = j.lasting || c.lasting
		j.aside = j.aside || c.aside
		expect += int(c.shape.size.Load())
	}
	if cap(j.in) < expect {
		j.in = make([]byte, 0, expect+expect/8)
	}
	return nil
}

// read hands the rows to the commands.
func (j *job) read(cmds []*command) error {
	if j.err != nil {
		cmds[j.at].err = j.err
		return j.err
	}
	var room [24][]byte
	cols := room[:0]
	for i, c := range cmds {
		p := &j.parts[i]
		c.affected = p.affected
		p.shape.grew(len(p.rows))
		if c.row != nil {
			if cols, c.err = rowsOf(p.rows, cols, c.row); c.err != nil {
				return c.err
			}
		}
	}
	return nil
}

// again prepares the job for another try.
func (j *job) again() {
	j.in = j.in[:0]
	j.err = nil
}

// reset makes the job fit for another caller; false if it is not worth keeping.
func (j *job) reset() bool {
	if cap(j.out) > maxSpare || cap(j.parts) > 64 {
		return false
	}
	clear(j.parts)
	j.parts, j.out, j.tallies = j.parts[:0], j.out[:0], j.tallies[:0]
	j.place = 0
	if j.lasting || cap(j.in) > maxSpare {
		j.in = nil
	}
	j.in = j.in[:0]
	j.err, j.at, j.resent, j.renewed, j.lasting, j.aside = nil, 0, false, false, false, false
	j.state.Store(queued)
	return true
}
