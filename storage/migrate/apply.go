package migrate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Errors of Apply. Callers compare with errors.Is.
var (
	// ErrChanged: the database is not the one that the plan was made for.
	ErrChanged = errors.New("the database has changed since the plan was made; make a new plan")
	// ErrBlocked: a step of the plan cannot be done.
	ErrBlocked = errors.New("the plan has steps that cannot be done")
	// ErrNotAllowed: a step loses values and was not named.
	ErrNotAllowed = errors.New("the plan has steps that lose values and were not allowed by name")
	// ErrLocked: somebody else changes the tables of this database.
	ErrLocked = errors.New("another change of the tables is running")
)

// Result is what Apply did.
type Result struct {
	Done []string // IDs of the steps that were run, in order
	// Resumed says that the plan was begun before, and that earlier steps had been done then.
	Resumed bool
	Left    []Step // of the plan, that were not run: blocked, or destructive and not allowed
}

// Run makes the plan for a schema and applies it, with nobody else in between. What is left
// is in Result.Left. It is for starts of a program: a plan for people is made by Make and run by Apply.
func Run(ctx context.Context, want *Database, c Conn, allow Allow) (result *Result, err error) {
	allow.Partial = true
	err = c.Dialect().exclusively(ctx, c, func() error {
		a := applier{ctx: ctx, conn: c, allow: allow}
		if err := a.prepare(); err != nil {
			return err
		}
		have, err := c.Dialect().inspect(ctx, c)
		if err != nil {
			return err
		}
		if a.plan, err = Diff(ctx, want, have, c); err != nil {
			return err
		}
		result, err = a.run()
		return err
	})
	return result, err
}

// Apply runs exactly the steps of a plan. One that was interrupted goes on where it stopped. Unless allow
// says otherwise nothing is run when a step is blocked or not allowed.
func Apply(ctx context.Context, c Conn, plan *Plan, allow Allow) (result *Result, err error) {
	if plan.Dialect != c.Dialect().Name() {
		return nil, fmt.Errorf("the plan is for %s: %w", plan.Dialect, ErrChanged)
	}
	err = c.Dialect().exclusively(ctx, c, func() error {
		a := applier{ctx: ctx, conn: c, allow: allow, plan: plan}
		if err := a.prepare(); err != nil {
			return err
		}
		if err := a.check(); err != nil {
			return err
		}
		result, err = a.run()
		return err
	})
	return result, err
}

// applier runs one plan.
type applier struct {
	ctx    context.Context
	conn   Conn
	allow  Allow
	plan   *Plan
	number int64 // number of this run in the ledger; 0 before it is known
	at     map[int]progress
}

// progress is how far a step has come.
type progress struct {
	at    int    // statements done
	point string // where in the keys the next range of the statement in progress begins
	done  bool
}

// prepare makes the system tables.
func (a *applier) prepare() error {
	return a.conn.Dialect().prepare(a.ctx, a.conn)
}

// check refuses a plan that is not for this database as it is, or was when the plan was begun.
func (a *applier) check() error {
	if err := a.resume(); err != nil || a.number > 0 {
		return err
	}
	have, err := a.conn.Dialect().inspect(a.ctx, a.conn)
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for _, name := range a.plan.Tables {
		named[name] = true
	}
	if have.fingerprint(named) != a.plan.Database {
		return a.plan.changed(have, named)
	}
	return nil
}

// resume finds the run of the plan that did not end, if it was the last of all.
func (a *applier) resume() error {
	var run int64
	plan := ""
	open := false
	err := a.conn.Query(a.ctx, "select run, plan, step, at, point, case when done is null then '' else 'x' end from _dowel_migrations where run = (select max(run) from _dowel_migrations) order by step", func(cols []string) {
		if run == 0 {
			a.at = map[int]progress{}
		}
		run, plan = integer(cols[0]), cols[1]
		p := progress{at: int(integer(cols[3])), point: cols[4], done: cols[5] != ""}
		a.at[int(integer(cols[2]))] = p
		open = open || !p.done
	})
	if err == nil && open && plan == a.plan.ID() {
		a.number = run
	} else {
		a.at = nil
	}
	return err
}

