package differential

import (
	"fmt"
	"slices"
	"strings"
)

// drawApp draws an application with every type, kind of key, relation and
// constraint there is. It takes two steps: fields and references first, then, from the
// schema that they make, what speaks of them.
func drawApp(d dice) (*app, *loaded, error) {
	var err error
	for range 20 {
		a := &appDraw{drawer: &drawer{dice: d}, app: &app{settings: []string{"title: Drawn"}}}
		a.fields()
		var l *loaded
		if l, err = a.load(); err != nil {
			continue
		}
		a.conditions(l.schema)
		if l, err = a.load(); err == nil {
			return a.app, l, nil
		}
	}
	return nil, nil, err
}

type appDraw struct {
	*drawer
	*app
	keys   []string // the kind of key of each class
	labels []string // the unique field of each class, or ""
	simple bool     // the label alone makes a row of the first class
}

func (a *appDraw) fields() {
	if a.once(3) {
		a.settings = append(a.settings, "style: envelope")
	}
	if a.once(3) {
		a.settings = append(a.settings, "limits: {page: 3, page_max: 20, depth: 2}")
	}
	n := a.between(2, 4)
	for range n {
		a.keys = append(a.keys, []string{"", "bigint", "uuid", "chosen", "composite", "reference"}[a.weighted([]int{10, 2, 3, 4, 3, 1})])
		a.labels = append(a.labels, "")
	}
	a.keys[0] = a.one("", "", "uuid", "chosen") // something that can be referred to
	if a.simple = a.once(3); a.simple {
		a.keys[0] = a.one("", "uuid")
	}
	for i := range n {
		c := &class{name: className(i)}
		a.classes = append(a.classes, c)
		a.words(c)
		a.key(i, c)
		a.labelled(i, c)
		plain := a.plain(c)
		a.derived(c, plain)
		a.references(i, c)
		a.sets(i, c)
		a.together(c, plain)
		a.owned(c)
	}
	a.viewers()
}

func className(i int) string { return []string{"apple", "box", "city", "deal"}[i] }

// words draws what is said of a class as a whole.
func (a *appDraw) words(c *class) {
	for _, w := range []struct {
		text string
		n    int
	}{
		{"soft_delete: true", 3}, {"timestamps: false", 5}, {"naming: camel", 6}, {"on_conflict: update", 6},
		{"concurrency: required", 10}, {"cache: 5m", 8}, {"bulk: false", 15}, {"limits: {page: 2, page_max: 9}", 8},
	} {
		if a.once(w.n) {
			c.words = append(c.words, w.text)
		}
	}
}

func (a *appDraw) key(i int, c *class) {
	scalar := func() string {
		return a.one("slug", "string, max: 12", "int", "bigint", "date", "uuid", "email", "datetime", "string, min: 1")
	}
	switch a.keys[i] {
	case "bigint":
		c.words = append(c.words, "id: bigint")
	case "uuid":
		c.words = append(c.words, "id: uuid")
	case "chosen":
		if a.once(4) {
			c.add(fields, "id: {type: %s}", a.one("bigint", "int", "slug"))
			return
		}
		c.words = append(c.words, "key: code")
		if a.once(6) {
			c.add(fields, "code: {enum: [zeta, alpha, mid, beta]}")
			return
		}
		c.add(fields, "code: {type: %s}", scalar())
	case "composite":
		names := []string{"k1", "k2"}
		if a.once(3) {
			names = append(names, "k3")
		}
		c.words = append(c.words, "key: ["+strings.Join(names, ", ")+"]")
		for k, name := range names {
			to := a.target(i)
			if k == 0 && to != "" && a.once(2) {
				c.add(fields, "%s: {type: %s, on_delete: %s, inverse: %s_%s}", name, to, a.one("cascade", "restrict"), c.name, name)
				continue
			}
			c.add(fields, "%s: {type: %s}", name, scalar())
		}
	case "reference":
		to := a.target(i)
		if to == "" {
			a.keys[i] = ""
			return
		}
		c.words = append(c.words, "key: one")
		c.add(fields, "one: {type: %s, on_delete: %s, inverse: %s_one}", to, a.one("cascade", "restrict"), c.name)
	}
}

