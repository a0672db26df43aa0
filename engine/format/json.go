package format

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// AppendJSON writes a document as JSON: the plain value, or the envelope with the value as its data.
func AppendJSON(b []byte, d *Document) []byte {
	start := len(b)
	if d.Envelope {
		b = append(b, `{"success":true,"data":`...)
		b = appendData(b, d)
		b = append(b, `,"meta":`...)
		b = appendMeta(b, d)
		b = append(b, '}')
	} else {
		b = appendData(b, d)
	}
	if d.Pretty {
		return indent(b, start)
	}
	return b
}

func appendData(b []byte, d *Document) []byte {
	switch {
	case d.Encoded != nil:
		return append(b, d.Encoded...)
	case d.Raw != nil:
		return append(b, d.Raw...)
	case d.View == nil && d.Counts == nil:
		return append(b, "null"...)
	case d.View == nil:
		return appendCounts(b, d)
	case d.Property != nil:
		return actions.AppendMember(b, d.View, d.Property, &d.Rows[0])
	case d.List && d.GroupedByClass:
		b = append(b, '{')
		b = schema.AppendQuoted(b, d.Class.Collection)
		b = append(b, ':')
		b = appendRows(b, d)
		return append(b, '}')
	case d.List || d.Keyed:
		return appendRows(b, d)
	case len(d.Rows) == 0:
		return append(b, "null"...)
	}
	return actions.AppendRecord(b, d.View, &d.Rows[0])
}

func appendRows(b []byte, d *Document) []byte {
	if d.KeyByIDs || d.Keyed {
		return actions.AppendKeyed(b, d.View, d.Rows)
	}
	return actions.AppendList(b, d.View, d.Rows)
}

func appendCounts(b []byte, d *Document) []byte {
	b = append(b, '{')
	for i, c := range d.Counts {
		if i > 0 {
			b = append(b, ',')
		}
		b = schema.AppendQuoted(b, c.Name)
		b = append(b, ':')
		b = strconv.AppendInt(b, c.N, 10)
	}
	return append(b, '}')
}

// appendMeta writes the meta member. The time has whole seconds, so that its
// length, and with it Content-Length, never depends on the clock.
func appendMeta(b []byte, d *Document) []byte {
	b = append(b, `{"timestamp":"`...)
	b = d.Now.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","version":`...)
	b = schema.AppendQuoted(b, d.Version)
	switch p := d.Page; {
	case p == nil:
	case p.Placed:
		b = appendPlace(b, d)
	default:
		b = appendPage(b, p.Total, p.Skip, p.Limit, max(len(d.Rows), d.Count))
	}
	return append(b, '}')
}

// appendPage writes where the page stands. Without a count there is no total and no last page.
func appendPage(b []byte, total int64, skip, limit, rows int) []byte {
	if total >= 0 {
		b = append(b, `,"total":`...)
		b = strconv.AppendInt(b, total, 10)
	}
	b = append(b, `,"per_page":`...)
	b = strconv.AppendInt(b, int64(limit), 10)
	current, last := int64(1), int64(1)
	if limit > 0 {
		current = int64(skip/limit) + 1
		last = max(1, (total+int64(limit)-1)/int64(limit))
	}
	b = append(b, `,"current_page":`...)
	b = strconv.AppendInt(b, current, 10)
	if total >= 0 {
		b = append(b, `,"last_page":`...)
		b = strconv.AppendInt(b, last, 10)
	}
	if rows == 0 {
		return append(b, `,"from":null,"to":null`...)
	}
	b = append(b, `,"from":`...)
	b = strconv.AppendInt(b, int64(skip)+1, 10)
	b = append(b, `,"to":`...)
	return strconv.AppendInt(b, int64(skip)+int64(rows), 10)
}

// appendPlace writes what is known of a page that was reached by a cursor: not its
// number, but the way to others.
func appendPlace(b []byte, d *Document) []byte {
	if d.Page.Total >= 0 {
		b = append(b, `,"total":`...)
		b = strconv.AppendInt(b, d.Page.Total, 10)
	}
	b = append(b, `,"per_page":`...)
	b = strconv.AppendInt(b, int64(d.Page.Limit), 10)
	b = append(b, `,"links":{`...)
	for i, link := range d.Links {
		if i > 0 {
			b = append(b, ',')
		}
		b = schema.AppendQuoted(b, link.Rel)
		b = append(b, ':')
		b = schema.AppendQuoted(b, link.Href)
	}
	return append(b, '}')
}

// indent rewrites the JSON text at b[start:] for people.
func indent(b []byte, start int) []byte {
	var out bytes.Buffer
	if err := json.Indent(&out, b[start:], "", "  "); err != nil {
		return b // a custom action answered what is not JSON; it goes out as it is
	}
	out.WriteByte('\n')
	return append(b[:start], out.Bytes()...)
}

// appendNDJSON writes one record a line. A reader that misses the last line,
// {"@end":…}, knows that the connection was cut.
func appendNDJSON(b []byte, d *Document) []byte {
	if d.Encoded != nil {
		return append(b, d.Encoded...)
	}
	if d.View == nil || d.Property != nil {
		return append(appendData(b, d), '\n')
	}
	rows := d.Rows
	for i := range rows {
		b = appendLine(b, d, &rows[i])
	}
	b = append(b, `{"@end":{"count":`...)
	b = strconv.AppendInt(b, int64(len(rows)), 10)
	return append(b, "}}\n"...)
}

func appendLine(b []byte, d *Document, r *storage.Row) []byte {
	return append(actions.AppendRecord(b, d.View, r), '\n')
}
