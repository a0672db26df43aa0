package load

import (
	"io/fs"

	"github.com/dowel-dev/dowel/schema"
)

// Files returns the names of the schema files of an application, included ones
// after those that name them. Files that cannot be read or are no YAML are
// left out; FS says what is wrong with them.
func Files(fsys fs.FS, root string) []string {
	l := &loader{s: &schema.Schema{}, fsys: fsys, root: root}
	var names []string
	for _, f := range l.readAll(fsys, root) {
		names = append(names, f.name)
	}
	return names
}
