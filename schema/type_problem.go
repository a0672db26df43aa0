package schema

import (
	"strings"
	"unicode/utf8"
)

// Codes of problems with values.
const (
	CodeType     = "type"      // another JSON type is needed
	CodeFormat   = "format"    // right JSON type, wrong form
	CodeRange    = "range"     // too small or too large
	CodeLength   = "length"    // too short or too long
	CodePattern  = "pattern"   // does not match the pattern
	CodeEnum     = "enum"      // not one of the allowed values
	CodeRequired = "required"  // missing, or null where null is not allowed
	CodeUnknown  = "unknown"   // a member nobody declared
	CodeReadOnly = "read-only" // a member clients may not send
)

// Error makes a Problem the error that Parse returns.
func (p Problem) Error() string { return p.Detail }

func problem(code, detail string) *Problem { return &Problem{Code: code, Detail: detail} }

func (p *Problem) hint(text string) *Problem {
	p.Hint = text
	return p
}

// one is a problem in the shape of Decode.
func (p *Problem) one() (Value, []Problem) { return Value{}, []Problem{*p} }

// result turns the outcome of a check into that of Decode.
func result(v Value, p *Problem) (Value, []Problem) {
	if p != nil {
		return p.one()
	}
	return v, nil
}

// parsed turns the outcome of a check into that of Parse.
func parsed(v Value, p *Problem) (Value, error) {
	if p != nil {
		return Value{}, *p
	}
	return v, nil
}

// expected is the problem of a JSON value of the wrong type.
func expected(what string, raw []byte) *Problem {
	return problem(CodeType, "expected "+what+", not "+jsonTypeOf(raw))
}

// jsonTypeOf names the type of a JSON value for people.
func jsonTypeOf(raw []byte) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// pointerTo appends one token to a JSON Pointer (RFC 6901).
func pointerTo(name string) string {
	if strings.ContainsAny(name, "~/") {
		name = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return "/" + name
}

// below moves problems under a member.
func below(pointer string, ps []Problem) []Problem {
	for i := range ps {
		ps[i].Pointer = pointer + ps[i].Pointer
	}
	return ps
}

// didYouMean is the hint for an unknown word, or empty.
func didYouMean(word string, candidates []string) string {
	if s := Suggest(word, candidates); s != "" {
		return "did you mean `" + s + "`?"
	}
	return ""
}

// Suggest returns the candidate that word was probably meant to be, or "". A
// third of its characters may be wrong, missing, doubled or swapped.
func Suggest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	n := utf8.RuneCountInString(word)
	best, limit := "", n/3+1
	if n < 3 {
		limit = 1
	}
	lower := strings.ToLower(word)
	for _, c := range candidates {
		if c == word || len(c) > 64 {
			continue
		}
		if d := distance(lower, strings.ToLower(c), limit); d < limit || best == "" && d == limit {
			best, limit = c, d
		}
	}
	return best
}

// distance counts the edits between two words, a swap of neighbours being one;
// anything above limit is limit+1.
func distance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) > limit || len(y)-len(x) > limit {
		return limit + 1
	}
	before, row := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		next := make([]int, len(y)+1)
		next[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			next[j] = min(next[j-1]+1, row[j]+1, row[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return min(row[len(y)], limit+1)
}
