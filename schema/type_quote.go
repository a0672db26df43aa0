package schema

import (
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// mustEscape marks the bytes that cannot stand for themselves in a JSON string.
var mustEscape = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// AppendQuoted appends s as a JSON string with the fewest escapes. s is valid
// UTF-8, as every stored text is.
func AppendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		if !mustEscape[s[i]] {
			continue
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, s[i])
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendEscape(b []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// unquote reads a JSON string and refuses what no store could keep: U+0000 and invalid UTF-8.
func unquote(raw []byte) (string, *Problem) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", expected("a string", raw)
	}
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if !mustEscape[c] {
			continue
		}
		text, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return "", problem(CodeFormat, "expected a string of valid Unicode")
		}
		s := string(text)
		return s, storable(s)
	}
	s := string(inner)
	return s, storable(s)
}

// storable says why text cannot be stored, or nil.
func storable(s string) *Problem {
	if strings.IndexByte(s, 0) >= 0 {
		return problem(CodeFormat, "must not contain the character U+0000")
	}
	if !utf8.ValidString(s) {
		return problem(CodeFormat, "must be valid UTF-8")
	}
	return nil
}

// The functions below walk JSON that is known to be well formed, such as what
// Decode receives and what lists and objects store. Anything else ends the
// walk early; nothing is read beyond the text.

// members calls f for each member of an object until it returns false. ok is false when raw is no object.
func members(raw string, f func(name, value string) bool) (ok bool) {
	i := space(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return false
	}
	i = space(raw, i+1)
	for i < len(raw) && raw[i] == '"' {
		end := skipString(raw, i)
		name := memberName(raw[i:end])
		i = space(raw, end)
		if i >= len(raw) || raw[i] != ':' {
			return true
		}
		i = space(raw, i+1)
		end = skipValue(raw, i)
		if !f(name, raw[i:end]) {
			return true
		}
		i = space(raw, end)
		if i >= len(raw) || raw[i] != ',' {
			return true
		}
		i = space(raw, i+1)
	}
	return true
}

// elements calls f for each element of an array until it returns false. ok is false when raw is no array.
func elements(raw string, f func(value string) bool) (ok bool) {
	i := space(raw, 0)
	if i >= len(raw) || raw[i] != '[' {
		return false
	}
	i = space(raw, i+1)
	for i < len(raw) && raw[i] != ']' {
		end := skipValue(raw, i)
		if end == i || !f(raw[i:end]) {
			return true
		}
		i = space(raw, end)
		if i >= len(raw) || raw[i] != ',' {
			return true
		}
		i = space(raw, i+1)
	}
	return true
}

func space(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

func skipString(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

func skipValue(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			i = skipString(s, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\r', '\t', ':':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(s)
}

func memberName(quoted string) string {
	if strings.IndexByte(quoted, '\\') < 0 {
		return strings.Trim(quoted, `"`)
	}
	name, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return quoted
	}
	return string(name)
}
