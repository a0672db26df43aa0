package migrate

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema/language"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// columns makes fields of the columns of a class, and finds its key.
func (s *sketcher) columns(k *sketch) {
	t := k.table
	k.timestamps = s.keepsTime(t, "created_at") && s.keepsTime(t, "updated_at")
	k.softDelete = s.deletesSoftly(t)
	for _, c := range t.Columns {
		switch {
		case c.Name == sqlgen.VersionColumn:
			continue
		case k.timestamps && (c.Name == "created_at" || c.Name == "updated_at"), k.softDelete && c.Name == "deleted_at":
			k.members[c.Name] = true
			continue
		case len(t.Key) == 1 && c.Name == "id" && t.Key[0] == "id" && c.Refers == nil && s.generatedID(k, c):
			k.members["id"] = true
			continue
		}
		s.column(k, c)
	}
	if len(t.Key) > 1 {
		k.members["id"] = true // made of the key
	}
	if k.members["id"] && k.id == "" && len(t.Key) == 1 && t.Key[0] == "id" && !slices.ContainsFunc(k.fields, func(f *fieldSketch) bool { return f.column != nil && f.column.Name == "id" }) {
		return
	}
	if k.id != "" {
		return
	}
	for _, name := range t.Key {
		for _, f := range k.fields {
			if f.column != nil && f.column.Name == name {
				k.key = append(k.key, f.name)
			}
		}
	}
}

// generatedID reports whether a column id is what a class has without saying so.
func (s *sketcher) generatedID(k *sketch, c *Column) bool {
	sp, _ := s.typeOf(k.table, c)
	switch sp.typ {
	case "int":
		return !s.d.identity() || c.numbered()
	case "bigint", "uuid":
		if sp.typ == "uuid" && !isRandomUUID(c.Default) && !c.noted || sp.typ == "bigint" && s.d.identity() && !c.numbered() {
			return false
		}
		k.id = sp.typ
		return true
	}
	return false
}

// column makes a field of a column, or a comment.
func (s *sketcher) column(k *sketch, c *Column) {
	t := k.table
	sp, why := s.typeOf(t, c)
	switch {
	case c.generated:
		why = "the database works it out"
	case why == "" && !validColumnName(c.Name):
		why = "its name is not made of letters, digits and _"
	}
	if why != "" {
		note := c.Name + " " + strings.ToLower(c.Type) + ": " + why
		if c.NotNull && c.Default == "" && !c.generated && !c.Identity {
			note += "; every row needs it, so none can be created here"
		}
		k.hidden = append(k.hidden, note)
		return
	}
	f := &fieldSketch{column: c, spec: sp}
	f.name = nameOf(c.Name)
	if c.Refers != nil && s.byTable[c.Refers.Table] != nil && s.leadsToKey(c.Refers) && !slices.Contains(s.links, s.db.Table(c.Refers.Table)) {
		f.to = s.byTable[c.Refers.Table]
		if short, ok := strings.CutSuffix(f.name, "_id"); ok && short != "" && short[len(short)-1] != '_' {
			f.name = short
		}
	} else if c.Refers != nil {
		f.comment = "refers to " + c.Refers.Table + " (" + c.Refers.Column + ")"
	}
	isKey := slices.Contains(t.Key, c.Name)
	if !c.NotNull && !isKey {
		f.spec.flag("optional")
	}
	s.filled(k, f)
	k.fields = append(k.fields, f)
}

// filled says where the values of a field come from.
func (s *sketcher) filled(k *sketch, f *fieldSketch) {
	c, t := f.column, k.table
	whole := f.spec.typ == "int" || f.spec.typ == "bigint"
	single := len(t.Key) == 1 && t.Key[0] == c.Name
	switch {
	case f.to != nil:
		if single || c.Default != "" && c.Default != "NULL" {
			s.fallback(f)
		}
	case c.Limits != nil && c.Limits.Per != "":
		f.spec.set("auto", "sequence")
		f.spec.per = c.Limits.Per
	case whole && s.counted[t.Name+"."+c.Name]:
		f.spec.set("auto", "sequence")
	case whole && single && (!s.d.identity() || c.numbered()):
		f.spec.set("auto", "sequence")
	case f.spec.typ == "uuid" && isRandomUUID(c.Default):
		f.spec.set("auto", "uuid")
	case c.noted && !t.Adopted && c.Default != "" && f.spec.typ == "uuid":
		f.spec.set("auto", "uuid")
	default:
		s.fallback(f)
	}
}

