package actions

import (
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// AppendRecord appends one row as a JSON object: the members of the view in
// their order, without those that are masked on this row.
func AppendRecord(b []byte, v *Shown, r *storage.Row) []byte {
	b = append(b, '{')
	first := true
	for i := range v.Members {
		m := &v.Members[i]
		if m.Test > 0 && !r.Test(int(m.Test)-1) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, m.Prefix...)
		b = AppendMember(b, v, m, r)
	}
	return append(b, '}')
}

// AppendMember appends the value of one member of a row.
func AppendMember(b []byte, v *Shown, m *Member, r *storage.Row) []byte {
	switch {
	case m.Expand != nil && m.Single:
		if len(r.Expanded[m.Index]) == 0 {
			return append(b, "null"...)
		}
		return AppendRecord(b, m.Expand, &r.Expanded[m.Index][0])
	case m.Expand != nil:
		return AppendList(b, m.Expand, r.Expanded[m.Index])
	case m.Field.Synthetic:
		return appendQuotedID(b, v.Class, r)
	}
	if link := FileLink(v, m, r); link != "" {
		return m.Field.Type.(*schema.FileType).AppendLinked(b, r.Values[m.Field.Index], link)
	}
	at := len(b)
	b = appendValue(b, m.Field.Type, r.Values[m.Field.Index])
	if m.Pick != nil {
		return pick(b, at, m.Pick)
	}
	return b
}

func appendValue(b []byte, t schema.Type, v schema.Value) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	return t.AppendJSON(b, v)
}

// AppendList appends rows as a JSON array.
func AppendList(b []byte, v *Shown, rows []storage.Row) []byte {
	b = append(b, '[')
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendRecord(b, v, &rows[i])
	}
	return append(b, ']')
}

// AppendKeyed appends rows as an object of id → record.
func AppendKeyed(b []byte, v *Shown, rows []storage.Row) []byte {
	b = append(b, '{')
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuotedID(b, v.Class, &rows[i])
		b = append(b, ':')
		b = AppendRecord(b, v, &rows[i])
	}
	return append(b, '}')
}
