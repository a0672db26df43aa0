package migrate

import "fmt"

// number is a number of rows as people read it: 12 403.
func number(n int64) string {
	if n < 0 {
		return "?"
	}
	if n == unknownRows {
		return "all"
	}
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// rowsDo counts rows that have, get or do something: 1 row has, 2 rows have.
func rowsDo(n int64, verb string) string {
	if n == 1 {
		verb = map[string]string{"have": "has", "get": "gets", "do": "does", "point": "points"}[verb]
	}
	return count(n, "row") + " " + verb
}

func count(n int64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return number(n) + " " + unit + "s"
}
