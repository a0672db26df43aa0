package load

import (
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/language"
)

// classCache reads `cache: DURATION | true`, with `public` in front for caches
// between client and server too.
func (l *loader) classCache(d *classDecl) {
	v, what := l.setting(d, "cache")
	text, ok := l.text(v, what)
	if !ok {
		return
	}
	ps := words(text)
	from := 0
	if len(ps) > 0 && ps[0].text == "public" {
		d.c.CachePublic = true
		if len(ps) == 1 {
			d.c.Cache = defaultCache
			return
		}
		from = ps[1].from
	}
	switch {
	case text == "true":
		d.c.Cache = defaultCache
	case text == "false":
	default:
		d.c.Cache = l.span(v, from, what)
	}
}

// defaultCache is what `cache: true` means.
const defaultCache = time.Minute

// publicCache refuses shared caches for answers that depend on who asks.
func (l *loader) publicCache(d *classDecl) {
	if !d.c.CachePublic {
		return
	}
	refuse := func(other schema.Pos, why string) {
		v, _ := l.setting(d, "cache")
		l.reportTwo("E037", v.pos(), "for everybody", other, why, "remove `public`", "what is seen of `%s` depends on who asks, so shared caches may not keep it", d.c.Name)
	}
	if d.tenant != nil || d == l.org {
		refuse(d.key.pos(), "kept apart by organization")
		return
	}
	reads := 0
	narrow := false
	var wider *schema.Rule
	for _, r := range l.s.Rules {
		if r.Class != d.c {
			continue
		}
		switch r.Verb {
		case "list", "get", "read", "all":
		default:
			continue
		}
		if r.Verb == "all" && r.Role != "anyone" && !r.Deny {
			wider = r
			continue // more rights, but anyone sees the same unless there is a condition
		}
		reads++
		if r.Role != "anyone" || r.RowRole != "" || mentionsMe(r.Where) {
			refuse(r.Pos, "only some see it")
			return
		}
		narrow = narrow || r.Where != nil
	}
	if wider != nil && narrow {
		refuse(wider.Pos, "sees more than anyone does")
		return
	}
	if reads == 0 {
		refuse(d.key.pos(), "nobody in particular may read it")
		return
	}
	for _, f := range d.declared {
		if f.f.Read != nil {
			refuse(f.f.Pos, "only some see this field")
			return
		}
	}
}

// mentionsMe reports whether a condition depends on the subject.
func mentionsMe(e schema.Expr) bool {
	operand := func(ops ...schema.Operand) bool {
		for _, o := range ops {
			switch o.(type) {
			case schema.Me, schema.MeField:
				return true
			}
		}
		return false
	}
	switch e := e.(type) {
	case schema.And:
		for _, x := range e {
			if mentionsMe(x) {
				return true
			}
		}
	case schema.Or:
		for _, x := range e {
			if mentionsMe(x) {
				return true
			}
		}
	case schema.Not:
		return mentionsMe(e.X)
	case schema.Compare:
		return operand(e.Left, e.Right)
	case schema.In:
		return operand(e.X) || operand(e.List...)
	case schema.Contains:
		return operand(e.X, e.Item)
	case schema.Exists:
		return mentionsMe(e.Where)
	}
	return false
}

// warn points at what is allowed but seldom meant.
func (l *loader) warn() {
	elsewhere := l.policyClasses()
	allowed := map[*schema.Class]bool{}
	for _, r := range l.s.Rules {
		if !r.Deny {
			allowed[r.Class] = true
		}
	}
	for _, d := range l.order {
		if !allowed[d.c] && !elsewhere[d.c.Name] && d.c.Expose && !d.hasRules() {
			l.report("W001", d.key.pos(), "closed to everybody", "add `allow:`, or write `expose: false`", "the class `%s` has no `allow`, so nobody may do anything with it", d.c.Name)
		}
		for _, f := range d.declared {
			l.warnField(d, f)
		}
		for _, a := range d.c.Actions {
			if !a.Run && len(a.Set) == 0 && !l.list.HasErrors() {
				l.report("W005", a.Pos, "does nothing", "add `set:` or `run: go`", "the action `%s.%s` neither sets a field nor runs anything", d.c.Name, a.Name)
			}
		}
	}
	for _, name := range sorted(keysOf(l.mixins)) {
		if m := l.mixins[name]; !m.used && !l.usedByMixin(name) {
			l.report("W006", m.key.pos(), "used nowhere", "", "no class uses the mixin `%s`", name)
		}
	}
}

// hasRules reports whether some part of a class says what is allowed, rightly or not.
func (d *classDecl) hasRules() bool {
	if v := d.own.value; !v.isMap() && !v.isNull() {
		return true // it is no class at all
	}
	for _, p := range d.parts {
		v := p.get("allow")
		if v.given() && !v.isNull() && !(v.isMap() && len(v.n.Content) == 0) {
			return true
		}
	}
	return false
}

func (l *loader) usedByMixin(name string) bool {
	for _, m := range l.mixins {
		for _, v := range m.uses {
			if v.n.Value == name {
				return true
			}
		}
	}
	return false
}

func (l *loader) warnField(d *classDecl, f *fieldDecl) {
	if f.spec == nil {
		return
	}
	if language.ReservedParameter(f.f.JSON) {
		l.report("W002", f.key.pos(), "a query parameter too", "", "the field `%s.%s` is called like a query parameter: filter by it as `.%s=…`", d.c.Name, f.f.Name, f.f.JSON)
	}
	if f.f.ReadOnly && !f.f.Optional && l.defaultOption(f.spec) == nil && f.f.Auto == schema.NoAuto && f.f.From == nil && f.f.Many == nil {
		l.report("W004", f.key.pos(), "nobody can give it a value", "add `optional` or `default=`", "`%s.%s` is required and readonly: no client can create a row", d.c.Name, f.f.Name)
	}
}

// policyClasses are the classes that policy files beside the schema speak of.
// Package authz reads and checks those files; here only the names count.
func (l *loader) policyClasses() map[string]bool {
	found := map[string]bool{}
	dir := l.root
	if info, err := fs.Stat(l.fsys, l.root); err != nil || !info.IsDir() {
		dir = path.Dir(l.root)
	}
	names := []string{path.Join(dir, "policy.csv")}
	if more, err := fs.Glob(l.fsys, path.Join(dir, "policy", "*.csv")); err == nil {
		names = append(names, more...)
	}
	for _, name := range names {
		data, err := readFile(l.fsys, name)
		if err != nil {
			continue
		}
		r := csv.NewReader(strings.NewReader(string(data)))
		r.FieldsPerRecord, r.TrimLeadingSpace, r.LazyQuotes, r.Comment = -1, true, true, '#'
		for {
			record, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil && len(record) > 2 && strings.TrimSpace(record[0]) == "p" {
				found[strings.TrimSpace(record[2])] = true
			}
		}
	}
	return found
}
