// Package strictjson tells whether a text is one JSON value that everybody
// reads alike: RFC 8259 in UTF-8, without the liberties that let two readers
// see two different documents (duplicate names, lone surrogates, a byte-order mark, a
// second value), without U+0000, which databases cannot keep, and within limits of
// size that keep reading cheap.
package strictjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits bound a document.
type Limits struct {
	Depth   int // of nested arrays and objects
	Members int // members of objects and elements of arrays, all together
	Number  int // characters of a number
}

// Defaults are the documented limits.
func Defaults() Limits { return Limits{Depth: 64, Members: 10_000, Number: 64} }

// Error says what is wrong with a document and where.
type Error struct {
	Offset       int    // bytes before the place
	Line, Column int    // from 1; columns count characters
	Pointer      string // JSON Pointer to the value the place is in
	Detail       string // one sentence for people
}

// Error returns the place and the sentence.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Detail)
}

// reader is a decoder that is used again: it costs more than most documents.
type reader struct {
	dec jsontext.Decoder
	src bytes.Buffer
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// Check returns nil when data is one strict JSON value within the limits, else an *Error.
func Check(data []byte, limits Limits) error {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return fail(data, 0, "", "The content begins with a byte-order mark: send UTF-8 without one.")
	}
	r := readers.Get().(*reader)
	r.src = *bytes.NewBuffer(data)
	r.dec.Reset(&r.src)
	err := check(&r.dec, data, limits)
	r.src = bytes.Buffer{}
	r.dec.Reset(&r.src)
	readers.Put(r)
	return err
}

func check(dec *jsontext.Decoder, data []byte, limits Limits) error {
	// The escape of U+0000 is rare: without these characters no text needs a second look.
	nul := bytes.Contains(data, []byte(`\u0000`))
	values := 0
	for {
		before := int(dec.InputOffset())
		token, err := dec.ReadToken()
		if err == io.EOF {
			return fail(data, len(data), "", "The content is empty: a JSON value is expected.")
		}
		if err != nil {
			return syntax(data, err)
		}
		end, depth := int(dec.InputOffset()), dec.StackDepth()
		switch token.Kind() {
		case '{', '[':
			if depth > limits.Depth {
				return fail(data, end-1, "", "The content is nested deeper than "+strconv.Itoa(limits.Depth)+" levels.")
			}
			values++
		case '}', ']':
		case '0':
			if end-before > limits.Number && numberWidth(data[before:end]) > limits.Number {
				return fail(data, end-numberWidth(data[before:end]), string(dec.StackPointer()), "The number has more than "+strconv.Itoa(limits.Number)+" characters.")
			}
			values++
		case '"':
			if nul && strings.IndexByte(token.String(), 0) >= 0 {
				return fail(data, textStart(data[before:end])+before, string(dec.StackPointer()), "A text holds U+0000, which cannot be stored.")
			}
			if in, n := dec.StackIndex(depth); in != '{' || n%2 == 0 { // else it is a name
				values++
			}
		default:
			values++
		}
		if values-1 > limits.Members {
			return fail(data, end-1, "", "The content has more than "+strconv.Itoa(limits.Members)+" members and elements.")
		}
		if depth == 0 {
			return trailing(data, end)
		}
	}
}

// trailing refuses anything but white space after the value.
func trailing(data []byte, end int) error {
	rest := bytes.TrimLeft(data[end:], " \t\r\n")
	if len(rest) == 0 {
		return nil
	}
	return fail(data, len(data)-len(rest), "", "There is more after the JSON value.")
}

// textStart is the offset of the string that ends the text.
func textStart(text []byte) int { return bytes.IndexByte(text, '"') }

// numberWidth is the length of the number that ends the text.
func numberWidth(text []byte) int {
	i := len(text)
	for i > 0 && strings.IndexByte("+-.eE0123456789", text[i-1]) >= 0 {
		i--
	}
	return len(text) - i
}

// syntax turns the decoder's error into one of our own: its words never reach clients.
func syntax(data []byte, err error) *Error {
	var bad *jsontext.SyntacticError
	if !errors.As(err, &bad) {
		return fail(data, len(data), "", "The content is not JSON.")
	}
	offset, pointer := int(bad.ByteOffset), string(bad.JSONPointer)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		name := bad.JSONPointer.LastToken()
		return fail(data, offset, string(bad.JSONPointer.Parent()), "The member "+quote(name)+" appears twice.")
	case errors.Is(err, jsontext.ErrNonStringName):
		return fail(data, offset, pointer, "A member's name must be a text in double quotes.")
	case errors.Is(err, io.ErrUnexpectedEOF), offset >= len(data):
		return fail(data, len(data), pointer, "The JSON ends too early.")
	}
	return fail(data, offset, pointer, sentence(data, offset))
}

// sentence explains the byte at which reading stopped.
func sentence(data []byte, offset int) string {
	char, size := utf8.DecodeRune(data[offset:])
	switch {
	case char == utf8.RuneError && size == 1:
		return "The content is not UTF-8."
	case char == '\\':
		escape := data[offset:min(offset+6, len(data))]
		if len(escape) > 2 && escape[1] == 'u' && (escape[2] == 'd' || escape[2] == 'D') {
			return "An escape stands for half a character (a lone surrogate)."
		}
		return "A text holds an escape that JSON does not know."
	case char == '\'':
		return "JSON texts stand in double quotes."
	case char == ',':
		return "There is a comma too many, or a value missing."
	case char == '/':
		return "JSON has no comments."
	case char < ' ' && char != '\t' && char != '\n' && char != '\r':
		return "A control character must be escaped."
	}
	if char == '\n' || char == '\r' || char == '\t' {
		return "A text holds a line end or tab that must be escaped."
	}
	return "The character " + quote(string(char)) + " is not expected here."
}

func fail(data []byte, offset int, pointer, detail string) *Error {
	offset = min(max(offset, 0), len(data))
	before := data[:offset]
	line := 1 + bytes.Count(before, []byte{'\n'})
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	const most = 200
	if len(pointer) > most {
		pointer = ""
	}
	return &Error{Offset: offset, Line: line, Column: column, Pointer: pointer, Detail: detail}
}

// quote shows a short piece of the document.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return "`" + s + "`"
}