// fallback says what a field is without a value, as the database does.
func (s *sketcher) fallback(f *fieldSketch) {
	d := strings.TrimSpace(f.column.Default)
	if d == "" || strings.EqualFold(d, "null") || strings.HasPrefix(strings.ToUpper(d), "NULL::") {
		return
	}
	text, ok := constantOf(d)
	if f.spec.typ == "bool" && (text == "0" || text == "1") {
		text = map[string]string{"0": "false", "1": "true"}[text]
	}
	switch {
	case isNow(d) && (f.spec.typ == "datetime" || f.spec.typ == "date" || f.spec.typ == "time"):
		f.spec.set("default", "now")
	case ok && f.to == nil && f.spec.takes(text):
		f.spec.value("default", text)
	default:
		f.comment = joined(f.comment, "default "+d)
	}
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// references settles the names of fields, which may not meet others.
func (s *sketcher) references(k *sketch) {
	for _, f := range k.fields {
		plain := f.name
		for n := 1; s.clashes(k, f); n++ {
			switch n {
			case 1:
				f.name = nameOf(f.column.Name)
			case 2:
				f.name = plain + "_ref"
			case 3:
				f.name = plain + "_value"
			default:
				f.name = plain + "_" + itoa(n)
			}
		}
		k.members[f.name] = true
		derived := f.name
		if f.to != nil {
			derived += "_id"
			k.members[derived] = true
		}
		if f.column.Name != derived {
			f.spec.value("column", f.column.Name)
		}
		for i, key := range k.key {
			if key == plain {
				k.key[i] = f.name
			}
		}
		if f.to != nil {
			s.follow(k, f)
		}
	}
	for _, f := range k.fields {
		if f.spec.per == "" {
			continue
		}
		for _, g := range k.fields {
			if g.column.Name == f.spec.per {
				f.spec.set("per", g.name)
			}
		}
	}
}

func (s *sketcher) clashes(k *sketch, f *fieldSketch) bool {
	if k.members[f.name] || language.ReservedMember(f.name) || f.to != nil && k.members[f.name+"_id"] || f.name == "id" && len(k.table.Key) > 1 {
		return true
	}
	// A field that comes later keeps the name of its column.
	for _, g := range k.fields {
		if g != f && g.column != nil && g.to == nil && (nameOf(g.column.Name) == f.name || f.to != nil && nameOf(g.column.Name) == f.name+"_id") && !k.members[g.name] {
			return f.to != nil
		}
	}
	return false
}

// follow makes a field a reference.
func (s *sketcher) follow(k *sketch, f *fieldSketch) {
	optional := f.spec.has("optional")
	kept := f.spec.words
	f.spec = spec{typ: f.to.name}
	for _, w := range kept {
		switch w.name {
		case "optional", "column":
			f.spec.words = append(f.spec.words, w)
		}
	}
	switch f.column.Refers.onDelete {
	case "cascade":
		f.spec.set("on_delete", "cascade")
	case "set null":
		if optional {
			f.spec.set("on_delete", "set_null")
		}
	case "set default":
		f.comment = joined(f.comment, "on delete set default")
	}
	if f.column.Default != "" && !strings.EqualFold(f.column.Default, "null") {
		f.comment = joined(f.comment, "default "+f.column.Default)
	}
}

// fitsKey reports whether values of the type of the spec can identify rows.
func (sp *spec) fitsKey() bool {
	t, err := sp.build()
	return err == nil && t.Traits().Key
}
