package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// doctorCmd is `dowel doctor`.
type doctorCmd struct {
	DB     string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// The verdicts of a check.
const (
	wellDone = "ok"
	doubtful = "warn"
	broken   = "fail"
)

// symptom is what one check found, and what to do about it.
type symptom struct {
	status, check, detail, fix string
	outside                    bool // not the application's fault but its surroundings'
}

// doctor looks a deployment over. It changes nothing, and asks nobody but the
// database, its replicas, the Redis and the key set that settings name.
type doctor struct {
	*run
	p     *project
	found []symptom
}

func (d *doctor) ok(check, format string, args ...any) {
	d.found = append(d.found, symptom{status: wellDone, check: check, detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) warn(check, fix, format string, args ...any) {
	d.found = append(d.found, symptom{status: doubtful, check: check, fix: fix, detail: fmt.Sprintf(format, args...)})
}

// fail is a mistake in the application; ail one of its surroundings.
func (d *doctor) fail(check, fix, format string, args ...any) {
	d.found = append(d.found, symptom{status: broken, check: check, fix: fix, detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) ail(check, fix, format string, args ...any) {
	d.found = append(d.found, symptom{status: broken, check: check, fix: fix, detail: fmt.Sprintf(format, args...), outside: true})
}

// Run checks everything and says what is wrong.
func (c *doctorCmd) Run(r *run) error {
	folder, root, err := place(c.Folder)
	if err != nil {
		return err
	}
	d := &doctor{run: r, p: &project{folder: folder, root: root}}
	d.application()
	flags := map[string]string{}
	if c.DB != "" {
		flags["db"] = c.DB
	}
	if d.settings(flags) {
		d.secrets()
		d.addresses()
		d.surroundings()
		d.database()
		d.redis()
		d.keySet()
	}
	return d.report(c.Output)
}

// report prints what was found and ends the verb with the status it means.
func (d *doctor) report(format string) error {
	count := map[string]int{}
	outside := false
	t := table{columns: []string{"status", "check", "detail", "fix"}}
	for _, s := range d.found {
		count[s.status]++
		outside = outside || s.outside
		t.add(s.status, s.check, s.detail, s.fix)
	}
	var err error
	if format == "table" {
		err = d.text()
	} else {
		err = t.print(d.out, format)
	}
	if err != nil {
		return unavailable(err)
	}
	d.note("%s, %s, %d in order", counted(count[broken], "failure", "failures"), counted(count[doubtful], "warning", "warnings"), count[wellDone])
	switch {
	case count[broken] == 0:
		return nil
	case outside:
		return reported(exitEnvironment)
	}
	return reported(exitFindings)
}

// text prints a line a check, and below it what to do.
func (d *doctor) text() error {
	var b strings.Builder
	for _, s := range d.found {
		fmt.Fprintf(&b, "%-5s %-10s %s\n", s.status, s.check, printable(s.detail))
		if s.fix != "" {
			fmt.Fprintf(&b, "%17s%s\n", "", s.fix)
		}
	}
	_, err := d.out.Write([]byte(b.String()))
	return err
}

// application reads schema and rules.
func (d *doctor) application() {
	s, rules, found := d.inspect(d.p.folder, d.p.root)
	errs, warnings := 0, 0
	for _, f := range found {
		if f.Severity == diag.Error {
			errs++
		} else {
			warnings++
		}
	}
	switch {
	case errs > 0:
		d.fail("schema", "`dowel check` shows them", "%s", counted(errs, "mistake", "mistakes"))
		return
	case warnings > 0:
		d.warn("schema", "`dowel check` shows them", "%s, %s", counted(len(classNames(s)), "class", "classes"), counted(warnings, "warning", "warnings"))
	default:
		d.ok("schema", "%s", counted(len(classNames(s)), "class", "classes"))
	}
	d.p.schema, d.p.rules = s, rules
}

// settings puts config.yaml, environment and flags together, and reports whether that went well.
func (d *doctor) settings(flags map[string]string) bool {
	c := defaults()
	c.fromFile(d.p.folder)
	c.fromEnvironment(d.run)
	for i := range c.values {
		e := &c.values[i]
		if v, given := flags[e.key]; given {
			e.value, e.source = v, "--"+e.flag
			c.try(e, schema.Pos{File: e.source})
		}
	}
	for _, f := range c.list {
		d.fail("config", f.Help, "%s: %s", whereIs(f), f.Message)
	}
	if len(c.list) > 0 {
		return false
	}
	for _, e := range c.values {
		if e.value == "" {
			continue
		}
		if err := e.set(&c.deployment, e.value); err != nil {
			d.fail("config", "", "%s: %v", e.key, err)
			return false
		}
	}
	d.p.cfg = c
	d.p.log = d.logger(c)
	path := filepath.Join(d.p.folder, configFile)
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		d.ok("config", "no %s: defaults, environment and flags", configFile)
	case err != nil:
		d.ail("config", "", "%v", err)
	case open(info) && c.keepsSecrets():
		d.warn("config", "chmod 600 "+path, "%s holds secrets, and others may read it", path)
	default:
		d.ok("config", "%s", path)
	}
	return true
}

func whereIs(f diag.Diagnostic) string {
	if f.Pos.IsZero() {
		return f.Pos.File
	}
	return fmt.Sprintf("%s:%d:%d", f.Pos.File, f.Pos.Line, f.Pos.Col)
}

// keepsSecrets reports whether config.yaml holds something that nobody else should read.
func (c *config) keepsSecrets() bool {
	for _, e := range c.values {
		if strings.HasPrefix(e.source, configFile) && (e.secret || masked(e.value) != e.value && (e.key == "db" || e.key == "redis")) {
			return true
		}
	}
	return false
}

// open reports whether others than its owner may read a file.
func open(info fs.FileInfo) bool { return info.Mode().Perm()&0o044 != 0 }

// within bounds a look at something that may not answer.
const within = 5 * time.Second

func (d *doctor) soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(d.ctx, within)
}
