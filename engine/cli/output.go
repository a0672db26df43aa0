package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"
)

// outputFlag is embedded in every verb that prints rows.
type outputFlag struct {
	Output string `short:"o" name:"output" enum:"table,json,yaml,csv,jsonl" default:"table" help:"How rows are printed: ${enum}."`
}

// table is rows on their way to stdout. Cells hold text, int, bool, nil, JSON or absent.
type table struct {
	columns []string
	rows    [][]any
}

func (t *table) add(cells ...any) { t.rows = append(t.rows, cells) }

// print writes the table in the format asked for.
func (t *table) print(w io.Writer, format string) error {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		err = t.json(&b)
	case "jsonl":
		err = t.lines(&b)
	case "yaml":
		t.yaml(&b)
	case "csv":
		err = t.csv(&b)
	default:
		err = t.text(&b)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

func (t *table) text(b *bytes.Buffer) error {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = strings.ToUpper(c)
	}
	fmt.Fprintln(w, strings.Join(heads, "\t"))
	for _, row := range t.rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = printable(plain(cell))
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	// Empty last columns leave spaces behind.
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	b.Reset()
	b.WriteString(strings.Join(lines, "\n"))
	return nil
}

func (t *table) csv(b *bytes.Buffer) error {
	w := csv.NewWriter(b)
	_ = w.Write(t.columns) // the writer keeps its first error for Flush
	for _, row := range t.rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = plain(cell)
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return w.Error()
}

func (t *table) json(b *bytes.Buffer) error {
	if len(t.rows) == 0 {
		b.WriteString("[]\n")
		return nil
	}
	for i := range t.rows {
		b.WriteString(map[bool]string{true: "[\n  ", false: ",\n  "}[i == 0])
		if err := t.object(b, i); err != nil {
			return err
		}
	}
	b.WriteString("\n]\n")
	return nil
}

func (t *table) lines(b *bytes.Buffer) error {
	for i := range t.rows {
		if err := t.object(b, i); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	return nil
}

// yaml writes scalars as JSON does, which every YAML reader takes.
func (t *table) yaml(b *bytes.Buffer) {
	if len(t.rows) == 0 {
		b.WriteString("[]\n")
	}
	for _, row := range t.rows {
		first := true
		for i, c := range t.columns {
			if row[i] == any(absent{}) {
				continue
			}
			b.WriteString(map[bool]string{true: "- ", false: "  "}[first])
			first = false
			fmt.Fprintf(b, "%s: %s\n", c, scalar(row[i]))
		}
	}
}

// absent is a cell of a record that has no such member.
type absent struct{}

// object writes one row with its members in the order of the columns.
func (t *table) object(b *bytes.Buffer, row int) error {
	b.WriteByte('{')
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "%s: %s", scalar(c), scalar(t.rows[row][i]))
	}
	b.WriteByte('}')
	return nil
}

func scalar(cell any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(cell); err != nil {
		return strconv.Quote(fmt.Sprint(cell))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func plain(cell any) string {
	switch cell := cell.(type) {
	case nil, absent:
		return ""
	case json.RawMessage:
		var text *string
		if err := json.Unmarshal(cell, &text); err != nil {
			return string(cell) // a number, a list, an object
		}
		if text == nil {
			return ""
		}
		return *text
	}
	return fmt.Sprint(cell)
}

// printable keeps control characters of stored text away from the terminal.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return '·'
		}
		return c
	}, s)
}

// terminal reports whether a stream is a person's terminal.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// lively reports whether colour and progress bars may be used on a stream.
func (r *run) lively(stream any) bool {
	return terminal(stream) && r.env["NO_COLOR"] == "" && r.env["CI"] == "" && r.env["TERM"] != "dumb"
}
