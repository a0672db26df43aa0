// Package storage defines how an engine keeps records.
//
// The contract is narrow: read a query, run a transaction of guarded changes,
// ask for change counters. What a query or a change means is fixed by the
// types here and by storagetest, which every store and every decorator passes;
// storage/memory is the meaning in its plainest form.
//
// Permission reaches a store as predicates inside queries and guards inside
// changes, never as a filter afterwards. Every write moves the row to a
// version that was never used before for its class, and moves the class's
// change counter; both commit with the write or not at all.
package storage

import (
	"context"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// Reader answers queries. One Read is one consistent snapshot: rows, related
// rows, tests and counters belong together.
type Reader interface {
	// Read returns the page of rows a query asks for. No rows is not an error.
	Read(ctx context.Context, q *Query) (*Page, error)
	// Counters returns the change counter of each class, in order. A counter
	// moves whenever a row of the class, or a set of links of one, was written.
	Counters(ctx context.Context, classes []*schema.Class) ([]int64, error)
}

// Store keeps the records of one schema. It is safe for concurrent use.
type Store interface {
	Reader
	// Write runs fn in one transaction that commits when fn returns nil and
	// otherwise leaves nothing behind. fn may run more than once if the store had to
	// retry, so it must have no effect but through tx, and it must not block on
	// anything but tx. A *Tx is not safe for concurrent use and dead after fn.
	//
	// ErrOutcomeUnknown means the commit may or may not have happened; any other
	// error means nothing happened.
	Write(ctx context.Context, fn func(tx Tx) error) error
	// Migrate compares the tables with the schema. Steps that cannot lose or
	// lock anything are Safe. With apply it runs the safe ones and returns what
	// is left.
	Migrate(ctx context.Context, s *schema.Schema, apply bool) (pending []Step, err error)
	// Use makes the store serve another revision of the schema.
	Use(s *schema.Schema) error
	// Close waits for running transactions and releases the store.
	Close() error
}

// Tx is one transaction: it reads what it wrote.
type Tx interface {
	Reader
	// Apply runs one guarded change and returns the row as it is afterwards, as
	// Change.Return asks for it.
	Apply(ctx context.Context, c *Change) (*Row, error)
	// Savepoint runs fn so that an error from it undoes what fn did, and only that.
	Savepoint(ctx context.Context, fn func() error) error
	// Claim takes a key for what the transaction does, so that it is done once. Who claims it
	// at the same time waits, or is run again, and is then given what the first has
	// kept: a value is returned, and nothing was claimed. From until on the key is free again.
	Claim(ctx context.Context, key string, now, until time.Time) (kept string, err error)
	// Keep stores a value, which must not be empty, with a key that the transaction has claimed.
	Keep(ctx context.Context, key, value string) error
}

// Step is one difference between tables and schema.
type Step struct {
	Text string // one line for people: add column customers.phone
	SQL  string
	Safe bool
}

// Query says which rows of a class, what of them, in which order.
// Conditions are resolved: operands are *schema.Path and schema.Lit only.
type Query struct {
	Class *schema.Class
	Key   []schema.Value // one row by its key; nil is any row
	Where schema.Expr    // nil is all
	// Tests are evaluated on every row; bit i of Row.Tests is Tests[i]. At most 64.
	Tests   []schema.Expr
	Columns []Column // what to read; slots of other fields stay null. nil reads nothing but version and tests
	Order   []Order  // total: the caller appends the key. Nulls come last in both directions
	// From is where in the order the page begins, or with Place.Back ends; nil is the beginning. It says
	// nothing of Total, and goes without Skip.
	From  *Place
	Skip  int
	Limit int // rows at most; 0 is none at all, negative is all
	// Deleted says whether soft-deleted rows take part; it does not reach into relations.
	Deleted Deleted
	// Total asks for the number of rows without Skip and Limit.
	Total bool
	// Rough says that Total may be an estimate where counting takes long (Page.Rough).
	Rough bool
	// More asks whether rows follow the page of a Limit above 0.
	More   bool
	Expand []Expand
	// Most bounds the rows that are read for the answer, those expanded at any depth
	// too: more is ErrTooManyRows, and reading stops there. 0 is no bound. That of an expanded query says nothing.
	Most int
	// Watch asks for the change counters of classes in the same snapshot.
	Watch []*schema.Class
	// Lock keeps the row of Key as it is up to the end of the transaction: nobody else
	// changes it in between. It counts in transactions alone, and not together with Expand.
	Lock bool
	// Paths are read, too: Row.Values has a slot for each, behind those of the fields.
	Paths []*schema.Path
	// Summary, when not nil, makes the rows that the query is about. Then it has no
	// Key, Tests, Expand and Paths, and the rows no version.
	Summary *Summary
}

// Column is one field to read. Guard restricts the related rows that a
// computed or `many` field may take in; it is bound to the related class.
//
// A `many` field reads as the JSON array of its names (Many.By) or else keys,
// in the order of the keys, each as lists store their elements: an Int as a
// number, a Text as a string. The empty set is []. A computed field takes in live rows only and skips nulls: count
// is an Int, sum, min and max have the kind of their field, avg is a Float: the sum as a double, divided once.
// count and sum of nothing are 0, the others null.
type Column struct {
	Field *schema.Field
	Guard schema.Expr
}

// Order is one sort key: numbers by value, text by code point, enums in their
// declared order, false before true, nulls last in both directions.
type Order struct {
	By   *schema.Path
	Desc bool
}

// Deleted says which rows of a class with soft delete take part. Over
// relations (paths, Exists, Expand, computed and `many` fields) soft-deleted
// rows are never seen.
type Deleted uint8

// The choices.
const (
	Live Deleted = iota
	WithDeleted
	OnlyDeleted
)

// Expand asks for the rows at the end of a relation of every row found. Query.Limit and Order apply per parent row.
type Expand struct {
	Rel   *schema.Relation
	Query Query
}

// Page is the answer to a query.
type Page struct {
	Rows     []Row
	Total    int64   // when asked for
	Rough    bool    // Total is an estimate
	More     bool    // when asked for
	Counters []int64 // as Query.Watch
}

// Row is one record. Values has a slot for every field of the class, and of Query.Paths.
type Row struct {
	Version  int64 // never used before by any row of the class
	Tests    uint64
	Values   []schema.Value
	Expanded [][]Row // as Query.Expand
}

// Test reports the outcome of Query.Tests[i].
func (r *Row) Test(i int) bool { return r.Tests&(1<<uint(i)) != 0 }

// Key returns the values that identify a row.
func (r *Row) Key(c *schema.Class) []schema.Value {
	key := make([]schema.Value, len(c.Key))
	for i, f := range c.Key {
		key[i] = r.Values[f.Index]
	}
	return key
}

// Op is what a change does.
type Op uint8

// The operations. SoftDelete and Restore are updates of the class's deleted_at
// that also honour on_delete and unique indexes over live rows.
const (
	// Insert adds a row. Fields that Set does not name are null; an integer key
	// with auto=id that it does not name is numbered, never twice with the same
	// number, and above every key that was given outright.
	Insert Op = iota
	// Update sets what Set and Links name. The key of a row never changes.
	Update
	// Delete removes a row for good. First it works out which rows go along:
	// those that point at a row that goes with cascade, and soft-deleted ones
	// that point at one with restrict. A live row outside of these that points at
	// one of them with restrict refuses it all (*ReferencedError); those that
	// point with set_null are updated. Links of the rows that go are removed,
	// which is a write of the rows that owned them.
	Delete
	// SoftDelete sets deleted_at, which is in Set. Live rows that point at the
	// row with restrict refuse it; cascade, set_null and links wait for Delete.
	SoftDelete
	// Restore clears deleted_at; Set may name other fields.
	Restore
)

// Change is one guarded write of one row. A store runs it in this order:
// find the row by Key (ErrNotFound), Before guards in order, IfVersion
// (*StaleError), the write with its constraints, After guards. The first that fails
// ends the change with its error and the transaction is expected to fail.
//
// An insert has no row before and a delete none after: its guards of that side
// are judged on the one row there is, and Return shows that row.
//
// Constraints are judged in this order: checks (which must hold: a comparison
// with null does not), the key and unique indexes (nulls are distinct, live
// rows only where the class has soft delete, e-mail without ASCII case; the key
// covers soft-deleted rows too), references and items of links. Which of several
// broken ones of one kind is reported is left open. A soft-deleted row satisfies
// a reference to it: visibility is for guards.
type Change struct {
	Op    Op
	Class *schema.Class
	Key   []schema.Value // of the row; for an insert, it is in Set
	// IfVersion, when not 0, must be the row's version.
	IfVersion int64
	// Deleted says whether soft-deleted rows count as found.
	Deleted Deleted
	Before  []Guard
	Set     []Assign
	Links   []Links
	After   []Guard
	// Return says what to read back: Columns, Tests and Expand are used. nil reads only the version and key.
	Return *Query
	// Final says that nothing follows this change in its transaction but the
	// commit, so that a store may do both at once. When it succeeds, the transaction takes no more
	// calls and its function returns nil; when it fails, nothing of the transaction has happened.
	Final bool
}

// Guard is a condition on the row that a change needs, and the error without it.
type Guard struct {
	Where schema.Expr
	Err   error
}

// Assign sets one stored field. With Sequence the store takes the next number
// of the field (per value of Field.Per among Set, null being a value too) instead
// of Value: from 1, one above the highest that any row with that value of Per
// ever had, also rows that were deleted, set outright or moved there since. What
// is undone has taken no number.
type Assign struct {
	Field    *schema.Field
	Value    schema.Value
	Sequence bool
}

// Links changes the set of a `many` field. Items are keys of the target class;
// adding one that is there and removing one that is not is no error. It is a write
// of the row, and moves the change counter of the target class as well.
type Links struct {
	Field   *schema.Field
	Replace bool // Add is the whole set
	Add     []schema.Value
	Remove  []schema.Value
}
