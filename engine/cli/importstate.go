package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// importState is what an import has done, noted beside the file after each batch,
// so that it can go on where it was interrupted. A batch whose end could not be noted is
// imported again; its records are then refused where they are unique, or skipped with --on-conflict skip.
type importState struct {
	Class    string `json:"class"`
	Database string `json:"database"`
	Size     int64  `json:"size"`
	Head     string `json:"head"` // digest of the start of the file
	Rows     int    `json:"rows"`
	Created  int    `json:"created"`
	Updated  int    `json:"updated"`
	Skipped  int    `json:"skipped"`
	Failed   int    `json:"failed"`
	Rejected int64  `json:"rejected"` // bytes of the file of rejected records
}

// resumable reports whether there is a place for the state.
func (m *importer) resumable() bool { return m.cmd.File != "-" && !m.cmd.DryRun }

func (m *importer) stateName() string { return m.cmd.File + ".importing" }

// begin reads the state of an interrupted import, or makes sure that there is none.
func (m *importer) begin() error {
	head := sha256.Sum256(m.in.head)
	fresh := importState{Class: m.class.Name, Database: masked(m.actor.cfg.DB), Size: m.in.size, Head: hex.EncodeToString(head[:8])}
	if !m.resumable() {
		if m.cmd.Resume {
			return misuse("--resume is for files, and not for a dry run")
		}
		m.state = fresh
		return m.rejects.open(0)
	}
	text, err := os.ReadFile(m.stateName())
	switch {
	case errors.Is(err, fs.ErrNotExist) && m.cmd.Resume:
		return refuse(fmt.Errorf("no import of %s was interrupted", m.cmd.File))
	case errors.Is(err, fs.ErrNotExist):
		m.state = fresh
		return m.rejects.open(0)
	case err != nil:
		return unavailable(err)
	}
	if err := json.Unmarshal(text, &m.state); err != nil {
		return refuse(fmt.Errorf("%s cannot be read: %w", m.stateName(), err), "remove it to begin anew")
	}
	if !m.cmd.Resume {
		return refuse(fmt.Errorf("an import of %s was interrupted after %s", m.cmd.File, counted(m.state.Rows, "record", "records")),
			"--resume goes on; remove "+m.stateName()+" to begin anew")
	}
	done := m.state
	done.Rows, done.Created, done.Updated, done.Skipped, done.Failed, done.Rejected = 0, 0, 0, 0, 0, 0
	if done != fresh {
		return refuse(errors.New("the import that was interrupted was of another file, class or database"), "remove "+m.stateName()+" to begin anew")
	}
	return m.rejects.open(m.state.Rejected)
}

// note keeps how far the import has come: all of it or nothing.
func (m *importer) note(s importState) error {
	m.state = s
	if !m.resumable() {
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.stateName()+"~", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(m.stateName()+"~", m.stateName())
}

// forget removes the state of an import that is over.
func (m *importer) forget() error {
	if !m.resumable() {
		return nil
	}
	if err := os.Remove(m.stateName()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// rejects is the file of records that were refused. It is made with the first one, and
// is of the form of the input, so that it can be put right and imported.
type rejects struct {
	name   string
	format string
	class  *schema.Class
	header []string
	file   *os.File
	size   int64
	buf    bytes.Buffer
}

// rejectedName is customers.rejected.csv for customers.csv.
func rejectedName(file, format string) string {
	if format == "json" {
		format = "jsonl"
	}
	if file == "-" {
		return "stdin.rejected." + format
	}
	return strings.TrimSuffix(file, filepath.Ext(file)) + ".rejected." + format
}

// reasonColumn is what the reasons are called: a name that no field has.
func reasonColumn(c *schema.Class) string {
	name := "reason"
	for c.Field(name) != nil {
		name = "rejected_" + name
	}
	return name
}

// open goes on behind what an earlier run has written; 0 begins anew.
func (j *rejects) open(size int64) error {
	if size == 0 {
		return nil
	}
	f, err := os.OpenFile(j.name, os.O_RDWR, 0o600)
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		_, err = f.Seek(size, io.SeekStart)
	}
	if err != nil {
		return unavailable(err)
	}
	j.file, j.size = f, size
	return nil
}

// add notes one record.
func (j *rejects) add(one *record) error {
	if j.file == nil && j.buf.Len() == 0 && j.format == "csv" {
		j.cells(append(slices.Clone(j.header), reasonColumn(j.class)))
	}
	reason := fmt.Sprintf("line %d: %s", one.Line, one.reason)
	if strings.HasPrefix(one.reason, "Line ") {
		reason = lower(one.reason) // it says so itself
	}
	if j.format == "csv" {
		cells := one.Cells
		for len(cells) < len(j.header) {
			cells = append(cells, "") // a ragged line keeps its reason in the column of reasons
		}
		j.cells(append(slices.Clone(cells), reason))
		return nil
	}
	if text := bytes.TrimSpace(one.JSON); len(text) > 1 && text[0] == '{' && json.Valid(text) {
		j.buf.Write(text[:len(text)-1])
		if len(bytes.TrimSpace(text[1:len(text)-1])) > 0 {
			j.buf.WriteByte(',')
		}
		j.buf.Write(appendText(appendMember(nil, reasonColumn(j.class)), reason))
		j.buf.WriteString("}\n")
		return nil
	}
	line := appendText(appendMember([]byte{'{'}, "record"), strings.ToValidUTF8(string(one.JSON), "\ufffd"))
	line = appendText(appendMember(append(line, ','), reasonColumn(j.class)), reason)
	j.buf.Write(append(line, "}\n"...))
	return nil
}

func (j *rejects) cells(cells []string) {
	w := csv.NewWriter(&j.buf)
	_ = w.Write(cells) // into memory
	w.Flush()
}

// flush writes what was added.
func (j *rejects) flush() error {
	if j.buf.Len() == 0 {
		return nil
	}
	if j.file == nil {
		f, err := os.OpenFile(j.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		j.file = f
	}
	n, err := j.buf.WriteTo(j.file)
	j.size += n
	return err
}

func (j *rejects) close() {
	if j.file != nil {
		j.file.Close()
	}
}
