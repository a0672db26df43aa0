package actions

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// Content has passed the strict reader before it gets here (or Decode, for
// actions that never were a request), so these helpers split JSON known to be
// well formed and need not check it again.

// EachMember calls fn for every member of an object, in order, until it returns
// false. The text has passed the strict reader.
func EachMember(raw []byte, fn func(name string, value []byte) bool) { eachMember(raw, fn) }

// Elements returns the elements of an array. The text has passed the strict reader.
func Elements(raw []byte) [][]byte { return elements(raw) }

// kindOf returns the first significant byte: { [ " t f n or that of a number.
func kindOf(raw []byte) byte {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 {
		return 0
	}
	return raw[0]
}

func isNull(raw []byte) bool { return kindOf(raw) == 'n' }

// eachMember calls fn for every member of an object, in order, until it returns false.
func eachMember(raw []byte, fn func(name string, value []byte) bool) {
	i := skipSpace(raw, 0) + 1
	for {
		i = skipSpace(raw, i)
		if i >= len(raw) || raw[i] == '}' {
			return
		}
		if raw[i] == ',' {
			i++
			continue
		}
		end := skipValue(raw, i)
		name := unquote(raw[i:end])
		i = skipSpace(raw, end) + 1 // the colon
		i = skipSpace(raw, i)
		end = skipValue(raw, i)
		if !fn(name, raw[i:end]) {
			return
		}
		i = end
	}
}

// elements returns the elements of an array.
func elements(raw []byte) [][]byte {
	var out [][]byte
	i := skipSpace(raw, 0) + 1
	for {
		i = skipSpace(raw, i)
		if i >= len(raw) || raw[i] == ']' {
			return out
		}
		if raw[i] == ',' {
			i++
			continue
		}
		end := skipValue(raw, i)
		out = append(out, raw[i:end])
		i = end
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue returns the index after the value that starts at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

// unquote reads a JSON string.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	b, _ := jsontext.AppendUnquote(nil, raw)
	return string(b)
}

// pointer appends a member name to a JSON Pointer (RFC 6901 §3).
func pointer(at, name string) string {
	b := append([]byte(at), '/')
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '~':
			b = append(b, "~0"...)
		case '/':
			b = append(b, "~1"...)
		default:
			b = append(b, name[i])
		}
	}
	return string(b)
}
