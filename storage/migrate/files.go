package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// Teams that want to see every statement keep their changes as numbered files of SQL,
// 0001_add_phone.sql, beside a file of their checksums. ApplyFiles runs those that a database
// has not seen, in order, each once; a file that was changed afterwards, is missing or comes too late is
// refused by name. On SQLite a file is one transaction. On PostgreSQL it is one, too, unless it has
// begin and commit itself or a statement that must stand alone; then it goes on where it was interrupted.

// Checksums is the name of the file that holds the checksum of every other: what sha256sum writes.
const Checksums = "checksums"

// File is one migration.
type File struct {
	Number  int
	Name    string // 0001_add_phone.sql
	Title   string // add_phone
	Dialect string // sqlite or postgres: a variant for that database alone; "" is for any
	Text    string
	Sum     string // SHA-256
	Listed  string // what the file of checksums says, "" for nothing
}

// For is the database that the file says it was written for, "" when it does not.
func (f *File) For() string {
	if f.Dialect != "" {
		return f.Dialect
	}
	if m := forDialect.FindStringSubmatch(f.Text); m != nil {
		return m[1]
	}
	return ""
}

var (
	fileName   = regexp.MustCompile(`^([0-9]{4,})_([a-z0-9_]+?)(?:\.(sqlite|postgres))?\.sql$`)
	forDialect = regexp.MustCompile(`(?m)^-- dowel: (sqlite|postgres)\s*$`)
)

// Sum is the checksum of a file. Line ends do not count.
func Sum(text string) string {
	sum := sha256.Sum256([]byte(strings.ReplaceAll(text, "\r\n", "\n")))
	return hex.EncodeToString(sum[:])
}

// ReadFiles reads a folder of migrations, in order, variants of all databases.
func ReadFiles(folder fs.FS) ([]File, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	listed, err := readChecksums(folder)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".sql") {
			continue
		}
		m := fileName.FindStringSubmatch(e.Name())
		if m == nil {
			return nil, fmt.Errorf("%s is not named like 0001_add_phone.sql", e.Name())
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		text, err := fs.ReadFile(folder, e.Name())
		if err != nil {
			return nil, err
		}
		files = append(files, File{Number: n, Name: e.Name(), Title: m[2], Dialect: m[3], Text: string(text), Sum: Sum(string(text)), Listed: listed[e.Name()]})
	}
	slices.SortStableFunc(files, func(a, b File) int { return a.Number - b.Number })
	for i := 1; i < len(files); i++ {
		if a, b := files[i-1], files[i]; a.Number == b.Number && (a.Title != b.Title || a.Dialect == b.Dialect) {
			return nil, fmt.Errorf("%s and %s have one number", a.Name, b.Name)
		}
	}
	return files, nil
}

func readChecksums(folder fs.FS) (map[string]string, error) {
	listed := map[string]string{}
	text, err := fs.ReadFile(folder, Checksums)
	if errors.Is(err, fs.ErrNotExist) {
		return listed, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if sum, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			listed[name] = sum
		}
	}
	return listed, nil
}

