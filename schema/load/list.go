package load

import (
	"io/fs"
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// Files returns the names of the schema files of an application, included ones
// after those that name them, and last those that are no YAML. FS says what is
// wrong with them, and with includes that find nothing.
func Files(fsys fs.FS, root string) []string {
	l := &loader{s: &schema.Schema{}, fsys: fsys, root: root}
	var names []string
	for _, f := range l.readAll(fsys, root, Options{}) {
		names = append(names, f.name)
	}
	for _, d := range l.list.Sorted() {
		info, err := fs.Stat(fsys, d.Pos.File)
		if err == nil && !info.IsDir() && !slices.Contains(names, d.Pos.File) {
			names = append(names, d.Pos.File)
		}
	}
	return names
}
