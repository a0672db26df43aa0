package load_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/schema/load"
)

// tree makes a file system of names and texts.
func tree(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i+1 < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

const tagClass = "classes: {tag: {fields: {name: string}, allow: {read: anyone}}}\n"

func TestWhichFilesAreRead(t *testing.T) {
	for _, c := range []struct {
		name    string
		root    string
		files   []string
		classes string   // of a clean load
		found   []string // file:line:col code
	}{
		{"one file", "crm.yaml", []string{"crm.yaml", "dowel: 1\n" + tagClass}, "tag", nil},
		{"a file in a folder", "apps/crm", []string{"apps/crm/dowel.yaml", "dowel: 1\n" + tagClass}, "tag", nil},
		{"schema folder only", ".", []string{
			"schema/a.yaml", "dowel: 1\n" + tagClass,
			"schema/b.yaml", "classes: {note: {fields: {body: text, tag: tag}, allow: {read: anyone}}}",
			"schema/readme.md", "not ours"}, "tag note", nil},
		{"main file and schema folder", ".", []string{
			"dowel.yaml", "dowel: 1\nroles: {admin: null}\n",
			"schema/a.yaml", tagClass}, "tag", nil},
		{"main file that names what it wants", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: schema/a.yaml\n",
			"schema/a.yaml", tagClass,
			"schema/b.yaml", "nonsense: 1"}, "tag", nil},
		{"globs", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: [\"*.yaml\", parts/*.yaml]\n",
			"extra.yaml", tagClass,
			"parts/a.yaml", "classes: {note: {fields: {a: int}, allow: {read: anyone}}}"}, "tag note", nil},
		{"relative to the naming file", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: parts/a.yaml\n",
			"parts/a.yaml", "include: more/b.yaml",
			"parts/more/b.yaml", "include: ../c.yaml",
			"parts/c.yaml", tagClass}, "tag", nil},
		{"a file twice is read once", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: [a.yaml, b.yaml]\n",
			"a.yaml", "include: c.yaml", "b.yaml", "include: c.yaml", "c.yaml", tagClass}, "tag", nil},
		{"module folders", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: modules/*\n",
			"modules/base/dowel.yaml", tagClass,
			"modules/more/note.yaml", "classes: {note: {fields: {a: int}, allow: {read: anyone}}}"}, "tag note", nil},
		{"a module adds to another's class", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: [modules/aaa, modules/base]\nroles: {admin: null}\n",
			"modules/aaa/dowel.yaml", "classes:\n  tag:\n    fields: {color: string optional, parent: tag optional}\n    scopes: {red: color = 'red'}\n    indexes: [color]\n    computed: {n: count tags}\n    actions: {paint: {set: {color: red}}}\n    allow: {paint: admin}\n",
			"modules/base/dowel.yaml", "classes:\n  tag:\n    doc: A label.\n    fields: {name: string}\n    allow: {read: anyone}\n"}, "tag", nil},

		{"nothing there", "nowhere", nil, "", []string{"nowhere:0:0 E009"}},
		{"an empty folder", ".", []string{"readme.md", ""}, "", []string{".:0:0 E009"}},
		{"an empty file", "a.yaml", []string{"a.yaml", ""}, "", []string{"a.yaml:1:1 E011"}},
		{"no version", ".", []string{"dowel.yaml", tagClass}, "", []string{"dowel.yaml:1:1 E011"}},
		{"an include that is not there", ".", []string{"dowel.yaml", "dowel: 1\ninclude: [a.yaml]\n" + tagClass}, "", []string{"dowel.yaml:2:11 E017"}},
		{"an include of outside", "app", []string{"app/dowel.yaml", "dowel: 1\ninclude: ../../etc/passwd\n" + tagClass}, "", []string{"app/dowel.yaml:2:10 E017"}},
		{"an absolute include", ".", []string{"dowel.yaml", "dowel: 1\ninclude: /etc/passwd\n" + tagClass}, "", []string{"dowel.yaml:2:10 E017"}},
		{"a broken pattern", ".", []string{"dowel.yaml", "dowel: 1\ninclude: 'a[.yaml'\n" + tagClass}, "", []string{"dowel.yaml:2:10 E017"}},
		{"an include of itself", ".", []string{"dowel.yaml", "dowel: 1\ninclude: dowel.yaml\n" + tagClass}, "", []string{"dowel.yaml:2:10 E018"}},
		{"includes in a circle", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: a.yaml\n" + tagClass, "a.yaml", "include: b.yaml", "b.yaml", "include: a.yaml"}, "", []string{"b.yaml:1:10 E018"}},
		{"mistakes of two files", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: a.yaml\nclasses: {b: {fields: {x: sting}, allow: {read: anyone}}}\n",
			"a.yaml", "classes: {a: {fields: {x: itn}, allow: {read: anyone}}}"}, "", []string{"a.yaml:1:27 E023", "dowel.yaml:3:27 E023"}},
		{"a class twice", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: a.yaml\nclasses: {tag: {doc: A label., fields: {name: string}, allow: {read: anyone}}}\n", "a.yaml", "classes: {tag: {doc: Mine., fields: {x: int}}}"}, "", []string{"a.yaml:1:11 E012"}},
		{"a module that says what only the class may", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: a.yaml\n" + tagClass, "a.yaml", "classes: {tag: {sort: name}}"}, "", []string{"a.yaml:1:11 E012"}},
		{"a field added twice", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: a.yaml\n" + tagClass, "a.yaml", "classes: {tag: {fields: {name: int}}}"}, "", []string{"a.yaml:1:26 E012"}},
		{"rights a module may not give", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: a.yaml\n" + tagClass, "a.yaml", "classes: {tag: {allow: {delete: anyone}}}"}, "", []string{"a.yaml:1:25 E019"}},
		{"a role twice", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: a.yaml\nroles: {admin: null}\n" + tagClass, "a.yaml", "roles: {admin: null}"}, "", []string{"a.yaml:1:9 E012"}},
		{"app twice", ".", []string{
			"dowel.yaml", "dowel: 1\ninclude: a.yaml\napp: {title: A}\n" + tagClass, "a.yaml", "app: {title: B}"}, "", []string{"a.yaml:1:6 E012"}},
		{"not UTF-8", "a.yaml", []string{"a.yaml", "dowel: 1\napp: {title: \xff}\n"}, "", []string{"a.yaml:2:14 E009"}},
		{"too large", "a.yaml", []string{"a.yaml", "dowel: 1\n" + strings.Repeat("#", 5<<20)}, "", []string{"a.yaml:0:0 E009"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, list := load.FS(tree(c.files...), c.root, load.Options{})
			var found []string
			for _, d := range list {
				found = append(found, fmt.Sprintf("%s:%d:%d %s", d.Pos.File, d.Pos.Line, d.Pos.Col, d.Code))
			}
			if !slices.Equal(found, c.found) {
				t.Fatalf("found %v: %v", found, list)
			}
			if s == nil {
				return
			}
			var classes []string
			for _, class := range s.Classes {
				classes = append(classes, class.Name)
			}
			if got := strings.Join(classes, " "); got != c.classes {
				t.Errorf("classes %q, want %q", got, c.classes)
			}
		})
	}
}

func TestAliases(t *testing.T) {
	clean := "dowel: 1\n" +
		"x-parts:\n  - &named {name: string max=50}\n  - &rules {read: anyone}\n" +
		"classes:\n" +
		"  a: {fields: *named, allow: *rules}\n" +
		"  b:\n    fields: {<<: *named, size: int}\n    allow: *rules\n"
	s, list := load.FS(tree("dowel.yaml", clean), ".", load.Options{})
	if len(list) > 0 {
		t.Fatal(list)
	}
	if f := s.Class("b").Field("name"); f == nil || s.Class("b").Field("size") == nil {
		t.Error("the merged field is missing")
	}
	bomb := "dowel: 1\nx-a: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		bomb += fmt.Sprintf("x-%d: &a%d [%s]\n", i, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i), 10), ", "))
	}
	same(t, "a bomb", codesOf(loadText(bomb+tagClass)), []string{"E008"})
	same(t, "a loop", codesOf(loadText("dowel: 1\nx-a: &a {b: *a}\n"+tagClass)), []string{"E008"})
	same(t, "a loop of keys", codesOf(loadText("dowel: 1\nclasses: &a\n  tag:\n    fields: *a\n")), []string{"E008"})
}

// The revision changes with the sources and with nothing else.
func TestRevision(t *testing.T) {
	revision := func(text string) string {
		s, list := load.FS(tree("dowel.yaml", text), ".", load.Options{})
		if s == nil {
			t.Fatal(list)
		}
		return s.Revision
	}
	a, again, b := revision("dowel: 1\n"+tagClass), revision("dowel: 1\n"+tagClass), revision("dowel: 1\napp: {title: X}\n"+tagClass)
	if a != again || a == b {
		t.Error(a, again, b)
	}
}

// A policy file beside the schema may be all that opens a class.
func TestPolicyFilesOpenClasses(t *testing.T) {
	files := tree("dowel.yaml", "dowel: 1\nclasses: {tag: {fields: {a: int}}, note: {fields: {a: int}}}\n",
		"policy/base.csv", "# ours\np, anyone, tag, read, , *, allow\ng, a, b\n")
	_, list := load.FS(files, ".", load.Options{})
	same(t, "warnings", lines(list), "2:36-40 W001 the class `note` has no `allow`, so nobody may do anything with it | add `allow:`, or write `expose: false`\n")
}
