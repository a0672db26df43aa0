package migrate

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/language"
)

// sets makes fields of link tables.
func (s *sketcher) sets() {
	for _, t := range s.links {
		own, other := t.Column(t.Key[0]), t.Column(t.Key[1])
		if !s.set(t, own, other) && (t.Ours && !t.Adopted || !s.set(t, other, own)) {
			s.class(t)
			k := s.byTable[t.Name]
			s.nameLate(k)
			s.columns(k)
			s.references(k)
		}
	}
}

// nameLate names a class that was to be a set.
func (s *sketcher) nameLate(k *sketch) {
	base := singular(nameOf(k.table.Name))
	k.name = base
	for n := 2; slices.ContainsFunc(s.classes, func(o *sketch) bool { return o != k && (o.name == k.name || o.plural == schema.Plural(k.name)) }) || isTypeWord(k.name); n++ {
		k.name = base + "_" + itoa(n)
	}
	k.plural = schema.Plural(k.name)
}

// set makes a set of a link table, if the names of its columns are those that it would have.
func (s *sketcher) set(t *Table, own, other *Column) bool {
	k, to := s.byTable[own.Refers.Table], s.byTable[other.Refers.Table]
	if own.Name != k.name+"_id" {
		return false
	}
	name := schema.Plural(to.name)
	if k == to {
		short, ok := strings.CutSuffix(other.Name, "_id")
		if !ok || short == k.name {
			return false
		}
		name = short
	} else if other.Name != to.name+"_id" {
		return false
	}
	if rest, ok := strings.CutPrefix(t.Name, k.table.Name+"_"); ok && nameOf(rest) == rest && !k.members[rest] && (k != to && rest != to.name || t.Ours && !t.Adopted) {
		name = rest
	}
	if k.members[name] || language.ReservedMember(name) {
		return false
	}
	f := &fieldSketch{name: name, to: to, spec: spec{many: to.name}}
	if t.Name != k.table.Name+"_"+name {
		f.spec.value("table", t.Name)
	}
	k.members[name] = true
	k.fields = append(k.fields, f)
	return true
}

// inverses names the ways back that would meet others.
func (s *sketcher) inverses() {
	for _, k := range s.classes {
		ways := map[*sketch]int{}
		for _, f := range k.fields {
			if f.to != nil {
				ways[f.to]++
			}
		}
		for _, f := range k.fields {
			if f.to == nil {
				continue
			}
			name := k.plural
			if f.spec.has("unique") || len(k.key) == 1 && k.key[0] == f.name {
				name = k.name
			}
			if ways[f.to] > 1 || f.to.members[name] {
				base := f.name + "_" + name
				name = base
				for n := 2; f.to.members[name] || f.to.members[name+"_id"]; n++ {
					name = base + "_" + itoa(n)
				}
				f.spec.set("inverse", name)
			}
			f.to.members[name] = true
		}
	}
}

// remarks are what the database has and a class cannot say.
func (s *sketcher) remarks(k *sketch) {
	for _, w := range k.table.wide {
		k.remarks = append(k.remarks, "reference of several columns: "+w)
	}
	for _, o := range s.db.Others {
		if o.Table != k.table.Name {
			continue
		}
		switch {
		case o.Kind == "trigger":
			k.remarks = append(k.remarks, "trigger "+o.Name)
		case strings.HasPrefix(o.SQL, "FOREIGN KEY"), s.isList(k, o.SQL):
		default:
			k.remarks = append(k.remarks, strings.TrimSpace(o.Kind+" "+o.Name+" "+o.SQL))
		}
	}
	for name, text := range sortedChecks(k.table) {
		if k.checks == nil {
			k.checks = map[string]string{}
		}
		k.checks[name] = text
	}
}

// isList reports whether a constraint has become the values of an enum.
func (s *sketcher) isList(k *sketch, sql string) bool {
	column, values := checkedList(sql)
	return values != nil && slices.ContainsFunc(k.fields, func(f *fieldSketch) bool { return f.column != nil && f.column.Name == column && f.spec.enum != nil })
}
