package schema

import (
	"strconv"
	"time"
)

var dateDef = TypeDef{
	Name:    "date",
	Doc:     "A day of the calendar, without a time zone: 2026-01-31.",
	Options: []string{"min", "max"},
	Example: "date optional",
	New: func(o Options) (Type, error) {
		return newTemporal("date", o, temporalType{
			read:  readDate,
			shape: Shape{Type: "string", Format: "date", Example: `"2026-01-31"`},
		})
	},
}

// temporalType is a date, a time or a datetime: stored as text of fixed width,
// so that its order as text is its order in time.
type temporalType struct {
	name   string
	read   func(text string) (string, *Problem) // to the stored text
	trim   bool                                 // show without the zeros that end a fraction
	shape  Shape
	bounds bounds[string] // stored texts
}

func newTemporal(name string, o Options, t temporalType) (Type, error) {
	if err := o.only(name, "min", "max"); err != nil {
		return nil, err
	}
	t.name = name
	var err error
	t.bounds, err = readBounds(o, func(text string) (string, error) {
		s, p := t.read(text)
		if p != nil {
			return "", *p
		}
		return s, nil
	})
	if t.trim {
		return &t, err
	}
	return &dateType{t}, err
}

// dateType shows what is stored, digit by digit.
type dateType struct{ temporalType }

func (t *dateType) verbatim() {}

func (t *temporalType) Name() string { return t.name }
func (t *temporalType) Kind() Kind   { return Text }
func (t *temporalType) Traits() Traits {
	return Traits{Filter: true, Order: true, Key: true, Unique: true}
}

func (t *temporalType) Parse(text string) (Value, error) { return parsed(t.value(text)) }

func (t *temporalType) ParseOperand(text string) (Value, error) {
	s, p := t.read(text)
	return parsed(NewText(s), p)
}

func (t *temporalType) Decode(raw []byte) (Value, []Problem) {
	text, p := unquote(raw)
	if p != nil {
		return p.one()
	}
	return result(t.value(text))
}

func (t *temporalType) value(text string) (Value, *Problem) {
	s, p := t.read(text)
	if p == nil {
		p = t.bounds.check(s, t.show)
	}
	return NewText(s), p
}

func (t *temporalType) AppendJSON(b []byte, v Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	if !t.trim {
		return AppendQuoted(b, v.text)
	}
	body, zone := trimFraction(v.text)
	b = append(b, '"')
	b = append(b, body...)
	b = append(b, zone...)
	return append(b, '"')
}

func (t *temporalType) Text(v Value) string { return t.show(v.text) }

func (t *temporalType) show(stored string) string {
	if !t.trim {
		return stored
	}
	body, zone := trimFraction(stored)
	return body + zone
}

func (t *temporalType) Shape() Shape { return t.shape }

// trimFraction cuts the zeros that end a fraction: 03:04:05.500000 is shown as
// 03:04:05.5 and 03:04:05.000000Z as 03:04:05 and Z.
func trimFraction(stored string) (body, zone string) {
	const digits = len(".000000")
	body = stored
	if n := len(stored); n > 0 && stored[n-1] == 'Z' {
		body, zone = stored[:n-1], stored[n-1:]
	}
	n := len(body)
	if n < digits || body[n-digits] != '.' {
		return body, zone
	}
	for body[n-1] == '0' {
		n--
	}
	if body[n-1] == '.' {
		n--
	}
	return body[:n], zone
}

// NewDate is the UTC day of a time, as a date field stores it.
func NewDate(t time.Time) Value { return NewText(t.UTC().Format(time.DateOnly)) }

func readDate(text string) (string, *Problem) {
	if _, _, _, ok := calendarDay(text); !ok || len(text) != len(time.DateOnly) {
		return "", problem(CodeFormat, "expected a date like 2026-01-31")
	}
	return text, nil
}

// calendarDay reads the full-date that text begins with (RFC 3339): four, two
// and two digits, a day that exists, years 0001 to 9999.
func calendarDay(text string) (year, month, day int, ok bool) {
	if len(text) < len(time.DateOnly) || text[4] != '-' || text[7] != '-' {
		return 0, 0, 0, false
	}
	year, ok1 := digitsAt(text, 0, 4)
	month, ok2 := digitsAt(text, 5, 2)
	day, ok3 := digitsAt(text, 8, 2)
	if !ok1 || !ok2 || !ok3 || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, 0, 0, false
	}
	return year, month, day, true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// digitsAt reads exactly n digits at an offset.
func digitsAt(text string, at, n int) (int, bool) {
	if at+n > len(text) || digitsFrom(text[:at+n], at) != at+n {
		return 0, false
	}
	v, err := strconv.Atoi(text[at : at+n])
	return v, err == nil
}

// Limits are the texts of min and max, "" without.
func (t *temporalType) Limits() (low, high string) { return t.bounds.text(t.show) }
