package actions

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Row is one record in the hands of a function in Go. The row that an action is
// about has every stored field; rows that were asked for have the members that the one
// who asked may see. The zero Row is that of an action of the collection.
type Row struct {
	// ID is the text id, as paths have it.
	ID    string
	class *schema.Class
	row   *storage.Row
	view  *Shown // nil: every stored field
}

// rowOf is a row of an answer.
func rowOf(res *Result, i int) Row {
	r := &res.Rows[i]
	return Row{ID: schema.FormatKey(res.Class, r.Key(res.Class)), class: res.Class, row: r, view: res.View}
}

// RowsOf are the rows of an answer, for hooks.
func RowsOf(res *Result) []Row {
	if res == nil || res.View == nil || res.Property != nil {
		return nil
	}
	rows := make([]Row, len(res.Rows))
	for i := range rows {
		rows[i] = rowOf(res, i)
	}
	return rows
}

// IsZero reports whether there is no row.
func (r Row) IsZero() bool { return r.class == nil }

// Key is a reference to the row, for the content of others.
func (r Row) Key() Reference { return Reference{ID: r.ID, class: r.class} }

// Class names the class of the row.
func (r Row) Class() string {
	if r.class == nil {
		return ""
	}
	return r.class.Name
}

// Value returns the value of a member by its name, as declared or as on the wire:
// null where the reader may not see it. A name that the class does not have, or
// that was not read, is a mistake of the program and panics.
func (r Row) Value(name string) schema.Value {
	v, _ := r.member(name)
	return v
}

func (r Row) member(name string) (schema.Value, schema.Type) {
	if r.class == nil {
		panic("there is no row to read `" + name + "` of")
	}
	f := r.class.Field(name)
	if f == nil || f.Synthetic {
		panic("`" + r.class.Name + "` has no field `" + name + "`")
	}
	t := keyType(f)
	if r.row == nil {
		return schema.Value{}, t
	}
	if r.view == nil {
		if !f.Stored() {
			panic("`" + r.class.Name + "." + name + "` was not read: get the record through Ctx.Class")
		}
		return r.row.Values[f.Index], t
	}
	for i := range r.view.Members {
		m := &r.view.Members[i]
		if m.Field == f && m.Expand == nil && (m.Test == 0 || r.row.Test(int(m.Test)-1)) {
			return r.row.Values[f.Index], t
		}
	}
	return schema.Value{}, t
}

// Text returns a member as plain text, "" for null.
func (r Row) Text(name string) string {
	v, t := r.member(name)
	if v.IsNull() {
		return ""
	}
	return t.Text(v)
}

// Int returns a whole number, 0 for null.
func (r Row) Int(name string) int64 { return r.Value(name).Int() }

// Float returns a float, 0 for null.
func (r Row) Float(name string) float64 { return r.Value(name).Float() }

// Bool returns a truth, false for null.
func (r Row) Bool(name string) bool { return r.Value(name).Bool() }

// Time returns a date or a datetime, the zero time for null.
func (r Row) Time(name string) time.Time { return timeOf(r.Value(name)) }

// Ref returns what a reference points at.
func (r Row) Ref(name string) Reference {
	f := r.class.Field(name)
	v, t := r.member(name)
	if f.Ref == nil || v.IsNull() {
		return Reference{}
	}
	return Reference{ID: t.Text(v), class: f.Ref.To}
}

// Into reads the record into a struct by its json tags, as a client would its JSON.
func (r Row) Into(to any) error {
	raw, err := r.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(raw, to)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.Class(), r.ID, err)
	}
	return nil
}

// MarshalJSON writes the record as an answer would show it.
func (r Row) MarshalJSON() ([]byte, error) {
	if r.row == nil {
		return []byte("null"), nil
	}
	if r.view != nil {
		return AppendRecord(nil, r.view, r.row), nil
	}
	b := []byte{'{'}
	for _, f := range r.class.Fields {
		if !f.Stored() || !f.Shown() {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, prefix(f.JSON)...)
		b = appendValue(b, f.Type, r.row.Values[f.Index])
	}
	return append(b, '}'), nil
}

func (r Row) literal() string { return idLiteral(r.class, r.ID) }

// Reference is a reference among the input of a function in Go. What it points at is
// there, and the caller may see it.
type Reference struct {
	ID    string
	class *schema.Class
}

func (r Reference) literal() string { return idLiteral(r.class, r.ID) }

// MarshalJSON writes the id as references have it on the wire.
func (r Reference) MarshalJSON() ([]byte, error) {
	if r.ID == "" {
		return []byte("null"), nil
	}
	if r.class != nil && len(r.class.Key) == 1 {
		t := keyType(r.class.Key[0])
		if v, err := t.Parse(r.ID); err == nil {
			return t.AppendJSON(nil, v), nil
		}
	}
	return json.Marshal(r.ID)
}

// timeOf reads the canonical text of a date or a datetime.
func timeOf(v schema.Value) time.Time {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, v.Text()); err == nil {
			return t
		}
	}
	return time.Time{}
}
