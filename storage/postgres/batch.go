package postgres

import (
	"bytes"
	"hash/maphash"
	"slices"
	"time"
)

// exchange sends jobs and reads what comes back. It returns those that are to be
// sent again, and how the connection broke if it did: then these are the ones
// that were not answered.
func (l *line) exchange(jobs []*job, alone bool) (rest []*job, broken *brokenError) {
	if broken := l.prepare(); broken != nil {
		return jobs, broken
	}
	l.write(jobs, alone)
	if sent, err := l.wire.flush(); err != nil {
		return jobs, &brokenError{cause: err, nothing: !sent, timeout: isTimeout(err)}
	}
	rest = jobs[:0]
	for len(jobs) > 0 && broken == nil {
		group := jobs
		if alone {
			group = jobs[:1]
		}
		jobs = jobs[len(group):]
		var again []*job
		again, broken = l.group(group)
		rest = append(rest, again...)
	}
	rest = append(rest, jobs...)
	l.settle()
	l.used = time.Now()
	return rest, broken
}

// write lays out the messages of a batch.
func (l *line) write(jobs []*job, alone bool) {
	w := l.wire
	l.evict()
	l.uses++
	l.moves = l.moves[:0]
	together := len(jobs) > 1 && !alone && l.pipe.mode == reads
	for n, j := range jobs {
		from := 0
		for i := range j.parts {
			p := &j.parts[i]
			call := j.out[from:p.end]
			from = p.end
			if p.twin = 0; together && j.lasting && l.isTwin(p, call) {
				continue
			}
			p.probed, p.prepared = p.shape.probing(), false
			if p.probed && n+i > 0 {
				w.sendNow()
			}
			l.ensure(p, alone)
			w.out = append(w.out, call...)
			if p.probed {
				w.sendNow()
			}
		}
		if alone {
			l.count(jobs[n:n+1], alone)
			w.sync()
		}
	}
	if !alone {
		l.count(jobs, alone)
		w.sync()
	}
	for i := range l.firsts {
		l.firsts[i].call = nil
	}
}

// ensure has the statement of a part prepared. Where each job is a transaction of its own, one cannot
// count on what another one prepares: that may fail.
func (l *line) ensure(p *part, alone bool) {
	st := l.stmts[p.shape]
	if st == nil {
		st = &prepared{}
		l.stmts[p.shape] = st
	}
	fresh := st.used == 0
	again := !fresh && (st.stale || alone && !st.known)
	st.used = l.uses
	if again {
		l.wire.closeStatement(p.shape.name) // no error if it is not there
	}
	if fresh || again {
		l.wire.parse(p.shape)
		l.fresh = append(l.fresh, p.shape)
		st.stale, st.known = false, false
		p.prepared = true
	}
}

var seed = maphash.MakeSeed()

// isTwin reports whether the same statement with the same values is in the batch already. All of a batch sees the same
// state of the database, so that one answer is right for both.
func (l *line) isTwin(p *part, call []byte) bool {
	hash := maphash.Bytes(seed, call)
	if place, ok := l.places[hash]; ok && bytes.Equal(l.firsts[place].call, call) {
		p.twin = place + 1
		return true
	}
	l.places[hash] = len(l.firsts)
	l.firsts = append(l.firsts, first{call: call})
	p.twin = -len(l.firsts)
	return false
}

func (l *line) known(s *shape) {
	if st := l.stmts[s]; st != nil {
		st.known = true
	}
}

// settle ends an exchange. Statements whose preparation did not come to its end are prepared again.
func (l *line) settle() {
	for _, s := range l.fresh {
		if st := l.stmts[s]; st != nil && !st.known {
			st.stale = true
		}
	}
	l.fresh = l.fresh[:0]
	clear(l.firsts)
	l.firsts = l.firsts[:0]
	clear(l.places)
}

// evict ends statements that were not used lately when there are too many, a quarter of them.
func (l *line) evict() {
	limit := l.pipe.store.options.Statements
	if len(l.stmts) <= limit {
		return
	}
	used := make([]uint64, 0, len(l.stmts))
	for _, st := range l.stmts {
		used = append(used, st.used)
	}
	slices.Sort(used)
	horizon := used[len(used)/4]
	for s, st := range l.stmts {
		if st.used <= horizon {
			l.wire.closeStatement(s.name)
			delete(l.stmts, s)
		}
	}
}
