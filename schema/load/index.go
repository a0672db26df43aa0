package load

import (
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// indexes reads what a class says of its fields from outside: unique,
// indexes, search, sort, nested.
func (l *loader) indexes(d *classDecl) {
	l.uniques(d)
	for _, p := range d.parts {
		for _, group := range l.fieldGroups(d, p.get("indexes"), p.of("indexes")) {
			if l.indexable(d, group, false) {
				l.index(d, group.fields, false, group.pos)
			}
		}
	}
	for _, f := range d.declared {
		if f.f.Indexed && !l.marred[f.f] {
			l.index(d, []*schema.Field{f.f}, false, f.f.Pos)
		}
	}
	l.search(d)
	l.sort(d)
	l.nested(d)
}

// uniques collects the unique constraints, also of single fields. Below an
// organization they hold within it.
func (l *loader) uniques(d *classDecl) {
	for _, f := range d.declared {
		if !f.f.Unique || l.marred[f.f] {
			continue
		}
		if len(d.c.Key) == 1 && d.c.Key[0] == f.f {
			continue // a key is unique already
		}
		l.index(d, []*schema.Field{f.f}, true, f.f.Pos)
	}
	for _, p := range d.parts {
		for _, group := range l.fieldGroups(d, p.get("unique"), p.of("unique")) {
			if !l.indexable(d, group, true) {
				continue
			}
			if len(group.fields) == 1 {
				if group.fields[0].Unique {
					continue
				}
				group.fields[0].Unique = true
			}
			l.index(d, group.fields, true, group.pos)
		}
	}
}

// group is one list of fields of unique or indexes.
type group struct {
	fields []*schema.Field
	items  []value
	pos    schema.Pos
}

// fieldGroups reads a list of fields, which is one group, or a list of such lists.
func (l *loader) fieldGroups(d *classDecl, v value, what string) []group {
	if !v.given() || v.isNull() {
		return nil
	}
	items := l.items(v)
	nested := false
	for _, item := range items {
		nested = nested || item.isList()
	}
	if !nested {
		if g, ok := l.fieldGroup(d, v, what); ok {
			return []group{g}
		}
		return nil
	}
	var all []group
	for _, item := range items {
		if item.isList() && len(item.n.Content) == 0 {
			l.report("E029", item.pos(), "empty", "name the fields, or remove it", "%s has a list without fields", what)
		}
		if g, ok := l.fieldGroup(d, item, what); ok {
			all = append(all, g)
		}
	}
	return all
}

func (l *loader) fieldGroup(d *classDecl, v value, what string) (g group, ok bool) {
	g.pos, ok = v.pos(), true
	for _, item := range l.texts(v, what) {
		f := l.member(d, item, item.n.Value)
		if f == nil {
			ok = false
			continue
		}
		for _, other := range g.fields {
			if other == f {
				l.report("E012", item.pos(), "second time", "delete one of them", "%s has `%s` twice in one list", what, item.n.Value)
				ok = false
			}
		}
		g.fields, g.items = append(g.fields, f), append(g.items, item)
	}
	return g, ok && len(g.fields) > 0
}

// member finds a field of the class by name, as declared or as in JSON; a
// refused one is nil without a message.
func (l *loader) member(d *classDecl, v value, name string) *schema.Field {
	f := d.c.Field(name)
	if f == nil {
		l.unknownField(d, name, v.pos())
		return nil
	}
	if l.marred[f] {
		return nil
	}
	return f
}

func (l *loader) indexable(d *classDecl, g group, unique bool) bool {
	ok := true
	for i, f := range g.fields {
		traits := f.Type.Traits()
		why := ""
		switch {
		case !f.Stored():
			why = "it is not stored in a column"
		case f.Ref != nil:
		case traits.Secret:
			why = "it is secret"
		case unique && !traits.Unique, !unique && !traits.Filter:
			why = a(f.Type.Name()) + " cannot be indexed"
		}
		if why != "" {
			l.report("E029", g.items[i].pos(), why, "", "`%s.%s` cannot be indexed: %s", d.c.Name, f.Name, why)
			ok = false
		}
	}
	return ok
}

// index adds an index, once.
func (l *loader) index(d *classDecl, fields []*schema.Field, unique bool, pos schema.Pos) {
	c := d.c
	if unique && d.tenant != nil && fields[0] != d.tenant {
		prefixed := []*schema.Field{d.tenant}
		for _, f := range fields {
			if f != d.tenant {
				prefixed = append(prefixed, f)
			}
		}
		fields = prefixed
	}
	ending := "_idx"
	list := &c.Indexes
	if unique {
		ending, list = "_key", &c.Uniques
	}
	parts := []string{c.Table}
	for _, f := range fields {
		parts = append(parts, f.Column)
	}
	name := indexName(strings.Join(parts, "_"), ending)
	for _, other := range *list {
		if other.Name == name {
			return
		}
	}
	*list = append(*list, &schema.Index{Name: name, Fields: fields, Unique: unique, Pos: pos})
}

// indexName keeps names within the 63 bytes that PostgreSQL allows.
func indexName(name, ending string) string {
	if len(name)+len(ending) <= 63 {
		return name + ending
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	sum := strconv.FormatUint(uint64(h.Sum32()), 36)
	return name[:63-len(ending)-len(sum)-1] + "_" + sum + ending
}

// search collects the fields of search=: those of `search:`, then those with the word.
func (l *loader) search(d *classDecl) {
	add := func(f *schema.Field) {
		for _, other := range d.c.Search {
			if other == f {
				return
			}
		}
		d.c.Search = append(d.c.Search, f)
	}
	v, what := l.setting(d, "search")
	first := map[*schema.Field]schema.Pos{}
	for _, item := range l.texts(v, what) {
		f := l.member(d, item, item.n.Value)
		if f == nil {
			continue
		}
		if earlier, twice := first[f]; twice {
			l.reportPair("E012", item.pos(), "second time", earlier, "first time", "delete one of them", "%s has `%s` twice", what, item.n.Value)
			continue
		}
		first[f] = item.pos()
		if !f.Type.Traits().Like || f.Ref != nil || f.Type.Traits().Secret || !f.Stored() {
			l.report("E029", item.pos(), "only text can be searched", "", "`%s.%s` cannot be searched: it is no text", d.c.Name, f.Name)
			continue
		}
		add(f)
	}
	for _, f := range d.declared {
		if f.spec != nil && f.spec.has("search") && f.f.Type.Traits().Like && f.f.Ref == nil {
			add(f.f)
		}
	}
}

// sort reads the default order: `-created_at`, or a list.
func (l *loader) sort(d *classDecl) {
	v, what := l.setting(d, "sort")
	for _, item := range l.texts(v, what) {
		runes := []rune(item.n.Value)
		start := 0
		for i := 0; i <= len(runes); i++ {
			if i < len(runes) && runes[i] != ',' && runes[i] != ' ' {
				continue
			}
			if i > start {
				l.sortKey(d, item, string(runes[start:i]), start)
			}
			start = i + 1
		}
	}
}

func (l *loader) sortKey(d *classDecl, v value, text string, from int) {
	name, desc := strings.CutPrefix(text, "-")
	if !desc {
		name = strings.TrimPrefix(text, "+")
	}
	at := v.at(from+len(text)-len(name), from+len([]rune(text)))
	f := d.c.Field(name)
	switch {
	case f == nil:
		l.unknownField(d, name, at)
	case l.marred[f]:
	case f.Ref == nil && (!f.Type.Traits().Order || f.Type.Traits().Secret) || f.Many != nil:
		l.report("E029", at, "has no order", "", "`%s.%s` cannot be sorted by: it has no order", d.c.Name, f.Name)
	default:
		for _, other := range d.c.Sort {
			if other.Field == f {
				l.report("E012", at, "second time", "delete one of them", "the order of `%s` has `%s` twice", d.c.Name, name)
				return
			}
		}
		d.c.Sort = append(d.c.Sort, schema.Sort{Field: f, Desc: desc})
	}
}

// nested reads which related collections are served below an item.
func (l *loader) nested(d *classDecl) {
	v, what := l.setting(d, "nested")
	if !v.given() {
		return
	}
	d.c.Nested = map[string]string{}
	if v.isScalar() {
		if !l.boolean(v, what, true) {
			for _, r := range d.c.Relations {
				d.c.Nested[r.Name] = "none"
			}
		}
		return
	}
	for _, e := range l.entries(v, what) {
		r := d.c.Relation(e.name)
		if r == nil {
			l.unknownRelation(d, e.name, e.key.pos())
			continue
		}
		text, ok := l.text(e.val, "`"+e.name+"` of "+what)
		if !ok {
			continue
		}
		switch text {
		case "all", "read", "none":
			d.c.Nested[r.Name] = text
		case "true":
			d.c.Nested[r.Name] = "all"
		case "false":
			d.c.Nested[r.Name] = "none"
		default:
			l.report("E014", e.val.pos(), "not one of the choices", "write one of: all, read, none", "`%s` of %s cannot be `%s`", e.name, what, text)
		}
	}
}
