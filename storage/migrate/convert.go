package migrate

import (
	"strconv"
	"strings"
)

// conversion makes values of one kind of another. $ stands for the old value.
type conversion struct {
	expr string // the new value
	bad  string // holds for values that have no exact counterpart; "" for none
	// scan says that only the type itself can tell whether a text is one of its values; exact that
	// the text must be spelled as the type spells it.
	scan, exact bool
}

// apply puts an expression in the place of $.
func apply(template, value string) string { return strings.ReplaceAll(template, "$", value) }

// the whole numbers that a double keeps exactly
const doubles = "between -9007199254740992 and 9007199254740992"

// maxUnits is the largest decimal, in units of its last digit.
const maxUnits = 999_999_999_999_999_999

// convert returns the way from one kind to another; ok is false when there is none that keeps every value.
func (sqlite) convert(from, to string) (c conversion, ok bool) {
	a, fromDecimal := scaleOf(from)
	b, toDecimal := scaleOf(to)
	number := fromDecimal || from == "int"
	switch {
	case number && (toDecimal || to == "int") && b >= a:
		return conversion{expr: "$ * " + power(b-a), bad: "$ not " + within(b-a)}, true
	case number && (toDecimal || to == "int"):
		return conversion{expr: "$ / " + power(a-b), bad: "$ % " + power(a-b) + " <> 0"}, true
	case number && to == "float":
		return conversion{expr: "$ / " + power(a) + ".0", bad: "$ not " + doubles}, true
	case from == "float" && (toDecimal || to == "int"):
		units := "round($ * " + power(b) + ".0)"
		return conversion{expr: "cast(" + units + " as integer)", bad: "(" + units + " / " + power(b) + ".0 <> $ or " + units + " not " + doubles + ")"}, true
	case from == "bool" && to == "int":
		return conversion{expr: "$"}, true
	case from == "int" && to == "bool":
		return conversion{expr: "$", bad: "$ not in (0, 1)"}, true
	case from == "bool" && to == "text":
		return conversion{expr: "case $ when 1 then 'true' when 0 then 'false' end"}, true
	case from == "text" && to == "bool":
		return conversion{expr: "case $ when 'true' then 1 when 'false' then 0 end", bad: "$ not in ('true', 'false')"}, true
	case number && to == "text" && a == 0:
		return conversion{expr: "cast($ as text)"}, true
	case fromDecimal && to == "text":
		return conversion{expr: "(case when $ < 0 then '-' else '' end || (abs($) / " + power(a) + ") || '.' || substr('" + strings.Repeat("0", a) + "' || (abs($) % " + power(a) + "), -" + itoa(a) + "))"}, true
	case from == "float" && to == "text":
		return conversion{expr: "(case when $ = cast($ as integer) then cast(cast($ as integer) as text) else cast($ as text) end)", bad: "cast(cast($ as text) as real) <> $"}, true
	case from == "text" && to == "int":
		return conversion{expr: "cast($ as integer)", bad: "cast(cast($ as integer) as text) <> $", scan: true}, true
	case from == "text" && toDecimal:
		return conversion{expr: "cast(round(cast($ as real) * " + power(b) + ".0) as integer)", bad: "(length($) > 15 or $ not glob '*[0-9]*' or $ glob '*[^0-9.-]*')", scan: true}, true
	case from == "text" && to == "float":
		return conversion{expr: "cast($ as real)", bad: "($ not glob '*[0-9]*' or $ glob '*[^0-9.eE+-]*')", scan: true}, true
	case from == "text" && isTemporal(to):
		return conversion{expr: "$", bad: spelledWrong[to], scan: true, exact: true}, true
	case isTemporal(from) && to == "text":
		return conversion{expr: "$"}, true
	case from == "date" && to == "datetime":
		return conversion{expr: "($ || 'T00:00:00.000000Z')"}, true
	case from == "datetime" && to == "date":
		return conversion{expr: "substr($, 1, 10)", bad: "substr($, 11) <> 'T00:00:00.000000Z'"}, true
	}
	return conversion{}, false
}

