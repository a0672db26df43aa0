package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// planCmd is `dowel plan`.
type planCmd struct {
	DB       string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	Out      string `short:"o" name:"out" placeholder:"FILE" help:"Write the plan to a file, for apply."`
	ExitCode bool   `help:"End with status 10 when there is something to do."`
	SQL      bool   `name:"sql" help:"Show the statements, too."`
	Locks    bool   `help:"Show the locks that are taken and about how long it takes, too."`
	Format   string `enum:"text,json" default:"text" help:"How the plan is printed: ${enum}."`
	Folder   string `arg:"" optional:"" default:"." help:"The application."`
}

// Run compares the tables with the schema. Nothing is changed.
func (c *planCmd) Run(r *run) error {
	p, err := r.planning(c.Folder, c.DB)
	if err != nil {
		return err
	}
	r.note("comparing %s with %s", p.title(), masked(p.cfg.DB))
	var plan *migrate.Plan
	err = p.looking(r.ctx, func(conn migrate.Conn) (err error) {
		plan, err = migrate.Make(r.ctx, conn, p.schema)
		return err
	})
	if err != nil {
		return p.databaseError(err)
	}
	if c.Out != "" {
		if err := writePlan(c.Out, plan); err != nil {
			return unavailable(err)
		}
	}
	switch {
	case c.Format == "json":
		err = printJSON(r, plan)
	default:
		err = p.placed(plan).Write(r.out, migrate.Text{SQL: c.SQL, Locks: c.Locks})
	}
	if err != nil {
		return unavailable(err)
	}
	if plan.Count(migrate.Blocked) > 0 {
		if err := diag.Text(r.err, p.blocked(plan), r.sourceText, r.live); err != nil {
			return unavailable(err)
		}
	}
	c.next(r, plan)
	switch {
	case plan.Count(migrate.Blocked) > 0:
		return reported(exitFindings)
	case c.ExitCode && !plan.Empty():
		return reported(exitPending)
	}
	return nil
}

// next says what to do with the plan.
func (c *planCmd) next(r *run, plan *migrate.Plan) {
	if plan.Empty() {
		return
	}
	apply := "dowel apply"
	if c.Out != "" {
		apply += " " + c.Out
	}
	var first []string
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if s.Risk == migrate.Blocked && !slices.Contains(first, s.Name) {
			first = append(first, s.Name)
		}
		if s.Risk == migrate.Destructive && !strings.Contains(apply+" ", " --allow "+s.Name+" ") {
			apply += " --allow " + s.Name
		}
	}
	next := "`" + apply + "`"
	if len(first) > 0 {
		next = "settle " + strings.Join(first, ", ") + ", then `dowel plan` and `dowel apply`"
	}
	r.note("nothing was changed; next: %s", next)
}

// planning reads what a plan needs: schema and settings.
func (r *run) planning(folder, db string) (*project, error) {
	p, err := r.load(folder, false)
	if err != nil {
		return nil, err
	}
	flags := map[string]string{}
	if db != "" {
		flags["db"] = db
	}
	if p.cfg, err = r.readConfig(p.folder, flags); err != nil {
		return nil, err
	}
	p.cfg.Replicas = nil
	if p.inMemory() {
		return nil, refuse(errors.New("a database in memory is made anew with every start: there is nothing to plan"),
			"name another with --db, such as --db sqlite:data/app.db")
	}
	return p, nil
}

// looking runs fn with a session that changes nothing. A file that is not there is an empty database.
func (p *project) looking(ctx context.Context, fn func(migrate.Conn) error) error {
	path := p.databasePath()
	switch {
	case path == "":
		return postgres.Inspecting(ctx, p.cfg.DB, postgres.Options{}, fn)
	case p.fresh():
		return fn(nowhere{})
	}
	return sqlite.Inspecting(ctx, path, fn)
}

// nowhere is a SQLite database that is not there yet.
type nowhere struct{}

func (nowhere) Dialect() migrate.Dialect                                 { return migrate.SQLite }
func (nowhere) Query(context.Context, string, func(cols []string)) error { return nil }
func (nowhere) Exec(context.Context, string) (int64, error) {
	return 0, errors.New("there is no database yet")
}

// migrating runs fn with a session of the open store, to change tables with.
func (p *project) migrating(ctx context.Context, fn func(migrate.Conn) error) error {
	m, ok := p.store.(interface {
		Migrating(context.Context, func(migrate.Conn) error) error
	})
	if !ok {
		return refuse(fmt.Errorf("the tables of %s cannot be changed", masked(p.cfg.DB)))
	}
	return m.Migrating(ctx, fn)
}

// bare reports whether the database of the open store has none of the tables of the schema.
func (p *project) bare(r *run) (bare bool, err error) {
	err = p.migrating(r.ctx, func(conn migrate.Conn) error {
		have, err := migrate.Inspect(r.ctx, conn)
		if err != nil {
			return err
		}
		bare = !slices.ContainsFunc(migrate.Desired(p.schema, conn.Dialect()).Tables, func(t *migrate.Table) bool { return have.Table(t.Name) != nil })
		return nil
	})
	return bare, err
}

// databaseError is an error of the database as a verb ends with it; failures stay what they are.
func (p *project) databaseError(err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	return unavailable(fmt.Errorf("database %s: %w", masked(p.cfg.DB), err))
}

// placed is the plan with its places as the working directory sees them.
func (p *project) placed(plan *migrate.Plan) *migrate.Plan {
	seen := *plan
	seen.Steps = slices.Clone(plan.Steps)
	for i := range seen.Steps {
		seen.Steps[i].Pos.File = under(p.folder, seen.Steps[i].Pos.File)
	}
	return &seen
}

// blocked are findings about the steps that cannot be done.
func (p *project) blocked(plan *migrate.Plan) (found diag.List) {
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if s.Risk != migrate.Blocked {
			continue
		}
		d := diag.Diagnostic{Code: s.Code, Pos: s.Pos, Help: s.Help, Message: "`" + s.Name + "`: " + s.Text}
		if s.List != "" {
			d.Help = strings.TrimPrefix(d.Help+"; ", "; ") + "the rows: " + s.List
		}
		found.Add(d)
	}
	return seenFrom(p.folder, found)
}

// writePlan keeps a plan for apply.
func writePlan(file string, plan *migrate.Plan) error {
	text, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// readPlan reads what writePlan wrote.
func readPlan(file string) (*migrate.Plan, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, unavailable(err)
	}
	plan := &migrate.Plan{}
	if err := json.Unmarshal(text, plan); err != nil {
		return nil, refuse(fmt.Errorf("%s is no plan: %w", file, err), "`dowel plan -o "+file+"` writes one")
	}
	if plan.Dialect == "" || plan.Schema == "" {
		return nil, refuse(fmt.Errorf("%s is no plan", file), "`dowel plan -o "+file+"` writes one")
	}
	return plan, nil
}

func printJSON(r *run, v any) error {
	e := json.NewEncoder(r.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
