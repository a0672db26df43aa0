// Package rows reads records from CSV, from lines of JSON and from arrays of
// JSON, one at a time, whatever the size of the whole: content of requests
// and files of the command line alike, so that both mean the same.
//
// A record comes out as the JSON object that a client would send for it, and
// has passed the strict reader. What a member may hold is not looked at here.
package rows

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
)

// Row is one record.
type Row struct {
	// JSON is one JSON value, nearly always an object. It is good until the next call.
	JSON []byte
	// Line is where the record begins, from 1.
	Line int
	// Cells are those of the line in CSV, as they stand there; nil for the other forms.
	Cells []string
}

// Reader reads records in their order.
type Reader interface {
	// Next returns the next record, and io.EOF after the last one. An *Error
	// says what cannot be read; after one that is Passable the next call goes on behind
	// it, with Row as far as it was read.
	Next() (Row, error)
}

// Options are about all forms.
type Options struct {
	// Class is whose records they are.
	Class *schema.Class
	// Limits bound one record; zero members are the defaults.
	Limits strictjson.Limits
	// Rename, when not nil, gives a column, or a member of a record, its name in the class; "" passes over it.
	Rename func(name string) string
}

func (o *Options) limits() strictjson.Limits {
	l, d := o.Limits, strictjson.Defaults()
	if l.Depth == 0 {
		l.Depth = d.Depth
	}
	if l.Members == 0 {
		l.Members = d.Members
	}
	if l.Number == 0 {
		l.Number = d.Number
	}
	return l
}

// Error is something that cannot be read.
type Error struct {
	Line     int // from 1
	Column   int // in characters, from 1; 0 is not known
	Pointer  string
	Detail   string // one sentence for people, with its place
	Hint     string
	Passable bool // the records behind it can be read

	why string // Detail without the place, where the strict reader said it
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Detail }

func fail(line int, why string) *Error {
	return &Error{Line: line, Detail: "Line " + strconv.Itoa(line) + ": " + why + "."}
}

// most bounds the bytes of one line or record, so that a file without line ends fits into memory.
const most = 16 << 20

// Lines reads JSON values, one a line; empty lines do not count. The last line may be
// the end marker {"@end":{"count":n}} of an answer, which must tell the truth: else something was cut off.
func Lines(r io.Reader, o Options) Reader {
	return &lineReader{in: bufio.NewReaderSize(r, 64<<10), limits: o.limits(), rename: o.Rename}
}

type lineReader struct {
	in     *bufio.Reader
	limits strictjson.Limits
	rename func(string) string
	line   int
	count  int
	ended  bool
	buf    []byte
	err    error
}

func (l *lineReader) Next() (Row, error) {
	for {
		text, err := l.read()
		if err != nil {
			return Row{}, err
		}
		if l.line == 1 {
			text = bytes.TrimPrefix(text, bom)
		}
		text = bytes.Trim(text, " \t\r")
		if len(text) == 0 {
			continue
		}
		if l.ended {
			return Row{}, l.stop(fail(l.line, "there is more after the end marker"))
		}
		if err := strict(text, l.limits, l.line-1); err != nil {
			err.Passable = true
			return Row{JSON: text, Line: l.line}, err
		}
		if n, end := endMarker(text); end {
			if n != l.count {
				return Row{}, l.stop(fail(l.line, "the end marker counts "+strconv.Itoa(n)+" records, and there are "+strconv.Itoa(l.count)))
			}
			l.ended = true
			continue
		}
		l.count++
		return Row{JSON: renamed(text, l.rename), Line: l.line}, nil
	}
}

// stop ends the reading for good.
func (l *lineReader) stop(err error) error {
	l.err = err
	return err
}

// read returns the next line without its end.
func (l *lineReader) read() ([]byte, error) {
	if l.err != nil {
		return nil, l.err
	}
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		l.buf = append(l.buf, part...)
		switch {
		case len(l.buf) > most:
			return nil, l.stop(fail(l.line+1, "the line is longer than 16 MiB"))
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(l.buf) > 0:
			l.err = io.EOF
		case err != nil:
			return nil, l.stop(err)
		}
		l.line++
		return bytes.TrimSuffix(l.buf, []byte{'\n'}), nil
	}
}

// endMarker reads {"@end":{"count":n}}.
func endMarker(text []byte) (n int, is bool) {
	rest, is := bytes.CutPrefix(text, []byte(`{"@end":{"count":`))
	if !is {
		return 0, false
	}
	digits, is := bytes.CutSuffix(rest, []byte("}}"))
	if !is {
		return 0, false
	}
	n, err := strconv.Atoi(string(digits))
	return n, err == nil
}