// spelledWrong tells texts that are no value of a kind, as well as SQL can.
var spelledWrong = map[string]string{
	"date":     "date($) is not $",
	"time":     "strftime('%H:%M:%S', $) is not substr($, 1, 8)",
	"datetime": "strftime('%Y-%m-%dT%H:%M:%S', $) is not substr($, 1, 19)",
	"uuid":     "$ not glob '????????-????-????-????-????????????'",
}

// isTemporal reports whether values of the kind have one spelling as text: dates, times, UUIDs.
func isTemporal(kind string) bool {
	return kind == "date" || kind == "time" || kind == "datetime" || kind == "uuid"
}

func (d postgres) convert(from, to string) (c conversion, ok bool) {
	a, fromDecimal := scaleOf(from)
	b, toDecimal := scaleOf(to)
	number := fromDecimal || from == "int"
	cast := "$::" + d.columnType(to)
	switch {
	case number && toDecimal:
		c = conversion{expr: cast, bad: "abs($) > " + decimalMost(b)}
		if b < a {
			c.bad = "$ <> round($, " + itoa(b) + ")"
		}
		return c, true
	case fromDecimal && to == "int":
		return conversion{expr: cast, bad: "$ <> trunc($)"}, true
	case from == "int" && to == "float":
		return conversion{expr: cast, bad: "$ not " + doubles}, true
	case fromDecimal && to == "float":
		return conversion{expr: cast, bad: "$::float8::numeric <> $"}, true
	case from == "float" && to == "int":
		return conversion{expr: cast, bad: "($ <> trunc($) or $ not " + doubles + ")"}, true
	case from == "float" && toDecimal:
		return conversion{expr: "round($::numeric, " + itoa(b) + ")::" + d.columnType(to), bad: "(round($::numeric, " + itoa(b) + ")::float8 <> $ or abs($) * 1e" + itoa(b) + " not " + doubles + ")"}, true
	case from == "bool" && to == "int":
		return conversion{expr: "$::int::bigint"}, true
	case from == "int" && to == "bool":
		return conversion{expr: "$ = 1", bad: "$ not in (0, 1)"}, true
	case from == "text" && to == "bool":
		return conversion{expr: "$ = 'true'", bad: "$ not in ('true', 'false')"}, true
	case from == "bool" && to == "text", number && to == "text", from == "float" && to == "text", from == "date" && to == "text", from == "uuid" && to == "text":
		return conversion{expr: `$::text collate "C"`}, true
	case from == "time" && to == "text":
		return conversion{expr: `to_char($::interval, 'HH24:MI:SS.US') collate "C"`}, true
	case from == "datetime" && to == "text":
		return conversion{expr: `to_char($ at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') collate "C"`}, true
	case from == "text" && to == "int":
		return conversion{expr: cast, bad: `$ !~ '^(0|-?[1-9][0-9]*)\Z'`, scan: true}, true
	case from == "text" && (to == "float" || toDecimal || isTemporal(to)):
		return conversion{expr: cast, scan: true}, true
	case from == "date" && to == "datetime":
		return conversion{expr: "($::timestamp at time zone 'UTC')"}, true
	case from == "datetime" && to == "date":
		return conversion{expr: "($ at time zone 'UTC')::date", bad: "($ at time zone 'UTC')::time <> '00:00'"}, true
	}
	return conversion{}, false
}

func power(n int) string { return "1" + strings.Repeat("0", max(n, 0)) }

// within are the units that can be shifted by some digits.
func within(digits int) string {
	most := int64(maxUnits)
	for range digits {
		most /= 10
	}
	if digits == 0 {
		return "between -9223372036854775807 - 1 and 9223372036854775807"
	}
	n := strconv.FormatInt(most, 10)
	return "between -" + n + " and " + n
}

// decimalMost is the largest decimal of a scale.
func decimalMost(scale int) string {
	digits := strings.Repeat("9", 18)
	if scale == 0 {
		return digits
	}
	whole := digits[:18-scale]
	if whole == "" {
		whole = "0"
	}
	return whole + "." + digits[18-scale:]
}
