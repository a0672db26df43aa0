package load

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// diagnose looks for the reason why a file is no YAML. The parser names a line
// at best, and often a wrong one, so the text is looked at again for the
// mistakes people make. What it does not find is told in the parser's words.
func diagnose(src *source, err error) diag.List {
	d := &doctor{src: src}
	d.examine()
	if len(d.list) > 0 {
		return d.list
	}
	return diag.List{fallback(src, err)}
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)`)
	yamlUnknown = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
)

func fallback(src *source, err error) diag.Diagnostic {
	if m := yamlUnknown.FindStringSubmatch(err.Error()); m != nil {
		for i, line := range src.lines {
			if at := strings.Index(string(line), "*"+m[1]); at >= 0 {
				col := len([]rune(string(line)[:at])) + 1
				return diag.Diagnostic{
					Code: "E008", Pos: src.span(i+1, col, col+1+len([]rune(m[1]))), Label: "nothing of this name above",
					Help: "put text that begins with * into quotes", Message: "the alias `*" + m[1] + "` stands for nothing",
				}
			}
		}
	}
	m := yamlLine.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(m[1]) // no number is line 0, which becomes 1
	line = min(max(line, 1), len(src.lines))
	col, end := 1, 1
	if n := len(src.lines); n > 0 {
		text := src.lines[line-1]
		for col <= len(text) && isSpace(text[col-1]) {
			col++
		}
		end = len(text) + 1
	}
	return diag.Diagnostic{Code: "E001", Pos: src.span(line, col, end), Message: "this is not YAML: " + m[2], Label: "near here"}
}

// doctor reads a file line by line, keeping in mind only what decides how the
// next characters are read.
type doctor struct {
	src  *source
	list diag.List

	levels  []int     // columns at which open maps and lists stand
	text    bool      // the line above ended in an unquoted value, which may go on
	opened  bool      // the line above ended in `key:` or `-`, which may hold what is deeper
	flow    []bracket // open brackets
	quote   rune      // open quote, or 0
	quoteAt schema.Pos
	block   int          // indentation of the line with | or >, or -1
	forgive bool         // the line above lacks its `:`, so what is deeper belongs to it
	items   map[int]bool // columns of open levels that are lists
}

type bracket struct {
	r   rune
	pos schema.Pos
}

func (d *doctor) report(code string, pos schema.Pos, label, help, message string) {
	d.list.Add(diag.Diagnostic{Code: code, Pos: pos, Label: label, Help: help, Message: message})
}

func (d *doctor) examine() {
	d.block, d.opened, d.items = -1, true, map[int]bool{}
	for i, line := range d.src.lines {
		if !d.line(i+1, line) {
			return
		}
	}
	switch {
	case d.quote != 0:
		d.report("E005", d.quoteAt, "opened here", "add a closing "+string(d.quote), "a quote is not closed")
	case len(d.flow) > 0:
		b := d.flow[len(d.flow)-1]
		d.report("E005", b.pos, "opened here", "add the closing "+string(closing(b.r)), "a bracket is not closed")
	}
}

func closing(r rune) rune {
	if r == '{' {
		return '}'
	}
	return ']'
}

// line reads one line; false ends the examination.
func (d *doctor) line(n int, line []rune) bool {
	for i, r := range line {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 && r != 0x85 {
			d.report("E009", d.src.span(n, i+1, 0), "not visible", "delete it, or write it as an escape in double quotes", fmt.Sprintf("the control character U+%04X", r))
			return true
		}
	}
	indent := 0
	for indent < len(line) && line[indent] == ' ' {
		indent++
	}
	rest := line[indent:]
	if d.quote != 0 {
		return d.scan(n, line, indent)
	}
	if d.block >= 0 {
		if len(strings.TrimSpace(string(rest))) == 0 || indent > d.block {
			return true
		}
		d.block = -1
	}
	if len(rest) > 0 && rest[0] == '\t' && len(strings.TrimSpace(string(rest))) > 0 {
		d.report("E007", d.src.span(n, indent+1, 0), "a tab", "indent with spaces", "a line is indented with a tab")
		return false
	}
	if len(rest) == 0 || rest[0] == '#' || len(strings.TrimSpace(string(rest))) == 0 {
		return true
	}
	if len(d.flow) == 0 {
		if s := string(rest); indent == 0 && (strings.HasPrefix(s, "---") || strings.HasPrefix(s, "...") || rest[0] == '%') {
			d.levels, d.text, d.opened = nil, false, true
			return true
		}
		if !d.level(n, indent, rest) {
			return false
		}
	}
	return d.scan(n, line, indent)
}

// level checks the indentation of a line against those above.
func (d *doctor) level(n, indent int, rest []rune) bool {
	entry := rest[0] == '-' && (len(rest) == 1 || rest[1] == ' ') || hasKey(rest)
	top := -1
	if len(d.levels) > 0 {
		top = d.levels[len(d.levels)-1]
	}
	if indent > top {
		if d.text && !entry {
			return true // the text of the line above goes on
		}
		if !d.opened && !d.forgive {
			d.report("E006", d.src.span(n, indent+1, len(rest)+indent+1), "deeper than the lines above", "begin it below the line above", "this line is indented too far")
			return false
		}
		d.levels = append(d.levels, indent)
		d.items[indent] = entry && rest[0] == '-'
		return d.entry(n, indent, rest, entry)
	}
	for len(d.levels) > 0 && d.levels[len(d.levels)-1] > indent {
		d.levels = d.levels[:len(d.levels)-1]
	}
	if len(d.levels) == 0 || d.levels[len(d.levels)-1] != indent {
		d.report("E006", d.src.span(n, indent+1, len(rest)+indent+1), "level with nothing", "indent it like the lines it belongs to", "this line is not level with any line above")
		return false
	}
	if d.items[indent] && entry && rest[0] != '-' {
		d.report("E006", d.src.span(n, indent+1, len(rest)+indent+1), "no `- ` here", "begin every line with `- `, or none", "this line is level with the members of a list, but is none")
		return false
	}
	return d.entry(n, indent, rest, entry)
}

// entry checks that a line of a map has a key. `- key: value` opens a level of its own.
func (d *doctor) entry(n, indent int, rest []rune, entry bool) bool {
	d.forgive = false
	if rest[0] == '-' && entry {
		inner := 1
		for inner < len(rest) && rest[inner] == ' ' {
			inner++
		}
		if inner < len(rest) && hasKey(rest[inner:]) {
			d.levels = append(d.levels, indent+inner)
			d.items[indent+inner] = false
		}
		return true
	}
	if entry || strings.ContainsRune("{[\"'|>&*!?@`%", rest[0]) || len(d.levels) == 1 && n == 1 {
		return true
	}
	d.forgive = true
	word := strings.IndexAny(string(rest), ": ")
	help := "write it like `key: value`"
	if word > 0 && word < len(rest) && rest[word] == ':' {
		help = "write a space after the `:`"
	}
	d.report("E001", d.src.span(n, indent+1, indent+len(rest)+1), "no `: ` here", help, "this line has no `: ` between a key and a value")
	return true
}

