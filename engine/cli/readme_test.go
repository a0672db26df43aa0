package cli

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write the table of settings into the README")

const readme = "../../README.md"

// TestReadmeListsEverySetting holds the table of settings in the README.
func TestReadmeListsEverySetting(t *testing.T) {
	content, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), "<!-- settings: held by a test of engine/cli -->\n")
	got, after, closed := strings.Cut(rest, "<!-- /settings -->")
	if !ok || !closed {
		t.Fatal("no place for the table")
	}
	want := "| key | default | meaning |\n|---|---|---|\n"
	for _, s := range settings() {
		want += fmt.Sprintf("| `%s` | %s | %s |\n", s.key, code(s.initial), s.doc)
	}
	if got == want {
		return
	}
	if !*update {
		t.Fatal("the table of settings is not that of settings.go; go test ./engine/cli -run Readme -update")
	}
	text := before + "<!-- settings: held by a test of engine/cli -->\n" + want + "<!-- /settings -->" + after
	if err := os.WriteFile(readme, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// TestVerbsAreDocumented holds that every verb and flag says what it does.
func TestVerbsAreDocumented(t *testing.T) {
	r := &run{}
	k, err := r.parser(&grammar{})
	if err != nil {
		t.Fatal(err)
	}
	var visit func(n *kong.Node)
	visit = func(n *kong.Node) {
		if n.Hidden {
			return
		}
		if n.Help == "" {
			t.Errorf("%s says nothing about itself", n.FullPath())
		}
		for _, f := range n.Flags {
			if f.Help == "" {
				t.Errorf("%s --%s says nothing about itself", n.FullPath(), f.Name)
			}
		}
		for _, c := range n.Children {
			visit(c)
		}
	}
	visit(k.Model.Node)
}
