package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/storage/migrate"
)

// migrateCmd is `dowel migrate`: for teams that keep their changes as files of SQL.
type migrateCmd struct {
	New      migrateNewCmd      `cmd:"" help:"Write what the schema wants as the next file of SQL."`
	Status   migrateStatusCmd   `cmd:"" help:"List the files and whether the database has seen them."`
	Lint     migrateLintCmd     `cmd:"" help:"Find statements that lose values or hold others up, and files that were changed."`
	Baseline migrateBaselineCmd `cmd:"" help:"Take the tables as they are for the start, and show how they differ from the schema."`
}

// migrationsFolder holds the SQL files of applications that keep their changes as files.
const migrationsFolder = "migrations"

// versioned reports whether the application keeps its changes as files.
func (p *project) versioned() bool {
	info, err := os.Stat(p.migrations(""))
	return err == nil && info.IsDir()
}

// migrations is the folder of the files; dir, when not "", is another one below the application.
func (p *project) migrations(dir string) string {
	if dir == "" {
		dir = migrationsFolder
	}
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(p.folder, dir)
}

// files reads the migration files of a folder; one that is not there has none.
func (p *project) files(folder string) ([]migrate.File, error) {
	files, err := migrate.ReadFiles(os.DirFS(folder))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, refuse(fmt.Errorf("%s: %w", folder, err))
	}
	return files, nil
}

// saveFiles writes the checksums of files.
func saveFiles(folder string, files []migrate.File) error {
	return os.WriteFile(filepath.Join(folder, migrate.Checksums), []byte(migrate.ChecksumsOf(files)), 0o644)
}

// dirFlag is embedded in every verb about files.
type dirFlag struct {
	Dir string `default:"migrations" placeholder:"FOLDER" help:"Folder of the files, below the application."`
}

