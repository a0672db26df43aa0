package rows

import (
	"bufio"
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/schema"
)

// CSVReader reads RFC 4180 with a header of member names, as answers in CSV are
// written. An empty cell is a member that is not given; the empty text is `""`. A
// dotted name (customer.email, address.city) is a member of an object.
type CSVReader struct {
	in      *bufio.Reader
	options Options
	line    int
	read    int // bytes of the record
	names   []string
	tree    []*column
	json    []byte
	err     error
}

// CSV reads a table.
func CSV(r io.Reader, o Options) *CSVReader {
	return &CSVReader{in: bufio.NewReaderSize(r, 64<<10), options: o, line: 1}
}

// column is a member that a column, or several with dotted names, make.
type column struct {
	name  string
	cell  int // -1: made of inner ones
	field *schema.Field
	inner []*column
}

// cell is one cell; encoding/csv does not tell an empty one from an empty text in quotes.
type cell struct {
	text   string
	quoted bool
}

// Header returns the names in the first line, nil for a file that is empty.
func (c *CSVReader) Header() ([]string, error) {
	if c.names != nil || c.err != nil {
		return c.names, c.err
	}
	if err := c.header(); err != nil {
		c.err = err
		return nil, err
	}
	return c.names, nil
}

func (c *CSVReader) header() error {
	if err := c.marks(); err != nil {
		return err
	}
	cells, err := c.record()
	if err != nil {
		return err
	}
	if used, is := strings.CutPrefix(cells[0].text, "sep="); is { // a line for spreadsheets
		if used != "" {
			return separators(used)
		}
		if cells, err = c.record(); err != nil {
			return err
		}
	}
	for i, cell := range cells {
		name := cell.text
		if name == "" {
			return fail(1, "column "+strconv.Itoa(i+1)+" has no name: every column needs one of its own")
		}
		for _, before := range c.names {
			if before == name {
				return fail(1, "two columns are called `"+excerpt(name)+"`: every column needs a name of its own")
			}
		}
		c.names = append(c.names, name)
		if len(cells) == 1 && strings.ContainsAny(name, ";\t|") && c.options.Class.Field(name) == nil {
			return separators(string(name[strings.IndexAny(name, ";\t|")]))
		}
		if c.options.Rename != nil {
			if name = c.options.Rename(name); name == "" {
				continue
			}
		}
		if err := c.place(name, i); err != nil {
			return err
		}
	}
	return nil
}

// marks passes over a byte-order mark, and refuses those of other encodings.
func (c *CSVReader) marks() error {
	start, _ := c.in.Peek(3) // a short file has none
	switch {
	case bytes.Equal(start, bom):
		_, err := c.in.Discard(3)
		return err
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return encoding(1)
	}
	return nil
}

func encoding(line int) *Error {
	e := fail(line, "the text is not UTF-8")
	e.Hint = "Save it as CSV UTF-8."
	return e
}

func separators(used string) *Error {
	named := map[string]string{";": "semicolons", "\t": "tabs", "|": "bars"}[used]
	if named == "" {
		named = "`" + excerpt(used) + "`"
	}
	e := fail(1, "columns are separated by commas, not by "+named)
	e.Hint = "Save it with commas, as RFC 4180 has it."
	return e
}

// place puts a column among the members of a record.
func (c *CSVReader) place(name string, cell int) error {
	path := strings.Split(name, ".")
	if len(path) > 1 && innerOf(c.options.Class.Field(path[0])) == nil {
		path = []string{name} // no such thing: the action says so, by the whole name
	}
	level := &c.tree
	for i, part := range path {
		at := slices.IndexFunc(*level, func(have *column) bool { return have.name == part })
		last := i == len(path)-1
		if at >= 0 && (last || (*level)[at].cell >= 0) {
			return fail(1, "two columns set `"+excerpt(strings.Join(path[:i+1], "."))+"`")
		}
		if at < 0 {
			next := &column{name: part, cell: -1}
			if last {
				next.cell, next.field = cell, FieldAt(c.options.Class, path)
			}
			*level = append(*level, next)
			at = len(*level) - 1
		}
		level = &(*level)[at].inner
	}
	return nil
}

