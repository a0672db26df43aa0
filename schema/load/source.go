package load

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// source is one schema file.
type source struct {
	name  string // as in messages
	dir   string // its folder; files of one folder are one module
	lines [][]rune
	root  *yaml.Node // the top map, nil for an empty or broken file
}

func newSource(name, dir, text string) *source {
	s := &source{name: name, dir: dir}
	for _, line := range diag.SplitLines(text) {
		s.lines = append(s.lines, []rune(line))
	}
	return s
}

// span is the place of some columns of a line, moved to the nearest that
// exists: an empty value may begin after the last line.
func (s *source) span(line, col, end int) schema.Pos {
	line, col = max(line, 1), max(col, 1)
	if line > len(s.lines) {
		line = len(s.lines)
		col, end = len(s.lines[line-1])+1, 0
	}
	col = min(col, len(s.lines[line-1])+1)
	return schema.Pos{File: s.name, Line: line, Col: col, EndCol: max(end, col+1)}
}

// value is a YAML node and the file it stands in. The zero value is "not given".
type value struct {
	src *source
	n   *yaml.Node
}

func (v value) given() bool { return v.n != nil }

// in returns a node of the same file, with an alias replaced by what it stands for.
func (v value) in(n *yaml.Node) value {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return value{v.src, n}
}

func (v value) isScalar() bool { return v.n != nil && v.n.Kind == yaml.ScalarNode }
func (v value) isMap() bool    { return v.n != nil && v.n.Kind == yaml.MappingNode }
func (v value) isList() bool   { return v.n != nil && v.n.Kind == yaml.SequenceNode }

// isNull reports a value left empty or written null or ~.
func (v value) isNull() bool {
	return v.isScalar() && v.n.Tag == "!!null" && !v.quoted()
}

func (v value) quoted() bool {
	return v.n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
}

// pos is the place of the value: all of a scalar on its first line, the first character of a map or list.
func (v value) pos() schema.Pos {
	if !v.isScalar() {
		return v.src.span(v.n.Line, v.n.Column, 0)
	}
	at := v.places()
	first, last := at[0], at[len(at)-1]
	if v.quoted() {
		first.col--
		last.col++
	}
	if last.line != first.line {
		last.col = 0
		if first.line < len(v.src.lines) {
			last.col = len(v.src.lines[first.line])
		}
	}
	return v.src.span(first.line+1, first.col+1, last.col+1)
}

// at is the place of a part of a scalar, given by the numbers of its characters.
func (v value) at(from, to int) schema.Pos {
	at := v.places()
	from = min(max(from, 0), len(at)-1)
	to = min(max(to, from), len(at)-1)
	first, last := at[from], at[to]
	// The end of a part that reaches over a line end is the end of its last
	// character on the first line.
	for to > from && last.line != first.line {
		to--
		last = at[to]
	}
	end := last.col
	if to == from {
		end = first.col + 1
	}
	return v.src.span(first.line+1, first.col+1, end+1)
}

// place counts lines and columns from 0.
type place struct{ line, col int }

// places tells where each character of a scalar stands in its file, and where
// the scalar ends. It follows the text beside the value, over quotes, escapes
// and folded lines; where it loses track, everything is at the start.
func (v value) places() []place {
	runes := []rune(v.n.Value)
	c := cursor{src: v.src, place: place{v.n.Line - 1, v.n.Column - 1}}
	c.skipProperties()
	start := c.place
	double := v.n.Style&yaml.DoubleQuotedStyle != 0
	single := v.n.Style&yaml.SingleQuotedStyle != 0
	switch {
	case double || single:
		c.col++
		start = c.place
	case v.n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		c.nextLine()
		c.skipSpace()
	}
	at := make([]place, 0, len(runes)+1)
	for _, r := range runes {
		if double {
			c.skipContinuation()
		}
		escape := double && c.peek() == '\\'
		if !escape && isSpace(r) {
			at = append(at, c.place)
			if isSpace(c.peek()) {
				c.col++
			}
			continue
		}
		if !escape {
			c.skipSpace()
			if double {
				c.skipContinuation()
				escape = c.peek() == '\\'
			}
		}
		at = append(at, c.place)
		switch {
		case escape:
			c.col += c.escapeWidth()
		case c.peek() != r:
			return lost(start, len(runes))
		case single && r == '\'':
			c.col += 2
		default:
			c.col++
		}
	}
	return append(at, c.place)
}

func lost(start place, n int) []place {
	at := make([]place, n+1)
	for i := range at {
		at[i] = start
	}
	return at
}

type cursor struct {
	src *source
	place
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }

// peek returns the character at the cursor, 0 at the end of a line.
func (c *cursor) peek() rune { return c.peekAt(c.col) }

func (c *cursor) peekAt(col int) rune {
	if c.line < 0 || c.line >= len(c.src.lines) || col < 0 || col >= len(c.src.lines[c.line]) {
		return 0
	}
	return c.src.lines[c.line][col]
}

func (c *cursor) nextLine() { c.line, c.col = c.line+1, 0 }

// skipSpace goes to the next character that is no white space, over line ends.
func (c *cursor) skipSpace() {
	for c.line < len(c.src.lines) {
		switch r := c.peek(); {
		case r == 0:
			c.nextLine()
		case isSpace(r):
			c.col++
		default:
			return
		}
	}
}

// skipProperties goes over an anchor and a tag in front of a scalar.
func (c *cursor) skipProperties() {
	for c.peek() == '&' || c.peek() == '!' {
		for c.peek() != 0 && !isSpace(c.peek()) {
			c.col++
		}
		c.skipSpace()
	}
}

// skipContinuation goes over a backslash at the end of a line of a double-quoted scalar.
func (c *cursor) skipContinuation() {
	for c.peek() == '\\' && c.peekAt(c.col+1) == 0 {
		c.nextLine()
		c.skipSpace()
	}
}

// escapeWidth is the length of the escape at the cursor.
func (c *cursor) escapeWidth() int {
	switch c.peekAt(c.col + 1) {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	}
	return 2
}

// part is a piece of a scalar: a word with its place.
type part struct {
	text     string
	from, to int // characters of the scalar
}

// words splits a text at white space.
func words(text string) []part {
	var ps []part
	runes := []rune(text)
	start := -1
	for i := 0; i <= len(runes); i++ {
		if i < len(runes) && !strings.ContainsRune(" \t\n", runes[i]) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			ps = append(ps, part{string(runes[start:i]), start, i})
			start = -1
		}
	}
	return ps
}