// migrateNewCmd is `dowel migrate new`.
type migrateNewCmd struct {
	DB               string   `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	Allow            []string `placeholder:"NAME" help:"Write a change that loses values, too, such as customer.legacy_code; may be given several times."`
	AllowDestructive bool     `help:"Write every change that loses values, too."`
	Empty            bool     `help:"Write a file for SQL of your own."`
	dirFlag
	Name   string `arg:"" help:"What the file is about: add_phone."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

var titleForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_]*$`)

// Run writes a file. The database is only looked at.
func (c *migrateNewCmd) Run(r *run) error {
	title := strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(c.Name))
	if !titleForm.MatchString(title) {
		return misuse("a file cannot be called `%s`: use letters, digits and _", c.Name)
	}
	p, err := r.planning(c.Folder, c.DB)
	if err != nil {
		return err
	}
	folder := p.migrations(c.Dir)
	all, err := p.files(folder)
	if err != nil {
		return err
	}
	var plan *migrate.Plan
	var states []migrate.FileState
	var dialect migrate.Dialect
	err = p.looking(r.ctx, func(conn migrate.Conn) (err error) {
		dialect = conn.Dialect()
		if states, err = migrate.FileStates(r.ctx, conn, migrate.FilesFor(all, dialect)); err != nil {
			return err
		}
		plan, err = migrate.MakeBlind(r.ctx, conn, p.schema)
		return err
	})
	if err != nil {
		return p.databaseError(err)
	}
	number, variant := c.place(all, title, dialect)
	if err := c.ready(states, all, number, variant); err != nil {
		return err
	}
	text := "-- " + c.Name + "\n-- dowel: " + dialect.Name() + "\n\n"
	if !c.Empty {
		if text, err = c.text(r, p, plan); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("%04d_%s.sql", number, title)
	if variant {
		name = fmt.Sprintf("%04d_%s.%s.sql", number, title, dialect.Name())
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return unavailable(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
		return unavailable(err)
	}
	all = append(all, migrate.File{Name: name, Sum: migrate.Sum(text)})
	if err := saveFiles(folder, known(all, name)); err != nil {
		return unavailable(err)
	}
	fmt.Fprintln(r.out, filepath.Join(folder, name))
	r.note("read it, then `dowel apply` runs it")
	return nil
}

// known are files with the checksums that were noted, so that one that was edited by hand is not noted by the way.
func known(all []migrate.File, fresh string) (files []migrate.File) {
	for _, f := range all {
		switch {
		case f.Name == fresh:
		case f.Listed == "":
			continue
		default:
			f.Sum = f.Listed
		}
		files = append(files, f)
	}
	return files
}

// place finds the number of a new file. A second file of the newest name, for the other database, is a variant of it.
func (c *migrateNewCmd) place(all []migrate.File, title string, d migrate.Dialect) (number int, variant bool) {
	if len(all) == 0 {
		return 1, false
	}
	newest := all[len(all)-1]
	if newest.Title == title && newest.For() != "" && newest.For() != d.Name() {
		return newest.Number, true
	}
	return newest.Number + 1, false
}

// ready refuses a new file while others wait: the plan would hold what they do.
func (c *migrateNewCmd) ready(states []migrate.FileState, all []migrate.File, number int, variant bool) error {
	for _, s := range states {
		same := variant && strings.HasPrefix(s.File, fmt.Sprintf("%04d_", number))
		switch {
		case s.State == migrate.FileApplied || same:
		case s.State.Wrong():
			return refuse(fmt.Errorf("%s %s", s.File, s.Text), "`dowel migrate status` lists the files")
		default:
			return refuse(fmt.Errorf("%s was not applied yet, so what it does would be written once more", s.File), "`dowel apply` runs it")
		}
	}
	return nil
}

// text is the plan as SQL.
func (c *migrateNewCmd) text(r *run, p *project, plan *migrate.Plan) (string, error) {
	if plan.Count(migrate.Blocked) > 0 {
		if err := diag.Text(r.err, p.blocked(plan), r.sourceText, r.live); err != nil {
			return "", unavailable(err)
		}
		return "", refuse(fmt.Errorf("%s cannot be made", counted(plan.Count(migrate.Blocked), "change", "changes")))
	}
	a := &applying{run: r, project: p, names: c.Allow, all: c.AllowDestructive}
	if err := a.unknownNames(plan); err != nil {
		return "", err
	}
	var left []migrate.Step
	written := 0
	skip := func(s *migrate.Step) bool {
		if s.Risk == migrate.Adoption {
			return true
		}
		if s.Risk == migrate.Destructive && !a.allowed(s) {
			left = append(left, *s)
			return true
		}
		written++
		return false
	}
	text := migrate.FileText(plan, c.Name, skip)
	if len(left) > 0 {
		r.note("left out, since values would be lost:")
		for i := range left {
			r.note("  %s", left[i].Line())
		}
		r.note("write them, too, with%s", allowing(left))
	}
	if written == 0 {
		return "", refuse(errors.New("there is nothing to change"), "--empty writes a file for SQL of your own")
	}
	return text, nil
}

// migrateStatusCmd is `dowel migrate status`.
type migrateStatusCmd struct {
	DB string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	dirFlag
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// Run lists the files.
func (c *migrateStatusCmd) Run(r *run) error {
	p, err := r.planning(c.Folder, c.DB)
	if err != nil {
		return err
	}
	all, err := p.files(p.migrations(c.Dir))
	if err != nil {
		return err
	}
	var states []migrate.FileState
	err = p.looking(r.ctx, func(conn migrate.Conn) (err error) {
		states, err = migrate.FileStates(r.ctx, conn, migrate.FilesFor(all, conn.Dialect()))
		return err
	})
	if err != nil {
		return p.databaseError(err)
	}
	t := table{columns: []string{"file", "state", "applied", "note"}}
	wrong, waiting := 0, 0
	for _, s := range states {
		t.add(s.File, string(s.State), s.Done, s.Text)
		if s.State.Wrong() {
			wrong++
		} else if s.State != migrate.FileApplied {
			waiting++
		}
	}
	if err := t.print(r.out, c.Output); err != nil {
		return unavailable(err)
	}
	r.note("%s, %d pending", counted(len(states), "file", "files"), waiting)
	if wrong > 0 {
		return refuse(fmt.Errorf("%s in the way of others", isOrAre(wrong, "file")))
	}
	return nil
}

func isOrAre(n int, one string) string {
	if n == 1 {
		return "1 " + one + " is"
	}
	return fmt.Sprintf("%d %ss are", n, one)
}

// migrateLintCmd is `dowel migrate lint`.
type migrateLintCmd struct {
	Format string `enum:"text,short,json,github,sarif" default:"text" help:"How findings are printed: ${enum}."`
	Accept bool   `help:"Note the files as they are in the file of checksums."`
	dirFlag
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run looks at the files, without a database.
func (c *migrateLintCmd) Run(r *run) error {
	where, _, err := place(c.Folder)
	if err != nil {
		return err
	}
	p := &project{folder: where}
	folder := p.migrations(c.Dir)
	files, err := p.files(folder)
	if err != nil {
		return err
	}
	if c.Accept {
		for i := range files {
			if files[i].Listed != files[i].Sum {
				r.note("noted: %s", files[i].Name)
			}
			files[i].Listed = files[i].Sum
		}
		if len(files) > 0 {
			if err := saveFiles(folder, files); err != nil {
				return unavailable(err)
			}
		}
	}
	found := seenFrom(folder, migrate.Lint(files))
	if err := diag.Write(r.out, c.Format, found, r.sourceText, r.lively(r.out)); err != nil {
		return unavailable(err)
	}
	if len(found) > 0 {
		r.note("%s, %s", counted(len(files), "file", "files"), found.Summary())
		return reported(exitFindings)
	}
	r.note("%s, nothing to complain about", counted(len(files), "file", "files"))
	return nil
}

// migrateBaselineCmd is `dowel migrate baseline`.
type migrateBaselineCmd struct {
	DB    string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	Files bool   `help:"Note the files that are there as applied, without running them."`
	dirFlag
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// Run notes the tables as they are: those that somebody else made are taken over. No value and no type is changed.
func (c *migrateBaselineCmd) Run(r *run) error {
	p, err := r.planning(c.Folder, c.DB)
	if err != nil {
		return err
	}
	files, err := p.files(p.migrations(c.Dir))
	if err != nil {
		return err
	}
	if p.databasePath() != "" && p.fresh() {
		return unavailable(fmt.Errorf("there is no database %s", masked(p.cfg.DB)))
	}
	if err := p.openStore(r); err != nil {
		return err
	}
	defer p.close()
	var beyond []migrate.Difference
	var plan *migrate.Plan
	err = p.migrating(r.ctx, func(conn migrate.Conn) error {
		adopted, err := migrate.Adopt(r.ctx, conn, p.schema)
		if err != nil {
			return err
		}
		for _, name := range adopted {
			r.note("taken over: %s", name)
		}
		if err := migrate.Baseline(r.ctx, conn, p.schema); err != nil {
			return err
		}
		if c.Files {
			if err := migrate.MarkFiles(r.ctx, conn, migrate.FilesFor(files, conn.Dialect())); err != nil {
				return err
			}
		}
		if beyond, err = migrate.Beyond(r.ctx, conn, p.schema); err != nil {
			return err
		}
		plan, err = migrate.Make(r.ctx, conn, p.schema)
		return err
	})
	if err != nil {
		return p.databaseError(err)
	}
	t := table{columns: []string{"sign", "kind", "name", "difference"}}
	for _, d := range beyond {
		name := d.Name
		if d.Table != "" {
			name = d.Table + "." + d.Name
		}
		t.add(d.Sign, d.Kind, name, d.Text)
	}
	for i := range plan.Steps {
		s := &plan.Steps[i]
		t.add(s.Sign, s.Change, s.Name, s.Text+" ("+string(s.Risk)+")")
	}
	if len(t.rows) > 0 || c.Output != "table" {
		if err := t.print(r.out, c.Output); err != nil {
			return unavailable(err)
		}
	}
	if plan.Empty() {
		r.note("the schema wants nothing else; what it does not have stays as it is")
	} else {
		r.note("the schema wants %s: `dowel plan` shows them", counted(len(plan.Steps), "change", "changes"))
	}
	return nil
}

// files runs the migration files that the database has not seen.
func (a *applying) files(conn migrate.Conn) error {
	if len(a.names) > 0 || a.all {
		return misuse("--allow does not fit: what is in %s is run as it is", migrationsFolder)
	}
	folder := a.migrations("")
	all, err := a.project.files(folder)
	if err != nil {
		return err
	}
	files := migrate.FilesFor(all, conn.Dialect())
	states, err := migrate.FileStates(a.ctx, conn, files)
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.State == migrate.FileInterrupted {
			a.note("resuming %s: %s", s.File, s.Text)
		}
	}
	err = migrate.ApplyFiles(a.ctx, conn, files, func(f *migrate.File, took time.Duration) {
		a.done++
		a.note("  %s  (%s)", f.Name, spent(took))
	})
	var failed *migrate.FileError
	switch {
	case errors.Is(err, migrate.ErrFiles):
		return refusedFiles(states)
	case errors.As(err, &failed):
		failed.File = filepath.Join(folder, failed.File)
		return refuse(failed, "what came before it is done; correct the file, note it with `dowel migrate lint --accept`, and apply again")
	case err != nil:
		return err
	}
	a.note("%s applied", counted(a.done, "file", "files"))
	left, err := migrate.SettleFiles(a.ctx, conn, a.project.schema)
	if err != nil {
		return err
	}
	if !left.Empty() {
		a.note("the schema wants %s more that no file makes:", counted(len(left.Steps)-left.Count(migrate.Adoption), "change", "changes"))
		for i := range left.Steps {
			a.note("  %s", left.Steps[i].Line())
		}
		a.note("`dowel migrate new NAME` writes them")
	}
	return nil
}

// refusedFiles names the files that keep others from being applied.
func refusedFiles(states []migrate.FileState) error {
	var lines []string
	for _, s := range states {
		if s.State.Wrong() {
			lines = append(lines, "  "+s.File+" "+s.Text)
		}
	}
	help := "take back what was changed, and write another file"
	if slices.ContainsFunc(states, func(s migrate.FileState) bool { return s.State == migrate.FileEdited }) {
		help = "a file that was never applied is noted as it is by `dowel migrate lint --accept`"
	}
	return refuse(errors.New("the files are not those that were applied; nothing was run"), append(lines, help)...)
}
