package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/storage/migrate"
)

// applyCmd is `dowel apply`.
type applyCmd struct {
	DB               string   `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	Allow            []string `placeholder:"NAME" help:"Make a change that loses values, such as customer.legacy_code; may be given several times."`
	AllowDestructive bool     `help:"Make every change that loses values."`
	Plan             string   `arg:"" optional:"" help:"A file that plan -o wrote; without one, what the schema wants is made."`
	Folder           string   `arg:"" optional:"" help:"The application."`
}

// Run makes the changes of a plan, or of the one that is made now.
func (c *applyCmd) Run(r *run) error {
	file, folder := c.arguments()
	p, err := r.planning(folder, c.DB)
	if err != nil {
		return err
	}
	var given *migrate.Plan
	if file != "" {
		if given, err = readPlan(file); err != nil {
			return err
		}
	}
	if err := p.openStore(r); err != nil {
		return err
	}
	defer p.close()
	a := &applying{run: r, project: p, names: c.Allow, all: c.AllowDestructive}
	err = p.migrating(r.ctx, func(conn migrate.Conn) error {
		switch {
		case given != nil:
			return a.plan(conn, given, file)
		case p.versioned():
			return a.files(conn)
		}
		return a.schema(conn)
	})
	if a.done > 0 {
		p.announce(r)
	}
	if err != nil {
		return p.databaseError(err)
	}
	return nil
}

// arguments tells the two apart when there is one: a plan is a file that is no schema.
func (c *applyCmd) arguments() (file, folder string) {
	switch info, err := os.Stat(c.Plan); {
	case c.Folder != "":
		return c.Plan, c.Folder
	case c.Plan == "":
		return "", "."
	case err == nil && info.IsDir(), strings.HasSuffix(c.Plan, ".yaml"), strings.HasSuffix(c.Plan, ".yml"):
		return "", c.Plan
	}
	return c.Plan, "."
}

// applying is one run of apply.
type applying struct {
	*run
	*project
	names []string
	all   bool
	done  int // changes made
}

func (a *applying) allow() migrate.Allow {
	return migrate.Allow{Names: a.names, All: a.all, Progress: a.progress}
}

// progress tells of every step: how long it took, and of long ones that they have begun.
func (a *applying) progress(s *migrate.Step, took time.Duration, done bool) {
	line := fmt.Sprintf("  %s %s  %s", s.Sign, s.Name, s.Text)
	switch {
	case !done && s.Estimate >= time.Second:
		a.note("%s … about %s", line, s.Estimate.Round(time.Second))
	case done:
		a.done++
		if s.Risk == migrate.Destructive {
			line += "  DESTRUCTIVE"
		}
		a.note("%s  (%s)", line, spent(took))
	}
}

// spent is a time for people.
func spent(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// plan makes the changes of a plan from a file: all of them, or none.
func (a *applying) plan(conn migrate.Conn, plan *migrate.Plan, file string) error {
	if plan.Schema != migrate.WantedBy(migrate.Desired(a.project.schema, conn.Dialect())) {
		a.note("warning: %s was made for another revision of the schema", file)
	}
	if err := a.unknownNames(plan); err != nil {
		return err
	}
	result, err := migrate.Apply(a.ctx, conn, plan, a.allow())
	var changed *migrate.ChangedError
	switch {
	case errors.As(err, &changed):
		return refuse(fmt.Errorf("the database is not the one that %s was made for", file), append(differences(changed.Differences),
			"make a new plan: `dowel plan -o "+file+"`")...)
	case errors.Is(err, migrate.ErrChanged):
		return refuse(fmt.Errorf("%s: %w", file, err), "make a new plan: `dowel plan -o "+file+"`")
	case err != nil:
		return a.refused(err, plan, "dowel apply "+file)
	}
	a.told(result)
	return nil
}

// schema brings the tables to what the schema wants. One that was interrupted is ended first.
func (a *applying) schema(conn migrate.Conn) error {
	if err := a.resume(conn); err != nil {
		return err
	}
	plan, err := migrate.Make(a.ctx, conn, a.project.schema)
	if err != nil {
		return err
	}
	if err := a.unknownNames(plan); err != nil {
		return err
	}
	if plan.Count(migrate.Blocked) > 0 {
		if err := a.placed(plan).Write(a.out, migrate.Text{}); err != nil {
			return unavailable(err)
		}
		if err := diag.Text(a.err, a.blocked(plan), a.sourceText, a.live); err != nil {
			return unavailable(err)
		}
		return refuse(fmt.Errorf("%s cannot be made; nothing was changed", counted(plan.Count(migrate.Blocked), "change", "changes")))
	}
	allow := a.allow()
	allow.Partial = true
	result, err := migrate.Apply(a.ctx, conn, plan, allow)
	if err != nil {
		return a.refused(err, plan, "dowel apply")
	}
	a.told(result)
	if len(result.Left) > 0 {
		lines := make([]string, 0, len(result.Left)+1)
		for i := range result.Left {
			lines = append(lines, "  "+result.Left[i].Line())
		}
		return refuse(fmt.Errorf("%s left, which would lose values", wasOrWere(len(result.Left), "change")), append(lines, "allow them by name: `dowel apply"+allowing(result.Left)+"`")...)
	}
	return nil
}

// resume ends the plan that an earlier apply began, if the schema still wants it.
func (a *applying) resume(conn migrate.Conn) error {
	plan, done, left, err := migrate.Interrupted(a.ctx, conn)
	if err != nil || plan == nil {
		return err
	}
	if plan.Schema != migrate.WantedBy(migrate.Desired(a.project.schema, conn.Dialect())) {
		a.note("an earlier apply was interrupted, and the schema has changed since: planning anew")
		return nil
	}
	a.note("resuming an apply that was interrupted: %d of %s done", done, counted(done+left, "change", "changes"))
	allow := a.allow()
	allow.Partial = true
	_, err = migrate.Apply(a.ctx, conn, plan, allow)
	if errors.Is(err, migrate.ErrChanged) {
		return nil // somebody went on otherwise; the plan to come is for what is there
	}
	return err
}

// refused gives an error of Apply its status.
func (a *applying) refused(err error, plan *migrate.Plan, verb string) error {
	switch {
	case errors.Is(err, migrate.ErrBlocked):
		if err := diag.Text(a.err, a.blocked(plan), a.sourceText, a.live); err != nil {
			return unavailable(err)
		}
		return refuse(fmt.Errorf("%s cannot be made; nothing was changed", counted(plan.Count(migrate.Blocked), "change", "changes")))
	case errors.Is(err, migrate.ErrNotAllowed):
		var lines []string
		var lost []migrate.Step
		for _, s := range plan.Steps {
			if s.Risk == migrate.Destructive && !a.allowed(&s) {
				lost = append(lost, s)
				lines = append(lines, "  "+s.Line())
			}
		}
		return refuse(fmt.Errorf("%s would lose values; nothing was changed", counted(len(lost), "change", "changes")),
			append(lines, "allow them by name: `"+verb+allowing(lost)+"`")...)
	}
	if a.done > 0 {
		a.note("interrupted after %s; the next `%s` goes on from there", counted(a.done, "change", "changes"), verb)
	}
	return err
}

func (a *applying) allowed(s *migrate.Step) bool {
	return a.all || slices.Contains(a.names, s.Name) || slices.Contains(a.names, s.ID)
}

// unknownNames refuses names of --allow that no destructive step of the plan has: a slip
// would leave undone what was meant.
func (a *applying) unknownNames(plan *migrate.Plan) error {
	var names []string
	for i := range plan.Steps {
		if s := &plan.Steps[i]; s.Risk == migrate.Destructive {
			names = append(names, s.Name, s.ID)
		}
	}
	for _, name := range a.names {
		if !slices.Contains(names, name) {
			return misuse("--allow %s: no change that loses values is called so%s", name, didYouMean(name, names))
		}
	}
	return nil
}

// told says what was done.
func (a *applying) told(result *migrate.Result) {
	switch {
	case result.Resumed:
		a.note("resumed: %s made, the others had been made before", counted(len(result.Done), "change", "changes"))
	case len(result.Done) == 0 && len(result.Left) == 0:
		a.note("nothing to change")
	default:
		a.note("%s made", counted(len(result.Done), "change", "changes"))
	}
}

func wasOrWere(n int, one string) string {
	if n == 1 {
		return "1 " + one + " was"
	}
	return fmt.Sprintf("%d %ss were", n, one)
}

// allowing are the flags that allow steps.
func allowing(steps []migrate.Step) (flags string) {
	for i := range steps {
		flags += " --allow " + steps[i].Name
	}
	return flags
}

// differences are lines for people.
func differences(all []migrate.Difference) (lines []string) {
	for _, d := range all {
		name := d.Name
		if d.Table != "" {
			name = d.Table + "." + d.Name
		}
		lines = append(lines, fmt.Sprintf("  %s %s %s  %s", d.Sign, d.Kind, name, d.Text))
	}
	return lines
}