var bom = []byte("\xef\xbb\xbf")

// strict is the strict reader's verdict on a text that begins after some lines, nil where it is right.
func strict(text []byte, limits strictjson.Limits, before int) *Error {
	err := strictjson.Check(text, limits)
	if err == nil {
		return nil
	}
	bad, ok := err.(*strictjson.Error)
	if !ok {
		return fail(before+1, "this is not JSON")
	}
	line := bad.Line + before
	return &Error{
		Line: line, Column: bad.Column, Pointer: bad.Pointer,
		Detail: "Line " + strconv.Itoa(line) + ", column " + strconv.Itoa(bad.Column) + ": " + bad.Detail, why: bad.Detail,
	}
}

// Array reads the elements of one JSON array.
func Array(r io.Reader, o Options) Reader {
	in := bufio.NewReaderSize(r, 64<<10)
	if start, _ := in.Peek(len(bom)); bytes.Equal(start, bom) {
		_, _ = in.Discard(len(bom)) // what was peeked at can be discarded
	}
	counted := &lineCounter{in: in}
	return &arrayReader{lines: counted, dec: jsontext.NewDecoder(counted, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)), limits: o.limits(), rename: o.Rename}
}

type arrayReader struct {
	lines  *lineCounter
	dec    *jsontext.Decoder
	limits strictjson.Limits
	rename func(string) string
	begun  bool
	err    error
}

func (a *arrayReader) Next() (Row, error) {
	if a.err != nil {
		return Row{}, a.err
	}
	row, err := a.next()
	if e, ok := err.(*Error); err != nil && !(ok && e.Passable) {
		a.err = err
	}
	return row, err
}

func (a *arrayReader) next() (Row, error) {
	if !a.begun {
		switch token, err := a.dec.ReadToken(); {
		case err == io.EOF:
			return Row{}, io.EOF
		case err != nil:
			return Row{}, a.broken(err)
		case token.Kind() != '[':
			return Row{}, fail(1, "an array of records is expected")
		}
		a.begun = true
	}
	if a.dec.PeekKind() == ']' {
		if _, err := a.dec.ReadToken(); err != nil {
			return Row{}, a.broken(err)
		}
		if _, err := a.dec.ReadToken(); err != io.EOF {
			return Row{}, fail(a.line(), "there is more after the array")
		}
		return Row{}, io.EOF
	}
	value, err := a.dec.ReadValue()
	if err != nil {
		return Row{}, a.broken(err)
	}
	end := a.line()
	row := Row{JSON: value, Line: end - bytes.Count(value, []byte{'\n'})}
	if err := strict(value, a.limits, row.Line-1); err != nil {
		err.Passable = true
		return row, err
	}
	row.JSON = renamed(row.JSON, a.rename)
	return row, nil
}

// renamed gives the members of a record their names in the class. The text is strict JSON.
func renamed(text []byte, rename func(string) string) []byte {
	if rename == nil {
		return text
	}
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if d.PeekKind() != '{' {
		return text
	}
	_, err := d.ReadToken()
	b := []byte{'{'}
	for err == nil && d.PeekKind() != '}' {
		var name jsontext.Token
		var value jsontext.Value
		if name, err = d.ReadToken(); err != nil {
			break
		}
		to := rename(name.String())
		if value, err = d.ReadValue(); err != nil || to == "" {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, to)
		b = append(append(b, ':'), value...)
	}
	if err != nil {
		return text // it was strict JSON a moment ago
	}
	return append(b, '}')
}

func (a *arrayReader) line() int { return a.lines.at(a.dec.InputOffset()) }

// broken says where reading stopped; words of the decoder never reach people.
func (a *arrayReader) broken(err error) error {
	if a.lines.err != nil && a.lines.err != io.EOF {
		return a.lines.err
	}
	if bad, ok := err.(*jsontext.SyntacticError); ok {
		return fail(a.lines.at(bad.ByteOffset), "the JSON is broken here, or ends too early")
	}
	return err
}

// lineCounter remembers where lines begin among the bytes that were read but not used yet.
type lineCounter struct {
	in    io.Reader
	read  int64
	lines []int64 // offsets of line ends not passed yet
	past  int
	err   error
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			c.lines = append(c.lines, c.read+int64(i))
		}
	}
	c.read += int64(n)
	c.err = err
	return n, err
}

// at is the line of an offset, from 1. Offsets asked for only grow.
func (c *lineCounter) at(offset int64) int {
	i := 0
	for i < len(c.lines) && c.lines[i] < offset {
		i++
	}
	c.past += i
	c.lines = append(c.lines[:0], c.lines[i:]...)
	return min(c.past, math.MaxInt32) + 1
}
