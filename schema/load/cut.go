package load

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// Inside { } and [ ] a comma ends an unquoted value, so a condition that holds
// one falls apart: {read: user where n in (1, 2)} has the keys `read` and `2)`.
// The readers of this file see that, say so once, and go on with what was meant.

// whole returns the value of an entry of a map, put together again if a comma
// cut it, and how many of the following entries are pieces of it.
func (l *loader) whole(m value, i int) (val value, pieces int) {
	val = m.in(m.n.Content[i+1])
	if m.n.Style&yaml.FlowStyle == 0 || !openEnded(val) {
		return val, 0
	}
	var rest []*yaml.Node
	for j := i + 2; j+1 < len(m.n.Content); j += 2 {
		key, none := m.n.Content[j], m.n.Content[j+1]
		if none.Kind != yaml.ScalarNode || none.Tag != "!!null" || none.Value != "" {
			break
		}
		rest = append(rest, key)
	}
	return l.rejoin(val, rest)
}

// wholeItem is whole for the members of a list.
func (l *loader) wholeItem(list value, i int) (item value, pieces int) {
	item = list.in(list.n.Content[i])
	if list.n.Style&yaml.FlowStyle == 0 || !openEnded(item) {
		return item, 0
	}
	return l.rejoin(item, list.n.Content[i+1:])
}

func (l *loader) rejoin(v value, rest []*yaml.Node) (value, int) {
	const most = 20 // pieces, so that hostile files cost little
	text := v.n.Value
	for n, piece := range rest[:min(len(rest), most)] {
		if piece.Kind != yaml.ScalarNode || !plain(v.in(piece)) {
			break
		}
		text += ", " + piece.Value
		if open(text) {
			continue
		}
		end := len([]rune(v.n.Value))
		l.report("E004", v.at(end, end), "ends the value", "put the whole value into double quotes", "a `,` inside brackets ends an unquoted value")
		joined := *v.n
		joined.Value, joined.Tag = text, "!!str"
		return value{v.src, &joined}, n + 1
	}
	return v, 0
}

func openEnded(v value) bool { return v.isScalar() && plain(v) && open(v.n.Value) }

// open reports whether a quote or parenthesis of a text is not closed.
func open(text string) bool {
	if strings.Count(text, "'")%2 == 1 {
		return true
	}
	depth := 0
	for i, outside := range strings.Split(text, "'") {
		if i%2 == 0 {
			depth += strings.Count(outside, "(") - strings.Count(outside, ")")
		}
	}
	return depth > 0
}
