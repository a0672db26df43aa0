package load

import (
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

// single returns the one value of a key that only one file may have.
func (l *loader) single(all []value, key string) value {
	for _, v := range all[min(1, len(all)):] {
		l.reportPair("E012", v.pos(), "second declaration", all[0].pos(), "first declaration",
			"keep one of them", "`%s` is declared twice", key)
	}
	if len(all) == 0 {
		return value{}
	}
	return all[0]
}

// declared joins a section of several files; a name in two of them is a mistake.
func (l *loader) declared(all []value, what string) []entry {
	var joined []entry
	first := map[string]schema.Pos{}
	for _, v := range all {
		for _, e := range l.entries(v, what) {
			if earlier, twice := first[e.name]; twice {
				l.reportPair("E012", e.key.pos(), "second declaration", earlier, "first declaration",
					"delete or rename one of them", "`%s` is declared twice in %s", e.name, what)
				continue
			}
			first[e.name] = e.key.pos()
			joined = append(joined, e)
		}
	}
	return joined
}

func (l *loader) app(v value, files []*file) {
	o := l.object(v, "app", "`app`")
	a := &l.s.App
	a.Title, _ = l.text(o.get("title"), o.of("title"))
	a.Version, _ = l.text(o.get("version"), o.of("version"))
	a.Style = l.choice(o.get("style"), "app", "style", o.of("style"), "plain")
	a.Mount = "/api"
	if text, ok := l.text(o.get("mount"), o.of("mount")); ok {
		a.Mount = strings.TrimRight(text, "/")
		if !validMount(a.Mount) {
			l.report("E014", o.get("mount").pos(), "not a path", "write it like /api", "%s must be a path of plain segments, not `%s`", o.of("mount"), text)
		}
	}
	if v := o.get("jobs"); v.given() {
		has := l.boolean(v, o.of("jobs"), true)
		l.hasJobs = &has
	}
	a.Extra = o.extra
	if doc, ok := l.text(o.get("doc"), o.of("doc")); ok {
		a.Doc = doc
	}
	a.Depth, a.PageSize, a.PageMax = l.limits(o, "limits", limits{}).all()
	for _, f := range files {
		for key, text := range f.top.extra {
			if a.Extra == nil {
				a.Extra = map[string]string{}
			}
			a.Extra[key] = text
		}
	}
}

// validMount reports whether a path prefix is empty or made of plain segments.
func validMount(path string) bool {
	if path == "" {
		return true
	}
	for i, segment := range strings.Split(path, "/") {
		if i == 0 {
			if segment != "" {
				return false
			}
			continue
		}
		if !validSegment(segment) {
			return false
		}
	}
	return true
}

// validSegment reports whether text can be a path segment as it is.
func validSegment(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > 100 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r) {
			return false
		}
	}
	return true
}

// limits are the sizes that app, defaults and classes may set; 0 is what they leave
// to the settings of the deployment.
type limits struct{ depth, page, pageMax int }

func (s limits) all() (depth, page, pageMax int) { return s.depth, s.page, s.pageMax }

const (
	mostDepth = 10
	mostRows  = 10_000
	usualMost = 100 // rows a page where nothing else is said
)

// limits reads `limits:`; what it does not say is as given.
func (l *loader) limits(o *object, key string, def limits) limits {
	v := o.get(key)
	if !v.given() {
		return def
	}
	in := l.object(v, "limits", o.of(key))
	return l.sizes(in, def)
}

// sizes reads depth, page and page_max out of an object.
func (l *loader) sizes(o *object, def limits) limits {
	r := limits{
		depth:   l.integer(o.get("depth"), o.of("depth"), def.depth, 1, mostDepth),
		page:    l.integer(o.get("page"), o.of("page"), def.page, 1, mostRows),
		pageMax: l.integer(o.get("page_max"), o.of("page_max"), def.pageMax, 1, mostRows),
	}
	most := r.pageMax
	if most == 0 {
		most = l.s.App.PageMax
	}
	if most == 0 {
		most = usualMost
	}
	if r.page <= most {
		return r
	}
	if v := o.get("page"); v.given() {
		l.report("E014", v.pos(), "above the maximum", "raise `page_max` or lower `page`", "%s is %d, above `page_max`, which is %d", o.of("page"), r.page, most)
	} else {
		r.page = most
	}
	return r
}

