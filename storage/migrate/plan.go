package migrate

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// Plan is the way from the tables as they are to those a schema wants. It is
// data: it can be kept in a file and run later, on the same database.
type Plan struct {
	Dialect string `json:"dialect"` // sqlite or postgres
	// Database and Schema are fingerprints of what is there and what is wanted. Apply refuses a
	// plan whose database has changed since.
	Database string          `json:"database"`
	Have     json.RawMessage `json:"have,omitempty"` // the tables that Database is the fingerprint of
	Tables   []string        `json:"tables"`         // that are wanted
	Schema   string          `json:"schema"`
	Steps    []Step          `json:"steps"`
	// Notes are statements that change no table: what is known now about columns that were not noted.
	Notes []string `json:"notes,omitempty"`
}

// Step is one change.
type Step struct {
	ID     string `json:"id"`              // unique within the plan: add column customer.phone
	Sign   string `json:"sign"`            // + made, ~ changed, > renamed, - removed, ! cannot be done
	Change string `json:"change"`          // add column, rename table, …
	Name   string `json:"name"`            // what people call it, and allow it by: customer.phone
	Class  string `json:"class,omitempty"` // of the schema
	Field  string `json:"field,omitempty"`
	Table  string `json:"table"`
	Text   string `json:"text"` // text, optional
	Risk   Risk   `json:"risk"`
	Code   string `json:"code,omitempty"` // E081, D103, …
	// Rows are those that are written or read through, that would be lost, or that stand in
	// the way; -1 when nobody counted.
	Rows     int64         `json:"rows"`
	Lock     string        `json:"lock,omitempty"`     // the strongest it takes on the table: a mode as pg_locks calls it, or file
	Held     time.Duration `json:"held,omitempty"`     // for about how long it holds that lock, ns
	Estimate time.Duration `json:"estimate,omitempty"` // about how long it takes in all, ns
	Help     string        `json:"help,omitempty"`
	List     string        `json:"list,omitempty"` // query that lists the rows that stand in the way
	Pos      schema.Pos    `json:"pos,omitzero"`
	SQL      []Statement   `json:"sql,omitempty"`
	With     string        `json:"with,omitempty"` // ID of the step whose statements do this one, too

	txs  int // transactions so far
	inTx bool
	of   *Table // that it renames
	// guards are conditions without which values would be lost or stay that are not allowed. They held when the
	// plan was made, and are looked at again when nobody can write any more.
	guards []string
}

// Risk says what a step may do to the rows and to who works with them.
type Risk string

// The risks, from none to most.
const (
	Safe        Risk = "safe"        // keeps every value and takes no time worth speaking of
	Slow        Risk = "slow"        // keeps every value but takes its time
	Destructive Risk = "destructive" // loses values; runs only when it is named
	Blocked     Risk = "blocked"     // cannot be done as long as the rows or the schema are so
)

// Runs reports whether Apply does the step without being told to.
func (r Risk) Runs() bool { return r == Safe || r == Slow || r == Adoption }

// Statement is one SQL statement of a step.
type Statement struct {
	Text string `json:"text"`
	// Tx numbers the transactions of a step from 1: statements of one number are one
	// transaction. 0 is outside of any. On SQLite a whole plan is one transaction.
	Tx int `json:"tx,omitempty"`
	// Lock is the mode it takes on Table.
	Lock  string `json:"lock,omitempty"`
	Table string `json:"table,omitempty"`
	// Again says that the statement is run again with the next one, should that be interrupted.
	Again bool `json:"again,omitempty"`
	// Verify makes the statement a question: unless its one answer is true, the step fails, and
	// this is why.
	Verify string `json:"verify,omitempty"`
	// Batch makes the statement an update to be run for one range of keys after the other.
	Batch *Batch `json:"batch,omitempty"`
}

// Batch cuts a table into ranges of its key, so that no lock on rows lasts. In the text of its
// statement, batchRange stands for the condition on the key.
type Batch struct {
	Table string   `json:"table"`
	Key   []string `json:"key"`
	Types []string `json:"types"`
	Rows  int      `json:"rows"` // of a range
}

const batchRange = "/*range*/true"

// The locks of PostgreSQL, as pg_locks calls them, from weak to strong.
const (
	rowExclusive         = "RowExclusiveLock"
	shareUpdateExclusive = "ShareUpdateExclusiveLock"
	shareRowExclusive    = "ShareRowExclusiveLock"
	accessExclusive      = "AccessExclusiveLock"
	fileLock             = "file"
)

var lockOrder = []string{"", rowExclusive, shareUpdateExclusive, shareRowExclusive, accessExclusive, fileLock}

// Empty reports whether there is nothing to change. Tables of somebody else may be left to be adopted.
func (p *Plan) Empty() bool { return len(p.Steps) == p.Count(Adoption) }

// ID is a digest of the plan.
func (p *Plan) ID() string { return digest(p) }

// Step returns the step of that ID, or nil.
func (p *Plan) Step(id string) *Step {
	for i := range p.Steps {
		if p.Steps[i].ID == id {
			return &p.Steps[i]
		}
	}
	return nil
}

// Count returns how many steps are of a risk.
func (p *Plan) Count(r Risk) int {
	n := 0
	for i := range p.Steps {
		if p.Steps[i].Risk == r {
			n++
		}
	}
	return n
}

// Line is the step in one line: add column books.lang would be "+ book.lang: text, optional".
func (s *Step) Line() string { return s.Sign + " " + s.Name + ": " + s.Text }

// Script is the SQL of the step as one text.
func (s *Step) Script() string {
	texts := make([]string, len(s.SQL))
	for i, st := range s.SQL {
		texts[i] = st.Text
	}
	return strings.Join(texts, ";\n")
}

// Allow says what Apply may do beyond what is safe.
type Allow struct {
	// Names are those of destructive steps to run: order.legacy_code.
	Names []string
	// All allows every destructive step of the plan.
	All bool
	// Partial runs what can be run although something else is blocked or not allowed.
	Partial bool
	// Progress, if any, is told of every step: when it begins, and when it is done.
	Progress func(s *Step, took time.Duration, done bool)
}

func (a Allow) step(s *Step) bool {
	if s.Risk != Destructive {
		return s.Risk.Runs()
	}
	if a.All {
		return true
	}
	for _, n := range a.Names {
		if n == s.Name || n == s.ID {
			return true
		}
	}
	return false
}
