package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/move"
)

// moveCmd is `dowel move`.
type moveCmd struct {
	To     string `required:"" placeholder:"URL" help:"Database to copy to; it has no rows yet."`
	DB     string `name:"db" placeholder:"URL" help:"Database to copy from [DOWEL_DB]."`
	Resume bool   `help:"Go on with a move that was interrupted."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// Run copies every row to another database. It is the operator's copy below the engine: no rule
// is asked and no action runs, but all that the tables are held to holds at the end.
func (c *moveCmd) Run(r *run) error {
	from, err := r.planning(c.Folder, c.DB)
	if err != nil {
		return err
	}
	to, err := from.target(c.To)
	if err != nil {
		return err
	}
	if from.databasePath() != "" && from.fresh() {
		return unavailable(fmt.Errorf("there is no database %s", masked(from.cfg.DB)), "name the one to copy from with --db")
	}
	if err := from.openStore(r); err != nil {
		return err
	}
	defer from.close()
	pending, err := from.store.Migrate(r.ctx, from.schema, false)
	switch {
	case err != nil:
		return from.databaseError(err)
	case len(pending) > 0:
		return from.pendingRefusal(pending)
	}
	if err := to.openStore(r); err != nil {
		return err
	}
	defer to.close()
	if err := from.unmoved(r); err != nil {
		return from.databaseError(err)
	}
	r.note("moving %s from %s to %s", from.title(), masked(from.cfg.DB), masked(to.cfg.DB))
	watch := &moveProgress{run: r, shown: time.Now()}
	sums, err := move.Run(r.ctx, from.schema, from.side(), to.side(), move.Options{Resume: c.Resume, Progress: watch.add, Again: func(names []string) {
		r.note("written to meanwhile, copied again: %s", strings.Join(names, ", "))
	}})
	watch.end()
	if err != nil && sums == nil {
		return c.refused(err, to)
	}
	t := table{columns: []string{"class", "rows", "source", "target"}}
	rows := int64(0)
	for _, s := range sums {
		t.add(s.Name, s.Rows, s.Source[:16], s.Target[:16])
		rows += s.Rows
	}
	if printed := t.print(r.out, c.Output); printed != nil {
		return unavailable(printed)
	}
	if err != nil {
		return refuse(err, "remove the target and move again")
	}
	r.note("%d rows and links are the same on both sides; serve them with --db %s", rows, masked(to.cfg.DB))
	if at := c.filesLeft(from, to); at != "" {
		r.note("the content of files stays where it is: serve with --files %s", at)
	}
	r.note("entity tags are new: clients that kept some read once more")
	return nil
}

// filesLeft is where the content of files is, when the target would look for it elsewhere.
func (c *moveCmd) filesLeft(from, to *project) string {
	if at := from.filesAt(); hasFiles(from.schema) && at != to.filesAt() {
		return at
	}
	return ""
}

// target is the application on another database.
func (p *project) target(db string) (*project, error) {
	if storeOf(db) == nil {
		return nil, misuse("--to: %q is none of %s", masked(db), storeForms())
	}
	to := *p
	cfg := *p.cfg
	cfg.DB = db
	to.cfg = &cfg
	switch {
	case to.inMemory():
		return nil, misuse("--to: rows in memory are gone when the move ends")
	case to.cfg.DB == p.cfg.DB, to.databasePath() != "" && to.databasePath() == p.databasePath():
		return nil, misuse("--to: %s is where the rows are", masked(db))
	}
	return &to, nil
}

// side is the open database as move wants it.
func (p *project) side() move.Side {
	return move.Side{Store: p.store, Name: masked(p.cfg.DB), Migrating: func(ctx context.Context, fn func(migrate.Conn) error) error {
		return p.migrating(ctx, fn)
	}}
}

// unmoved tells of tables and columns that no class has: they stay where they are.
func (p *project) unmoved(r *run) error {
	return p.looking(r.ctx, func(conn migrate.Conn) error {
		have, err := migrate.Inspect(r.ctx, conn)
		if err != nil {
			return err
		}
		want := migrate.Desired(p.schema, conn.Dialect())
		for _, t := range have.Tables {
			w := want.Table(t.Name)
			if w == nil {
				r.note("not moved: table %s, which no class has", t.Name)
				continue
			}
			for _, col := range t.Columns {
				if w.Column(col.Name) == nil {
					r.note("not moved: column %s of table %s, which no field has", col.Name, t.Name)
				}
			}
		}
		return nil
	})
}

// refused gives an error of a move its status.
func (c *moveCmd) refused(err error, to *project) error {
	var filled *move.NotEmptyError
	var busy *move.BusyError
	var left *move.LeftError
	resume := "`dowel move --to " + masked(to.cfg.DB) + " --resume` goes on"
	switch {
	case errors.As(err, &filled):
		return refuse(fmt.Errorf("%s has rows already, in %s", masked(to.cfg.DB), filled.Table), "move to a database without rows")
	case errors.Is(err, move.ErrUnfinished):
		return refuse(err, resume)
	case errors.Is(err, move.ErrOther):
		return refuse(err, "move to another database, or empty this one")
	case errors.As(err, &busy):
		return refuse(err, "stop what writes to it, then "+resume)
	case errors.As(err, &left):
		lines := make([]string, len(left.Steps))
		for i, s := range left.Steps {
			lines[i] = "  " + s.Text
		}
		return refuse(errors.New("the rows do not allow what the schema wants"), append(lines, "settle them where they come from, then move again")...)
	}
	f := to.databaseError(err)
	var failed *failure
	if errors.As(f, &failed) {
		failed.help = append(failed.help, resume)
	}
	return f
}

// moveProgress tells of rows on their way: a line that moves on a terminal, else one for each class
// and every few seconds.
type moveProgress struct {
	run   *run
	shown time.Time
}

func (m *moveProgress) add(name string, rows, of int64) {
	line := fmt.Sprintf("  %s  %d of %d rows", name, rows, of)
	switch {
	case m.run.live && rows < of && time.Since(m.shown) > 100*time.Millisecond:
		fmt.Fprint(m.run.err, "\r\x1b[K"+line)
	case m.run.live && rows >= of:
		fmt.Fprint(m.run.err, "\r\x1b[K"+line+"\n")
	case !m.run.live && (rows >= of || time.Since(m.shown) > 5*time.Second):
		m.run.note("%s", line)
	default:
		return
	}
	m.shown = time.Now()
}

func (m *moveProgress) end() {
	if m.run.live {
		fmt.Fprint(m.run.err, "\r\x1b[K")
	}
}
