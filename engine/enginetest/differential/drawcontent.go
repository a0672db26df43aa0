package differential

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// mode is what content is for.
type mode uint8

const (
	creating mode = iota
	replacing
	patching
)

func isKey(f *schema.Field) bool { return slices.Contains(f.Class.Key, f) }

// sendable reports whether a client may send a field, by what the schema says of it.
func (d *drawer) sendable(f *schema.Field, m mode) bool {
	switch {
	case f.Computed != nil || f.Synthetic || f.Auto != schema.NoAuto || f.ReadOnly:
		return false
	case f.Type.Name() == "password": // hashed, slowly on purpose
		return false
	case m != creating && (isKey(f) || f.Immutable):
		return false
	case (f.Write != nil || f.Read != nil) && d.who != admin && d.who != manager:
		return false
	}
	return true
}

// object draws the content of a write, without one field.
func (d *drawer) object(c *schema.Class, m mode, leave *schema.Field) string {
	d.content = m
	var members []string
	for _, f := range c.Fields {
		if f.Type == nil || f == leave {
			continue
		}
		given := false
		switch {
		case !d.sendable(f, m):
			given = f.Type.Name() != "password" && d.once(500)
		case f.Required():
			given = m != patching && d.most(200) || m == patching && d.once(len(c.Fields)/2+1)
		default:
			given = m != patching && d.once(2) || d.once(len(c.Fields)/2+1)
		}
		if !given {
			continue
		}
		name := f.JSON
		if d.once(6) {
			name = f.Name
		}
		members = append(members, quoted(name)+":"+d.member(f))
	}
	if d.once(120) {
		members = append(members, quoted(d.one("nothing", "id", "", "created_at", "version", "$if_match"))+":"+pick(d.dice, wrongs))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// member draws the value of a field in content.
func (d *drawer) member(f *schema.Field) string {
	switch {
	case d.once(200):
		return pick(d.dice, wrongs)
	case f.Many != nil:
		return d.set(f)
	case f.Optional && d.once(6):
		return "null"
	case f.Ref != nil:
		return d.reference(f)
	}
	if !f.Unique && (f.Class == nil || !isKey(f)) {
		return d.value(f.Type, false)
	}
	for range 10 {
		raw := d.value(f.Type, d.most(3))
		v, bad := f.Type.Decode([]byte(raw))
		if len(bad) > 0 || f.Class == nil {
			continue
		}
		taken := false
		for _, r := range d.known(f.Class) {
			taken = taken || schema.Equal(r.Values[f.Index], v)
		}
		if !taken || d.once(20) || f.Class.OnConflict == "update" && d.once(2) || len(f.Class.Key) > 1 && !f.Unique {
			return raw
		}
	}
	return d.value(f.Type, true)
}

// reference draws a row to point at.
func (d *drawer) reference(f *schema.Field) string {
	to := f.Ref.To
	t := keyType(f)
	r := d.someRow(to, d.once(50))
	if f.Unique || f.Class != nil && isKey(f) && len(f.Class.Key) == 1 { // one that nobody points at
		for range 6 {
			if r == nil || !d.pointed(f, r.Key(to)[0]) {
				break
			}
			r = d.someRow(to, false)
		}
	}
	if r == nil && f.Optional {
		return "null"
	}
	if r == nil || d.once(60) {
		return d.value(t, false)
	}
	if d.once(8) && len(to.Uniques) > 0 {
		if by := pick(d.dice, to.Uniques).Fields; len(by) == 1 && by[0].Ref == nil && !r.Values[by[0].Index].IsNull() {
			return "{" + quoted(by[0].JSON) + ":" + string(by[0].Type.AppendJSON(nil, r.Values[by[0].Index])) + "}"
		}
	}
	return string(t.AppendJSON(nil, r.Key(to)[0]))
}

func (d *drawer) pointed(f *schema.Field, key schema.Value) bool {
	if f.Class == nil {
		return false
	}
	for _, r := range d.known(f.Class) {
		if schema.Equal(r.Values[f.Index], key) {
			return true
		}
	}
	return false
}

// set draws a set of rows, or a change of one.
func (d *drawer) set(f *schema.Field) string {
	items := func() string {
		var all []string
		for range d.IntN(4) {
			if f.Many.Create && d.once(3) {
				all = append(all, d.value(f.Many.By.Type, true))
				continue
			}
			r := d.someRow(f.Many.To, d.once(50))
			by := f.Many.To.Key[0]
			if f.Many.By != nil {
				by = f.Many.By
			}
			if r == nil || r.Values[by.Index].IsNull() {
				continue
			}
			item := string(keyType(by).AppendJSON(nil, r.Values[by.Index]))
			if d.once(8) {
				item = "{" + quoted(by.JSON) + ":" + item + "}"
			}
			all = append(all, item)
		}
		if d.once(60) {
			all = append(all, d.value(f.Type.(*schema.ListType).Elem(), false))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	if d.content == patching && d.once(3) || d.once(60) {
		return d.one(`{"add":`+items()+"}", `{"remove":`+items()+"}", `{"add":`+items()+`,"remove":`+items()+"}")
	}
	return items()
}

// jsonPatch draws operations on a row.
func (d *drawer) jsonPatch(c *schema.Class) step {
	r := d.someRow(c, false)
	if r == nil {
		return d.create(c)
	}
	var ops []string
	for range d.between(1, 3) {
		f := pick(d.dice, c.Fields)
		for i := 0; i < 20 && (!d.sendable(f, patching) || f.Many != nil && d.most(4)); i++ {
			f = pick(d.dice, c.Fields)
		}
		p, raw := "/"+f.JSON, d.member(f)
		switch t := f.Type.(type) {
		case *schema.ListType:
			if d.once(2) && f.Many == nil {
				p, raw = p+d.one("/0", "/-", "/1"), d.value(t.Elem(), false)
			}
		case *schema.ObjectType:
			if d.once(2) {
				m := pick(d.dice, t.Fields())
				p, raw = p+"/"+m.JSON, d.value(m.Type, false)
			}
		}
		if f.Many != nil {
			raw = strings.Replace(raw, `{"add":`, "[", 1)
		}
		switch d.IntN(8) {
		case 0:
			ops = append(ops, fmt.Sprintf(`{"op":"remove","path":%q}`, p))
		case 1:
			from := pick(d.dice, c.Fields)
			ops = append(ops, fmt.Sprintf(`{"op":%q,"path":%q,"from":%q}`, d.one("move", "copy", "copy"), p, "/"+from.JSON))
		case 2:
			v := r.Values[f.Index]
			if f.Stored() && d.most(4) {
				raw = string(keyType(f).AppendJSON(nil, v))
			}
			ops = append(ops, fmt.Sprintf(`{"op":"test","path":%q,"value":%s}`, p, raw))
		default:
			ops = append(ops, fmt.Sprintf(`{"op":%q,"path":%q,"value":%s}`, d.one("add", "replace", "replace"), p, raw))
		}
	}
	target := "/api/" + c.Collection + "/" + url.PathEscape(schema.FormatKey(c, r.Key(c)))
	return step{method: "PATCH", target: target + d.answer(c), content: "[" + strings.Join(ops, ",") + "]", fields: []string{"Content-Type: application/json-patch+json"}}
}
