package format

import (
	"strings"
)

// line is one line of a file with its place in the structure.
type line struct {
	kind    lineKind
	text    string // without indentation and comment, spaces already canonical
	comment string // from the #
	gap     int    // spaces between text and comment
	from    int    // columns of indentation in the source
	to      int    // and in the result
	key     string // of an entry of a map
	dash    bool   // an entry of a list
	opens   bool   // what follows is deeper
}

type lineKind uint8

const (
	blankLine   lineKind = iota
	commentLine          // nothing but a comment
	entryLine            // begins an entry of a block map or list
	insideLine           // goes on with a value of several lines
)

// level is a block map or list that is open.
type level struct {
	from, to int // its column in the source and in the result
	list     bool
}

// scanner goes through a file that is known to be YAML. It understands the
// block structure and where values of several lines end, and nothing more;
// what is beyond it (documents, directives, complex keys) ends the scan.
type scanner struct {
	src    []string
	lines  []line
	levels []level
	// waiting are comment lines whose column depends on the entry that follows.
	waiting []waitingComment
	ok      bool
}

type waitingComment struct {
	at     int
	levels []level // open when it was met
	opened bool    // the entry above waits for deeper lines
}

// scan returns the lines of a file; ok is false when it holds something the scanner does not know.
func scan(text string) (lines []line, ok bool) {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if strings.ContainsRune(text, '\r') {
		return nil, false
	}
	s := &scanner{src: strings.Split(text, "\n"), ok: true}
	for i := 0; i < len(s.src) && s.ok; {
		i = s.line(i)
	}
	s.place(-1, 0)
	return s.lines, s.ok
}

// line reads the line at i with everything that belongs to its value and returns the line after it.
func (s *scanner) line(i int) int {
	text := strings.TrimRight(s.src[i], " \t")
	body := strings.TrimLeft(text, " ")
	from := len(text) - len(body)
	switch {
	case body == "":
		s.lines = append(s.lines, line{kind: blankLine})
		return i + 1
	case body[0] == '#':
		s.comment(body, from)
		return i + 1
	case body[0] == '\t' || from == 0 && (strings.HasPrefix(body, "---") || strings.HasPrefix(body, "...") || body[0] == '%'):
		s.ok = false
		return i + 1
	}
	return s.entry(i, body, from)
}

func (s *scanner) comment(body string, from int) {
	opened := false
	if last := s.last(); last != nil {
		opened = last.opens
	}
	s.waiting = append(s.waiting, waitingComment{len(s.lines), append([]level(nil), s.levels...), opened})
	s.lines = append(s.lines, line{kind: commentLine, comment: spaced(body), from: from})
}

// last is the latest line that is neither blank nor a comment.
func (s *scanner) last() *line {
	for i := len(s.lines) - 1; i >= 0; i-- {
		if k := s.lines[i].kind; k == entryLine || k == insideLine {
			return &s.lines[i]
		}
	}
	return nil
}

// spaced puts a space behind the # of a comment that has none.
func spaced(comment string) string {
	if len(comment) > 1 && strings.IndexByte("# !\t-=*", comment[1]) < 0 {
		return "# " + comment[1:]
	}
	return comment
}

// place gives waiting comments the column of the entry that follows, if they stand
// at it or left of it, and else that of the block they end.
func (s *scanner) place(from, to int) {
	for _, w := range s.waiting {
		l := &s.lines[w.at]
		if from >= 0 && l.from <= from {
			l.to = to
			continue
		}
		l.to = 0
		for i, open := range w.levels {
			if open.from <= l.from {
				l.to = open.to
				if i == len(w.levels)-1 && w.opened && l.from > open.from {
					l.to += 2
				}
			}
		}
	}
	s.waiting = s.waiting[:0]
}

// entry reads `key: value`, `- value`, `- key: value`, or a lone scalar.
func (s *scanner) entry(i int, body string, from int) int {
	e := line{kind: entryLine, from: from}
	at := from
	var b strings.Builder
	for first := true; body == "-" || strings.HasPrefix(body, "- "); first = false {
		e.dash = true
		s.open(at, true)
		if first {
			e.to = s.top().to
		}
		rest := strings.TrimLeft(body[1:], " ")
		at += len(body) - len(rest)
		body = rest
		b.WriteByte('-')
		if body != "" {
			b.WriteByte(' ')
		}
	}
	key, value, isEntry := cutKey(body)
	if isEntry {
		s.open(at, false)
		if !e.dash {
			e.to = s.top().to
		}
		e.key = key
		b.WriteString(key + ":")
		if value != "" && value[0] != '#' {
			b.WriteByte(' ')
		}
		body = value
	} else if !e.dash {
		s.ok = false // a scalar at the top, or a complex key
		return i + 1
	}
	s.place(from, e.to)
	return s.value(i, e, &b, body)
}

