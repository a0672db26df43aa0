package sqlgen

import (
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// SQLite is the dialect of SQLite 3.38 and later.
type SQLite struct{}

var _ Dialect = SQLite{}

// Param writes +?n. The plus keeps SQLite from preparing the statement again
// whenever a value is bound that could change its plan (a third of a list's time
// where it was built with STAT4); the value and its comparison stay the same.
func (SQLite) Param(b []byte, n int) []byte {
	b = append(b, '+', '?')
	return strconv.AppendInt(b, int64(n), 10)
}

// Like relies on SQLite's like ignoring the case of ASCII letters only.
func (SQLite) Like(b []byte, x, pattern func([]byte) []byte) []byte {
	b = append(x(b), " like "...)
	return append(pattern(b), ` escape '\'`...)
}

// Member needs no cast: documents keep each member as a column would.
func (SQLite) Member(b []byte, x func([]byte) []byte, path []string, _ schema.Type) []byte {
	b = append(b, "json_extract("...)
	b = append(x(b), `, '$`...)
	for _, name := range path {
		b = append(b, `."`...)
		b = append(b, strings.ReplaceAll(name, "'", "''")...)
		b = append(b, '"')
	}
	return append(b, `')`...)
}

// Elements uses json_each.
func (SQLite) Elements(b []byte, x func([]byte) []byte, alias string) []byte {
	b = append(b, "json_each("...)
	b = append(x(b), ") as "...)
	return append(b, alias...)
}

// JSONArray uses json_group_array.
func (SQLite) JSONArray(b []byte, column string) []byte {
	return append(b, "json_group_array("+column+")"...)
}

// Mean divides once, so that it is rounded once.
func (SQLite) Mean(b []byte, column string, k schema.Kind, scale uint8) []byte {
	if k == schema.Float || scale == 0 {
		return append(b, "avg("+column+")"...)
	}
	return append(b, "total("+column+") / (count("+column+") * 1"+strings.Repeat("0", int(scale))+")"...)
}

// NoCase folds ASCII letters.
func (SQLite) NoCase(b []byte) []byte { return append(b, " collate nocase"...) }

// NullsLast is needed going up only: SQLite takes null for the least value.
func (SQLite) NullsLast(b []byte, desc bool) []byte {
	if desc {
		return b
	}
	return append(b, " nulls last"...)
}

// NoLimit is any negative number.
func (SQLite) NoLimit(b []byte) []byte { return append(b, "-1"...) }
