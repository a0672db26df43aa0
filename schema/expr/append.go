package expr

import (
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// String spells a condition in the expression language. Without guards, Parse
// and Bind read it back as a condition of the same meaning.
func String(e schema.Expr) string { return string(Append(nil, e)) }

// Append appends what String returns. Equal texts are equal conditions of one
// class, so it also serves fingerprints.
func Append(b []byte, e schema.Expr) []byte {
	switch e := e.(type) {
	case nil:
		return append(b, "true"...)
	case schema.Const:
		return strconv.AppendBool(b, bool(e))
	case schema.And:
		return appendJoined(b, e, " and ", "true")
	case schema.Or:
		return appendJoined(b, e, " or ", "false")
	case schema.Not:
		b = append(b, "not ("...)
		b = Append(b, e.X)
		return append(b, ')')
	case schema.Compare:
		typ := typeOf(e.Left)
		if typ == nil {
			typ = typeOf(e.Right)
		}
		b = appendOperand(b, e.Left, typ)
		b = append(b, ' ')
		b = append(b, e.Op.String()...)
		b = append(b, ' ')
		return appendOperand(b, e.Right, typ)
	case schema.In:
		if len(e.List) == 0 {
			return append(b, "false"...)
		}
		b = AppendOperand(b, e.X)
		b = append(b, " in ("...)
		for i, o := range e.List {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendOperand(b, o, typeOf(e.X))
		}
		return append(b, ')')
	case schema.Like:
		b = AppendOperand(b, e.X)
		b = append(b, " like "...)
		return appendText(b, e.Pattern)
	case schema.IsNull:
		b = AppendOperand(b, e.X)
		return append(b, " is null"...)
	case schema.Exists:
		b = appendName(b, e.Rel.Name)
		b = appendGuard(b, e.Guard)
		b = append(b, " has ("...)
		b = Append(b, e.Where)
		return append(b, ')')
	case schema.Contains:
		b = AppendOperand(b, e.X)
		b = append(b, " has "...)
		var elem schema.Type
		if list, ok := typeOf(e.X).(*schema.ListType); ok {
			elem = list.Elem()
		}
		return appendOperand(b, e.Item, elem)
	}
	panic("expr: unknown condition")
}

// appendJoined puts every part that is joined itself in parentheses.
func appendJoined(b []byte, parts []schema.Expr, word, empty string) []byte {
	if len(parts) == 0 {
		return append(b, empty...)
	}
	for i, x := range parts {
		if i > 0 {
			b = append(b, word...)
		}
		switch x.(type) {
		case schema.And, schema.Or:
			b = append(b, '(')
			b = Append(b, x)
			b = append(b, ')')
		default:
			b = Append(b, x)
		}
	}
	return b
}

// AppendOperand appends an operand as conditions spell it.
func AppendOperand(b []byte, o schema.Operand) []byte { return appendOperand(b, o, nil) }

// appendOperand spells a constant as values of typ are spelled.
func appendOperand(b []byte, o schema.Operand, typ schema.Type) []byte {
	switch o := o.(type) {
	case schema.Lit:
		return appendValue(b, o.Value, typ)
	case *schema.Path:
		return appendPath(b, o)
	case schema.Me:
		return append(b, "me"...)
	case schema.MeField:
		b = append(b, "me."...)
		return append(b, o.Name...)
	case schema.Now:
		return appendNow(b, o.Offset)
	}
	return append(b, "null"...)
}

func appendPath(b []byte, p *schema.Path) []byte {
	start := len(b)
	for _, s := range p.Steps {
		b = append(b, s.Rel.Name...)
		b = appendGuard(b, s.Guard)
		b = append(b, '.')
	}
	b = append(b, p.Field.Name...)
	for _, m := range p.Member {
		b = append(b, '.')
		b = append(b, m...)
	}
	b = appendGuard(b, p.Guard)
	if first := nameEnd(string(b[start:min(len(b), start+6)]), 0); keywords[string(b[start:start+first])] {
		b = append(b, 0)
		copy(b[start+1:], b[start:])
		b[start] = '.'
	}
	return b
}

func appendName(b []byte, name string) []byte {
	if keywords[name] {
		b = append(b, '.')
	}
	return append(b, name...)
}

// appendGuard shows what else must hold of the rows reached; it is no part of the language.
func appendGuard(b []byte, guard schema.Expr) []byte {
	if guard == nil {
		return b
	}
	b = append(b, '[')
	b = Append(b, guard)
	return append(b, ']')
}

func appendValue(b []byte, v schema.Value, typ schema.Type) []byte {
	switch v.Kind() {
	case schema.Null:
		return append(b, "null"...)
	case schema.Bool:
		return strconv.AppendBool(b, v.Bool())
	case schema.Decimal:
		return schema.AppendDecimal(b, v)
	case schema.Int:
		if typ == nil || typ.Name() != "duration" {
			return strconv.AppendInt(b, v.Int(), 10)
		}
	case schema.Float:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, 64)
	}
	if typ == nil {
		return appendText(b, v.Text())
	}
	return appendText(b, typ.Text(v))
}

// appendText writes text in single quotes.
func appendText(b []byte, s string) []byte {
	b = append(b, '\'')
	for i := range len(s) {
		if s[i] == '\'' {
			b = append(b, '\'')
		}
		b = append(b, s[i])
	}
	return append(b, '\'')
}

func appendNow(b []byte, offset time.Duration) []byte {
	b = append(b, "now"...)
	switch {
	case offset < 0:
		return appendSpan(append(b, " - "...), -offset)
	case offset > 0:
		return appendSpan(append(b, " + "...), offset)
	}
	return b
}

// appendSpan spells a length of time in the largest unit that has no rest.
func appendSpan(b []byte, d time.Duration) []byte {
	for _, unit := range []byte("wdhms") {
		if size := units[unit]; d%size == 0 && d != 0 || unit == 's' {
			b = strconv.AppendInt(b, int64(d/size), 10)
			return append(b, unit)
		}
	}
	return b
}
