package postgres

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// group reads the answers up to the end of a transaction and wakes the callers. Changes
// have not happened before that end; what was read can be handed out before.
func (l *line) group(jobs []*job) (again []*job, broken *brokenError) {
	l.wire.waited = 0
	l.ran = l.ran[:0]
	moves := l.nextMoves()
	for i, j := range jobs {
		broken, failed := l.answer(j)
		if broken != nil {
			if l.pipe.mode == writes {
				i = 0
			}
			return jobs[i:], broken
		}
		if failed != nil {
			if broken, _ := l.ready(); broken != nil {
				broken.nothing = true
				if l.pipe.mode == writes {
					i = 0
				}
				return jobs[i:], broken
			}
			return l.retry(jobs, i, failed), nil
		}
		if l.pipe.mode == reads {
			l.finish(j)
		}
	}
	if moves != nil {
		broken, failed := l.answer(moves)
		if broken != nil {
			return jobs, broken
		}
		if failed != nil {
			if broken, _ := l.ready(); broken != nil {
				broken.nothing = true
				return jobs, broken
			}
			return l.retry(jobs, len(jobs)-1, failed), nil
		}
	}
	broken, failed := l.ready()
	l.measure()
	if l.pipe.mode == reads {
		return nil, broken
	}
	if broken != nil {
		broken.nothing = false
		return jobs, broken
	}
	if failed != nil {
		return l.retry(jobs, len(jobs)-1, failed), nil
	}
	for _, j := range jobs {
		l.finish(j)
	}
	return nil, nil
}

// retry sorts out a transaction that failed at one of its jobs: the others run again, each
// for itself. Those that only read and came before are done already.
func (l *line) retry(jobs []*job, at int, failed error) []*job {
	again := jobs
	if l.pipe.mode == reads {
		again = jobs[at:]
		at = 0
	}
	culprit := again[at]
	outdated := isOutdated(failed) && !culprit.renewed
	switch {
	case outdated:
		culprit.renewed = true
		for _, st := range l.stmts {
			st.stale = true
		}
	case at > 0 && len(again) > 1 && codeOf(failed) != codeLock:
		// A change may have failed because of one before it that will not happen after all. One
		// whose row is kept locked would only hold up the rest once more.
	default:
		l.fail(culprit, culprit.at, failed)
		again = append(again[:at], again[at+1:]...)
	}
	for _, j := range again {
		j.again()
	}
	return again
}

// isOutdated reports whether a statement failed because it was prepared for
// tables that have changed, or because a pooler has forgotten it.
func isOutdated(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "0A000" || e.Code == "26000")
}

// answer reads the results of a job.
func (l *line) answer(j *job) (broken *brokenError, failed error) {
	w := l.wire
	for i := range j.parts {
		p := &j.parts[i]
		if p.twin > 0 {
			p.rows, p.affected = l.firsts[p.twin-1].rows, l.firsts[p.twin-1].affected
			continue
		}
		before, start := w.waited, len(j.in)
	part:
		for {
			kind, body, err := w.next()
			if err != nil {
				return &brokenError{cause: err, timeout: isTimeout(err)}, nil
			}
			switch kind {
			case 'D':
				j.in = append(j.in, w.last()...)
			case 'C', 'I': // I is that of an empty statement
				p.affected = affectedBy(body)
				break part
			case '1':
				l.known(p.shape)
			case 'E':
				err := serverError(body)
				j.at = i
				if fatal(err) {
					return &brokenError{cause: err, nothing: true}, nil
				}
				return nil, err
			case '2', '3', 'S', 'N', 'A', 'n', 'T':
			default:
				return &brokenError{cause: fmt.Errorf("postgres: unexpected message %q", kind)}, nil
			}
		}
		if w.waited-before > 10*time.Millisecond {
			l.extend(time.Now()) // it goes on
		}
		p.rows = j.in[start:]
		if p.twin < 0 {
			l.firsts[-p.twin-1] = first{rows: p.rows, affected: p.affected}
		}
		l.ran = append(l.ran, p.shape)
		if p.probed {
			p.shape.verdict(l.spent(w.waited-before, before == 0), p.prepared)
		}
	}
	return nil, nil
}

// ready reads the end of a transaction.
func (l *line) ready() (broken *brokenError, failed error) {
	for {
		kind, body, err := l.wire.next()
		if err != nil {
			return &brokenError{cause: err, timeout: isTimeout(err)}, failed
		}
		switch kind {
		case 'Z':
			if len(body) != 1 || body[0] != 'I' {
				return &brokenError{cause: errors.New("postgres: a statement left a transaction open")}, failed
			}
			return nil, failed
		case 'E':
			failed = serverError(body)
			if fatal(failed) {
				return &brokenError{cause: failed}, failed
			}
		case 'S', 'N', 'A', '3':
		default:
			return &brokenError{cause: fmt.Errorf("postgres: unexpected message %q", kind)}, failed
		}
	}
}

// suspectCost is how long a batch may take, and each statement of it, before the next runs of its shapes are measured.
const (
	suspectCost = 10 * time.Millisecond
	suspectEach = 500 * time.Microsecond
)

// measure takes in the time of a transaction. Of one with several statements it is not known
// which one took it: the server sends their results together. If it was long,
// the shapes are measured one by one from now on.
func (l *line) measure() {
	spent := l.spent(l.wire.waited, true)
	n := len(l.ran)
	switch {
	case n == 1 && len(l.fresh) == 0:
		l.ran[0].observe(spent)
	case n > 1 && spent > suspectCost+time.Duration(n)*suspectEach:
		for _, s := range l.ran {
			s.suspect()
		}
	}
}

// spent is what the server needed of the time waited for it.
func (l *line) spent(waited time.Duration, first bool) time.Duration {
	if first {
		waited -= l.rtt
	}
	return max(waited, 0)
}
