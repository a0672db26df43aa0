package sqlgen

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// SQLite is the dialect of SQLite 3.38 and later. Decimal columns hold units of
// 10^-scale, as documents do everywhere.
type SQLite struct{}

var _ Dialect = SQLite{}

// param writes +?n. The plus keeps SQLite from preparing the statement again
// whenever a value is bound that could change its plan (a third of a list's time
// where it was built with STAT4); the value and its comparison stay the same.
func (SQLite) param(b []byte, n int) []byte {
	b = append(b, '+', '?')
	return appendNumber(b, n)
}

func (SQLite) decimal(units int64, _ uint8) schema.Value { return schema.NewInt(units) }

func (SQLite) limit(p *Printer, n int) { p.Arg(schema.NewInt(int64(n))) }

// noLimit is any negative number.
func (SQLite) noLimit(p *Printer) { p.Put("-1") }

// lock has nothing to add: there is one writer at a time.
func (SQLite) lock(*Printer, Alias) {}

// nullsLast is needed going up only: SQLite takes null for the least value.
func (SQLite) nullsLast(p *Printer, desc bool) {
	if !desc {
		p.Put(" nulls last")
	}
}

func (SQLite) nullsFirst(p *Printer, desc bool) {
	if desc {
		p.Put(" nulls first")
	}
}

func (SQLite) word(p *Printer, s string) { p.Arg(schema.NewText(s)) }

func (SQLite) value(p *Printer, x term) { p.term(x) }

// compare brings decimals to one scale, or to their true value next to a float.
func (d SQLite) compare(p *Printer, op schema.Op, l, r term) {
	d.scaled(p, l, r)
	p.Put(operators[op])
	d.scaled(p, r, l)
}

func (SQLite) scaled(p *Printer, x, other term) {
	p.term(x)
	switch up := int(other.Scale) - int(x.Scale); {
	case other.Kind.Kind == schema.Float && x.Scale > 0:
		p.Put(" / 1")
		p.zeros(int(x.Scale))
		p.Put(".0")
	case other.Kind.Kind != schema.Float && up > 0 && x.Kind.Kind != schema.Float:
		p.Put(" * 1")
		p.zeros(up)
	}
}

// among fills the list up to a few sizes with its last element, so that few
// statements serve all lengths.
func (SQLite) among(p *Printer, x term, list []schema.Value) {
	p.term(x)
	p.Put(" in (")
	for i, v := range list {
		if i > 0 {
			p.Put(",")
		}
		p.Arg(v)
	}
	for n := len(list); n&(n-1) != 0; n++ {
		p.Put(",")
		p.Arg(list[len(list)-1])
	}
	p.Put(")")
}

// like relies on SQLite's like ignoring the case of ASCII letters only.
func (SQLite) like(p *Printer, x term, pattern string) {
	p.term(x)
	p.Put(" like ")
	p.Arg(schema.NewText(pattern))
	p.Put(` escape '\'`)
}

func (SQLite) noCase(p *Printer, x term, text string) {
	p.term(x)
	p.Put(" collate nocase = ")
	p.Arg(schema.NewText(text))
}

// member needs no cast: documents keep each member as a column would.
func (SQLite) member(p *Printer, path *schema.Path, a Alias) {
	p.Put("json_extract(")
	p.field(path.Field, a, path.Guard)
	p.Put(", '$")
	for _, name := range path.Member {
		p.Put(`."`)
		p.escaped(name, '\'')
		p.Put(`"`)
	}
	p.Put("')")
}

func (SQLite) elements(p *Printer, list *schema.Path, a, n Alias) {
	p.Put("json_each(")
	p.end(list, a)
	p.name(") as j", int(n))
}

func (SQLite) element(p *Printer, n Alias, _ schema.Type) {
	p.name("j", int(n))
	p.Put(".value")
}

func (SQLite) set(p *Printer, f *schema.Field, a Alias, guard schema.Expr) {
	m := f.Many
	far := p.Names.Table(m.To)
	to := p.NewAlias()
	p.Put("(select json_group_array(v) from (select ")
	p.Column(to, far.Columns[Shown(m).Index])
	p.Put(" as v from ")
	p.related(m.Rel, a, to)
	p.and(guard, to)
	p.Put(" order by ")
	p.Column(to, far.Columns[m.To.Key[0].Index])
	p.Put("))")
}

func (SQLite) fold(_ *Printer, fn string, k Kind, of func(before, after string)) {
	switch {
	case fn != "avg" || k.Kind == schema.Float || k.Scale == 0:
		of(fn+"(", ")")
	default: // divided once, so that it is rounded once
		of("total(", ") / (count(")
		of("", ") * 1"+strings.Repeat("0", int(k.Scale))+")")
	}
}

// average divides units in two steps, the second for what the first leaves over, as
// more digits of the sum might not fit in 64 bits. A result that does not fit becomes a real number.
func (SQLite) average(p *Printer, k Kind, of func(before, after string)) {
	more := "1" + strings.Repeat("0", int(storage.AvgScale(k.Scale)-k.Scale))
	of("(sum(", ") / count(")
	of("", ") * "+more+" + (sum(")
	of("", ") % count(")
	of("", ") * 2 * "+more+" + case when sum(")
	of("", ") < 0 then -count(")
	of("", ") else count(")
	of("", ") end) / (2 * count(")
	of("", ")))")
}

// part cuts the canonical text of a date or time.
func (SQLite) part(p *Printer, part storage.Part, _ Kind, of func(before, after string)) {
	switch part {
	case storage.Year:
		of("substr(", ", 1, 4) || '-01-01'")
	case storage.Quarter:
		of("substr(", ", 1, 5) || substr('01040710', (substr(")
		of("", ", 6, 2) - 1) / 3 * 2 + 1, 2) || '-01'")
	case storage.Month:
		of("substr(", ", 1, 7) || '-01'")
	case storage.Week:
		of("date(substr(", ", 1, 10), '-6 days', 'weekday 1')")
	case storage.Day:
		of("substr(", ", 1, 10)")
	case storage.Hour:
		of("substr(", ", 1, 13) || ':00:00.000000Z'")
	}
}
