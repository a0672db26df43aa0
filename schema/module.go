package schema

import (
	"path"
	"slices"
)

// ModuleOf is the folder of the module that a schema file belongs to: the
// file's own, or the one above `schema`. That of the application is ".".
func ModuleOf(file string) string {
	dir := path.Dir(file)
	if path.Base(dir) == "schema" {
		dir = path.Dir(dir)
	}
	return dir
}

// AddModule notes the module of a schema file.
func (s *Schema) AddModule(file string) {
	if dir := ModuleOf(file); !slices.Contains(s.Modules, dir) {
		s.Modules = append(s.Modules, dir)
	}
}
