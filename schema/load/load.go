// Package load reads schema files into a schema.Schema and reports everything
// that is wrong with them in one pass, each mistake once, at its place.
//
// FS is the only door. It works in steps, each in its own file: files are
// found and parsed into YAML nodes (files.go, doctor.go), top-level sections
// are joined (settings.go, class.go), fields get their types (spec.go,
// field.go, types.go), references become relations both ways (key.go,
// relation.go), and last, when every name is known, conditions are bound
// (cond.go, rule.go, action.go). Nothing is ever decoded into Go structs: a
// value is read from its source text by the type declared for it.
//
// What keys and words there are is said in package language, once.
package load

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

// Options change what a schema may say.
type Options struct {
	// Types are the application's own, beside schema.BuiltinTypes.
	Types []schema.TypeDef
	// Mounted are folders that are read as if the application included them, after all that it names.
	Mounted []string
	// Modules are files that are in no folder, by the names that errors call them:
	// what a program in Go adds to the schema. They are read after all others.
	Modules map[string][]byte
}

// FS loads the application in a folder of fsys: dowel.yaml or schema/*.yaml
// and what they include. root may also name a single file. Places in the list
// name files as fsys does.
//
// The schema is nil exactly when the list has errors; warnings alone do not
// stop it. The list is sorted.
func FS(fsys fs.FS, root string, opts Options) (*schema.Schema, diag.List) {
	root = path.Clean(root)
	l := &loader{
		s:       &schema.Schema{},
		types:   map[string]*typeDecl{},
		mixins:  map[string]*mixinDecl{},
		classes: map[string]*classDecl{},
		broken:  map[string]bool{},
		ways:    map[string]bool{},
		marred:  map[*schema.Field]bool{},
		fsys:    fsys,
		root:    root,
	}
	l.defs = append(schema.BuiltinTypes(), opts.Types...)
	files := l.readAll(fsys, root, opts)
	if len(files) > 0 {
		l.build(files)
	}
	list := l.list.Sorted()
	if list.HasErrors() {
		return nil, list
	}
	return l.s, list
}

type loader struct {
	s    *schema.Schema
	list diag.List
	fsys fs.FS
	root string

	defs     []schema.TypeDef
	defaults *defaults
	types    map[string]*typeDecl
	mixins   map[string]*mixinDecl
	classes  map[string]*classDecl
	order    []*classDecl // declared order
	login    *classDecl   // the class with auth, or nil
	tenant   *object      // nil without tenancy
	org      *classDecl   // the class of organizations
	camel    bool         // naming of the fields being read

	broken map[string]bool // see spoil
	ways   map[string]bool // see spoilWay
	// marred are fields that stand in for refused ones.
	marred map[*schema.Field]bool
	// hasJobs is what `jobs` of `app` says, nil for nothing.
	hasJobs *bool
}

// build takes the files apart and puts the schema together.
func (l *loader) build(files []*file) {
	sections := func(key string) []value {
		var all []value
		for _, f := range files {
			if v := f.top.get(key); v.given() {
				all = append(all, v)
			}
		}
		return all
	}
	for section, kind := range map[string]string{"roles": "role", "types": "type", "mixins": "mixin", "classes": "class"} {
		for _, v := range sections(section) {
			l.spoilAll(v, kind)
		}
	}
	l.app(l.single(sections("app"), "app"), files)
	l.defaults = l.readDefaults(l.single(sections("defaults"), "defaults"))
	l.roles(l.declared(sections("roles"), "`roles`"))
	l.declareTypes(l.declared(sections("types"), "`types`"))
	l.declareMixins(l.declared(sections("mixins"), "`mixins`"))
	l.declareClasses(sections("classes"))
	l.findLogin()
	l.readTenant(l.single(sections("tenant"), "tenant"))

	for _, c := range l.order {
		l.classSettings(c)
	}
	for _, c := range l.order {
		l.fields(c)
	}
	l.keys()
	l.relations()
	l.s.Seal()
	for _, c := range l.order {
		l.computed(c)
	}
	l.s.Seal()
	for _, c := range l.order {
		l.actions(c)
		l.clashes(c)
		l.indexes(c)
		l.auth(c)
	}
	l.tenancy()
	l.checkTypes()
	l.s.Seal()
	l.derived()
	l.conditions()
	for _, c := range l.order {
		l.rules(c)
		l.undone(c)
		l.publicCache(c)
	}
	l.warn()
	if l.s.Login != nil {
		appendAccounts(l.s)
	}
	appendKept(l.s)
	l.schedules(l.declared(sections("schedules"), "`schedules`"))
	l.jobs()
	l.s.Seal()
}

// version checks that the application says which language it is written in.
func (l *loader) version(files []*file) {
	said := false
	for _, f := range files {
		v := f.top.get("dowel")
		if !v.given() {
			continue
		}
		said = true
		if text, ok := l.text(v, "`dowel`"); ok && text != language.Version {
			l.report("E014", v.pos(), "not a version this program knows", "write `dowel: 1`", "unknown language version `%s`", text)
		}
	}
	if len(files) > 0 && !said && !l.list.HasErrors() {
		l.report("E011", files[0].span(1, 1, 0), "", "write `dowel: 1` as the first line", "the schema does not say its language version")
	}
}

// revise makes the fingerprint of the sources.
func (l *loader) revise(raw map[string][]byte) {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		fmt.Fprintf(h, "%s %d\n", name, len(raw[name]))
		h.Write(raw[name])
	}
	for _, def := range l.defs {
		fmt.Fprintln(h, def.Name)
	}
	l.s.Revision = hex.EncodeToString(h.Sum(nil)[:16])
}
