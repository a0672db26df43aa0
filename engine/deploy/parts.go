package deploy

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/load"
)

// Parts are what a program adds to the files of an application.
type Parts struct {
	Types   []schema.TypeDef
	Texts   map[string][]byte // schema files that are in no folder, by the names that errors call them
	Modules map[string]fs.FS  // modules with files of their own, by name
}

// Load reads the schema and the rules of an application, and all that is wrong with
// them. root is its folder in files, or a single file. The files that come back are those
// given with those of the modules, whose paths begin with @NAME.
func Load(files fs.FS, root string, p Parts) (*schema.Schema, *authz.Rules, fs.FS, diag.List) {
	files = p.Over(files)
	o := load.Options{Types: p.Types, Modules: p.Texts}
	for _, name := range slices.Sorted(maps.Keys(p.Modules)) {
		o.Mounted = append(o.Mounted, "@"+name)
	}
	s, found := load.FS(files, root, o)
	if s == nil {
		return nil, nil, files, found
	}
	rules, more := authz.New(s, files)
	return s, rules, files, append(found, more...)
}

// Over puts the files of modules beside others.
func (p Parts) Over(files fs.FS) fs.FS {
	if len(p.Modules) == 0 {
		return files
	}
	return mounted{files, p.Modules}
}

// mounted is a file system with others in it.
type mounted struct {
	fs.FS
	modules map[string]fs.FS
}

func (m mounted) Open(name string) (fs.File, error) {
	files, below := m.of(name)
	return files.Open(below)
}

// Stat implements fs.StatFS.
func (m mounted) Stat(name string) (fs.FileInfo, error) {
	files, below := m.of(name)
	return fs.Stat(files, below)
}

// ReadDir implements fs.ReadDirFS.
func (m mounted) ReadDir(name string) ([]fs.DirEntry, error) {
	files, below := m.of(name)
	return fs.ReadDir(files, below)
}

// of finds the file system that a path is in.
func (m mounted) of(name string) (fs.FS, string) {
	if rest, ok := strings.CutPrefix(name, "@"); ok && fs.ValidPath(name) {
		module, below, _ := strings.Cut(rest, "/")
		if files := m.modules[module]; files != nil {
			return files, path.Join(".", below)
		}
	}
	return m.FS, name
}
