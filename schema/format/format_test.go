package format_test

import (
	"os"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema/format"
)

func TestSource(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"already canonical", "dowel: 1\napp: {title: A}\n", "dowel: 1\napp: {title: A}\n"},
		{"empty", "", ""},
		{"only comments", "#a\n\n\n# b", "# a\n\n# b\n"},
		{"end of the file", "dowel: 1\n\n\n", "dowel: 1\n"},
		{"no end of line", "dowel: 1", "dowel: 1\n"},
		{"carriage returns", "dowel: 1\r\napp: {title: A}\r\n", "dowel: 1\napp: {title: A}\n"},
		{"byte order mark", "\ufeffdowel: 1\n", "dowel: 1\n"},
		{"trailing spaces", "dowel: 1  \n", "dowel: 1\n"},
		{"indent of four", "classes:\n    tag:\n        fields:\n            name: slug\n", "classes:\n  tag:\n    fields:\n      name: slug\n"},
		{"uneven indents", "a:\n b:\n    c: 1\n    d:\n     - x\ne: 2\n", "a:\n  b:\n    c: 1\n    d:\n      - x\n\ne: 2\n"},
		{"list right below its key", "a:\n- x\n- y: 1\n  z: 2\nb: 1\n", "a:\n  - x\n  - y: 1\n    z: 2\n\nb: 1\n"},
		{"list of lists", "a:\n  -   - x\n      - y\n", "a:\n  - - x\n    - y\n"},
		{"list of maps far right", "a:\n    -   x: 1\n        y: 2\n    -   x: 3\n", "a:\n  - x: 1\n    y: 2\n  - x: 3\n"},
		{"spaces around colons", "a :   1\nb:    {x:   1 ,y: [ 1,2 , 3 ] }\n", "a: 1\nb: {x: 1, y: [1, 2, 3]}\n"},
		{"flow with quotes", "a: { 'x, y':  \"}  {\" , z: 'it''s'}\n", "a: {'x, y': \"}  {\", z: 'it''s'}\n"},
		{"quotes inside of plain text", "a: {x: it's,  y: a'b}\n", "a: {x: it's, y: a'b}\n"},
		{"comma at the end", "a: [1, 2, ]\n", "a: [1, 2]\n"},
		{"colons inside of text", "a: {x: http://y:80, z: 'a: b'}\n", "a: {x: http://y:80, z: 'a: b'}\n"},
		{"condition in flow", "roles: {author:  author = me}\n", "roles: {author: author = me}\n"},
		{"flow of several lines", "classes:\n    tag:\n        fields: {\n            name: slug,   # its name\n            b: int\n        }\n",
			"classes:\n  tag:\n    fields: {\n        name: slug,   # its name\n        b: int\n    }\n"},
		{"comment behind a value", "a: 1    #one\nb: 'x # y' # two\n", "a: 1    # one\nb: 'x # y' # two\n"},
		{"comment behind a key", "a:   # all\n    b: 1\n", "a: # all\n  b: 1\n"},
		{"comment in front of a key", "a:\n    # about b\n    b: 1\n", "a:\n  # about b\n  b: 1\n"},
		{"comment left of what follows", "a:\n# about b\n    b: 1\n", "a:\n  # about b\n  b: 1\n"},
		{"comment at the end of a block", "a:\n    b: 1\n    # more to come\nc: 1\n", "a:\n  b: 1\n  # more to come\n\nc: 1\n"},
		{"comment as the only content", "a:\n    b: null\n    c:\n        # nothing yet\nd: 1\n", "a:\n  b: null\n  c:\n    # nothing yet\n\nd: 1\n"},
		{"comment at the end of the file", "a:\n    b: 1\n    # end\n# really\n", "a:\n  b: 1\n  # end\n# really\n"},
		{"modeline", "# yaml-language-server: $schema=./.dowel/schema.json\ndowel: 1\n", "# yaml-language-server: $schema=./.dowel/schema.json\ndowel: 1\n"},
		{"rule of signs", "#---- a ----\n#!x\n##\ndowel: 1\n", "#---- a ----\n#!x\n##\ndowel: 1\n"},
		{"block scalar", "classes:\n    tag:\n        doc: |\n            One.\n\n              Two.  \n        fields: {name: slug}\n",
			"classes:\n  tag:\n    doc: |\n        One.\n\n          Two.  \n    fields: {name: slug}\n"},
		{"block scalar that keeps line ends", "a: |+\n  x\n\nb: 1\n", "a: |+\n  x\n\nb: 1\n"},
		{"folded scalar in a list", "a:\n    - >-\n        x\n        y\n    - z\n", "a:\n  - >-\n      x\n      y\n  - z\n"},
		{"plain text of two lines", "a:\n    b: one\n       two\n    c: 1\n", "a:\n  b: one\n     two\n  c: 1\n"},
		{"quoted text of two lines", "a:\n    b: \"one\n        two\"\n    c: 1\n", "a:\n  b: \"one\n      two\"\n  c: 1\n"},
		{"anchor and alias", "a: &x\n    b: 1\nc:\n    <<: *x\n    d: *x\n", "a: &x\n  b: 1\n\nc:\n  <<: *x\n  d: *x\n"},
		{"quoted keys", "'a b':   1\n\"c: d\" : 2\n", "'a b': 1\n\"c: d\": 2\n"},
		{"blank lines", "\n\ndowel: 1\n\n\n\napp:\n\n  title: A\n\n  version: B\n", "dowel: 1\n\napp:\n  title: A\n\n  version: B\n"},
		{"sections of several lines are set apart", "dowel: 1\napp: {title: A}\nroles:\n  a: null\ntypes: {b: string}\nclasses:\n  x:\n    fields: {c: int}\n  y: {fields: {c: int}}\n  z: {fields: {c: int}}\n  # about w\n  w:\n    doc: W.\n    fields: {c: int}\n",
			"dowel: 1\napp: {title: A}\n\nroles:\n  a: null\n\ntypes: {b: string}\n\nclasses:\n  x:\n    fields: {c: int}\n\n  y: {fields: {c: int}}\n  z: {fields: {c: int}}\n\n  # about w\n  w:\n    doc: W.\n    fields: {c: int}\n"},
		{"things of other tools stay", "x-note: {  a:  b }\n", "x-note: {a: b}\n"},
		{"document marks are left alone", "---\na:   1\n", "---\na:   1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, list := format.Source("x.yaml", []byte(tt.in))
			if list != nil {
				t.Fatal(list)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
			if again, _ := format.Source("x.yaml", got); string(again) != string(got) {
				t.Errorf("a second time it becomes\n%s", again)
			}
		})
	}
}