// FieldAt is the field at a path of names: of a class, then of what its fields hold
// or lead to; nil where there is none.
func FieldAt(c *schema.Class, path []string) *schema.Field {
	f := c.Field(path[0])
	for _, name := range path[1:] {
		inner := innerOf(f)
		if inner == nil {
			return nil
		}
		f = inner(name)
	}
	return f
}

// innerOf finds the members of an object that a field holds or leads to, nil for other fields.
func innerOf(f *schema.Field) func(name string) *schema.Field {
	if f == nil {
		return nil
	}
	if f.Ref != nil {
		return f.Ref.To.Field
	}
	if o, ok := f.Type.(*schema.ObjectType); ok {
		return o.Member
	}
	return nil
}

// Next implements Reader.
func (c *CSVReader) Next() (Row, error) {
	if _, err := c.Header(); err != nil {
		return Row{}, err
	}
	for {
		line := c.line
		cells, err := c.record()
		if err != nil {
			c.err = err
			return Row{}, err
		}
		if len(cells) == 1 && cells[0] == (cell{}) {
			continue // an empty line
		}
		row := Row{Line: line, Cells: make([]string, len(cells))}
		for i := range cells {
			row.Cells[i] = cells[i].text
		}
		if len(cells) != len(c.names) {
			e := fail(line, "there are "+strconv.Itoa(len(cells))+" cells below "+strconv.Itoa(len(c.names))+" columns")
			e.Passable = true
			return row, e
		}
		c.json, _ = appendObject(c.json[:0], c.tree, cells)
		row.JSON = c.json
		if bad := strict(c.json, c.options.limits(), 0); bad != nil { // the JSON of a cell
			return row, &Error{Line: line, Pointer: bad.Pointer, Detail: "Line " + strconv.Itoa(line) + ": " + bad.why, Passable: true}
		}
		return row, nil
	}
}

// appendObject writes the members that are given; given is false when there is none.
func appendObject(b []byte, level []*column, cells []cell) (out []byte, given bool) {
	b = append(b, '{')
	for _, col := range level {
		before := len(b)
		if given {
			b = append(b, ',')
		}
		b, _ = jsontext.AppendQuote(b, col.name)
		b = append(b, ':')
		wrote := false
		if col.cell < 0 {
			b, wrote = appendObject(b, col.inner, cells)
		} else if c := cells[col.cell]; c.text != "" || c.quoted {
			b, wrote = AppendCell(b, c.text, col.field), true
		}
		if !wrote {
			b = b[:before]
			continue
		}
		given = true
	}
	return append(b, '}'), given
}

// AppendCell writes a cell as the JSON that its field takes; what does not fit
// stays text, for the field itself to refuse. Lists and sets are JSON, or their
// elements with semicolons in between. f may be nil.
func AppendCell(b []byte, text string, f *schema.Field) []byte {
	switch {
	case f == nil:
	case f.Many != nil:
		element := f.Many.By
		if element == nil {
			element = f.Many.To.Key[0]
		}
		return appendElements(b, text, element)
	case f.Type == nil:
	default:
		return appendScalar(b, text, f)
	}
	return appendText(b, text)
}

func appendScalar(b []byte, text string, f *schema.Field) []byte {
	for f.Ref != nil {
		f = f.Ref.To.Key[0]
	}
	t := f.Type
	switch t.Kind() {
	case schema.JSON:
		if raw := jsontext.Value(text); raw.IsValid() {
			return append(b, raw...)
		}
		if t.Traits().List {
			if v, err := t.Parse(strings.ReplaceAll(text, ";", ",")); err == nil {
				return t.AppendJSON(b, v)
			}
		}
		return appendText(b, text)
	case schema.Text:
		return appendText(b, unguarded(text))
	}
	if v, err := t.Parse(text); err == nil {
		return t.AppendJSON(b, v)
	}
	return appendText(b, text)
}

