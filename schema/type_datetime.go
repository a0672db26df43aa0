package schema

import (
	"strings"
	"time"
)

var datetimeDef = TypeDef{
	Name:    "datetime",
	Doc:     "A point in time with an offset (RFC 3339), kept to the microsecond and shown in UTC: 2026-01-31T13:30:00Z.",
	Options: []string{"min", "max"},
	Example: "datetime optional",
	New: func(o Options) (Type, error) {
		return newTemporal("datetime", o, temporalType{
			read:  readDatetime,
			trim:  true,
			shape: Shape{Type: "string", Format: "date-time", Example: `"2026-01-31T13:30:00Z"`},
		})
	},
}

// datetimeLayout is how a datetime is stored: UTC, fixed width.
const datetimeLayout = "2006-01-02T15:04:05.000000Z"

// NewDatetime is a point in time as a datetime field stores it.
func NewDatetime(t time.Time) Value { return NewText(t.UTC().Format(datetimeLayout)) }

// Datetime is the inverse of NewDatetime; ok is false for anything else.
func Datetime(v Value) (t time.Time, ok bool) {
	t, err := time.Parse(datetimeLayout, v.text)
	return t, err == nil && v.kind == Text
}

func readDatetime(text string) (string, *Problem) {
	const form = "expected a date and time with an offset like 2026-01-31T13:30:00Z"
	year, month, day, ok := calendarDay(text)
	if !ok {
		return "", problem(CodeFormat, form)
	}
	rest := text[len(time.DateOnly):]
	if rest == "" {
		return "", problem(CodeFormat, form).hint("add a time and an offset: " + text + "T00:00:00Z")
	}
	if rest[0] != 'T' && rest[0] != 't' {
		return "", problem(CodeFormat, form)
	}
	clock, zone, ok := readClock(rest[1:])
	if !ok {
		return "", problem(CodeFormat, form)
	}
	if zone == "" {
		return "", problem(CodeFormat, form).hint("add an offset: " + text + "Z")
	}
	if zone == "Z" || zone == "z" {
		return text[:len(time.DateOnly)] + "T" + clock + "Z", nil
	}
	offset, ok := readOffset(zone)
	if !ok && zone[0] == ' ' {
		return "", problem(CodeFormat, form).hint("in an address, + is written %2B")
	}
	if !ok {
		return "", problem(CodeFormat, form)
	}
	h, _ := digitsAt(clock, 0, 2)
	m, _ := digitsAt(clock, 3, 2)
	s, _ := digitsAt(clock, 6, 2)
	micro, _ := digitsAt(clock, 9, 6)
	utc := time.Date(year, time.Month(month), day, h, m, s, micro*1000, time.UTC).Add(-offset)
	if utc.Year() < 1 || utc.Year() > 9999 {
		return "", problem(CodeRange, "must be in the years 0001 to 9999, in UTC")
	}
	return utc.Format(datetimeLayout), nil
}

// readOffset reads ±hh:mm up to 23:59. The unknown offset -00:00 is UTC.
func readOffset(zone string) (time.Duration, bool) {
	if len(zone) != len("+00:00") || !strings.ContainsRune("+-", rune(zone[0])) || zone[3] != ':' {
		return 0, false
	}
	h, ok1 := digitsAt(zone, 1, 2)
	m, ok2 := digitsAt(zone, 4, 2)
	if !ok1 || !ok2 || h > 23 || m > 59 {
		return 0, false
	}
	d := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
	if zone[0] == '-' {
		d = -d
	}
	return d, true
}
