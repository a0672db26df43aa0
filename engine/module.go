package engine

import (
	"io/fs"
	"regexp"

	"github.com/dowel-dev/dowel/engine/deploy"
	"github.com/dowel-dev/dowel/schema"
)

// Module is a part of an application that others can take in with one line:
//
//	app.Mount(billing.Module)
//
// It brings schema files, which may add to classes of others, rules for what it adds,
// rows to begin with, and functions. Two that do not go together, and a module and an
// application that do not, are refused at start, with both places.
type Module struct {
	// Name is how errors call it: letters, digits, - and _. Its files are @NAME/… there.
	Name string
	// FS has dowel.yaml or schema/*.yaml, policy/*.csv and seed/, as a folder of an application has
	// them. It is nil where the schema of the application includes the folder, or for Go alone.
	FS fs.FS
	// Register adds actions, hooks, types and requests, as the application itself would; nil adds none.
	Register func(*App) error
}

// mount is a module in its place.
type mount struct {
	Module
	pos schema.Pos
}

var moduleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// Mount takes in a module. Hooks of several are called in the order of their mounting.
func (a *App) Mount(m Module) {
	pos := caller(1)
	if !moduleName.MatchString(m.Name) {
		a.fault(pos, nil, "", "a module cannot be called %q: write letters, digits, - and _", m.Name)
		return
	}
	for _, other := range a.mounts {
		if other.Name == m.Name {
			a.fault(pos, &other.pos, "one of them", "two modules are called `%s`", m.Name)
			return
		}
	}
	a.mounts = append(a.mounts, mount{m, pos})
	if m.Register == nil {
		return
	}
	if err := m.Register(a); err != nil {
		a.fault(pos, nil, "", "the module `%s` cannot be mounted: %v", m.Name, err)
	}
}

// Type adds a field type, which the schema then names like those that are built in.
func (a *App) Type(def schema.TypeDef) {
	pos := caller(1)
	for _, d := range schema.BuiltinTypes() {
		if d.Name == def.Name {
			a.fault(pos, nil, "", "the type `%s` is built in", def.Name)
			return
		}
	}
	for _, other := range a.types {
		if other.def.Name == def.Name {
			a.fault(pos, &other.pos, "one of them", "two types are called `%s`", def.Name)
			return
		}
	}
	a.types = append(a.types, ownFieldType{def, pos})
}

// ownFieldType is a field type of the program.
type ownFieldType struct {
	def schema.TypeDef
	pos schema.Pos
}

// Parts are what the program and its modules add to the files of the application.
func (a *App) Parts() deploy.Parts {
	var p deploy.Parts
	if a == nil {
		return p
	}
	for _, t := range a.types {
		p.Types = append(p.Types, t.def)
	}
	for _, f := range a.functions {
		if f.Module == nil {
			continue
		}
		if p.Texts == nil {
			p.Texts = map[string][]byte{}
		}
		p.Texts[f.Name+" of "+f.At()] = f.Module
	}
	for _, m := range a.mounts {
		if m.FS == nil {
			continue
		}
		if p.Modules == nil {
			p.Modules = map[string]fs.FS{}
		}
		p.Modules[m.Name] = m.FS
	}
	return p
}
