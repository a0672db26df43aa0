package migrate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FileError says at which statement of a file it failed.
type FileError struct {
	File string
	Line int
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

// ErrFiles: a file keeps others from being applied; FileStates says which.
var ErrFiles = errors.New("the files are not those that were applied")

// ApplyFiles runs the files that the database has not seen. done is told of each.
func ApplyFiles(ctx context.Context, c Conn, files []File, done func(f *File, took time.Duration)) error {
	d := c.Dialect()
	err := d.exclusively(ctx, c, func() error {
		if err := d.prepare(ctx, c); err != nil {
			return err
		}
		_, err := c.Exec(ctx, filesTable)
		return err
	})
	if err != nil {
		return err
	}
	for i := range files {
		f := &files[i]
		began := time.Now()
		ran := false
		// One at a time, so that on SQLite, where this is one transaction, what is done stays done.
		err := d.exclusively(ctx, c, func() (err error) {
			states, err := FileStates(ctx, c, files)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(states, func(s FileState) bool { return s.State.Wrong() }) {
				return ErrFiles
			}
			at := slices.IndexFunc(states, func(s FileState) bool { return s.File == f.Name })
			if ran = states[at].State != FileApplied; ran {
				return runFile(ctx, c, f)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if ran {
			done(f, time.Since(began))
		}
	}
	return nil
}

// runFile runs the rest of a file.
func runFile(ctx context.Context, c Conn, f *File) error {
	groups, err := groupsOf(f, c.Dialect())
	if err != nil {
		return err
	}
	now := literal(time.Now().UTC().Format(time.RFC3339))
	if _, err := c.Exec(ctx, "insert into _dowel_files (name, sum, begun) values ("+literal(f.Name)+", "+literal(f.Sum)+", "+now+") on conflict (name) do update set sum = excluded.sum where _dowel_files.at = 0"); err != nil {
		return err
	}
	seen, err := seenFiles(ctx, c)
	if err != nil {
		return err
	}
	for at := seen[f.Name].at; at < len(groups); at++ {
		mark := "update _dowel_files set at = " + itoa(at+1)
		if at == len(groups)-1 {
			mark += ", done = " + now
		}
		if err := runGroup(ctx, c, f, groups[at], mark+" where name = "+literal(f.Name)); err != nil {
			return err
		}
	}
	if len(groups) == 0 {
		_, err = c.Exec(ctx, "update _dowel_files set done = "+now+" where name = "+literal(f.Name))
	}
	return err
}

// group is statements of a file that run together.
type group struct {
	statements []sqlStatement
	alone      bool // outside of a transaction
}

// runGroup runs statements and notes that they are done: in their transaction, or after the one that stands alone.
func runGroup(ctx context.Context, c Conn, f *File, u group, mark string) error {
	run := func() error {
		for _, st := range u.statements {
			if err := runStatement(ctx, c, st); err != nil {
				return &FileError{f.Name, st.line, err}
			}
		}
		_, err := c.Exec(ctx, mark)
		return err
	}
	if u.alone {
		return run()
	}
	a := applier{ctx: ctx, conn: c}
	return a.patiently(run)
}

func runStatement(ctx context.Context, c Conn, st sqlStatement) error {
	if st.verify == "" {
		if strings.EqualFold(firstWord(st.text), "select") {
			return c.Query(ctx, st.text, func([]string) {})
		}
		_, err := c.Exec(ctx, st.text)
		return err
	}
	holds := false
	err := c.Query(ctx, st.text, func(cols []string) { holds = cols[0] == "t" || cols[0] == "1" })
	if err == nil && !holds {
		err = errors.New(st.verify)
	}
	return err
}

// groupsOf finds out what of a file runs together.
func groupsOf(f *File, d Dialect) (groups []group, err error) {
	statements := splitSQL(f.Text)
	word := func(st sqlStatement) string {
		w := strings.ToLower(firstWord(strings.Join(strings.Fields(st.text), " ")))
		if w == "start" || w == "end" {
			return map[string]string{"start": "begin", "end": "commit"}[w]
		}
		return w
	}
	own := slices.ContainsFunc(statements, func(st sqlStatement) bool { return word(st) == "begin" || d.identity() && standsAlone(st.text) })
	if !own || !d.identity() {
		for _, st := range statements {
			if w := word(st); w == "begin" || w == "commit" || w == "rollback" || !d.identity() && w == "vacuum" {
				return nil, &FileError{f.Name, st.line, errors.New("a file is one transaction already: remove `" + w + "`")}
			}
		}
		if len(statements) == 0 {
			return nil, nil
		}
		return []group{{statements: statements}}, nil
	}
	var open *group
	for _, st := range statements {
		switch word(st) {
		case "begin":
			if open != nil {
				return nil, &FileError{f.Name, st.line, errors.New("a transaction within a transaction")}
			}
			open = &group{}
		case "commit":
			if open == nil {
				return nil, &FileError{f.Name, st.line, errors.New("there is no transaction to commit")}
			}
			groups = append(groups, *open)
			open = nil
		case "rollback":
			return nil, &FileError{f.Name, st.line, errors.New("a file cannot roll back")}
		default:
			if open != nil {
				open.statements = append(open.statements, st)
			} else {
				groups = append(groups, group{[]sqlStatement{st}, true})
			}
		}
	}
	if open != nil {
		return nil, &FileError{f.Name, 1, errors.New("a transaction has no commit")}
	}
	return groups, nil
}

// standsAlone reports whether PostgreSQL runs a statement outside of transactions only.
func standsAlone(sql string) bool {
	words := strings.Fields(strings.ToLower(withoutQuoted(sql)))
	return slices.Contains(words, "concurrently") || len(words) > 0 && (words[0] == "vacuum" || words[0] == "reindex" && slices.Contains(words, "database"))
}