// open closes the blocks that end at a column and opens one there, unless it is open.
func (s *scanner) open(at int, list bool) {
	for len(s.levels) > 0 && s.top().from > at {
		s.levels = s.levels[:len(s.levels)-1]
	}
	if len(s.levels) > 0 && s.top().from == at && s.top().list && !list {
		s.levels = s.levels[:len(s.levels)-1] // a list right below its key has ended
	}
	if len(s.levels) > 0 && s.top().from == at && s.top().list == list {
		return
	}
	to := 0
	if len(s.levels) > 0 {
		to = s.top().to + 2
	}
	s.levels = append(s.levels, level{from: at, to: to, list: list})
}

func (s *scanner) top() *level { return &s.levels[len(s.levels)-1] }

// cutKey splits `key: value`. A quoted key keeps its quotes.
func cutKey(body string) (key, value string, ok bool) {
	end := 0
	switch {
	case body == "" || strings.IndexByte("{[|>&!*?@`#", body[0]) >= 0:
		return "", body, false
	case body[0] == '\'' || body[0] == '"':
		n, closed := quoted(body)
		if !closed {
			return "", body, false
		}
		end = n
	default:
		for end < len(body) && !(body[end] == ':' && (end+1 == len(body) || body[end+1] == ' ')) {
			if body[end] == '#' && end > 0 && body[end-1] == ' ' {
				return "", body, false
			}
			end++
		}
	}
	rest := strings.TrimLeft(body[end:], " ")
	if rest != ":" && !strings.HasPrefix(rest, ": ") {
		return "", body, false
	}
	return strings.TrimRight(body[:end], " "), strings.TrimLeft(rest[1:], " "), true
}

// value reads what stands behind a key or dash and the lines that belong to it.
func (s *scanner) value(i int, e line, b *strings.Builder, body string) int {
	for body != "" && (body[0] == '&' || body[0] == '!') { // anchor or tag
		word, rest, _ := strings.Cut(body, " ")
		b.WriteString(word)
		body = strings.TrimLeft(rest, " ")
		if body != "" && body[0] != '#' {
			b.WriteByte(' ')
		}
	}
	switch {
	case body == "" || body[0] == '#':
		e.opens = true
		e.text, e.comment, e.gap = b.String(), spacedOrNone(body), 1
		s.lines = append(s.lines, e)
		return i + 1
	case body[0] == '|' || body[0] == '>':
		s.finish(&e, b, body)
		return s.block(i+1, e)
	}
	end, open := valueEnd(body)
	if !open {
		if strings.IndexByte("{[", body[0]) >= 0 {
			body = flow(body[:end]) + body[end:]
			end, _ = valueEnd(body)
		}
		text, rest := body[:end], strings.TrimLeft(body[end:], " ")
		if rest != "" && rest[0] != '#' {
			s.ok = false
			return i + 1
		}
		b.WriteString(strings.TrimRight(text, " "))
		e.text, e.comment = b.String(), spacedOrNone(rest)
		e.gap = max(1, len(body)-len(rest)-len(strings.TrimRight(text, " ")))
		s.lines = append(s.lines, e)
		if strings.IndexByte("{['\"", body[0]) >= 0 {
			return i + 1
		}
		return s.plain(i+1, e)
	}
	b.WriteString(body)
	e.text = b.String()
	s.lines = append(s.lines, e)
	return s.rest(i+1, body)
}

// finish ends the header line of a block scalar.
func (s *scanner) finish(e *line, b *strings.Builder, body string) {
	header, comment := body, ""
	if at := strings.Index(body, " #"); at >= 0 {
		header, comment = body[:at], strings.TrimLeft(body[at:], " ")
	}
	b.WriteString(strings.TrimRight(header, " "))
	e.text, e.comment, e.gap = b.String(), spacedOrNone(comment), 1
	s.lines = append(s.lines, *e)
}

func spacedOrNone(comment string) string {
	if comment == "" {
		return ""
	}
	return spaced(comment)
}

// inside adds a line of a value of several lines, moved as far as its entry was.
func (s *scanner) inside(text string) {
	body := strings.TrimLeft(text, " ")
	from := len(text) - len(body)
	s.lines = append(s.lines, line{kind: insideLine, text: body, from: from, to: max(0, from+s.top().to-s.top().from)})
}

