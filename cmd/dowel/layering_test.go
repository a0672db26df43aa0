package main_test

// What is true of the repository as a whole is held here, beside the one
// program that everything ends up in.

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/dowel-dev/dowel"
	root   = "../.." // of the repository
)

// TestTopLevelIsFixed holds the rooms of the house: a new one is a decision, not an accident.
func TestTopLevelIsFixed(t *testing.T) {
	rooms := strings.Fields("cmd engine schema actions authz storage examples go.mod go.sum Makefile README.md LICENSE bin")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(rooms, e.Name()) {
			t.Errorf("%s stands at the top level; it belongs into one of %v", e.Name(), rooms)
		}
	}
}

// layers from the bottom up. A package may import its own layer and those
// below it, never one above.
var layers = [][]string{
	{"schema"},
	{"storage", "authz"},
	{"actions"},
	{"engine"},
	{"engine/cli"},
	{"cmd", "examples"},
}

// apart are the pairs of one layer, or of close ones, that must not know each other.
var apart = []struct{ from, to, why string }{
	{"storage", "authz", "a store is handed predicates; it does not know who asks"},
	{"schema", "schema/load", "the types do not know the language they are written in"},
	{"engine", "storage/sqlite", "the engine is handed a store; only the command line picks one"},
	{"engine", "storage/memory", "the engine is handed a store; only the command line picks one"},
	{"engine", "schema/load", "the engine is handed a schema; only the command line reads files"},
}

// reserved names the only files that may import a package (or a tree of them, with a final slash).
// Tests are free, except where strict is set.
var reserved = []struct {
	pkg     string
	only    []string // path prefixes
	strict  bool
	meaning string
}{
	{"github.com/casbin/", []string{"authz/rules"}, true, "Casbin stays behind one file"},
	{"gopkg.in/yaml.v3", []string{"schema/load/"}, true, "YAML stays behind the loader"},
	{"zombiezen.com/go/", []string{"storage/sqlite/"}, false, "the SQLite driver stays behind its store; tests make databases as others would"},
	{"github.com/jackc/pgx/", []string{"storage/postgres/"}, false, "PostgreSQL stays behind its store; tests make databases as others would"},
	{"modernc.org/", []string{"storage/sqlite/"}, true, "the SQLite driver stays behind its store"},
	{"database/sql", nil, true, "stores talk to their driver directly"},
	{"net/http", []string{"engine/", "cmd/", "examples/", "storage/blob/blobtest/"}, false, "HTTP is known to the engine alone; a test of S3 has a server of it"},
	{"github.com/getkin/kin-openapi", []string{"engine/openapi/"}, false, "its structs change often, so one package knows them"},
	{"github.com/alecthomas/kong", []string{"engine/cli/"}, true, "flags are the command line's"},
	{"github.com/fsnotify/", []string{"engine/cli/"}, true, "watching files is the command line's"},
	{"github.com/redis/", []string{"engine/redis/"}, true, "Redis stays behind one package"},
	{"github.com/golang-jwt/", []string{"authz/token/"}, true, "tokens stay behind one package"},
}

func TestImportsRunOneWay(t *testing.T) {
	for file, imports := range sources(t) {
		from := path.Dir(file)
		for _, imported := range imports {
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours || strings.HasSuffix(file, "_test.go") {
				continue
			}
			if layer(from) < layer(to) {
				t.Errorf("%s imports %s, which is above it", file, to)
			}
			for _, a := range apart {
				if from == a.from && within(to, a.to) {
					t.Errorf("%s imports %s: %s", file, to, a.why)
				}
			}
		}
	}
}

func TestLibrariesStayInTheirPlace(t *testing.T) {
	for file, imports := range sources(t) {
		for _, imported := range imports {
			for _, r := range reserved {
				if !matches(imported, r.pkg) || strings.HasSuffix(file, "_test.go") && !r.strict {
					continue
				}
				if !anyPrefix(file, r.only) {
					t.Errorf("%s imports %s: %s (allowed: %v)", file, imported, r.meaning, r.only)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented := map[string]bool{}
	fset := token.NewFileSet()
	for file := range sources(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		dir := path.Dir(file)
		parsed, err := parser.ParseFile(fset, file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		documented[dir] = documented[dir] || parsed.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment that says what it is for", dir)
		}
	}
}

// sources returns the imports of every Go file, by slash-separated path.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	t.Chdir(root)
	found := map[string][]string{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		imports := []string{}
		for _, i := range f.Imports {
			imported, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imported)
		}
		found[filepath.ToSlash(p)] = imports
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no Go files found")
	}
	return found
}

// layer is the index of the most specific layer that holds the package.
func layer(pkg string) int {
	best, at := "", len(layers)
	for i, members := range layers {
		for _, m := range members {
			if within(pkg, m) && len(m) > len(best) {
				best, at = m, i
			}
		}
	}
	return at
}

func within(pkg, tree string) bool { return pkg == tree || strings.HasPrefix(pkg, tree+"/") }

func matches(imported, pkg string) bool {
	if strings.HasSuffix(pkg, "/") {
		return strings.HasPrefix(imported, pkg)
	}
	return within(imported, pkg)
}

func anyPrefix(file string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(file, p) {
			return true
		}
	}
	return false
}