// run runs what is allowed of the plan.
func (a *applier) run() (*Result, error) {
	result := &Result{Resumed: a.number > 0}
	var todo []int
	for i := range a.plan.Steps {
		s := &a.plan.Steps[i]
		_, begun := a.at[i]
		switch {
		case a.allow.step(s), begun:
			todo = append(todo, i)
		case a.allow.Partial:
			result.Left = append(result.Left, *s)
		case s.Risk == Blocked:
			return nil, fmt.Errorf("%s: %w", s.Line(), ErrBlocked)
		default:
			return nil, fmt.Errorf("%s: %w", s.Line(), ErrNotAllowed)
		}
	}
	if len(todo) == 0 {
		if len(a.plan.Notes) > 0 && len(result.Left) == 0 {
			return result, a.end()
		}
		return result, nil
	}
	if err := a.begin(todo); err != nil {
		return nil, err
	}
	todo = slices.DeleteFunc(todo, func(i int) bool { return a.at[i].done })
	for len(todo) > 0 {
		steps := todo[:a.together(todo)]
		todo = todo[len(steps):]
		began := time.Now()
		for _, i := range steps {
			a.progress(i, 0, false)
		}
		if err := a.steps(steps); err != nil {
			return nil, err
		}
		for _, i := range steps {
			a.progress(i, time.Since(began), true)
			result.Done = append(result.Done, a.plan.Steps[i].ID)
		}
	}
	return result, a.end()
}

// together is how many of the next steps are run in one transaction: those that only make tables, which nobody
// else can know yet.
func (a *applier) together(todo []int) int {
	const most = 50
	n := 0
	for n < min(len(todo), most) && a.plan.Steps[todo[n]].Change == createTable && a.at[todo[n]].at == 0 {
		n++
	}
	return max(n, 1)
}

// steps runs one step, or several that go together.
func (a *applier) steps(steps []int) error {
	if len(steps) == 1 {
		if err := a.step(steps[0]); err != nil {
			return fmt.Errorf("%s: %w", a.plan.Steps[steps[0]].Line(), err)
		}
		return nil
	}
	return a.patiently(func() error {
		for _, i := range steps {
			s := &a.plan.Steps[i]
			for n := range s.SQL {
				if err := a.statement(&s.SQL[n]); err != nil {
					return fmt.Errorf("%s: %w", s.Line(), err)
				}
			}
			if _, err := a.conn.Exec(a.ctx, a.mark(i, progress{at: len(s.SQL), done: true})); err != nil {
				return err
			}
		}
		return nil
	})
}

// progress tells who watches.
func (a *applier) progress(i int, took time.Duration, done bool) {
	if a.allow.Progress != nil {
		a.allow.Progress(&a.plan.Steps[i], took, done)
	}
}

// begin notes the steps to come, all at once, so that a run is known by its first moment.
func (a *applier) begin(todo []int) error {
	if a.number == 0 {
		a.at = map[int]progress{}
		err := a.conn.Query(a.ctx, "select coalesce(max(run), 0) + 1 from _dowel_migrations", func(cols []string) { a.number = integer(cols[0]) })
		if err != nil {
			return err
		}
		if err := a.keep(); err != nil {
			return err
		}
	}
	rows := make([]string, len(todo))
	for n, i := range todo {
		rows[n] = fmt.Sprintf("(%d, %d, %s, %s, 0)", a.number, i, literal(a.plan.ID()), literal(a.plan.Steps[i].Line()))
	}
	_, err := a.conn.Exec(a.ctx, "insert into _dowel_migrations (run, step, plan, text, at) values "+strings.Join(rows, ", ")+" on conflict (run, step) do nothing")
	return err
}

// mark is the statement that notes how far a step has come.
func (a *applier) mark(i int, p progress) string {
	now := a.conn.Dialect().now("datetime")
	sql := fmt.Sprintf("update _dowel_migrations set at = %d, point = %s, begun = coalesce(begun, %s)", p.at, literal(p.point), now)
	if p.done {
		sql += ", done = " + now
	}
	return fmt.Sprintf("%s where run = %d and step = %d", sql, a.number, i)
}

// step runs the statements of a step that were not run yet: those of one transaction together.
func (a *applier) step(i int) error {
	s := &a.plan.Steps[i]
	p := a.at[i]
	for p.at < len(s.SQL) {
		end := p.at + 1
		for s.SQL[p.at].Tx > 0 && end < len(s.SQL) && s.SQL[end].Tx == s.SQL[p.at].Tx {
			end++
		}
		var err error
		st := &s.SQL[p.at]
		switch {
		case st.Batch != nil:
			err = a.batches(i, st, &p)
		case st.Tx > 0:
			err = a.transaction(i, s.SQL[p.at:end], progress{at: end, done: end == len(s.SQL)})
		default:
			if _, err = a.conn.Exec(a.ctx, st.Text); err == nil && !st.Again {
				_, err = a.conn.Exec(a.ctx, a.mark(i, progress{at: end, done: end == len(s.SQL)}))
			}
		}
		if err != nil {
			return err
		}
		p = progress{at: end}
	}
	if len(s.SQL) == 0 {
		_, err := a.conn.Exec(a.ctx, a.mark(i, progress{done: true}))
		return err
	}
	return nil
}

