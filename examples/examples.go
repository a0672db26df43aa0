// Package examples holds the applications that the documentation talks about.
// Each is a folder that `dowel dev FOLDER` runs, with a README whose
// conversation the tests of this package hold; some are templates of `dowel init`.
package examples

import (
	"embed"
	"io/fs"
)

//go:embed crm/dowel.yaml crm/seed crm/tests blog/dowel.yaml blog/seed blog/tests tracker/dowel.yaml tracker/seed tracker/tests
var files embed.FS

// Templates are the applications that `dowel init` can write, by name.
func Templates() map[string]fs.FS {
	all := map[string]fs.FS{}
	for _, name := range []string{"crm", "blog", "tracker"} {
		sub, err := fs.Sub(files, name)
		if err != nil {
			panic(err) // the names are those embedded above
		}
		all[name] = sub
	}
	return all
}
