package cli

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/format"
)

// errNoRecord is an answer that is no object.
var errNoRecord = errors.New("this is no record")

// looseJSON decodes what only a suggestion depends on.
func looseJSON(text []byte, v any) error { return json.Unmarshal(text, v) }

// print prints the answer of an action. In JSON and CSV it is byte for byte what HTTP answers in
// style plain; tables and YAML are for people.
func (r *run) print(res *actions.Result, wish *actions.Output, output string) error {
	if res.View == nil && res.Raw == nil && res.Counts == nil {
		return r.done(res)
	}
	if p := res.Page; p != nil && p.More {
		r.note("there are more: limit=%d,%d shows the next, dowel export all", p.Skip+p.Limit, p.Limit)
	}
	if res.DryRun {
		r.note("a dry run: nothing has changed")
	}
	d := format.Document{Class: res.Class, View: res.View, Rows: res.Rows, List: res.List, Keyed: res.Keyed, Property: res.Property, Counts: res.Counts, Raw: res.Raw}
	var b []byte
	var err error
	switch output {
	case "json": // in the form that the action asks for; the others have one of their own
		d.KeyByIDs, d.GroupedByClass = wish.KeyByIDs, wish.GroupedByClass
		b = append(format.AppendJSON(nil, &d), '\n')
	case "csv":
		b = lineFeeds(format.Find("csv").Append(nil, &d))
	case "jsonl":
		b = lines(&d)
	default:
		b, err = people(format.AppendJSON(nil, &d), output)
	}
	if err == nil {
		_, err = r.out.Write(b)
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// lineFeeds ends the lines of CSV as other tools of a shell do; cells keep what is in them.
func lineFeeds(text []byte) []byte {
	b := text[:0]
	quoted := false
	for i, c := range text {
		if c == '"' {
			quoted = !quoted
		}
		if c == '\r' && !quoted && i+1 < len(text) && text[i+1] == '\n' {
			continue
		}
		b = append(b, c)
	}
	return b
}

// lines is a record a line, or all of an answer that is none.
func lines(d *format.Document) []byte {
	if !d.List && !d.Keyed || d.View == nil {
		return append(format.AppendJSON(nil, d), '\n')
	}
	var b []byte
	for i := range d.Rows {
		b = append(actions.AppendRecord(b, d.View, &d.Rows[i]), '\n')
	}
	return b
}

// people prints JSON as a table or as YAML: records of a list as lines with columns,
// one record as a line for each member.
func people(text []byte, output string) ([]byte, error) {
	var out bytes.Buffer
	kind := jsontext.Value(text).Kind()
	var list [][]recordMember
	switch kind {
	case '[':
		var elements []jsontext.Value
		if err := json.Unmarshal(text, &elements); err != nil {
			return nil, err
		}
		for _, element := range elements {
			one, err := membersOf(element)
			if err != nil {
				return append(text, '\n'), nil // a list of something else than records
			}
			list = append(list, one)
		}
	case '{':
		one, err := membersOf(text)
		if err != nil {
			return nil, err
		}
		if output == "yaml" {
			for _, m := range one {
				out.WriteString(m.name + ": " + scalar(m.value) + "\n")
			}
			return out.Bytes(), nil
		}
		t := table{columns: []string{"member", "value"}}
		for _, m := range one {
			t.add(m.name, m.value)
		}
		err = t.print(&out, output)
		return out.Bytes(), err
	default:
		return append(text, '\n'), nil
	}
	t := table{}
	at := map[string]int{}
	for _, one := range list {
		for _, m := range one {
			if _, known := at[m.name]; !known {
				at[m.name] = len(t.columns)
				t.columns = append(t.columns, m.name)
			}
		}
	}
	for _, one := range list {
		cells := make([]any, len(t.columns))
		for i := range cells {
			cells[i] = absent{}
		}
		for _, m := range one {
			cells[at[m.name]] = m.value
		}
		t.add(cells...)
	}
	if len(list) == 0 && output != "yaml" {
		return nil, nil
	}
	err := t.print(&out, output)
	return out.Bytes(), err
}

// recordMember is one member of a record.
type recordMember struct {
	name  string
	value json.RawMessage
}

// membersOf are the members of an object in their order.
func membersOf(text []byte) ([]recordMember, error) {
	d := jsontext.NewDecoder(bytes.NewReader(text))
	if d.PeekKind() != '{' {
		return nil, errNoRecord
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var all []recordMember
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		m := recordMember{name: name.String()}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		m.value = json.RawMessage(value.Clone())
		all = append(all, m)
	}
	return all, nil
}
