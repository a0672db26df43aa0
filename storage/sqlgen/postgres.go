package sqlgen

import (
	"math"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Postgres is the dialect of PostgreSQL 13 and later. Columns have the types
// that ColumnType names; bound values leave theirs to be inferred, so every one
// is printed where it meets an operand. Documents (json) keep decimals as units
// and dates as text, as they do everywhere.
type Postgres struct{}

var _ Dialect = Postgres{}

// collateC makes text compare by code point, and fold ASCII letters only.
const collateC = ` collate "C"`

// ColumnType is the type of a column for values of t.
func (Postgres) ColumnType(t schema.Type) string {
	k := KindOf(t)
	switch k.Kind {
	case schema.Bool:
		return "boolean"
	case schema.Int:
		return "bigint"
	case schema.Float:
		return "double precision"
	case schema.Decimal:
		return "numeric(19," + strconv.Itoa(int(k.Scale)) + ")"
	case schema.JSON:
		return "json"
	}
	return [...]string{Plain: "text" + collateC, Date: "date", Time: "time", Datetime: "timestamptz", UUID: "uuid"}[k.Native]
}

func (Postgres) param(b []byte, n int) []byte {
	b = append(b, '$')
	return appendNumber(b, n)
}

func (Postgres) decimal(units int64, scale uint8) schema.Value {
	return schema.NewDecimal(units, scale)
}

// limit is a literal: the plan that is right for a page is wrong for all rows.
func (Postgres) limit(p *Printer, n int) { p.number(n) }

func (Postgres) noLimit(p *Printer) { p.Put("all") }

func (Postgres) lock(p *Printer, a Alias) {
	p.Put(" for no key update of ")
	p.alias(a)
}

// nullsLast is needed going down only: PostgreSQL takes null for the greatest value.
func (Postgres) nullsLast(p *Printer, desc bool) {
	if desc {
		p.Put(" nulls last")
	}
}

func (Postgres) nullsFirst(p *Printer, desc bool) {
	if !desc {
		p.Put(" nulls first")
	}
}

func (Postgres) word(p *Printer, s string) {
	p.Put("'")
	p.escaped(s, '\'')
	p.Put("'")
}

// value prints a document as its text, since json does not compare.
func (Postgres) value(p *Printer, x term) {
	if x.Kind.Kind != schema.JSON {
		p.term(x)
		return
	}
	p.Put("(")
	p.term(x)
	p.Put(")::text" + collateC)
}

// compare brings both sides to one type: numbers next to a float to floats,
// texts of different native types to text.
func (d Postgres) compare(p *Printer, op schema.Op, l, r term) {
	d.side(p, l, r)
	p.Put(operators[op])
	d.side(p, r, l)
}

func (d Postgres) side(p *Printer, x, other term) {
	switch {
	case other.Kind.Kind == schema.Float && x.Kind.Kind != schema.Float:
		p.Put("(")
		p.term(x)
		p.Put(")::double precision")
	case x.Native != other.Native:
		d.plain(p, x)
	default:
		d.value(p, x)
	}
}

// plain prints a text of a native type in its canonical form.
func (Postgres) plain(p *Printer, x term) {
	before, after := "", ""
	switch x.Native {
	case Date:
		before, after = "to_char(", ", 'YYYY-MM-DD')"+collateC
	case Time:
		before, after = "to_char((", ")::interval, 'HH24:MI:SS.US')"+collateC
	case Datetime:
		before, after = "to_char((", `) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`+collateC
	case UUID:
		before, after = "(", ")::text"+collateC
	}
	p.Put(before)
	p.term(x)
	p.Put(after)
}

// among binds one array, so that one statement serves all lengths.
func (d Postgres) among(p *Printer, x term, list []schema.Value) {
	d.value(p, x)
	if len(list) == 1 {
		p.Put(" = ")
		p.Arg(list[0])
		p.widen(x.Kind, "::bigint")
		return
	}
	p.Put(" = any(")
	p.scratch = appendArray(p.scratch[:0], list)
	p.Arg(schema.NewText(string(p.scratch)))
	p.widen(x.Kind, "::bigint[]")
	p.Put(")")
}

// like has no escape clause, which would keep indexes of trigrams from being used; \ escapes anyway.
func (d Postgres) like(p *Printer, x term, pattern string) {
	d.plain(p, x)
	p.Put(" ilike ")
	p.Arg(schema.NewText(pattern))
}

func (d Postgres) noCase(p *Printer, x term, text string) {
	p.Put("lower(")
	d.plain(p, x)
	p.Put(") = ")
	p.Arg(schema.NewText(lowerASCII(text)))
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

func (d Postgres) member(p *Printer, path *schema.Path, a Alias) {
	d.typed(p, KindOf(path.Type), func(text bool) { d.follow(p, path, a, text) })
}

// follow prints the way to a member, whose text it yields or itself.
func (Postgres) follow(p *Printer, path *schema.Path, a Alias, text bool) {
	p.Put("(")
	p.field(path.Field, a, path.Guard)
	for i, name := range path.Member {
		if text && i == len(path.Member)-1 {
			p.Put("->>'")
		} else {
			p.Put("->'")
		}
		p.escaped(name, '\'')
		p.Put("'")
	}
	p.Put(")")
}

// typed prints a part of a document as a value of its kind. A document of an
// older schema may hold something else there, which is null then.
func (Postgres) typed(p *Printer, k Kind, part func(text bool)) {
	switch k.Kind {
	case schema.Bool:
		p.Put("case ")
		part(true)
		p.Put(" when 'true' then true when 'false' then false end")
	case schema.Int, schema.Float, schema.Decimal:
		p.Put("case when json_typeof(")
		part(false)
		p.Put(") = 'number' then ")
		part(true)
		switch {
		case k.Kind == schema.Float:
			p.Put("::double precision")
		case k.Scale == 0:
			p.Put("::numeric")
		default: // multiplied, as a division would be rounded
			p.Put("::numeric * 0.")
			p.zeros(int(k.Scale) - 1)
			p.Put("1")
		}
		p.Put(" end")
	default:
		part(true)
		p.Put(collateC)
	}
}

// elements yields nothing of what is no list.
func (d Postgres) elements(p *Printer, list *schema.Path, a, n Alias) {
	p.Put("json_array_elements(case when json_typeof(")
	d.list(p, list, a)
	p.Put(") = 'array' then ")
	d.list(p, list, a)
	p.name(" end) as j", int(n))
	p.Put("(value)")
}

func (d Postgres) list(p *Printer, list *schema.Path, a Alias) {
	if len(list.Member) > 0 {
		d.follow(p, list, a, false)
	} else {
		p.end(list, a)
	}
}

func (d Postgres) element(p *Printer, n Alias, t schema.Type) {
	d.typed(p, KindOf(t), func(text bool) {
		before, after := "j", ".value"
		if text {
			before, after = "(j", ".value #>> '{}')"
		}
		p.name(before, int(n))
		p.Put(after)
	})
}

// set spells the array itself: what json_agg makes has spaces.
func (d Postgres) set(p *Printer, f *schema.Field, a Alias, guard schema.Expr) {
	m := f.Many
	far := p.Names.Table(m.To)
	to := p.NewAlias()
	x := p.operandOf(p.Names.Link(f).shown, to)
	p.Put("(select '[' || coalesce(string_agg(")
	if x.Kind.Kind == schema.Text {
		p.Put("to_json(")
		d.plain(p, x)
		p.Put(")::text, ',' order by ")
	} else {
		p.term(x)
		p.Put("::text, ',' order by ")
	}
	p.Column(to, far.Columns[m.To.Key[0].Index])
	p.Put("), '') || ']' from ")
	p.related(m.Rel, a, to)
	p.and(guard, to)
	p.Put(")")
}

// fold casts sums back, so that one beyond the range of its kind is an error.
func (d Postgres) fold(_ *Printer, fn string, k Kind, of func(before, after string)) {
	switch fn {
	case "sum":
		switch k.Kind {
		case schema.Float:
			of("sum(", ")")
		case schema.Decimal:
			of("sum(", ")::numeric(19,"+strconv.Itoa(int(k.Scale))+")")
		default:
			of("sum(", ")::bigint")
		}
	case "avg": // divided once, so that it is rounded once
		if k.Scale == 0 {
			of("sum(", ")::double precision / count(")
			of("", ")")
			return
		}
		one := "1" + strings.Repeat("0", int(k.Scale))
		of("sum(", " * "+one+")::double precision / (count(")
		of("", ") * "+one+"::numeric)::double precision")
	default:
		d.extreme(fn, k, of)
	}
}

// average divides whole numbers, as the quotient of others would be rounded once more.
func (Postgres) average(_ *Printer, k Kind, of func(before, after string)) {
	scale := int(storage.AvgScale(k.Scale))
	one := "1" + strings.Repeat("0", scale)
	unit := "0." + strings.Repeat("0", scale-1) + "1"
	of("(div(2 * sum(", ") * "+one+" + sign(sum(")
	of("", ")) * count(")
	of("", "), nullif(2 * count(")
	of("", "), 0)) * "+unit+")::numeric(19,"+strconv.Itoa(scale)+")")
}

var truncations = [...]string{storage.Year: "year", storage.Quarter: "quarter", storage.Month: "month", storage.Week: "week", storage.Day: "day", storage.Hour: "hour"}

func (Postgres) part(_ *Printer, part storage.Part, k Kind, of func(before, after string)) {
	before, after := "date_trunc('"+truncations[part]+"', (", ")::timestamp)"
	if k.Native == Datetime {
		after = ") at time zone 'UTC')"
	}
	if part == storage.Hour {
		after += " at time zone 'UTC'"
	} else {
		after += "::date"
	}
	of("("+before, after+")")
}

// extreme prints min or max, also for the types that PostgreSQL has none for.
func (Postgres) extreme(fn string, k Kind, of func(before, after string)) {
	switch {
	case k.Kind == schema.Bool && fn == "min":
		of("bool_and(", ")")
	case k.Kind == schema.Bool:
		of("bool_or(", ")")
	case k.Native == UUID:
		of(fn+"(", "::text"+collateC+")::uuid")
	default:
		of(fn+"(", ")")
	}
}

// Array is the text of a PostgreSQL array of values of one kind.
func Array(list []schema.Value) schema.Value {
	return schema.NewText(string(appendArray(make([]byte, 0, 16*len(list)+2), list)))
}

func appendArray(b []byte, list []schema.Value) []byte {
	b = append(b, '{')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		switch v.Kind() {
		case schema.Null:
			b = append(b, "null"...)
		case schema.Bool:
			b = strconv.AppendBool(b, v.Bool())
		case schema.Int:
			b = strconv.AppendInt(b, v.Int(), 10)
		case schema.Float:
			b = appendFloat(b, v.Float())
		case schema.Decimal:
			b = schema.AppendDecimal(b, v)
		default:
			b = append(b, '"')
			for _, c := range []byte(v.Text()) {
				if c == '"' || c == '\\' {
					b = append(b, '\\')
				}
				b = append(b, c)
			}
			b = append(b, '"')
		}
	}
	return append(b, '}')
}

func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "NaN"...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
