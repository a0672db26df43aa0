package language

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The loader reads every key of the table: each is quoted somewhere in it.
func TestLoaderReadsEveryKey(t *testing.T) {
	files, err := filepath.Glob("../load/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	// Options of types are handed on to them by name.
	types := map[string]bool{"min": true, "max": true, "scale": true, "pattern": true}
	for _, s := range Sections() {
		for _, k := range s.Keys {
			if !types[k.Name] && !strings.Contains(all.String(), `"`+k.Name+`"`) {
				t.Errorf("nothing reads `%s` of %s", k.Name, s.Name)
			}
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	for _, s := range Sections() {
		if s.Doc == "" || len(s.Keys) == 0 {
			t.Errorf("section %s", s.Name)
		}
		seen := map[string]bool{}
		for _, k := range s.Keys {
			if k.Doc == "" || k.Example == "" || len(k.Shapes) == 0 || seen[k.Name] {
				t.Errorf("key %s of %s", k.Name, s.Name)
			}
			seen[k.Name] = true
			if s.Name != "field" && s.Name != "type" && !strings.HasPrefix(k.Example, k.Name+":") {
				t.Errorf("the example of %s in %s is %q", k.Name, s.Name, k.Example)
			}
			shapes(t, k.Shapes)
		}
	}
}

func shapes(t *testing.T, all []Shape) {
	t.Helper()
	for _, s := range all {
		switch s.Kind {
		case Choice:
			if len(s.Words) == 0 {
				t.Error("a choice of nothing")
			}
		case List, Map:
			if len(s.Of) == 0 {
				t.Error("a list or map of nothing")
			}
			shapes(t, s.Of)
		case Object:
			Lookup(s.Section)
		}
	}
}

func TestVerbsAndRoles(t *testing.T) {
	for _, v := range Verbs() {
		if !IsVerb(v.Name) || v.Doc == "" {
			t.Error(v)
		}
		for _, name := range v.Group {
			if !IsVerb(name) {
				t.Errorf("%s stands for %s", v.Name, name)
			}
		}
	}
	for _, r := range BuiltinRoles() {
		if !IsBuiltinRole(r.Name) {
			t.Error(r)
		}
	}
	if IsVerb("publish") || IsBuiltinRole("admin") || !ReservedParameter("limit") || ReservedParameter("name") ||
		!ReservedMember("history") || !ReservedAction("bulk_import") || !ReservedCollection("auth") {
		t.Error("reserved words")
	}
	for place := range foreign {
		for _, w := range ForeignWords(place) {
			if help, ok := Foreign(place, w); !ok || help == "" {
				t.Errorf("%s %s", place, w)
			}
		}
	}
}
