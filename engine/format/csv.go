package format

import (
	"bytes"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// appendCSV writes rows as RFC 4180: a header of wire names, CRLF, quotes only
// where they are needed. Null is an empty cell, the empty text is `""`. A to-one
// expansion becomes dotted columns; lists and objects are JSON in their cell.
func appendCSV(b []byte, d *Document) []byte {
	if d.Encoded != nil {
		return append(b, d.Encoded...)
	}
	if d.View == nil {
		return appendCountsCSV(b, d)
	}
	if d.Property != nil {
		one := &actions.Shown{Class: d.View.Class, Members: []actions.Member{*d.Property}}
		d = &Document{View: one, Rows: d.Rows}
	}
	b = appendHeader(b, d.View, "", true)
	b = append(b, "\r\n"...)
	for i := range d.Rows {
		b = appendCells(b, d.View, &d.Rows[i], true)
		b = append(b, "\r\n"...)
	}
	return b
}

func appendCountsCSV(b []byte, d *Document) []byte {
	if d.Raw != nil {
		return append(appendCell(b, string(d.Raw), false), "\r\n"...)
	}
	for i, c := range d.Counts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCell(b, c.Name, true)
	}
	b = append(b, "\r\n"...)
	for i, c := range d.Counts {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, schema.NewInt(c.N).String()...)
	}
	return append(b, "\r\n"...)
}

func appendHeader(b []byte, v *actions.Shown, prefix string, first bool) []byte {
	for i := range v.Members {
		m := &v.Members[i]
		if m.Expand != nil && m.Single {
			b = appendHeader(b, m.Expand, prefix+m.Name+".", first && i == 0)
			continue
		}
		if !first || i > 0 {
			b = append(b, ',')
		}
		b = appendCell(b, prefix+m.Name, false)
	}
	return b
}

// appendCells writes one row. A nil row, the missing end of a to-one relation, is empty cells.
func appendCells(b []byte, v *actions.Shown, r *storage.Row, first bool) []byte {
	for i := range v.Members {
		m := &v.Members[i]
		shown := r != nil && (m.Test <= 0 || r.Test(int(m.Test)-1))
		if m.Expand != nil && m.Single {
			var next *storage.Row
			if shown && len(r.Expanded[m.Index]) > 0 {
				next = &r.Expanded[m.Index][0]
			}
			b = appendCells(b, m.Expand, next, first && i == 0)
			continue
		}
		if !first || i > 0 {
			b = append(b, ',')
		}
		if shown {
			b = appendMemberCell(b, v, m, r)
		}
	}
	return b
}

func appendMemberCell(b []byte, v *actions.Shown, m *actions.Member, r *storage.Row) []byte {
	if m.Expand != nil || m.Pick != nil {
		return appendCell(b, string(actions.AppendMember(nil, v, m, r)), false)
	}
	if m.Field.Synthetic {
		return appendCell(b, string(actions.AppendID(nil, v.Class, r)), true)
	}
	if link := actions.FileLink(v, m, r); link != "" {
		return appendCell(b, link, false)
	}
	value := r.Values[m.Field.Index]
	switch value.Kind() {
	case schema.Null:
		return b
	case schema.JSON:
		return appendCell(b, string(m.Field.Type.AppendJSON(nil, value)), false)
	case schema.Text:
		return appendCell(b, m.Field.Type.Text(value), true)
	}
	return append(b, m.Field.Type.Text(value)...)
}

// appendCell writes one cell. With guard, text that a spreadsheet would run as
// a formula gets an apostrophe in front.
func appendCell(b []byte, s string, guard bool) []byte {
	if s == "" {
		return append(b, `""`...)
	}
	if guard {
		switch s[0] {
		case '=', '+', '-', '@', '\t', '\r':
			s = "'" + s
		}
	}
	if !needsQuotes(s) {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, bytes.ReplaceAll([]byte(s), []byte{'"'}, []byte{'"', '"'})...)
	return append(b, '"')
}

func needsQuotes(s string) bool {
	if s[0] == ' ' || s[len(s)-1] == ' ' {
		return true
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ',', '"', '\r', '\n':
			return true
		}
	}
	return false
}