// block takes the lines of a block scalar, to the letter.
func (s *scanner) block(i int, e line) int {
	last := i
	for j := i; j < len(s.src); j++ {
		body := strings.TrimLeft(s.src[j], " ")
		if strings.TrimSpace(body) == "" {
			continue
		}
		if len(s.src[j])-len(body) <= s.top().from {
			break
		}
		last = j + 1
	}
	for ; i < last; i++ {
		if strings.TrimSpace(s.src[i]) == "" && len(s.src[i]) <= s.top().from {
			s.inside("")
			continue
		}
		s.inside(s.src[i])
	}
	return i
}

// plain takes the lines on which an unquoted scalar goes on.
func (s *scanner) plain(i int, e line) int {
	if e.comment != "" {
		return i
	}
	for {
		j := i
		for j < len(s.src) && strings.TrimSpace(s.src[j]) == "" {
			j++
		}
		if j == len(s.src) {
			return i
		}
		body := strings.TrimLeft(s.src[j], " ")
		if len(s.src[j])-len(body) <= s.top().from || body[0] == '#' {
			return i
		}
		for ; i < j; i++ {
			s.inside("")
		}
		text := strings.TrimRight(s.src[j], " \t")
		if at := strings.Index(text, " #"); at >= 0 {
			s.inside(strings.TrimRight(text[:at], " "))
			l := &s.lines[len(s.lines)-1]
			l.comment, l.gap = spaced(strings.TrimLeft(text[at:], " ")), 1
			return j + 1
		}
		s.inside(text)
		i = j + 1
	}
}

// rest takes the lines up to the end of a quoted scalar or flow collection that began above.
func (s *scanner) rest(i int, value string) int {
	for ; i < len(s.src); i++ {
		value += "\n" + s.src[i]
		s.inside(strings.TrimRight(s.src[i], " \t"))
		end, open := valueEnd(value)
		if open {
			continue
		}
		rest := strings.TrimSpace(value[end:])
		if rest != "" && rest[0] != '#' {
			s.ok = false
		}
		if rest != "" {
			l := &s.lines[len(s.lines)-1]
			l.text = strings.TrimRight(strings.TrimSuffix(l.text, rest), " ")
			l.comment, l.gap = spaced(rest), 1
		}
		return i + 1
	}
	s.ok = false
	return i
}

// valueEnd finds the end of a value. open means that it goes on below.
func valueEnd(v string) (end int, open bool) {
	switch v[0] {
	case '\'', '"':
		n, closed := quoted(v)
		return n, !closed
	case '{', '[':
		return flowEnd(v)
	}
	if at := strings.Index(v, " #"); at >= 0 {
		return at, false
	}
	return len(v), false
}

// quoted finds the end of a quoted scalar.
func quoted(v string) (end int, closed bool) {
	mark := v[0]
	for i := 1; i < len(v); i++ {
		switch {
		case v[i] == '\\' && mark == '"':
			i++
		case v[i] == mark && mark == '\'' && i+1 < len(v) && v[i+1] == mark:
			i++
		case v[i] == mark:
			return i + 1, true
		}
	}
	return len(v), false
}

// flowEnd finds the bracket that closes the one v begins with.
func flowEnd(v string) (end int, open bool) {
	depth := 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1, false
			}
		case (c == '\'' || c == '"') && scalarStart(v, i):
			n, closed := quoted(v[i:])
			if !closed {
				return len(v), true
			}
			i += n - 1
		case c == '#' && i > 0 && strings.IndexByte(" \n\t", v[i-1]) >= 0:
			for i < len(v) && v[i] != '\n' {
				i++
			}
		}
	}
	return len(v), true
}

// scalarStart reports whether a value may begin at i of a flow collection.
func scalarStart(v string, i int) bool {
	before := strings.TrimRight(v[:i], " \n\t")
	return before == "" || strings.IndexByte("{[,:", before[len(before)-1]) >= 0
}

// flow puts canonical spaces into a flow collection of one line: {a: b, c: [d, e]}.
func flow(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case (c == '\'' || c == '"') && scalarStart(v, i):
			n, _ := quoted(v[i:])
			b.WriteString(v[i : i+n])
			i += n - 1
		case c == '{' || c == '[':
			b.WriteByte(c)
			i = skipSpaces(v, i)
		case c == '}' || c == ']':
			text := strings.TrimRight(b.String(), " ")
			text = strings.TrimRight(strings.TrimSuffix(text, ","), " ")
			b.Reset()
			b.WriteString(text)
			b.WriteByte(c)
		case c == ',' || c == ':' && i+1 < len(v) && v[i+1] == ' ':
			text := strings.TrimRight(b.String(), " ")
			b.Reset()
			b.WriteString(text)
			b.WriteByte(c)
			b.WriteByte(' ')
			i = skipSpaces(v, i)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// skipSpaces returns the place of the last space behind i, or i.
func skipSpaces(v string, i int) int {
	for i+1 < len(v) && v[i+1] == ' ' {
		i++
	}
	return i
}
