package actions

import (
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Outcome is what came of an action.
type Outcome uint8

// The outcomes.
const (
	Found       Outcome = iota // rows were read
	NotModified                // If-None-Match holds the current tag; there are no rows
	Created
	Updated
	Deleted
	Done // an action that is none of these
)

// Result is what came of an action, without HTTP and without bytes.
type Result struct {
	Outcome Outcome
	Class   *schema.Class
	View    *Shown        // how Rows are shown; nil when there is nothing to show
	Rows    []storage.Row // one, unless List
	List    bool
	Keyed   bool // an object of id → record, as PatchEach answers
	// Mixed: some rows of a Create were updated by on_conflict.
	Mixed bool
	// Property, when not nil, is the one member of View that is the answer.
	Property *Member
	Counts   []Count // {"updated": n}
	Page     *PageInfo
	// Tag is the strong entity tag without quotes, "" for none.
	Tag      string
	Modified time.Time // Last-Modified, where exact
	// Public is for how long any cache may hand the answer to everybody; 0 is never.
	Public time.Duration
	ID     string // of the one row written, for Location
	// Encoded, when not nil, is the content of Count rows as it was made of them before, in the
	// format that was asked for and without what is around it; then there are no Rows.
	Encoded []byte
	Count   int
	// Raw is the JSON answer of a custom action, or of a BulkImport.
	Raw []byte
	// File is the answer of a GetFile.
	File *FileContent
	// Response is the whole answer of an action that makes it itself; the rest does not count.
	Response *Response
	// Report says what became of each record of a BulkImport.
	Report *Report
	DryRun bool
	// Steps are the answers of a compound, in order; nil for every other action. Listed: they have no names.
	Steps  []StepResult
	Listed bool
}

// Count is one number of an answer that has no rows.
type Count struct {
	Name string
	N    int64
}

// PageInfo is where a page stands in its list. Total is -1 when it was not counted.
type PageInfo struct {
	Total       int64
	Rough       bool // Total is an estimate
	Skip, Limit int
	// More: there are rows after this page, or before it where it was reached going back.
	More bool
	// Placed: a cursor says where the page is, so nobody knows how many rows are before it.
	Placed bool
	// Next, Prev and Last are cursors of other pages, "" for those that are not there or not reached by one.
	Next, Prev, Last string
}

// Shown is a View bound to a class and a decision: the members of an answer in their order.
type Shown struct {
	Class   *schema.Class
	Members []Member
}

// Member is one member of a shown record: a field, or a relation's records.
type Member struct {
	Name string
	// Prefix is `"name":`, escaped once.
	Prefix string
	Field  *schema.Field // nil for a relation
	// Test is 0 when always shown, n when shown only on rows whose Test(n-1) holds.
	Test int8
	// Expand is the view of the related records in Row.Expanded[Index].
	Expand *Shown
	Index  int
	Single bool // an object or null instead of an array
	// Mount is the path in front of the API, of files: their links begin with it.
	Mount string
	// Pick, when not nil, narrows a nested object to some of its members (fields=address.city).
	Pick [][]string
}
