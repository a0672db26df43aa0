package authz

import (
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

const maxPolicyFile = 8 << 20 // bytes; far above 10,000 lines

func (r *Rules) readFiles(files fs.FS, found *diag.List) {
	for _, name := range policyFiles(r.schema, files) {
		text, err := fs.ReadFile(files, name)
		if err == nil && len(text) > maxPolicyFile {
			err = fmt.Errorf("more than %d bytes", maxPolicyFile)
		}
		if err != nil {
			found.Add(diag.Diagnostic{Code: codeLine, Message: "the policy file cannot be read: " + err.Error(), Pos: schema.Pos{File: name, Line: 1, Col: 1}})
			continue
		}
		r.readFile(name, string(text), found)
	}
}

// policyFiles are policy.csv and policy/*.csv of the application and of each
// module.
func policyFiles(s *schema.Schema, files fs.FS) []string {
	folders := append([]string{"."}, s.Modules...)
	slices.Sort(folders)
	folders = slices.Compact(folders)
	var names []string
	for _, dir := range folders {
		if _, err := fs.Stat(files, path.Join(dir, "policy.csv")); err == nil {
			names = append(names, path.Join(dir, "policy.csv"))
		}
		entries, err := fs.ReadDir(files, path.Join(dir, "policy"))
		if err != nil {
			continue // no folder, no files
		}
		for _, e := range entries {
			if !e.IsDir() && path.Ext(e.Name()) == ".csv" {
				names = append(names, path.Join(dir, "policy", e.Name()))
			}
		}
	}
	return names
}

// IsPolicyFile reports whether a path below the application's folder looks
// like policy, as whoever watches the folder wants to know.
func IsPolicyFile(name string) bool {
	dir, base := path.Split(name)
	return base == "policy.csv" || base == modelFile || path.Ext(base) == ".csv" && path.Base(dir) == "policy"
}