// hasKey reports whether a line begins with `key:`.
func hasKey(rest []rune) bool {
	quote := rune(0)
	depth := 0
	for i, r := range rest {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case (r == '"' || r == '\'') && i == 0:
			quote = r
		case r == '{' || r == '[':
			depth++
		case r == '}' || r == ']':
			depth--
		case r == '#' && i > 0 && rest[i-1] == ' ':
			return false
		case r == ':' && depth <= 0 && (i+1 == len(rest) || rest[i+1] == ' '):
			return true
		}
	}
	return false
}

// scan reads the characters of a line from col on.
func (d *doctor) scan(n int, line []rune, col int) bool {
	start := d.quote == 0 // a value or key may begin here
	keys := 0             // `: ` seen in this entry
	plain := false        // inside an unquoted text
	closed := false       // the last open bracket of the line was closed
	d.text, d.opened = false, false
	at := func(i, end int) schema.Pos { return d.src.span(n, i+1, end+1) }
	for i := col; i < len(line); i++ {
		r := line[i]
		next := rune(0)
		if i+1 < len(line) {
			next = line[i+1]
		}
		endsKey := r == ':' && (next == 0 || next == ' ' || len(d.flow) > 0 && strings.ContainsRune(",]}", next))
		switch {
		case d.quote != 0:
			switch {
			case r == '\\' && d.quote == '"':
				i++
			case r == d.quote && next == d.quote && r == '\'':
				i++
			case r == d.quote:
				d.quote = 0
				start, plain = false, false
			}
		case r == ' ' || r == '\t':
		case r == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			i = len(line)
		case endsKey:
			keys++
			if keys > 1 && len(d.flow) == 0 || plain && keys > 1 {
				d.report("E003", at(i, i+1), "a second `: `", "put the value into quotes", "an unquoted value holds `: `")
				if len(d.flow) > 0 {
					continue // the brackets still have to match
				}
				d.text = false
				return true
			}
			start, plain = true, false
			d.opened = true
		case start && r == '-' && len(d.flow) == 0 && (next == ' ' || next == 0):
			keys = 0
			d.opened = true
		case start && (r == '"' || r == '\''):
			d.quote, d.quoteAt = r, at(i, i+1)
			start = false
			d.opened = false
		case (start || len(d.flow) > 0) && (r == '{' || r == '['):
			d.flow = append(d.flow, bracket{r, at(i, i+1)})
			start, plain, keys = true, false, 0
			d.opened = false
		case len(d.flow) > 0 && (r == '}' || r == ']'):
			b := d.flow[len(d.flow)-1]
			if closing(b.r) != r {
				d.report("E005", b.pos, "opened here", "add the closing "+string(closing(b.r)), "a bracket is not closed")
				return false
			}
			d.flow = d.flow[:len(d.flow)-1]
			start, plain = false, false
			keys = 1
			if len(d.flow) == 0 {
				closed = true
			}
			if after := trimLeft(line[i+1:]); len(d.flow) > 0 && len(after) > 0 && !strings.ContainsRune(",]}#:", after[0]) {
				from := len(line) - len(after)
				d.report("E005", at(from, from+1), "expected `,`", "write `, ` in front of it", "a `,` is missing after the bracket")
				start, keys = true, 0
			}
		case len(d.flow) == 0 && closed && (r == '}' || r == ']'):
			d.report("E005", at(i, i+1), "closes nothing", "delete it", "a bracket is closed that was not opened")
		case len(d.flow) > 0 && r == ',':
			start, plain, keys = true, false, 0
		case start && r == '!' && next != '!' && next != '<':
			d.begins(at, i, line)
			start, plain = false, true
			d.opened = false
		case start && strings.ContainsRune("@`%", r), start && (r == '*' || r == '&') && (next == 0 || strings.ContainsRune(" ,]}", next)):
			d.begins(at, i, line)
			start, plain = false, true
			d.opened = false
		case start && (r == '|' || r == '>') && len(d.flow) == 0 && keys > 0:
			d.block = d.blockIndent(line)
			return true
		case len(d.flow) > 0 && r == '?' && (next == 0 || strings.ContainsRune(" ,]}", next)):
			d.report("E004", at(i, i+1), "not inside brackets", "write `optional`, or put the value into quotes", "`?` cannot stand inside { } or [ ]")
			start, plain = false, true
		default:
			if !start && !plain && len(d.flow) == 0 && d.afterQuote(line, i) {
				d.report("E005", at(i, len(line)), "after the closing quote", "put the whole value into one pair of quotes", "text follows a closing quote")
				return true
			}
			start, plain = false, true
			d.opened = false
		}
	}
	d.text = plain && d.quote == 0 && len(d.flow) == 0
	return true
}

