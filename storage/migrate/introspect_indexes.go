package migrate

import (
	"slices"
	"strings"
)

// deletesSoftly reports whether a column deleted_at means what soft_delete does: unique
// indexes, if there are any, are over rows that are not deleted.
func (s *sketcher) deletesSoftly(t *Table) bool {
	c := t.Column("deleted_at")
	if c == nil || c.NotNull || c.Default != "" && !strings.EqualFold(c.Default, "null") {
		return false
	}
	sp, why := s.typeOf(t, c)
	if why != "" || sp.typ != "datetime" {
		return false
	}
	live, all := false, false
	for _, x := range t.Indexes {
		if x.Unique && len(x.Columns) > 0 && !slices.Equal(names(x), t.Key) {
			live, all = live || x.Live == c.Name, all || x.Live == ""
		}
	}
	if t.Ours && !t.Adopted && !live && !all {
		return true
	}
	return !all
}

// keepsTime reports whether a column is one that timestamps are in.
func (s *sketcher) keepsTime(t *Table, name string) bool {
	c := t.Column(name)
	if c == nil || !c.NotNull || c.generated || slices.Contains(t.Key, name) {
		return false
	}
	sp, why := s.typeOf(t, c)
	return why == "" && sp.typ == "datetime"
}

func names(x *Index) []string {
	all := make([]string, len(x.Columns))
	for i, c := range x.Columns {
		all[i] = c.Name
	}
	return all
}

// indexes says which fields are unique or indexed.
func (s *sketcher) indexes(k *sketch) {
	t := k.table
	for _, x := range t.Indexes {
		if x.Unique && slices.Equal(names(x), t.Key) && x.Live == "" {
			continue // the key says so
		}
		fields, why := s.indexed(k, x)
		switch {
		case why != "":
			k.remarks = append(k.remarks, indexText(x, why))
		case x.Unique && len(fields) == 1:
			fields[0].spec.flag("unique")
		case x.Unique:
			k.uniques = append(k.uniques, fieldNames(fields))
		case len(fields) == 1 && fields[0].to == nil:
			fields[0].spec.flag("index")
		case len(fields) > 1:
			k.indexes = append(k.indexes, fieldNames(fields))
		}
	}
}

func indexText(x *Index, why string) string {
	sql := x.SQL
	if sql == "" {
		sql = x.Name + " over " + strings.Join(names(x), ", ")
	}
	return "index " + why + ": " + strings.Join(strings.Fields(sql), " ")
}

func fieldNames(fields []*fieldSketch) []string {
	all := make([]string, len(fields))
	for i, f := range fields {
		all[i] = f.name
	}
	return all
}

// indexed finds the fields of an index, or says why a class cannot have it.
func (s *sketcher) indexed(k *sketch, x *Index) (fields []*fieldSketch, why string) {
	live := ""
	if k.softDelete && x.Unique {
		live = "deleted_at"
	}
	if len(x.Columns) == 0 || x.Broken || x.Live != live {
		return nil, "of a kind that no class has"
	}
	for _, c := range x.Columns {
		i := slices.IndexFunc(k.fields, func(f *fieldSketch) bool { return f.column != nil && f.column.Name == c.Name })
		if i < 0 {
			if c.Name == "created_at" || c.Name == "updated_at" || c.Name == "deleted_at" || c.Name == "id" {
				fields = append(fields, &fieldSketch{name: c.Name, to: &sketch{}}) // generated
				continue
			}
			return nil, "over a column that no field has"
		}
		f := k.fields[i]
		if c.Fold && f.spec.typ != "email" {
			// Only e-mail addresses are compared without case.
			if !x.Unique || f.spec.typ != "string" && f.spec.typ != "text" || !strings.Contains(f.name, "mail") {
				return nil, "without case"
			}
			f.spec.typ = "email"
			if f.spec.get("max") == "254" {
				f.spec.drop("max")
			}
		}
		if t, err := f.spec.build(); f.to == nil && (err != nil || x.Unique && !t.Traits().Unique || !x.Unique && !t.Traits().Filter) {
			return nil, "over a type that is not indexed"
		}
		if !c.Fold && f.spec.typ == "email" && x.Unique {
			return nil, "with case"
		}
		fields = append(fields, f)
	}
	if len(fields) == 1 && fields[0].column == nil { // of a generated field
		if x.Unique {
			return nil, "over a field that is not declared"
		}
		k.indexes = append(k.indexes, []string{fields[0].name})
		return nil, ""
	}
	return fields, ""
}
