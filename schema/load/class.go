package load

import (
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

// classDecl is a class while it is put together.
type classDecl struct {
	c   *schema.Class
	key value // its name
	// parts are the class's own map, then its mixins', then what modules add to it.
	parts []*partDecl
	own   *partDecl
	camel bool

	declared []*fieldDecl // in JSON order, without the generated ones
	computes []*computeDecl
	conds    []func() // conditions to bind when every name is known
	roles    map[string]*rowRoleDecl
	tenant   *schema.Field
	was      map[string]schema.Pos // names of members, and where they are declared
}

// partDecl is one map of keys that make up a class.
type partDecl struct {
	*object
	kind partKind
}

type partKind uint8

const (
	ownPart partKind = iota
	mixinPart
	addedPart
)

type mixinDecl struct {
	key  value
	o    *object
	uses []value
	used bool
}

// declareMixins reads the mixins and refuses those that take in themselves.
func (l *loader) declareMixins(all []entry) {
	for _, e := range all {
		if !l.name(e.key, e.name, "a mixin") {
			l.spoil("mixin", e.name)
			continue
		}
		m := &mixinDecl{key: e.key, o: l.object(e.val, "mixin", "the mixin `"+e.name+"`")}
		m.uses = l.texts(m.o.get("use"), m.o.of("use"))
		l.mixins[e.name] = m
	}
	for _, e := range all {
		if l.mixins[e.name] == nil {
			continue
		}
		if loop := l.mixinLoop(e.name, e.name, map[string]bool{}); loop != nil {
			l.report("E018", e.key.pos(), "takes in itself", "remove one `use`", "the mixin `%s` uses itself: %s", e.name, strings.Join(append([]string{e.name}, loop...), " → "))
			for _, name := range loop {
				l.mixins[name].uses, l.mixins[name].used = nil, true
			}
		}
	}
}

// mixinLoop returns the way from a mixin back to the start, or nil.
func (l *loader) mixinLoop(start, at string, seen map[string]bool) []string {
	seen[at] = true
	for _, v := range l.mixins[at].uses {
		name := v.n.Value
		if name == start {
			return []string{name}
		}
		if l.mixins[name] == nil || seen[name] {
			continue
		}
		if way := l.mixinLoop(start, name, seen); way != nil {
			return append([]string{name}, way...)
		}
	}
	return nil
}

// declareClasses makes every class, so that fields can refer to all of them.
func (l *loader) declareClasses(sections []value) {
	type found struct {
		entry
		o *object
	}
	declarations := map[string][]found{}
	var names []string
	for _, v := range sections {
		for _, e := range l.entries(v, "`classes`") {
			o := l.object(e.val, "class", "the class `"+e.name+"`")
			if declarations[e.name] == nil {
				names = append(names, e.name)
			}
			declarations[e.name] = append(declarations[e.name], found{e, o})
		}
	}
	for _, name := range names {
		all := declarations[name]
		owner, best := 0, 0
		for i, f := range all {
			if n := claims(f.o); n > best {
				owner, best = i, n
			}
		}
		if !l.className(all[owner].key, name) {
			l.spoil("class", name)
			continue
		}
		d := &classDecl{
			key: all[owner].key, own: &partDecl{all[owner].o, ownPart},
			roles: map[string]*rowRoleDecl{}, was: map[string]schema.Pos{},
			c: &schema.Class{Name: name, Pos: all[owner].key.pos(), Extra: all[owner].o.extra},
		}
		d.parts = []*partDecl{d.own}
		l.use(d, d.own.get("use"), d.own.of("use"))
		for i, f := range all {
			switch {
			case i == owner:
			case ownership(f.o) < owns:
				d.parts = append(d.parts, &partDecl{f.o, addedPart})
			default:
				l.reportPair("E012", f.key.pos(), "second declaration", d.key.pos(), "first declaration",
					"another module may only add fields, computed, unique, indexes, scopes, and actions with their rules",
					"the class `%s` is declared twice", name)
			}
		}
		l.classes[name] = d
		l.order = append(l.order, d)
		l.s.Classes = append(l.s.Classes, d.c)
	}
}

// className checks a class's name against the words that stand where it does.
func (l *loader) className(key value, name string) bool {
	if !l.name(key, name, "a class") {
		return false
	}
	if l.def(name) != nil || name == "many" || name == "list" || name == "enum" {
		l.report("E016", key.pos(), "is a type", "choose another name", "a class cannot be called `%s`, which is a type", name)
		return false
	}
	if t := l.types[name]; t != nil {
		l.reportPair("E016", key.pos(), "a class", t.key.pos(), "a type", "rename one of them", "`%s` is both a class and a type", name)
		return false
	}
	return true
}

// additions are the keys that a module may give to another's class.
var additions = map[string]bool{
	"fields": true, "computed": true, "unique": true, "indexes": true, "scopes": true, "actions": true, "allow": true, "deny": true,
}

// How sure it is that a declaration is the class itself and no addition to it.
const (
	adds   = iota // nothing but additions
	allows        // additions, and rules for more than its own actions
	owns          // keys that only the class itself may have
)

func ownership(o *object) int {
	for key := range o.keys {
		if !additions[key] {
			return owns
		}
	}
	if len(o.keys) == 0 {
		return owns
	}
	if o.rulesOthers() {
		return allows
	}
	return adds
}

// claims counts what a declaration says that only the class itself may: of
// several declarations the one with most of it is the class.
func claims(o *object) int {
	n := 0
	for key := range o.keys {
		if !additions[key] {
			n++
		}
	}
	if len(o.keys) == 0 || o.rulesOthers() {
		n++
	}
	return n
}

// rulesOthers reports whether there are rules for more than its own actions.
func (o *object) rulesOthers() bool {
	for _, key := range []string{"allow", "deny"} {
		v := o.get(key)
		if !v.isMap() {
			continue
		}
		for i := 0; i < len(v.n.Content); i += 2 {
			if !o.declares("actions", v.n.Content[i].Value) {
				return true
			}
		}
	}
	return false
}

// declares reports whether a section of an object has a name.
func (o *object) declares(section, name string) bool {
	v := o.get(section)
	if !v.isMap() {
		return false
	}
	for i := 0; i < len(v.n.Content); i += 2 {
		if v.n.Content[i].Value == name {
			return true
		}
	}
	return false
}

// use takes mixins in, each once, those they use before them.
func (l *loader) use(d *classDecl, v value, what string) {
	first := map[string]schema.Pos{}
	for _, item := range l.texts(v, what) {
		name := item.n.Value
		if earlier, twice := first[name]; twice {
			l.reportPair("E012", item.pos(), "second time", earlier, "first time", "delete one of them", "%s has `%s` twice", what, name)
			continue
		}
		first[name] = item.pos()
		m := l.mixins[name]
		if m == nil {
			if !l.spoiled("mixin", name) {
				var names []string
				for n := range l.mixins {
					names = append(names, n)
				}
				help := diag.DidYouMean(name, sorted(names))
				if strings.Contains(name, ",") {
					help = listHelp(name)
				}
				l.report("E010", item.pos(), "no such mixin", help, "unknown mixin `%s`", name)
			}
			continue
		}
		m.used = true
		taken := false
		for _, p := range d.parts {
			taken = taken || p.object == m.o
		}
		if taken {
			continue
		}
		part := &partDecl{m.o, mixinPart}
		d.parts = append(d.parts, part)
		for _, inner := range m.uses {
			l.use(d, inner, what)
		}
	}
}

// setting returns the value of a key: the class's own, else a mixin's, else the application's default.
func (l *loader) setting(d *classDecl, key string) (v value, what string) {
	for _, p := range d.parts {
		if p.kind != addedPart && p.get(key).given() {
			return p.get(key), p.of(key)
		}
	}
	if l.defaults.o.get(key).given() {
		return l.defaults.o.get(key), l.defaults.o.of(key)
	}
	return value{}, ""
}

// members joins a section of a class: the class's own names, then those of
// mixins that it does not have itself, then what modules add.
func (l *loader) members(d *classDecl, key string) []member {
	var all []member
	index := map[string]int{}
	for _, p := range d.parts {
		if kind, ok := declares[key]; ok {
			l.spoilAll(p.get(key), kind, d.c.Name)
		}
		for _, e := range l.entries(p.get(key), p.of(key)) {
			i, taken := index[e.name]
			if !taken {
				index[e.name] = len(all)
				all = append(all, member{e, p})
				continue
			}
			if p.kind == mixinPart && all[i].part.kind == ownPart {
				continue
			}
			l.reportPair("E012", e.key.pos(), "second declaration", all[i].key.pos(), "first declaration",
				"rename one of them", "`%s` is declared twice in `%s` of the class `%s`", e.name, key, d.c.Name)
		}
	}
	return all
}

// declares says what kind of names the sections of a class declare, for spoil.
var declares = map[string]string{"fields": "member", "computed": "member", "actions": "action", "roles": "row role"}

type member struct {
	entry
	part *partDecl
}

// classSettings reads what a class says about itself, without its members.
func (l *loader) classSettings(d *classDecl) {
	c, own := d.c, d.own
	c.Doc, _ = l.text(own.get("doc"), own.of("doc"))
	l.classNames(d)
	if v := own.get("was"); v.given() {
		if text, ok := l.text(v, own.of("was")); ok && l.name(v, text, "a class") {
			c.Was = text
		}
	}
	if v := own.get("tenant"); v.given() {
		l.choice(v, "class", "tenant", own.of("tenant"), "")
	}
	d.camel = l.choiceOf(d, "naming", "snake") == "camel"
	c.OnConflict = l.choiceOf(d, "on_conflict", "error")
	c.Visibility = l.choiceOf(d, "visibility", "filter")
	c.Concurrency = l.choiceOf(d, "concurrency", "optional")
	c.Expose = l.boolOf(d, "expose", true)
	c.Bulk = l.boolOf(d, "bulk", true)
	c.Events = l.boolOf(d, "events", false)
	l.history(d)
	l.classCache(d)
	if v, what := l.setting(d, "soft_delete"); v.isMap() {
		c.SoftDelete = true
	} else {
		c.SoftDelete = l.boolean(v, what, false)
	}
	for _, p := range d.parts {
		if p.kind == addedPart || !p.get("limits").given() {
			continue
		}
		size := l.limits(p.object, "limits", limits{})
		c.Depth, c.PageSize, c.PageMax = size.all()
		break
	}
}

func (l *loader) choiceOf(d *classDecl, key, def string) string {
	v, what := l.setting(d, key)
	return l.choice(v, "class", key, what, def)
}

func (l *loader) boolOf(d *classDecl, key string, def bool) bool {
	v, what := l.setting(d, key)
	return l.boolean(v, what, def)
}

// classNames derives the names of a class, or takes those it gives.
func (l *loader) classNames(d *classDecl) {
	c, own := d.c, d.own
	c.Plural = schema.Plural(c.Name)
	c.Collection = schema.Kebab(c.Plural)
	c.TypeName = schema.Pascal(c.Name)
	if text, ok := l.text(own.get("collection"), own.of("collection")); ok {
		if !validSegment(text) {
			l.report("E015", own.get("collection").pos(), "not a path segment", "use letters, digits, - and _", "a collection cannot be called `%s`", text)
		} else {
			c.Collection = text
			if plural := schema.Snake(text); validName(plural) {
				c.Plural = plural
			}
		}
	}
	c.Table = c.Plural
	if text, ok := l.text(own.get("table"), own.of("table")); ok && l.column(own.get("table"), text, "a table") {
		c.Table = text
	}
	at := own.get("collection")
	if !at.given() {
		at = d.key
	}
	if language.ReservedCollection(c.Collection) {
		l.report("E016", at.pos(), "has a meaning of its own", "write another `collection:`", "the collection of `%s` cannot be `%s`", c.Name, c.Collection)
	}
	for _, other := range l.order {
		if other == d {
			break
		}
		if other.c.Collection == c.Collection {
			l.reportPair("E016", at.pos(), "the other class", other.key.pos(), "one class", "give one of them another `collection:`",
				"the classes `%s` and `%s` have one collection, `%s`", other.c.Name, c.Name, c.Collection)
		} else if strings.EqualFold(other.c.Table, c.Table) {
			l.reportPair("E016", at.pos(), "the other class", other.key.pos(), "one class", "give one of them another `table:`",
				"the classes `%s` and `%s` have one table, `%s`", other.c.Name, c.Name, c.Table)
		}
	}
}

// column checks the name of a table or column.
func (l *loader) column(v value, name, what string) bool {
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if letter || i > 0 && (r == '_' || r >= '0' && r <= '9') {
			continue
		}
		l.report("E015", v.pos(), "not a name", "use letters, digits and _", "%s cannot be called `%s`", what, name)
		return false
	}
	if len(name) == 0 || len(name) > 60 || strings.HasPrefix(strings.ToLower(name), "sqlite") {
		l.report("E015", v.pos(), "not a name", "use up to 60 letters, digits and _", "%s cannot be called `%s`", what, name)
		return false
	}
	return true
}