// ChecksumsOf is the text of the file of checksums.
func ChecksumsOf(files []File) string {
	lines := make([]string, len(files))
	for i, f := range files {
		lines[i] = f.Sum + "  " + f.Name + "\n"
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return strings.Join(lines, "")
}

// FilesFor are the files for a database: of a number that has a variant for it, that one.
func FilesFor(files []File, d Dialect) (mine []File) {
	for _, f := range files {
		if f.Dialect != "" && f.Dialect != d.Name() {
			continue
		}
		if n := len(mine); n > 0 && mine[n-1].Number == f.Number {
			if f.Dialect != "" {
				mine[n-1] = f
			}
			continue
		}
		mine = append(mine, f)
	}
	return mine
}

// FileState is what a database knows of a file.
type FileState struct {
	File  string
	State State
	Done  string // when it was applied
	Text  string // what is wrong with it
}

// State is that of a migration file.
type State string

// The states. Those after Interrupted keep files from being applied.
const (
	FileApplied     State = "applied"
	FilePending     State = "pending"
	FileInterrupted State = "interrupted" // begun, and not ended
	FileEdited      State = "edited"      // not what the file of checksums says
	FileChanged     State = "changed"     // not what was applied
	FileMissing     State = "missing"     // applied, and not there any more
	FileLate        State = "late"        // comes before one that was applied
	FileElsewhere   State = "foreign"     // written for the other database
)

// Wrong reports whether the state keeps files from being applied.
func (s State) Wrong() bool { return s != FileApplied && s != FilePending && s != FileInterrupted }

// FileStates compares files with what a database has seen of them. Files are those for its dialect.
func FileStates(ctx context.Context, c Conn, files []File) ([]FileState, error) {
	seen, err := seenFiles(ctx, c)
	if err != nil {
		return nil, err
	}
	highest := 0
	for name, s := range seen {
		if m := fileName.FindStringSubmatch(name); m != nil && s.done != "" {
			n, _ := strconv.Atoi(m[1]) // the pattern lets digits through only
			highest = max(highest, n)
		}
	}
	var states []FileState
	there := map[string]bool{}
	for _, f := range files {
		there[f.Name] = true
		s := FileState{File: f.Name, State: FilePending}
		before, known := seen[f.Name]
		known = known && (before.done != "" || before.at > 0) // of one that failed at once nothing is left
		switch {
		case known && before.sum != f.Sum:
			s.State, s.Text = FileChanged, "is not what was applied on "+day(before.begun)
		case f.Listed != f.Sum && f.Listed != "":
			s.State, s.Text = FileEdited, "is not what "+Checksums+" says"
		case f.Listed == "":
			s.State, s.Text = FileEdited, "is not in "+Checksums
		case known && before.done == "":
			s.State, s.Text = FileInterrupted, fmt.Sprintf("%d parts of it were done", before.at)
		case known:
			s.State, s.Done = FileApplied, before.done
		case f.Number <= highest:
			s.State, s.Text = FileLate, "comes before "+fmt.Sprintf("%04d", highest)+", which was applied"
		case f.For() != "" && f.For() != c.Dialect().Name():
			s.State, s.Text = FileElsewhere, "is for "+f.For()
		}
		states = append(states, s)
	}
	for name, before := range seen {
		if !there[name] && (before.done != "" || before.at > 0) {
			states = append(states, FileState{File: name, State: FileMissing, Done: before.done, Text: "was applied on " + day(before.begun) + " and is not there any more"})
		}
	}
	slices.SortStableFunc(states, func(a, b FileState) int { return strings.Compare(a.File, b.File) })
	return states, nil
}

func day(t string) string { return t[:min(10, len(t))] }

// seenFile is a row of the ledger.
type seenFile struct {
	sum, begun, done string
	at               int
}

const filesTable = "create table if not exists _dowel_files (name text not null primary key, sum text not null, at int not null default 0, begun text not null, done text not null default '')"

func seenFiles(ctx context.Context, c Conn) (map[string]seenFile, error) {
	there := "select 1 where to_regclass('_dowel_files') is not null"
	if !c.Dialect().identity() {
		there = "select 1 from sqlite_schema where name = '_dowel_files'"
	}
	ready := false
	if err := c.Query(ctx, there, func([]string) { ready = true }); err != nil || !ready {
		return nil, err
	}
	seen := map[string]seenFile{}
	err := c.Query(ctx, "select name, sum, begun, done, at from _dowel_files", func(cols []string) {
		seen[cols[0]] = seenFile{cols[1], cols[2], cols[3], int(integer(cols[4]))}
	})
	return seen, err
}

// SettleFiles notes what files have done, if that is all the schema wants; else it returns the plan of what is left.
func SettleFiles(ctx context.Context, c Conn, s *schema.Schema) (*Plan, error) {
	plan, err := Make(ctx, c, s)
	if err != nil || !plan.Empty() {
		return plan, err
	}
	if len(plan.Steps) > 0 {
		_, err := Apply(ctx, c, plan, Allow{})
		return plan, err
	}
	err = c.Dialect().exclusively(ctx, c, func() error {
		if err := c.Dialect().prepare(ctx, c); err != nil {
			return err
		}
		a := applier{ctx: ctx, conn: c, plan: plan}
		return a.end()
	})
	return plan, err
}

// MarkFiles notes files as applied without running them.
func MarkFiles(ctx context.Context, c Conn, files []File) error {
	d := c.Dialect()
	return d.exclusively(ctx, c, func() error {
		if err := d.prepare(ctx, c); err != nil {
			return err
		}
		if _, err := c.Exec(ctx, filesTable); err != nil {
			return err
		}
		now := literal(time.Now().UTC().Format(time.RFC3339))
		for _, f := range files {
			sql := "insert into _dowel_files (name, sum, begun, done) values (" + literal(f.Name) + ", " + literal(f.Sum) + ", " + now + ", " + now + ") on conflict (name) do nothing"
			if _, err := c.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
}

// MakeBlind is the plan for a database and a schema whatever rows there are: for a file that
// is run on other databases, too.
func MakeBlind(ctx context.Context, c Conn, s *schema.Schema) (*Plan, error) {
	have, err := Inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	return Diff(ctx, Desired(s, c.Dialect()), have, nil)
}

// FileText is a plan as a file of SQL. Steps are left out that skip says.
func FileText(p *Plan, title string, skip func(*Step) bool) string {
	var b strings.Builder
	b.WriteString("-- " + title + "\n-- dowel: " + p.Dialect + "\n")
	for i := range p.Steps {
		s := &p.Steps[i]
		if skip(s) || len(s.SQL) == 0 && s.With == "" {
			continue
		}
		b.WriteString("\n-- " + s.Line() + "\n")
		if s.With != "" {
			b.WriteString("-- (comes with: " + s.With + ")\n")
		}
		transactions := p.Dialect == PostgreSQL.Name()
		for j, st := range s.SQL {
			if transactions && st.Tx > 0 && (j == 0 || s.SQL[j-1].Tx != st.Tx) {
				b.WriteString("begin;\n")
			}
			if s.Risk == Destructive {
				b.WriteString("-- allow: " + codeLoses + "\n")
			}
			if st.Verify != "" {
				b.WriteString("-- verify: " + st.Verify + "\n")
			}
			b.WriteString(st.Text + ";\n")
			if transactions && st.Tx > 0 && (j == len(s.SQL)-1 || s.SQL[j+1].Tx != st.Tx) {
				b.WriteString("commit;\n")
			}
		}
	}
	return b.String()
}