// afterQuote reports whether the characters before i end in a closing quote.
func (d *doctor) afterQuote(line []rune, i int) bool {
	for i--; i >= 0 && line[i] == ' '; i-- {
	}
	return i >= 0 && (line[i] == '"' || line[i] == '\'')
}

// begins reports a value that begins with a character YAML keeps for itself.
func (d *doctor) begins(at func(i, end int) schema.Pos, i int, line []rune) {
	end := i + 1
	for end < len(line) && line[end] != ' ' && line[end] != ',' && line[end] != '}' && line[end] != ']' {
		end++
	}
	word := string(line[i:end])
	help := "put it into quotes: '" + word + "'"
	message := "a value cannot begin with `" + string(line[i]) + "`"
	switch line[i] {
	case '`':
		message = "a value cannot begin with a backtick"
	case '*':
		help, message = "write `all`, or put it into quotes: '*'", "`*` begins a YAML alias"
	}
	d.report("E002", at(i, end), "", help, message)
}

func trimLeft(line []rune) []rune {
	for len(line) > 0 && isSpace(line[0]) {
		line = line[1:]
	}
	return line
}

// blockIndent is the indentation that the text of a block has to exceed.
func (d *doctor) blockIndent(line []rune) int {
	indent := 0
	for indent < len(line) && (line[indent] == ' ' || line[indent] == '-' && indent+1 < len(line) && line[indent+1] == ' ') {
		indent++
	}
	return indent
}
