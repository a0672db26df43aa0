package expr

import (
	"strings"
	"unicode/utf8"
)

// token is one word or sign of an expression, by byte offsets of the source.
type token struct {
	kind       tokenKind
	start, end int
	text       string // source; of a string, its content
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokString
	tokNumber   // 12, 1.5, 1e3: without a sign
	tokDuration // 7d
	tokSign     // ( ) , . = != < <= > >= + -
)

// keywords cannot be names unless a dot stands in front: .like
var keywords = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "like": true, "has": true, "is": true,
	"null": true, "true": true, "false": true, "me": true, "now": true,
}

// lex reads the token that begins at or after an offset.
func lex(src string, at int) (token, *SyntaxError) {
	for at < len(src) && strings.IndexByte(" \t\r\n", src[at]) >= 0 {
		at++
	}
	t := token{start: at, end: at}
	if at == len(src) {
		return t, nil
	}
	switch c := src[at]; {
	case nameStart(c):
		t.kind, t.end = tokName, nameEnd(src, at)
	case digit(c):
		return lexNumber(src, at)
	case c == '\'':
		return lexString(src, at)
	default:
		t.kind = tokSign
		t.end = at + signLen(src[at:])
		if t.end == at {
			return t, strayCharacter(src, at)
		}
	}
	t.text = src[at:t.end]
	return t, nil
}

func nameStart(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func digit(c byte) bool     { return c >= '0' && c <= '9' }

func nameEnd(src string, at int) int {
	for at < len(src) && (nameStart(src[at]) || digit(src[at])) {
		at++
	}
	return at
}

// signLen is the length of the sign that s begins with, 0 when there is none.
func signLen(s string) int {
	for _, sign := range []string{"!=", "<=", ">="} {
		if strings.HasPrefix(s, sign) {
			return 2
		}
	}
	if strings.IndexByte("().,=<>+-", s[0]) >= 0 {
		return 1
	}
	return 0
}

func lexNumber(src string, at int) (token, *SyntaxError) {
	if end := dateEnd(src, at); end > 0 {
		return token{}, &SyntaxError{Offset: at, End: end, Message: "a date without quotes", Hint: "dates and times go in single quotes: '" + src[at:end] + "'"}
	}
	i := digits(src, at)
	if i < len(src) && nameStart(src[i]) && src[i] != 'e' && src[i] != 'E' {
		end := nameEnd(src, i)
		if isSpan(src[at:end]) {
			return token{tokDuration, at, end, src[at:end]}, nil
		}
		return token{}, &SyntaxError{Offset: at, End: end, Message: "a name cannot begin with a digit", Hint: "lengths of time are written 30s, 5m, 2h, 7d or 1w; text goes in single quotes"}
	}
	if i+1 < len(src) && src[i] == '.' && digit(src[i+1]) {
		i = digits(src, i+1)
	}
	if i < len(src) && (src[i] == 'e' || src[i] == 'E') {
		j := i + 1
		if j < len(src) && (src[j] == '+' || src[j] == '-') {
			j++
		}
		end := digits(src, j)
		if end == j {
			return token{}, &SyntaxError{Offset: at, End: nameEnd(src, j), Message: "this number has no exponent after the `e`"}
		}
		i = end
	}
	if i < len(src) && nameStart(src[i]) {
		return token{}, &SyntaxError{Offset: at, End: nameEnd(src, i), Message: "letters follow this number directly", Hint: "text goes in single quotes"}
	}
	return token{tokNumber, at, i, src[at:i]}, nil
}

// isSpan reports whether a word is a length of time: 7d, 1h30m.
func isSpan(word string) bool {
	for len(word) > 0 {
		n := digits(word, 0)
		if n == 0 || n == len(word) || strings.IndexByte("smhdw", word[n]) < 0 {
			return false
		}
		word = word[n+1:]
	}
	return true
}

// dateEnd returns where a date such as 2024-01-31 ends, with a time of day if there is one, or 0.
func dateEnd(src string, at int) int {
	const form = "0000-00-00"
	if len(src)-at < len(form) {
		return 0
	}
	for i := range len(form) {
		if c := src[at+i]; form[i] == '0' && !digit(c) || form[i] == '-' && c != '-' {
			return 0
		}
	}
	end := at + len(form)
	if end < len(src) && src[end] == 'T' {
		for end < len(src) && (nameStart(src[end]) || digit(src[end]) || strings.IndexByte(":+-.", src[end]) >= 0) {
			end++
		}
	}
	return end
}

func digits(src string, at int) int {
	for at < len(src) && digit(src[at]) {
		at++
	}
	return at
}

// lexString reads text in single quotes; two of them inside stand for one.
func lexString(src string, at int) (token, *SyntaxError) {
	var b strings.Builder
	for i := at + 1; i < len(src); i++ {
		if src[i] != '\'' {
			b.WriteByte(src[i])
			continue
		}
		if i+1 < len(src) && src[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		text := b.String()
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return token{}, &SyntaxError{Offset: at, End: i + 1, Message: "this text is not valid UTF-8 without NUL"}
		}
		return token{tokString, at, i + 1, text}, nil
	}
	return token{}, &SyntaxError{Offset: at, End: len(src), Message: "this text has no closing quote", Hint: "a quote inside text is written twice: 'it''s'"}
}

// strayCharacter explains a character that begins no token, with the notation of other languages in mind.
func strayCharacter(src string, at int) *SyntaxError {
	r, n := utf8.DecodeRuneInString(src[at:])
	e := &SyntaxError{Offset: at, End: at + n, Message: "`" + string(r) + "` has no meaning here"}
	if r == utf8.RuneError {
		e.Message = "this is not valid UTF-8"
	}
	switch r {
	case '"', '`', '‘', '’', '“', '”':
		e.Hint = "text goes in single quotes: 'active'"
		if inside, _, ok := strings.Cut(src[at+n:], string(r)); ok && r < utf8.RuneSelf && !strings.Contains(inside, "'") {
			e.Hint = "text goes in single quotes: '" + inside + "'"
		}
	case '&':
		e.Hint = "write `and`"
	case '|':
		e.Hint = "write `or`"
	case '!':
		e.Hint = "write `not`, or `!=` for unequal"
	case '~', '%', '*':
		e.Hint = "patterns are written: name like 'A*'"
	case '[', ']':
		e.Hint = "a set goes in parentheses: in ('a', 'b')"
	case '$', '@', ':', '{', '}':
		e.Hint = "fields are named as they are; the subject is `me`"
	}
	return e
}
