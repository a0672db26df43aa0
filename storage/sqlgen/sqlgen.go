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
	"github.com/dowel-dev/dowel/storage"
)

// Dialect is what databases say differently: SQLite or Postgres. Methods print on p.
type Dialect interface {
	// param refers to the n-th bound value, counting from 1.
	param(b []byte, n int) []byte
	// decimal is a decimal number as columns of that scale hold it.
	decimal(units int64, scale uint8) schema.Value
	// limit prints a number of rows, noLimit what stands for all where an offset needs a limit.
	limit(p *Printer, n int)
	noLimit(p *Printer)
	// lock ends a query whose row stays as it is up to the end of the transaction.
	lock(p *Printer, a Alias)
	// nullsLast follows a sort key to place nulls after everything.
	nullsLast(p *Printer, desc bool)
	// nullsFirst does so before everything.
	nullsFirst(p *Printer, desc bool)
	// word prints a text that is part of the schema.
	word(p *Printer, s string)

	// value prints an operand for a comparison with a constant.
	value(p *Printer, x term)
	// compare prints the comparison of two operands of comparable kinds.
	compare(p *Printer, op schema.Op, l, r term)
	// among prints membership in a list, which is not empty.
	among(p *Printer, x term, list []schema.Value)
	// like matches an operand against a pattern in which % and _ are wildcards
	// and \ escapes, without ASCII case.
	like(p *Printer, x term, pattern string)
	// noCase compares an operand with a text without ASCII case.
	noCase(p *Printer, x term, text string)

	// member prints the member of a nested object as a value of its type.
	member(p *Printer, path *schema.Path, a Alias)
	// elements prints a table source, named j<n>, that yields the elements of a
	// list; element is the value of one.
	elements(p *Printer, list *schema.Path, a, n Alias)
	element(p *Printer, n Alias, t schema.Type)
	// set prints the JSON array of a `many` field.
	set(p *Printer, f *schema.Field, a Alias, guard schema.Expr)
	// fold prints the sum, avg, min or max of what of prints between two texts. Where there is nothing it is null.
	fold(p *Printer, fn string, k Kind, of func(before, after string))
	// average prints the exact average of decimals, with the digits of storage.AvgScale.
	average(p *Printer, k Kind, of func(before, after string))
	// part prints the beginning of the part of the calendar that a date or datetime is in.
	part(p *Printer, part storage.Part, k Kind, of func(before, after string))
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
	list    []schema.Value
	scratch []byte
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
	p.SQL = p.Dialect.param(p.SQL, len(p.Args))
}

// Alias is a table as one statement names it: t0, t1, ….
type Alias int

// NewAlias returns a name not used in the statement so far.
func (p *Printer) NewAlias() Alias {
	p.aliases++
	return Alias(p.aliases - 1)
}

func (p *Printer) alias(a Alias) {
	p.SQL = append(p.SQL, 't')
	p.SQL = appendNumber(p.SQL, int(a))
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

// number appends a literal that is no value: a size, a place, a name's number.
func (p *Printer) number(n int) { p.SQL = appendNumber(p.SQL, n) }

// name appends a name that ends in a number: t0, k1, c12.
func (p *Printer) name(s string, n int) {
	p.SQL = append(p.SQL, s...)
	p.SQL = appendNumber(p.SQL, n)
}

func appendNumber(b []byte, n int) []byte {
	if n >= 0 && n < 10 {
		return append(b, '0'+byte(n))
	}
	return strconv.AppendInt(b, int64(n), 10)
}

func (p *Printer) zeros(n int) {
	for range n {
		p.SQL = append(p.SQL, '0')
	}
}

// escaped appends text of the schema with every quote doubled.
func (p *Printer) escaped(s string, quote byte) {
	for i := range len(s) {
		if s[i] == quote {
			p.SQL = append(p.SQL, quote)
		}
		p.SQL = append(p.SQL, s[i])
	}
}