func TestNotYAML(t *testing.T) {
	in := "a: [1\nb: 2\n"
	got, list := format.Source("x.yaml", []byte(in))
	if !list.HasErrors() || string(got) != in {
		t.Errorf("%s %v", got, list)
	}
}

// TestApplications: the shipped applications are laid out canonically.
func TestApplications(t *testing.T) {
	entries, err := os.ReadDir("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := path.Join("../../examples", e.Name(), "dowel.yaml")
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		got, list := format.Source(name, data)
		if diff := cmp.Diff(string(data), string(got)); diff != "" || list != nil {
			t.Errorf("%s: %v\n%s", name, list, diff)
		}
	}
}

// FuzzSource: the layout is stable, and what is laid out anew is still there.
func FuzzSource(f *testing.F) {
	for _, seed := range []string{
		"a:\n    b: 1 # c\n", "a:\n- x\n-   y: 1\n    z: |\n     q\n", "a: {b: [1,2 ], c: 'd'}\n", "# a\n\n\nb:\n\n # c\nd: \"e\n  f\"\n",
		"a: b\n  c\n\n  d\ne: >+\n f\n\n", "? a\n: b\n", "- - a\n  - b\n-\n  c: 1\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, list := format.Source("x.yaml", []byte(in))
		if list != nil {
			return
		}
		again, list := format.Source("x.yaml", out)
		if list != nil || string(again) != string(out) {
			t.Fatalf("%q becomes %q, and that %q (%v)", in, out, again, list)
		}
		if strings.Count(string(out), "#") < strings.Count(in, "#") {
			t.Fatalf("%q loses a comment: %q", in, out)
		}
	})
}
