package diag

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
)

const source = "dowel: 1\nfields:\n      email: email uniqe\n\n\n\n\n\n\n      email: string\n"

func at(file string, line, col, end int) schema.Pos {
	return schema.Pos{File: file, Line: line, Col: col, EndCol: end}
}

func sources(string) ([]byte, error) { return []byte(source), nil }

func render(t *testing.T, format string, l ...Diagnostic) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, format, l, sources, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

var (
	word = Diagnostic{
		Code: "E021", Message: "unknown word `uniqe` on field `customer.email`", Label: "not a word of the language",
		Help: "did you mean `unique`?", Pos: at("a.yaml", 3, 20, 25),
	}
	twice = Diagnostic{
		Code: "E012", Message: "`email` is declared twice", Label: "second declaration", Pos: at("a.yaml", 10, 7, 12),
		Related: []Related{{at("a.yaml", 3, 7, 12), "first declaration"}},
	}
	elsewhere = Diagnostic{
		Code: "E012", Message: "`admin` is declared twice", Pos: at("b.yaml", 1, 1, 6),
		Related: []Related{{at("a.yaml", 2, 1, 7), "first declaration"}},
	}
	closed = Diagnostic{Code: "W001", Severity: Warning, Message: "100% of `tag`, closed:\nall", Help: "add `allow:`", Pos: at("a:b,c.yaml", 2, 1, 1)}
	whole  = Diagnostic{Code: "E009", Message: "no schema found", Pos: schema.Pos{File: "app"}, Help: "run `dowel init`"}
)

func TestText(t *testing.T) {
	same(t, render(t, "text", word), `error[E021]: unknown word `+"`uniqe`"+` on field `+"`customer.email`"+`
 --> a.yaml:3:20
  |
3 |       email: email uniqe
  |                    ^^^^^ not a word of the language
  |
  = help: did you mean `+"`unique`"+`?
`)
	same(t, render(t, "text", twice), `error[E012]: `+"`email`"+` is declared twice
  --> a.yaml:10:7
   |
 3 |       email: email uniqe
   |       ----- first declaration
...
10 |       email: string
   |       ^^^^^ second declaration
   |
`)
	same(t, render(t, "text", elsewhere, whole), `error[E012]: `+"`admin`"+` is declared twice
 --> b.yaml:1:1
  |
1 | dowel: 1
  | ^^^^^
  |
 ::: a.yaml:2:1
  |
2 | fields:
  | ------ first declaration
  |

error[E009]: no schema found
 --> app
  = help: run `+"`dowel init`"+`
`)
}

func TestColour(t *testing.T) {
	var b strings.Builder
	if err := Text(&b, List{word}, sources, true); err != nil {
		t.Fatal(err)
	}
	plain := strings.NewReplacer("\x1b[1m", "", "\x1b[1;31m", "", "\x1b[1;34m", "", "\x1b[0m", "").Replace(b.String())
	same(t, plain, render(t, "text", word))
}

// Text of a file cannot drive the terminal, and columns stay in place.
func TestTextIsClean(t *testing.T) {
	evil := Diagnostic{Code: "E010", Message: "unknown key `\x1b[2J\u202e`", Pos: at("a", 1, 2, 3)}
	var b strings.Builder
	if err := Text(&b, List{evil}, func(string) ([]byte, error) { return []byte("\tx\x1b[31m"), nil }, false); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u202e\t") {
		t.Errorf("%q", b.String())
	}
}

func TestShortAndGitHub(t *testing.T) {
	same(t, render(t, "short", word, closed, whole), "a.yaml:3:20: error[E021]: unknown word `uniqe` on field `customer.email`\n"+
		"a:b,c.yaml:2:1: warning[W001]: 100% of `tag`, closed: all\n"+
		"app: error[E009]: no schema found\n")
	same(t, render(t, "github", word, closed), "::error file=a.yaml,line=3,endLine=3,col=20,endColumn=25,title=E021::unknown word `uniqe` on field `customer.email`%0Ahelp: did you mean `unique`?\n"+
		"::warning file=a%3Ab%2Cc.yaml,line=2,endLine=2,col=1,endColumn=2,title=W001::100%25 of `tag`, closed:%0Aall%0Ahelp: add `allow:`\n")
}

func TestJSON(t *testing.T) {
	var got []map[string]any
	if err := json.Unmarshal([]byte(render(t, "json", twice, word)), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"code": "E012", "severity": "error", "message": "`email` is declared twice", "help": "", "file": "a.yaml",
			"line": 10.0, "column": 7.0, "end_line": 10.0, "end_column": 12.0,
			"related": []any{map[string]any{"file": "a.yaml", "line": 3.0, "column": 7.0, "message": "first declaration"}}},
		{"code": "E021", "severity": "error", "message": word.Message, "help": word.Help, "file": "a.yaml",
			"line": 3.0, "column": 20.0, "end_line": 3.0, "end_column": 25.0, "related": []any{}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := render(t, "json"); got != "[]\n" {
		t.Errorf("no findings are %q", got)
	}
}

func TestSARIF(t *testing.T) {
	var got struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				Level     string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn, EndColumn int }
					}
				}
				RelatedLocations []any
			}
		}
	}
	if err := json.Unmarshal([]byte(render(t, "sarif", twice, word, word)), &got); err != nil {
		t.Fatal(err)
	}
	run := got.Runs[0]
	place := run.Results[1].Locations[0].PhysicalLocation
	if got.Version != "2.1.0" || len(run.Tool.Driver.Rules) != 2 || len(run.Results) != 3 || run.Results[0].Level != "error" ||
		len(run.Results[0].RelatedLocations) != 1 || place.ArtifactLocation.URI != "a.yaml" || place.Region.StartColumn != 20 {
		t.Errorf("%+v", got)
	}
}

func TestSorted(t *testing.T) {
	var l List
	l.Add(twice)
	l.Add(word)
	l.Add(elsewhere)
	l.Add(word)
	l.Add(Diagnostic{Code: "W001", Pos: at("a.yaml", 1, 1, 2)})
	var got []string
	for _, d := range l.Sorted() {
		got = append(got, d.Code)
	}
	if want := []string{"W001", "E021", "E012", "E012"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if e, w := l.Count(); e != 4 || w != 1 || !l.HasErrors() || l[4:].HasErrors() {
		t.Error(e, w)
	}
	if got := l[3:].Summary(); got != "1 error, 1 warning" {
		t.Error(got)
	}
}

func TestSplitLines(t *testing.T) {
	for text, want := range map[string][]string{
		"":                      {""},
		"a\nb":                  {"a", "b"},
		"a\r\nb\rc\n":           {"a", "b", "c", ""},
		"\uFEFFa\u0085b\u2028c": {"a", "b", "c"},
	} {
		if got := SplitLines(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestCodes(t *testing.T) {
	for i, c := range Codes() {
		if i > 0 && codes[i-1].ID >= c.ID {
			t.Errorf("%s is out of order", c.ID)
		}
		if c.Title == "" || c.Text == "" || (c.Wrong == "") != (c.Right == "") {
			t.Errorf("%s has no page", c.ID)
		}
		if page := c.Page(); !strings.HasPrefix(page, c.ID+": ") {
			t.Error(page)
		}
	}
	if Lookup("E999") != nil || Lookup("E023").Title != "unknown type" {
		t.Error("Lookup")
	}
}

func TestSuggest(t *testing.T) {
	if got := DidYouMean("dat", []string{"int", "date", "text"}); got != "did you mean `date`?" {
		t.Error(got)
	}
	if got := DidYouMean("xyzzy", []string{"int", "date"}); got != "" {
		t.Error(got)
	}
}