// target draws an earlier class that can be referred to, or "".
func (a *appDraw) target(i int) string {
	var names []string
	for k := range i {
		if a.keys[k] != "composite" {
			names = append(names, className(k))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return a.one(names...)
}

// labelled gives most classes a unique name, for sets and look-ups.
func (a *appDraw) labelled(i int, c *class) {
	if a.once(4) && !(a.simple && i == 0) {
		return
	}
	a.labels[i] = "label"
	c.add(fields, "label: {type: %s, unique: true}", a.one("slug", "string, max: 20", "email", "string"))
}

var plainTypes = []string{"string", "string", "text", "markdown", "slug", "email", "url", "phone", "int", "int", "bigint", "float", "float", "decimal", "decimal", "bool",
	"date", "time", "datetime", "duration", "uuid", "json", "enum", "list", "object", "spot", "share"}

// plain adds fields and returns the names of those that may be unique.
func (a *appDraw) plain(c *class) (names []string) {
	var searched, sorted []string
	for i := range a.between(2, 6) {
		name := []string{"name", "note", "rank", "extra", "due_on", "big_one"}[i]
		typ := pick(a.dice, plainTypes)
		words := []string{a.typeWords(typ)}
		single := typ != "json" && typ != "list" && typ != "object" && typ != "spot"
		textual := slices.Contains([]string{"string", "text", "markdown", "slug", "email", "url", "phone"}, typ)
		if a.most(2) || a.simple && c.name == className(0) {
			words = append(words, "optional: true")
		}
		if single && typ != "bool" && typ != "float" && typ != "markdown" && typ != "enum" && a.once(6) {
			words = append(words, "unique: true")
		}
		if single && a.once(6) {
			words = append(words, "index: true")
		}
		if single && typ != "share" && a.once(6) {
			words = append(words, "default: "+a.yaml(typ))
		}
		words = append(words, a.rights()...)
		if textual && a.once(2) {
			searched = append(searched, name)
		}
		if single && a.once(3) {
			sorted = append(sorted, a.one("", "-")+name)
		}
		c.add(fields, "%s: {%s}", name, strings.Join(words, ", "))
		if single && typ != "markdown" && typ != "float" && typ != "bool" {
			names = append(names, name)
		}
	}
	if len(searched) > 0 {
		c.words = append(c.words, "search: ["+strings.Join(searched, ", ")+"]")
	}
	if len(sorted) > 0 {
		c.words = append(c.words, "sort: ["+strings.Join(sorted, ", ")+"]")
	}
	return names
}

// rights draws who may see and set a field, and when.
func (a *appDraw) rights() (words []string) {
	for _, w := range []string{"immutable: true", "hidden: true", "write: manager", "read: manager"} {
		if a.once(20) {
			words = append(words, w)
		}
	}
	if a.once(25) {
		words = append(words, "writeonly: true")
	}
	return words
}

// typeWords is how a type is said, with limits now and then.
func (a *appDraw) typeWords(typ string) string {
	switch typ {
	case "string":
		return a.one("type: string", "type: string", "type: string, max: 8", "type: string, min: 1", `type: string, pattern: "[a-z]{0,3}[0-9]*"`)
	case "int":
		return a.one("type: int", "type: int", "type: int, min: -5, max: 50")
	case "bigint":
		return a.one("type: bigint", "type: bigint, min: 0")
	case "decimal":
		return "type: decimal, scale: " + a.one("0", "2", "2", "4", "17")
	case "date":
		return a.one("type: date", "type: date, min: 1970-01-01")
	case "enum":
		return a.one("enum: [zeta, a, mid, beta]", `enum: [b, "A", a, "B", "é"]`)
	case "list":
		return "list: " + a.one("string", "{type: string, max: 5}", "int", "decimal", "date", "uuid", "bigint", "bool", "email", "{enum: [b, a]}", "{fields: {a: {type: string, optional: true}, n: {type: int, optional: true}}}")
	case "object":
		return "fields: {a: {type: string, optional: true}, n: {type: " + a.one("int", "decimal", "float", "bigint") + ", optional: true}, d: {type: " + a.one("date", "datetime", "bool", "duration") + ", optional: true}, in: {fields: {t: {type: string, default: x}}, optional: true}}"
	}
	return "type: " + typ
}

// yaml is a default of a type as schema files write it.
func (a *appDraw) yaml(typ string) string {
	if typ == "date" || typ == "datetime" {
		if a.once(2) {
			return "now"
		}
		typ = map[string]string{"date": `"2026-01-01"`, "datetime": `"2026-01-01T00:00:00Z"`}[typ]
		return typ
	}
	return map[string]string{
		"string": `"ab"`, "text": `"two\nlines"`, "markdown": `"*"`, "slug": "a-b", "email": `"z@x.io"`, "url": `"https://x.io/z"`, "phone": `"12345"`,
		"int": "3", "bigint": "7", "float": "0.5", "decimal": "2", "bool": "true", "time": `"08:00:00"`, "duration": "PT1H",
		"uuid": "00000000-0000-7000-8000-000000000009", "enum": "a",
	}[typ]
}

// derived adds fields that the engine fills.
func (a *appDraw) derived(c *class, plain []string) {
	if a.once(4) {
		per := ""
		if len(plain) > 0 && a.once(2) {
			per = ", per: " + a.one(plain...)
		}
		c.add(fields, "number: {type: %s, auto: sequence%s}", a.one("int", "bigint"), per)
	}
	if a.once(6) {
		c.add(fields, "stamp: {type: %s, auto: now}", a.one("datetime", "date"))
	}
	if a.once(8) {
		c.add(fields, "token: {type: uuid, auto: uuid%s}", a.one("", ", unique: true"))
	}
	if a.once(8) {
		c.add(fields, "state: {enum: [open, shut, gone], default: open, readonly: true}")
	}
}

func (a *appDraw) references(i int, c *class) {
	for r := range a.between(0, 2) {
		name := fmt.Sprintf("ref%d", r)
		to := a.target(i)
		required := to != "" && a.once(2)
		if !required {
			all := []string{"user", "user"}
			for k, kind := range a.keys {
				if kind != "composite" && (k <= i || kind != "reference") {
					all = append(all, className(k))
				}
			}
			to = a.one(all...)
		}
		words := []string{"type: " + to, "inverse: " + c.name + "_" + name}
		onDelete := a.one("restrict", "cascade")
		if !required {
			words = append(words, "optional: true")
			onDelete = a.one("restrict", "cascade", "set_null")
		}
		words = append(words, "on_delete: "+onDelete)
		if a.once(7) {
			words = append(words, "unique: true")
		}
		if a.once(12) {
			words = append(words, "immutable: true")
		}
		if a.once(20) {
			words = append(words, "read: manager")
		}
		if to == "user" && a.once(3) {
			words = append(words, "default: me")
		}
		c.add(fields, "%s: {%s}", name, strings.Join(words, ", "))
		if to == "user" && len(c.sections[roles]) == 0 {
			c.add(roles, "owner: %s = me", name)
		}
	}
	if len(c.sections[roles]) == 0 && a.once(2) && !(a.simple && i == 0) {
		c.add(fields, "owner: {type: user, %s, optional: true, inverse: %s_owned}", a.one("auto: me", "default: me"), c.name)
		c.add(roles, "owner: owner = me")
	}
}

// owned adds fields that only the owner of a row sees or sets.
func (a *appDraw) owned(c *class) {
	if len(c.sections[roles]) == 0 || a.most(4) {
		return
	}
	c.add(fields, "private: {type: %s, optional: true, %s: owner}", a.one("string", "int", "datetime"), a.one("read", "write"))
}

// viewers lets rights travel along references to classes with owners.
func (a *appDraw) viewers() {
	for _, c := range a.classes {
		for _, line := range c.sections[fields] {
			name, rest, _ := strings.Cut(line, ": {type: ")
			for _, to := range a.classes {
				owner := slices.ContainsFunc(to.sections[roles], func(r string) bool { return strings.HasPrefix(r, "owner: ") })
				twice := slices.ContainsFunc(c.sections[roles], func(r string) bool { return strings.HasPrefix(r, "viewer: ") })
				if owner && !twice && to != c && strings.HasPrefix(rest, to.name+",") && a.once(3) {
					c.add(roles, "viewer: owner of %s", name)
				}
			}
		}
	}
}

// sets adds a many field to classes that can have one.
func (a *appDraw) sets(i int, c *class) {
	if a.keys[i] == "composite" || a.once(2) {
		return
	}
	for k := range a.between(1, 2) {
		to := a.IntN(len(a.keys))
		if a.keys[to] == "composite" || to > i && a.keys[to] == "reference" {
			continue
		}
		words := []string{"many: " + className(to), fmt.Sprintf("inverse: %s_set%d", c.name, k)}
		if to < i && a.labels[to] != "" && a.most(3) {
			words = append(words, "by: "+a.labels[to])
			if to == 0 && a.simple && a.most(3) {
				words = append(words, "create: true")
			}
		}
		c.add(fields, "set%d: {%s}", k, strings.Join(words, ", "))
	}
}

func (a *appDraw) together(c *class, plain []string) {
	if len(plain) > 1 && a.once(5) {
		c.add(unique, "[%s, %s]", plain[0], plain[1])
	}
	if len(plain) > 1 && a.once(4) {
		c.add(indexes, "[%s, %s]", plain[1], plain[0])
	}
}
