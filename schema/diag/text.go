package diag

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// Sources gives the text of a file that findings point into. An error leaves
// the excerpt out.
type Sources func(file string) ([]byte, error)

// FromFS reads the sources from where they were loaded.
func FromFS(fsys fs.FS) Sources {
	return func(file string) ([]byte, error) { return fs.ReadFile(fsys, file) }
}

// Text writes the list for people: sentence, place, source lines with carets, help.
func Text(w io.Writer, l List, sources Sources, colour bool) error {
	out := bufio.NewWriter(w)
	p := printer{out: out, sources: sources, lines: map[string][]string{}}
	if colour {
		p.bold, p.blue, p.reset = "\x1b[1m", "\x1b[1;34m", "\x1b[0m"
		p.severity = [...]string{Error: "\x1b[1;31m", Warning: "\x1b[1;33m"}
	}
	for i := range l {
		if i > 0 {
			fmt.Fprintln(out)
		}
		p.print(&l[i])
	}
	return out.Flush()
}

type printer struct {
	out               *bufio.Writer
	sources           Sources
	lines             map[string][]string
	bold, blue, reset string
	severity          [2]string
}

// mark is one underlined place.
type mark struct {
	pos   schema.Pos
	label string
	main  bool
}

func (p *printer) print(d *Diagnostic) {
	fmt.Fprintf(p.out, "%s%s[%s]%s%s: %s%s\n", p.severity[d.Severity], d.Severity, d.Code, p.reset, p.bold, clean(d.Message), p.reset)
	if d.Pos.IsZero() {
		p.file(d)
		return
	}
	groups := marks(d)
	width := 1
	for _, g := range groups {
		for _, m := range g {
			width = max(width, len(fmt.Sprint(m.pos.Line)))
		}
	}
	pad := strings.Repeat(" ", width)
	for i, g := range groups {
		arrow := "-->"
		if i > 0 {
			arrow = ":::"
		}
		at := g[0]
		if i == 0 {
			at = mark{pos: d.Pos}
		}
		fmt.Fprintf(p.out, "%s%s%s%s %s:%d:%d\n", pad, p.blue, arrow, p.reset, at.pos.File, at.pos.Line, at.pos.Col)
		p.excerpt(g, pad, d.Severity)
	}
	if d.Help != "" {
		fmt.Fprintf(p.out, "%s %s=%s help: %s\n", pad, p.blue, p.reset, clean(d.Help))
	}
}

// file shows a finding about a file as a whole, or about none.
func (p *printer) file(d *Diagnostic) {
	if d.Pos.File != "" {
		fmt.Fprintf(p.out, " %s-->%s %s\n", p.blue, p.reset, d.Pos.File)
	}
	if d.Help != "" {
		fmt.Fprintf(p.out, "  %s=%s help: %s\n", p.blue, p.reset, clean(d.Help))
	}
}

// marks groups the places of a finding by file, its own first, and orders each group by line.
func marks(d *Diagnostic) [][]mark {
	groups := [][]mark{{{d.Pos, d.Label, true}}}
next:
	for _, r := range d.Related {
		if r.Pos.IsZero() {
			continue
		}
		m := mark{r.Pos, r.Message, false}
		for i := range groups {
			if groups[i][0].pos.File == r.Pos.File {
				groups[i] = append(groups[i], m)
				continue next
			}
		}
		groups = append(groups, []mark{m})
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b mark) int { return a.pos.Line - b.pos.Line })
	}
	return groups
}

func (p *printer) excerpt(g []mark, pad string, s Severity) {
	lines := p.source(g[0].pos.File)
	bar := pad + " " + p.blue + "|" + p.reset
	fmt.Fprintln(p.out, bar)
	last := 0
	for _, m := range g {
		if m.pos.Line > len(lines) {
			continue
		}
		if last > 0 && m.pos.Line > last+1 {
			fmt.Fprintln(p.out, p.blue+"..."+p.reset)
		}
		text := lines[m.pos.Line-1]
		if m.pos.Line != last {
			fmt.Fprintf(p.out, "%s%*d |%s %s\n", p.blue, len(pad), m.pos.Line, p.reset, text)
		}
		last = m.pos.Line
		sign, colour := "^", p.severity[s]
		if !m.main {
			sign, colour = "-", p.blue
		}
		end := min(m.pos.EndCol, len([]rune(text))+1)
		under := strings.Repeat(" ", m.pos.Col-1) + colour + strings.Repeat(sign, max(1, end-m.pos.Col))
		if m.label != "" {
			under += " " + clean(m.label)
		}
		fmt.Fprintf(p.out, "%s %s%s\n", bar, under, p.reset)
	}
	fmt.Fprintln(p.out, bar)
}

// source returns the lines of a file, safe to print.
func (p *printer) source(file string) []string {
	if lines, ok := p.lines[file]; ok {
		return lines
	}
	var lines []string
	if p.sources != nil {
		if text, err := p.sources(file); err == nil {
			for _, line := range SplitLines(string(text)) {
				lines = append(lines, clean(line))
			}
		}
	}
	p.lines[file] = lines
	return lines
}

// SplitLines cuts a text at line ends as YAML knows them and drops a byte
// order mark, so that line and column numbers of a Pos index the result.
func SplitLines(text string) []string {
	text = strings.TrimPrefix(text, "\uFEFF")
	var lines []string
	start := 0
	for i, r := range text {
		if i < start { // the \n of \r\n
			continue
		}
		switch r {
		case '\r':
			lines = append(lines, text[start:i])
			start = i + 1
			if strings.HasPrefix(text[start:], "\n") {
				start++
			}
		case '\n', '\u0085', '\u2028', '\u2029':
			lines = append(lines, text[start:i])
			start = i + len(string(r))
		}
	}
	return append(lines, text[start:])
}

// clean replaces control characters, which could drive a terminal; a tab
// becomes one space so that columns stay where they are.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '\uFFFD'
		}
		return r
	}, s)
}
