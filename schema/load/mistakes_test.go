package load_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/load"
)

var update = flag.Bool("update", false, "rewrite golden files")

// lines shows a list one finding a line, with the place, the words under it and the help.
func lines(l diag.List) string {
	var b strings.Builder
	for _, d := range l {
		fmt.Fprintf(&b, "%d:%d-%d %s %s", d.Pos.Line, d.Pos.Col, d.Pos.EndCol, d.Code, d.Message)
		if d.Help != "" {
			fmt.Fprintf(&b, " | %s", d.Help)
		}
		for _, r := range d.Related {
			fmt.Fprintf(&b, " | %d:%d", r.Pos.Line, r.Pos.Col)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// One file with dozens of mistakes: each is reported once, at its place, in one pass.
func TestMistakes(t *testing.T) {
	schema, list := load.FS(os.DirFS("testdata/mistakes"), ".", load.Options{})
	if schema != nil {
		t.Error("a broken file gives a schema")
	}
	got := lines(list)
	const golden = "testdata/mistakes/golden.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "findings", strings.Split(got, "\n"), strings.Split(string(want), "\n"))
	if errors, _ := list.Count(); errors < 40 {
		t.Errorf("only %d mistakes", errors)
	}
}