func appendElements(b []byte, text string, element *schema.Field) []byte {
	if text != "" && (text[0] == '[' || text[0] == '{') && jsontext.Value(text).IsValid() {
		return append(b, text...)
	}
	b = append(b, '[')
	if text == "" {
		return append(b, ']')
	}
	for i, part := range strings.Split(text, ";") {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendScalar(b, strings.TrimSpace(part), element)
	}
	return append(b, ']')
}

func appendText(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}

// unguarded takes off the apostrophe that keeps a sheet from running a text as a formula.
func unguarded(text string) string {
	if len(text) > 1 && text[0] == '\'' && strings.IndexByte("=+-@\t\r", text[1]) >= 0 {
		return text[1:]
	}
	return text
}

// record reads up to the end of a line; io.EOF is that there is nothing more.
func (c *CSVReader) record() ([]cell, error) {
	if _, err := c.in.Peek(1); err != nil {
		return nil, err
	}
	var cells []cell
	start := c.line
	c.read = 0
	for {
		one, end, err := c.cell()
		if err != nil {
			return nil, err
		}
		switch {
		case !utf8.ValidString(one.text):
			return nil, encoding(start)
		case strings.IndexByte(one.text, 0) >= 0:
			return nil, fail(start, "a text holds U+0000, which cannot be stored")
		case c.read > most:
			return nil, fail(start, "the record is longer than 16 MiB: is a closing quote missing?")
		}
		cells = append(cells, one)
		if end != ',' {
			c.line++
			return cells, nil
		}
	}
}

// cell reads one cell and what ends it: a comma, or 0 for the end of the line or text.
func (c *CSVReader) cell() (cell, byte, error) {
	first, err := c.in.ReadByte()
	if err == io.EOF {
		return cell{}, 0, nil
	}
	if err != nil {
		return cell{}, 0, err
	}
	if first == '"' {
		return c.quoted()
	}
	var text []byte
	for b := first; ; {
		c.read++
		switch b {
		case ',':
			return cell{text: string(text)}, ',', nil
		case '\n', '\r':
			return cell{text: string(text)}, 0, c.lineEnd(b)
		case '"':
			return cell{}, 0, fail(c.line, "a quote stands inside a cell that is not in quotes")
		}
		if text = append(text, b); len(text) > most {
			return cell{}, 0, fail(c.line, "the record is longer than 16 MiB")
		}
		if b, err = c.in.ReadByte(); err == io.EOF {
			return cell{text: string(text)}, 0, nil
		} else if err != nil {
			return cell{}, 0, err
		}
	}
}

// quoted reads a cell after its opening quote.
func (c *CSVReader) quoted() (cell, byte, error) {
	start := c.line
	var text []byte
	for {
		b, err := c.in.ReadByte()
		switch {
		case err == io.EOF:
			return cell{}, 0, fail(start, "a quoted cell does not end")
		case err != nil:
			return cell{}, 0, err
		}
		c.read++
		if b == '\n' {
			c.line++
		}
		if b != '"' {
			if text = append(text, b); c.read > most {
				return cell{}, 0, fail(start, "the record is longer than 16 MiB: is a closing quote missing?")
			}
			continue
		}
		switch b, err = c.in.ReadByte(); {
		case err == io.EOF:
			return cell{string(text), true}, 0, nil
		case err != nil:
			return cell{}, 0, err
		case b == '"':
			text = append(text, '"')
		case b == ',':
			return cell{string(text), true}, ',', nil
		case b == '\n' || b == '\r':
			return cell{string(text), true}, 0, c.lineEnd(b)
		default:
			return cell{}, 0, fail(c.line, "there is text after a closing quote")
		}
	}
}

// lineEnd takes the second half of CR LF.
func (c *CSVReader) lineEnd(b byte) error {
	if b != '\r' {
		return nil
	}
	if next, err := c.in.Peek(1); err == nil && next[0] == '\n' {
		_, err := c.in.Discard(1)
		return err
	}
	return nil
}

func excerpt(s string) string {
	const shown = 40
	if r := []rune(s); len(r) > shown {
		return string(r[:shown]) + "…"
	}
	return s
}
