// Package sqlgen prints queries and conditions as SQL.
//
// A Printer appends to one buffer and collects the values to bind; nothing a
// client sent ever becomes SQL text. Identifiers come quoted from Names, which
// is compiled once from a schema; what differs between databases is behind
// Dialect. The meaning of every node is the one package schema gives it: a
// condition is true or false, never unknown, wherever that can be observed.
//
//	p := sqlgen.Printer{Dialect: sqlgen.SQLite{}, Names: sqlgen.Compile(s)}
//	p.Select(&query, nil)
//	run(p.SQL, p.Args)
package sqlgen

import (
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// Dialect is what databases say differently. Methods append to b and return it.
type Dialect interface {
	// Param refers to the n-th bound value, counting from 1.
	Param(b []byte, n int) []byte
	// Like matches the operand text x against pattern, a bound value in which
	// % and _ are wildcards and \ escapes, without ASCII case.
	Like(b []byte, x, pattern func([]byte) []byte) []byte
	// Member takes the member of a JSON text x at path, as a value of the type.
	Member(b []byte, x func([]byte) []byte, path []string, t schema.Type) []byte
	// Elements is a table source that yields the elements of the JSON list x in
	// a column `value`, named alias.
	Elements(b []byte, x func([]byte) []byte, alias string) []byte
	// JSONArray aggregates the values of a column into a JSON text.
	JSONArray(b []byte, column string) []byte
	// Mean is the mean of a column whose units are 10^-scale.
	Mean(b []byte, column string, k schema.Kind, scale uint8) []byte
	// NoCase follows a text operand to compare it without ASCII case.
	NoCase(b []byte) []byte
	// NullsLast follows a sort key to place nulls after everything.
	NullsLast(b []byte, desc bool) []byte
	// NoLimit stands for "all rows" where an offset needs a limit.
	NoLimit(b []byte) []byte
}

// Printer prints one statement at a time into buffers it keeps. It is for one
// goroutine.
type Printer struct {
	Dialect Dialect
	Names   *Names
	// Now is the time that schema.Now in the schema's own conditions (those of
	// computed fields and checks) means.
	Now time.Time

	SQL  []byte
	Args []schema.Value

	aliases int
}

// Reset empties the buffers for the next statement.
func (p *Printer) Reset() {
	p.SQL = p.SQL[:0]
	p.Args = p.Args[:0]
	p.aliases = 0
}

// Put appends SQL text. It must not come from a request.
func (p *Printer) Put(sql string) { p.SQL = append(p.SQL, sql...) }

// Arg appends a reference to a bound value.
func (p *Printer) Arg(v schema.Value) {
	p.Args = append(p.Args, v)
	p.SQL = p.Dialect.Param(p.SQL, len(p.Args))
}

// Alias is a table as one statement names it: t0, t1, ….
type Alias int

// NewAlias returns a name not used in the statement so far.
func (p *Printer) NewAlias() Alias {
	p.aliases++
	return Alias(p.aliases - 1)
}

func (p *Printer) alias(a Alias) {
	if a < 10 {
		p.SQL = append(p.SQL, 't', '0'+byte(a))
		return
	}
	p.SQL = append(p.SQL, 't')
	p.SQL = strconv.AppendInt(p.SQL, int64(a), 10)
}

// Column appends a column of an aliased table; col is as Table.Columns has it.
func (p *Printer) Column(a Alias, col string) {
	p.alias(a)
	p.SQL = append(p.SQL, col...)
}

// From appends "TABLE as ALIAS".
func (p *Printer) From(t *Table, a Alias) {
	p.Put(t.Name)
	p.Put(" as ")
	p.alias(a)
}

// captured runs print on the buffer a dialect holds.
func (p *Printer) captured(print func()) func([]byte) []byte {
	return func(b []byte) []byte {
		p.SQL = b
		print()
		return p.SQL
	}
}
