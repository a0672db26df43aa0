package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Database is the tables of a database as data: those a schema wants, or those
// that are there. The two are compared as one kind of thing.
type Database struct {
	Dialect Dialect  `json:"-"`
	Tables  []*Table `json:"tables"` // wanted: classes first, then sets; present: as they were made
	// Others are objects that Dowel never makes and keeps as they are: views, triggers, functions.
	Others []Other `json:"others,omitempty"`

	schema *schema.Schema
	ready  bool // the system tables are there

	// Wanted, on PostgreSQL: the rows from which a table is not rewritten under a lock, and those
	// that one transaction fills.
	online, batch int64
}

// Other is a view, a trigger or the like.
type Other struct {
	Kind  string `json:"kind"` // view, trigger, check, …
	Name  string `json:"name"`
	Table string `json:"table,omitempty"` // that it hangs on
	SQL   string `json:"sql,omitempty"`   // that makes it, if the database tells
}

// Table is a table.
type Table struct {
	Name    string            `json:"name"`
	Link    bool              `json:"link,omitempty"` // of a set of a class: two columns, no versions
	Columns []*Column         `json:"columns"`
	Key     []string          `json:"key,omitempty"`
	KeyName string            `json:"key_name,omitempty"` // of the constraint
	Indexes []*Index          `json:"indexes,omitempty"`
	Checks  map[string]string `json:"checks,omitempty"` // of the class, as its rows were last proved to satisfy: name to text

	// Of a table that is there:
	Ours    bool  `json:"ours,omitempty"`    // made or adopted by an earlier apply
	Adopted bool  `json:"adopted,omitempty"` // made by somebody else
	Shards  int   `json:"-"`                 // of its change counter, on PostgreSQL
	Rows    int64 `json:"-"`                 // as the database estimates, -1 when it does not
	Bytes   int64 `json:"-"`

	class   *schema.Class // wanted: what it is the table of
	field   *schema.Field // wanted: the set it is the link table of
	stored  string        // present: its name in the database, while a rename is only planned
	made    bool          // planned: it is made by this plan
	keyMade bool          // present: the key has the name that it gets here
	odd     []string      // SQLite: what a copy of it would lose
	doc     string        // present: its comment
	sql     string        // present, SQLite: what made it
	wide    []string      // present: references of several columns, as the database prints them
	helpers []string      // PostgreSQL: what an interrupted step left on it: constraint NAME, trigger NAME
}

// Column is a column.
type Column struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`             // as the database spells it
	Kind     string     `json:"kind,omitempty"`   // what it means: decimal(2), datetime; "" when nobody knows
	Limits   *Limits    `json:"limits,omitempty"` // of its values; nil when nobody knows
	NotNull  bool       `json:"not_null,omitempty"`
	Default  string     `json:"default,omitempty"` // SQL
	Identity bool       `json:"identity,omitempty"`
	Refers   *Reference `json:"refers,omitempty"`

	noted     bool     // present: it is noted, so it is or was a field's
	labels    []string // present, PostgreSQL: of an enum type
	base      string   // present, PostgreSQL: the type that a domain is of
	doc       string   // present: its comment
	generated bool     // present: worked out by the database

	field  *schema.Field
	stored string // as of Table; "" for one that is only planned
	before string // its value after the plan, as SQL over the table before it; "" is the column as it is
	copied string // SQLite: its value, as SQL over the table that is copied; "" is the column as it is
}

// Reference is a foreign key of one column.
type Reference struct {
	Name     string `json:"name,omitempty"`
	Table    string `json:"table"`
	Column   string `json:"column"`
	Unproved bool   `json:"unproved,omitempty"` // PostgreSQL: not validated yet

	onDelete string // present: cascade, set null, …
	made     bool   // present: it has the name that it gets here
}

// Index is an index. What Dowel cannot have made, by another method or over
// something else than columns, has no Columns.
type Index struct {
	Name    string        `json:"name"`
	Unique  bool          `json:"unique,omitempty"`
	Columns []IndexColumn `json:"columns"`
	Live    string        `json:"live,omitempty"` // column that is null in the rows it covers, "" for all rows
	Broken  bool          `json:"-"`              // PostgreSQL: left behind by a build that did not end
	SQL     string        `json:"sql,omitempty"`  // of one without Columns

	odd        bool
	implicit   bool // wanted: it makes something fast that no index was asked for
	made       bool // it has the name that it gets here
	constraint bool // PostgreSQL: it belongs to a unique constraint
}

// IndexColumn is a column of an index.
type IndexColumn struct {
	Name string `json:"name"`
	Fold bool   `json:"fold,omitempty"` // compared without ASCII case
}

// Table returns the table of that name, or nil.
func (d *Database) Table(name string) *Table {
	for _, t := range d.Tables {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Column returns the column of that name, or nil.
func (t *Table) Column(name string) *Column {
	for _, c := range t.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// index returns the index of that name, or nil.
func (t *Table) index(name string) *Index {
	for _, x := range t.Indexes {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// same reports whether two indexes are of one definition, whatever they are called.
func (x *Index) same(y *Index) bool {
	return x.Unique == y.Unique && x.Live == y.Live && len(x.Columns) > 0 && slices.Equal(x.Columns, y.Columns)
}

// fingerprint is a digest of the shape of the tables that are ours or named: what a plan is made for.
func (d *Database) fingerprint(named map[string]bool) string { return digest(d.shape(named)) }

// shape is those tables, in the order of their names. nil names every table.
func (d *Database) shape(named map[string]bool) *Database {
	sorted := &Database{}
	for _, t := range d.Tables {
		if named != nil && !named[t.Name] && !t.Ours {
			continue
		}
		u := *t
		u.Indexes = slices.Clone(t.Indexes)
		slices.SortFunc(u.Indexes, func(a, b *Index) int { return strings.Compare(a.Name, b.Name) })
		sorted.Tables = append(sorted.Tables, &u)
	}
	slices.SortFunc(sorted.Tables, func(a, b *Table) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}

// digest is a short hash of a value's JSON.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("migrate: " + err.Error()) // plain data always has a JSON form
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// sortedChecks are the checks of a table in the order of their names.
func sortedChecks(t *Table) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, name := range slices.Sorted(maps.Keys(t.Checks)) {
			if !yield(name, t.Checks[name]) {
				return
			}
		}
	}
}
