package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/rows"
	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
)

// importCmd is `dowel import`.
type importCmd struct {
	Class      string            `arg:"" help:"The class."`
	File       string            `arg:"" help:"A file of CSV, of lines of JSON, or of an array of JSON; - is stdin."`
	Format     string            `enum:"auto,csv,jsonl,json" default:"auto" help:"One of ${enum}; auto is by the name of the file, then by its first character."`
	OnConflict string            `enum:"class,fail,skip,update" default:"class" help:"What becomes of a record whose key or unique key is taken: one of ${enum}; class is as the schema says."`
	Map        map[string]string `placeholder:"COLUMN=FIELD" mapsep:"none" help:"The field of a column that is called otherwise; without FIELD the column is passed over. Repeatable."`
	DryRun     bool              `help:"Everything but the effect."`
	Resume     bool              `help:"Go on with an import of the file that was interrupted."`
	Rejected   string            `placeholder:"FILE" help:"Where records go that are refused, with the reasons; default FILE.rejected with the ending of the format."`
	actorFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// The bounds of one transaction.
const (
	importRows  = 1000
	importBytes = 4 << 20
)

// Run puts the records of a file into the database, a batch a transaction, by the action
// that bulk-import runs.
func (c *importCmd) Run(r *run) error {
	a, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer a.close()
	class, err := a.class(c.Class)
	if err != nil {
		return err
	}
	for column, field := range c.Map {
		if field != "" && class.Field(strings.Split(field, ".")[0]) == nil {
			return misuse("--map %s=%s: %s has no field `%s`%s", column, field, class.Name, field, didYouMean(field, memberNames(class)))
		}
	}
	in, err := r.source(c.File)
	if err != nil {
		return err
	}
	defer in.close()
	m := &importer{run: r, cmd: c, actor: a, class: class, in: in, most: min(importRows, a.cfg.Engine.Limits.Bulk)}
	if m.most <= 0 {
		m.most = importRows
	}
	if err := m.open(); err != nil {
		return err
	}
	defer m.rejects.close()
	m.bar = newMeter(r, "importing "+class.Collection, in.size)
	err = m.load(r.ctx)
	m.bar.done()
	if err != nil {
		return m.interrupted(err)
	}
	return m.finish()
}

// importer is one import on its way.
type importer struct {
	run     *run
	cmd     *importCmd
	actor   *actor
	class   *schema.Class
	in      *source
	format  string
	reader  rows.Reader
	most    int
	state   importState
	rejects rejects
	bar     *meter

	batch []record
	bytes int
}

// record is one record of the file.
type record struct {
	rows.Row
	reason string // why it could not be read
}

// open looks at the start of the file and at what an interrupted import has left.
func (m *importer) open() error {
	var err error
	if m.format, err = m.cmd.format(m.in); err != nil {
		return err
	}
	m.rejects = rejects{name: m.cmd.Rejected, format: m.format, class: m.class}
	if m.rejects.name == "" {
		m.rejects.name = rejectedName(m.cmd.File, m.format)
	}
	limits := m.actor.cfg.Engine.Limits
	options := rows.Options{
		Class: m.class, Rename: m.rename,
		Limits: strictjson.Limits{Depth: limits.JSONDepth, Members: limits.JSONMembers, Number: limits.NumberLen},
	}
	switch m.format {
	case "csv":
		table := rows.CSV(m.in, options)
		names, err := table.Header()
		if err != nil && err != io.EOF {
			return m.unreadable(err)
		}
		if err := m.columns(names); err != nil {
			return err
		}
		m.reader, m.rejects.header = table, names
	case "jsonl":
		m.reader = rows.Lines(m.in, options)
	default:
		m.reader = rows.Array(m.in, options)
	}
	return m.begin()
}

// rename gives a column its field, by --map. The reasons in a file of rejected records are passed over.
func (m *importer) rename(name string) string {
	if field, ok := m.cmd.Map[name]; ok {
		return field
	}
	if name == reasonColumn(m.class) && strings.Contains(filepath.Base(m.cmd.File), ".rejected.") {
		return ""
	}
	return name
}

// columns refuses a table whose columns have no fields, before anything is written.
func (m *importer) columns(names []string) error {
	have := map[string]bool{}
	for _, name := range names {
		have[name] = true
		to := m.rename(name)
		if to == "" || m.class.Field(strings.Split(to, ".")[0]) != nil {
			continue
		}
		f := &failure{status: exitUsage, err: fmt.Errorf("%s has no field `%s`%s", m.class.Name, to, didYouMean(to, memberNames(m.class)))}
		f.help = []string{fmt.Sprintf("--map %q=FIELD says which it is, --map %q= passes over it", name, name)}
		return f
	}
	if m.format != "csv" {
		return nil
	}
	for column := range m.cmd.Map {
		if !have[column] {
			return misuse("--map: there is no column `%s`%s", column, didYouMean(column, names))
		}
	}
	return nil
}

// load reads the file to its end, a batch at a time.
func (m *importer) load(ctx context.Context) error {
	for n := 0; ; n++ {
		row, err := m.reader.Next()
		if err == io.EOF {
			return m.flush(ctx)
		}
		one := record{Row: row}
		if err != nil {
			var bad *rows.Error
			if !errors.As(err, &bad) || !bad.Passable {
				if flushed := m.flush(ctx); flushed != nil {
					return flushed
				}
				return m.unreadable(err)
			}
			one.reason = bad.Detail
		}
		if n < m.state.Rows {
			continue // an earlier run was there
		}
		one.JSON = bytes.Clone(row.JSON)
		m.batch, m.bytes = append(m.batch, one), m.bytes+len(one.JSON)
		if len(m.batch) == m.most || m.bytes > importBytes {
			if err := m.flush(ctx); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// flush imports the batch.
func (m *importer) flush(ctx context.Context) error {
	if len(m.batch) == 0 {
		return nil
	}
	content := make([]byte, 1, m.bytes+len(m.batch)+2)
	content[0] = '['
	at := make([]int, 0, len(m.batch)) // in the batch, by index in the content
	for i := range m.batch {
		if m.batch[i].reason != "" {
			continue
		}
		if len(at) > 0 {
			content = append(content, ',')
		}
		content, at = append(content, m.batch[i].JSON...), append(at, i)
	}
	a := &actions.BulkImport{Class: m.class.Name, Content: append(content, ']'), Mode: actions.ModePartial}
	a.DryRun = m.cmd.DryRun
	if m.cmd.OnConflict != "class" {
		a.OnConflict = m.cmd.OnConflict
	}
	// What has begun is finished: an interrupt waits for the end of the batch.
	res, err := m.actor.do(context.WithoutCancel(ctx), a)
	if err != nil {
		return told(err)
	}
	next := m.state
	for i, row := range res.Report.Rows {
		if row.Err != nil {
			m.batch[at[i]].reason = reasonOf(row.Err)
		}
	}
	for i := range m.batch {
		if m.batch[i].reason == "" {
			continue
		}
		if err := m.rejects.add(&m.batch[i]); err != nil {
			return unavailable(err)
		}
		next.Failed++
	}
	next.Created += res.Report.Created
	next.Updated += res.Report.Updated
	next.Skipped += res.Report.Skipped
	next.Rows += len(m.batch)
	if err := m.rejects.flush(); err != nil {
		return unavailable(err)
	}
	next.Rejected = m.rejects.size
	if err := m.note(next); err != nil {
		return unavailable(err)
	}
	m.batch, m.bytes = m.batch[:0], 0
	m.bar.at(m.state.Rows, m.state.Failed, m.in.read)
	return nil
}

// reasonOf is why a record was refused, in a line.
func reasonOf(e *actions.Error) string {
	var all []string
	for _, p := range e.Problems() {
		all = append(all, problemLine(&p))
	}
	return strings.Join(all, " ")
}

// unreadable is a file that cannot be read any further.
func (m *importer) unreadable(err error) error {
	var bad *rows.Error
	if !errors.As(err, &bad) {
		return unavailable(fmt.Errorf("read %s: %w", m.cmd.File, err))
	}
	f := &failure{status: exitFindings, err: fmt.Errorf("%s: %s", m.cmd.File, lower(bad.Detail))}
	if bad.Hint != "" {
		f.help = []string{bad.Hint}
	}
	return f
}

// interrupted adds to an error how to go on.
func (m *importer) interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		err = refuse(errors.New("interrupted"))
	}
	var f *failure
	if !errors.As(err, &f) {
		return err
	}
	if m.state.Rows > 0 {
		f.help = append(f.help, "done so far: "+counted(m.state.Rows, "record", "records"))
	}
	if m.resumable() && m.state.Rows > 0 {
		f.help = append(f.help, "the same line with --resume goes on behind them")
	}
	return f
}

// finish tells what became of the records.
func (m *importer) finish() error {
	if err := m.forget(); err != nil {
		return unavailable(err)
	}
	s := m.state
	t := table{columns: []string{"class", "created", "updated", "skipped", "failed"}}
	t.add(m.class.Name, s.Created, s.Updated, s.Skipped, s.Failed)
	if err := t.print(m.run.out, m.cmd.Output); err != nil {
		return unavailable(err)
	}
	if m.cmd.DryRun {
		m.run.note("%s", "a dry run: nothing has changed")
	}
	if s.Failed == 0 {
		return nil
	}
	m.run.note("%s", counted(s.Failed, "record was", "records were")+" refused; "+m.rejects.name+" has them with the reasons")
	return reported(exitFindings)
}

// source is a file or stdin, with how much of it was read.
type source struct {
	io.Reader
	file *os.File // nil for stdin
	size int64    // 0 is not known
	read int64
	head []byte
}

func (r *run) source(name string) (*source, error) {
	s := &source{Reader: r.in}
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, unavailable(err)
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, unavailable(err)
		}
		if info.IsDir() {
			f.Close()
			return nil, unavailable(fmt.Errorf("%s is a folder", name))
		}
		s.Reader, s.file = f, f
		if info.Mode().IsRegular() {
			s.size = info.Size()
		}
	}
	head := make([]byte, 512)
	n, err := io.ReadFull(s.Reader, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		s.close()
		return nil, unavailable(fmt.Errorf("read %s: %w", name, err))
	}
	s.head = head[:n]
	s.Reader = io.MultiReader(bytes.NewReader(s.head), s.Reader)
	return s, nil
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read += int64(n)
	return n, err
}

func (s *source) close() {
	if s.file != nil {
		s.file.Close()
	}
}

// format is what the file is written in.
func (c *importCmd) format(in *source) (string, error) {
	if c.Format != "auto" {
		return c.Format, nil
	}
	switch strings.ToLower(filepath.Ext(c.File)) {
	case ".csv":
		return "csv", nil
	case ".jsonl", ".ndjson":
		return "jsonl", nil
	case ".json":
		if start := bytes.TrimLeft(in.head, "\xef\xbb\xbf \t\r\n"); len(start) > 0 && start[0] == '{' {
			return "jsonl", nil
		}
		return "json", nil
	}
	start := bytes.TrimLeft(in.head, "\xef\xbb\xbf \t\r\n")
	switch {
	case len(start) > 0 && start[0] == '[':
		return "json", nil
	case len(start) > 0 && start[0] == '{':
		return "jsonl", nil
	case c.File == "-" || filepath.Ext(c.File) == "":
		return "csv", nil
	}
	return "", misuse("%s: name the format with --format csv, jsonl or json", c.File)
}
