package load_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/load"
)

func loadText(text string) diag.List {
	_, list := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(text)}}, ".", load.Options{})
	return list
}

func codesOf(l diag.List) (all []string) {
	for _, d := range l {
		all = append(all, d.Code)
	}
	return all
}

// The examples of every page of explain say the truth: the wrong one has the
// code and nothing else wrong, the right one has no error and not the code.
func TestExamplesOfCodes(t *testing.T) {
	for _, c := range diag.Codes() {
		if c.Wrong == "" {
			continue
		}
		t.Run(c.ID, func(t *testing.T) {
			wrong := loadText("dowel: 1\n" + c.Wrong + "\n")
			if got := slices.DeleteFunc(codesOf(wrong), func(s string) bool { return s == "W001" && c.ID != "W001" }); !slices.Equal(got, []string{c.ID}) {
				t.Errorf("the wrong example finds %v: %v", got, wrong)
			}
			right := loadText("dowel: 1\n" + c.Right + "\n")
			if right.HasErrors() || slices.Contains(codesOf(right), c.ID) {
				t.Errorf("the right example finds %v", right)
			}
		})
	}
}

// Every code in the sources is in the table.
func TestCodesAreInTheTable(t *testing.T) {
	quoted := regexp.MustCompile(`"([EW]0\d\d)"`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range quoted.FindAllSubmatch(text, -1) {
			if diag.Lookup(string(m[1])) == nil {
				t.Errorf("%s reports %s, which is not in the table", name, m[1])
			}
		}
	}
}
