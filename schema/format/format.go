// Package format lays schema files out canonically: what `dowel fmt` does.
//
// It moves text and never rewrites it: the scanner (scan.go) finds where each
// line stands in the structure of the file, the printer puts it back at two
// spaces a level, with single spaces in flow collections and one blank line
// between things of several lines. Comments, quotes, order and wording stay.
// A result that would mean anything else than the source is never returned.
package format

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/load"
)

// Source returns the canonical layout of a file. name is how findings call it.
// A file that is no YAML is returned as it is, with what is wrong; so is, without a
// finding, one whose layout cannot be changed without changing its meaning.
func Source(name string, src []byte) ([]byte, diag.List) {
	before, list := load.Document(name, src)
	if list.HasErrors() {
		return src, list
	}
	lines, ok := scan(string(src))
	if !ok {
		return src, nil
	}
	out := []byte(layout(lines))
	after, list := load.Document(name, out)
	if list.HasErrors() || !same(before, after) || !slices.Equal(comments(lines), commentsOf(string(out))) {
		return src, nil
	}
	return out, nil
}

// same reports whether two documents have the same content.
func same(a, b *load.Node) bool {
	if a.Kind != b.Kind || a.Text != b.Text || a.Quoted != b.Quoted || len(a.Members) != len(b.Members) || len(a.Items) != len(b.Items) {
		return false
	}
	for i := range a.Members {
		if a.Members[i].Name != b.Members[i].Name || !same(&a.Members[i].Value, &b.Members[i].Value) {
			return false
		}
	}
	for i := range a.Items {
		if !same(&a.Items[i], &b.Items[i]) {
			return false
		}
	}
	return true
}

// comments are the texts of all comments, so that none gets lost.
func comments(lines []line) []string {
	var all []string
	for _, l := range lines {
		if l.comment != "" {
			all = append(all, l.comment)
		}
	}
	return all
}

func commentsOf(text string) []string {
	lines, _ := scan(text)
	return comments(lines)
}

// layout prints scanned lines with canonical blank lines.
func layout(lines []line) string {
	var b strings.Builder
	blank, opened := false, true // at the start and below an opening line, blank lines go
	wide := wideEntries(lines)
	for i, l := range lines {
		if l.kind == blankLine {
			blank = true
			continue
		}
		if (blank || wide[i]) && !opened {
			b.WriteByte('\n')
		}
		blank, opened = false, l.opens
		b.WriteString(l.print())
		b.WriteByte('\n')
	}
	return b.String()
}

// print is the line in its new place.
func (l *line) print() string {
	switch {
	case l.kind == insideLine && l.text == "":
		return ""
	case l.kind == commentLine:
		return strings.Repeat(" ", l.to) + l.comment
	case l.comment != "":
		return strings.Repeat(" ", l.to) + l.text + strings.Repeat(" ", l.gap) + l.comment
	}
	return strings.Repeat(" ", l.to) + l.text
}

// wideEntries marks the lines in front of which a blank line belongs: entries
// of the top level, and classes and mixins, where they or their neighbour above
// take several lines. Comments right above an entry are part of it.
func wideEntries(lines []line) map[int]bool {
	wide := map[int]bool{}
	section := ""
	last := map[int]int{} // level → line of the latest entry
	for i, l := range lines {
		if l.kind != entryLine || l.dash || l.to > 2 {
			continue
		}
		if l.to == 0 {
			section = l.key
			delete(last, 2)
		} else if section != "classes" && section != "mixins" {
			continue
		}
		before, known := last[l.to]
		last[l.to] = i
		if !known {
			continue
		}
		start := i
		for start > 0 && lines[start-1].kind == commentLine && lines[start-1].to == l.to {
			start--
		}
		if extent(lines, before, start) > 1 || extent(lines, i, len(lines)) > 1 {
			wide[start] = true
		}
	}
	return wide
}

// extent counts the lines of the entry at i that are not blank, up to a limit.
func extent(lines []line, i, limit int) int {
	n := 1
	for j := i + 1; j < limit; j++ {
		l := &lines[j]
		switch {
		case l.kind == blankLine:
		case l.kind == commentLine && l.to <= lines[i].to, l.kind == entryLine && l.to <= lines[i].to:
			return n
		default:
			n++
		}
	}
	return n
}