// defaults are what holds for classes that do not say otherwise.
type defaults struct {
	o        *object
	onDelete schema.OnDelete
}

func (l *loader) readDefaults(v value) *defaults {
	d := &defaults{o: l.object(v, "defaults", "`defaults`")}
	a := &l.s.App
	size := l.sizes(d.o, limits{a.Depth, a.PageSize, a.PageMax})
	a.Depth, a.PageSize, a.PageMax = l.limits(d.o, "limits", size).all()
	d.onDelete = l.onDelete(l.choice(d.o.get("on_delete"), "defaults", "on_delete", d.o.of("on_delete"), "restrict"))
	return d
}

func (l *loader) onDelete(word string) schema.OnDelete {
	switch word {
	case "cascade":
		return schema.Cascade
	case "set_null":
		return schema.SetNull
	}
	return schema.Restrict
}

// roles reads the global roles and checks what they include.
func (l *loader) roles(all []entry) {
	type include struct {
		role *schema.Role
		v    value
	}
	var includes []include
	for _, e := range all {
		if language.IsBuiltinRole(e.name) {
			l.report("E016", e.key.pos(), "exists already", "choose another name", "the role `%s` exists in every application", e.name)
			continue
		}
		if !l.name(e.key, e.name, "a role") {
			l.spoil("role", e.name)
			continue
		}
		r := &schema.Role{Name: e.name, Pos: e.key.pos()}
		l.s.Roles = append(l.s.Roles, r)
		if !e.val.isMap() {
			if !e.val.isNull() {
				r.Doc, _ = l.text(e.val, "the role `"+e.name+"`")
			}
			continue
		}
		o := l.object(e.val, "role", "the role `"+e.name+"`")
		r.Doc, _ = l.text(o.get("doc"), o.of("doc"))
		for _, v := range l.texts(o.get("includes"), o.of("includes")) {
			includes = append(includes, include{r, v})
		}
	}
	for _, in := range includes {
		if l.globalRole(in.v.n.Value, in.v.pos()) && !language.IsBuiltinRole(in.v.n.Value) {
			in.role.Includes = append(in.role.Includes, in.v.n.Value)
		}
	}
	told := map[string]bool{}
	for _, in := range includes {
		if told[in.role.Name] {
			continue
		}
		if path := l.roleLoop(in.role.Name, in.v.n.Value, map[string]bool{}); path != nil {
			way := append([]string{in.role.Name}, path...)
			l.report("E032", in.v.pos(), "leads back", "remove one of the includes", "the role `%s` includes itself: %s", in.role.Name, strings.Join(way, " → "))
			for _, name := range path {
				told[name] = true
			}
		}
	}
}

// roleLoop returns the way from a role back to the start, or nil.
func (l *loader) roleLoop(start, at string, seen map[string]bool) []string {
	if at == start {
		return []string{at}
	}
	if seen[at] {
		return nil
	}
	seen[at] = true
	for _, r := range l.s.Roles {
		if r.Name != at {
			continue
		}
		for _, next := range r.Includes {
			if way := l.roleLoop(start, next, seen); way != nil {
				return append([]string{at}, way...)
			}
		}
	}
	return nil
}

func (l *loader) isRole(name string) bool {
	return slices.ContainsFunc(l.s.Roles, func(r *schema.Role) bool { return r.Name == name })
}

func (l *loader) roleNames() []string {
	var names []string
	for _, r := range l.s.Roles {
		names = append(names, r.Name)
	}
	return names
}

// globalRole checks the name of a role everybody could have.
func (l *loader) globalRole(name string, pos schema.Pos) bool {
	if l.isRole(name) || language.IsBuiltinRole(name) {
		return true
	}
	if !l.spoiled("role", name) {
		l.report("E031", pos, "no such role", diag.DidYouMean(name, l.roleNames()), "unknown role `%s`", name)
	}
	return false
}
