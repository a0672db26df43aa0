package request

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
)

// rows turns records in another format than JSON into the JSON array that they mean.
func rows(text []byte, media string, c *schema.Class, limits strictjson.Limits) (json.RawMessage, error) {
	if media == typeCSV {
		return rowsOfCSV(text, c)
	}
	return rowsOfLines(text, limits)
}

// rowsOfLines joins the JSON values of lines; empty lines do not count.
func rowsOfLines(text []byte, limits strictjson.Limits) (json.RawMessage, error) {
	b := make([]byte, 0, len(text)+2)
	b = append(b, '[')
	for n := 1; len(text) > 0; n++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		line = bytes.Trim(line, " \t\r")
		if len(line) == 0 {
			continue
		}
		if err := checkJSON(line, limits, n-1); err != nil {
			return nil, err
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, line...)
	}
	return append(b, ']'), nil
}

// rowsOfCSV reads RFC 4180 with a header of member names. An empty cell is a member that is
// not given; the empty text is `""`. Cells are as a response in CSV writes them.
func rowsOfCSV(text []byte, c *schema.Class) (json.RawMessage, error) {
	switch {
	case !utf8.Valid(text):
		return nil, badCSV(1, "the text is not UTF-8")
	case bytes.IndexByte(text, 0) >= 0:
		return nil, badCSV(1, "a text holds U+0000, which cannot be stored")
	}
	r := &csvReader{text: string(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))), line: 1}
	var names []string
	for _, cell := range r.record() {
		if cell.text == "" || slices.Contains(names, cell.text) {
			return nil, badCSV(1, "every column needs a name of its own")
		}
		names = append(names, cell.text)
	}
	b := []byte{'['}
	for r.problem == "" && r.text != "" {
		line := r.line
		cells := r.record()
		if len(cells) == 1 && cells[0] == (cell{}) {
			continue // an empty line
		}
		if len(cells) != len(names) && r.problem == "" {
			return nil, badCSV(line, "there are "+itoa(len(cells))+" cells below "+itoa(len(names))+" columns")
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, '{')
		for i, cell := range cells {
			if cell.text == "" && !cell.quoted || i >= len(names) {
				continue
			}
			if b[len(b)-1] != '{' {
				b = append(b, ',')
			}
			b, _ = jsontext.AppendQuote(b, names[i])
			b = append(b, ':')
			b = appendCell(b, cell.text, c.Field(names[i]))
		}
		b = append(b, '}')
	}
	if r.problem != "" {
		return nil, badCSV(r.line, r.problem)
	}
	return append(b, ']'), nil
}

// appendCell writes a cell as the JSON that its field takes; what does not fit
// stays text, for the field itself to refuse.
func appendCell(b []byte, text string, f *schema.Field) []byte {
	if f != nil && f.Type != nil {
		t := f.Type
		for f.Ref != nil {
			f = f.Ref.To.Key[0]
			t = f.Type
		}
		switch t.Kind() {
		case schema.JSON:
			if raw := jsontext.Value(text); raw.IsValid() {
				return append(b, raw...)
			}
		case schema.Text:
			text = unguarded(text)
		default:
			if v, err := t.Parse(text); err == nil {
				return t.AppendJSON(b, v)
			}
		}
	}
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

func badCSV(line int, why string) error {
	detail := "Line " + itoa(line) + ": " + why + "."
	e := actions.Errorf(actions.BadContent, detail)
	e.Errors = []actions.Problem{{Code: "syntax", Detail: detail, Line: line}}
	return e
}

// csvReader tells an empty cell from an empty text in quotes, which
// encoding/csv does not.
type csvReader struct {
	text    string // what is left
	line    int
	problem string
}

type cell struct {
	text   string
	quoted bool
}

// record reads up to the end of a line.
func (r *csvReader) record() []cell {
	var cells []cell
	for {
		cells = append(cells, r.cell())
		if r.problem != "" || r.text == "" {
			return cells
		}
		end := r.text[0]
		r.text = r.text[1:]
		if end == '\r' && r.text != "" && r.text[0] == '\n' {
			r.text = r.text[1:]
		}
		if end != ',' {
			r.line++
			return cells
		}
	}
}

// cell reads one cell and stops before what ends it.
func (r *csvReader) cell() cell {
	if r.text == "" || r.text[0] != '"' {
		n := strings.IndexAny(r.text, ",\r\n")
		if n < 0 {
			n = len(r.text)
		}
		c := cell{text: r.text[:n]}
		r.text = r.text[n:]
		if strings.IndexByte(c.text, '"') >= 0 {
			r.problem = "a quote stands inside a cell that is not in quotes"
		}
		return c
	}
	c := cell{quoted: true}
	for rest := r.text[1:]; ; {
		n := strings.IndexByte(rest, '"')
		if n < 0 {
			r.problem = "a quoted cell does not end"
			return c
		}
		c.text += rest[:n]
		rest = rest[n+1:]
		if rest != "" && rest[0] == '"' {
			c.text += `"`
			rest = rest[1:]
			continue
		}
		r.line += strings.Count(c.text, "\n")
		if rest != "" && strings.IndexByte(",\r\n", rest[0]) < 0 {
			r.problem = "there is text after a closing quote"
		}
		r.text = rest
		return c
	}
}
