package load_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/load"
)

// loadClean loads a file of testdata that must be without any finding.
func loadClean(t *testing.T, name string) *schema.Schema {
	t.Helper()
	fsys := os.DirFS("testdata")
	s, list := load.FS(fsys, name, load.Options{})
	if len(list) > 0 {
		var b strings.Builder
		if err := diag.Text(&b, list, diag.FromFS(fsys), false); err != nil {
			t.Fatal(err)
		}
		t.Fatal("\n" + b.String())
	}
	return s
}

func TestExamplesAreClean(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) { loadClean(t, filepath.Base(name)) })
	}
}