// tries is how often a lock is asked for that others do not give up in time, about two minutes in all.
const tries = 60

// transaction runs statements that belong together, and notes that they are done in the same
// transaction. It waits for a lock a little only, because everybody else waits behind it, and tries again.
func (a *applier) transaction(i int, statements []Statement, then progress) (err error) {
	return a.patiently(func() error {
		for n := range statements {
			if err := a.statement(&statements[n]); err != nil {
				return err
			}
		}
		_, err := a.conn.Exec(a.ctx, a.mark(i, then))
		return err
	})
}

// patiently runs a transaction, again as long as others hold what it locks.
func (a *applier) patiently(run func() error) (err error) {
	pause, wait := 50*time.Millisecond, shortWait
	for try := 1; ; try++ {
		if try%5 == 0 {
			wait = longWait
		}
		err = a.conn.Dialect().waiting(a.ctx, a.conn, wait, run)
		wait = shortWait
		if try == tries || !isBusy(err) {
			return err
		}
		select {
		case <-a.ctx.Done():
			return a.ctx.Err()
		case <-time.After(pause + rand.N(pause)):
		}
		pause = min(2*pause, time.Second)
	}
}

// isBusy reports whether an error says that others hold what was asked for.
func isBusy(err error) bool {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return false
	}
	switch state.SQLState() {
	case "55P03", "40P01", "40001": // lock_not_available, deadlock_detected, serialization_failure
		return true
	}
	return false
}

// statement runs one statement of a transaction.
func (a *applier) statement(st *Statement) error {
	if st.Verify == "" {
		_, err := a.conn.Exec(a.ctx, st.Text)
		return err
	}
	holds := false
	err := a.conn.Query(a.ctx, st.Text, func(cols []string) { holds = cols[0] == "t" || cols[0] == "1" })
	if err == nil && !holds {
		err = errors.New(st.Verify)
	}
	return err
}

// batches runs an update for one range of keys after the other.
func (a *applier) batches(i int, st *Statement, p *progress) error {
	b := st.Batch
	keys := quoteAll(b.Key)
	for {
		after := ""
		if p.point != "" {
			after = "(" + keys + ") > (" + b.at(p.point) + ")"
		}
		next := ""
		where := ""
		if after != "" {
			where = " where " + after
		}
		sql := "select " + keys + " from " + quote(b.Table) + where + " order by " + keys + " offset " + itoa(b.Rows-1) + " limit 1"
		err := a.conn.Query(a.ctx, sql, func(cols []string) { next = joinKey(cols) })
		if err != nil {
			return err
		}
		var conditions []string
		if after != "" {
			conditions = append(conditions, after)
		}
		if next != "" {
			conditions = append(conditions, "("+keys+") <= ("+b.at(next)+")")
		}
		if conditions == nil {
			conditions = []string{"true"}
		}
		part := Statement{Text: strings.Replace(st.Text, batchRange, strings.Join(conditions, " and "), 1)}
		then := progress{at: p.at, point: next}
		if next == "" {
			then = progress{at: p.at + 1, done: p.at+1 == len(a.plan.Steps[i].SQL)}
		}
		if err := a.transaction(i, []Statement{part}, then); err != nil {
			return err
		}
		*p = then
		if next == "" {
			return nil
		}
	}
}

// joinKey is a key as one text, of which at makes SQL.
func joinKey(cols []string) string {
	quoted := make([]string, len(cols))
	for i, c := range cols {
		quoted[i] = literal(c)
	}
	return strings.Join(quoted, unit)
}

func (b *Batch) at(point string) string {
	parts := strings.Split(point, unit)
	for i := range parts {
		parts[i] += "::" + b.Types[i]
	}
	return strings.Join(parts, ", ")
}

// end notes what the database looks like now, for a later look at what others have changed.
func (a *applier) end() error {
	for _, sql := range a.plan.Notes {
		if _, err := a.conn.Exec(a.ctx, sql); err != nil {
			return err
		}
	}
	return remember(a.ctx, a.conn, a.plan.Schema)
}
