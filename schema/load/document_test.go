package load

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dowel-dev/dowel/schema"
)

func TestDocument(t *testing.T) {
	text := "a: 01234\nb: \"null\"\nc:\nd: [x, {y: 2026-01-01}]\n"
	got, list := Document("config.yaml", []byte(text))
	if len(list) > 0 {
		t.Fatal(list)
	}
	want := &Node{Kind: Map, Members: []Member{
		{Name: "a", Value: Node{Kind: Scalar, Text: "01234"}},
		{Name: "b", Value: Node{Kind: Scalar, Text: "null", Quoted: true}},
		{Name: "c", Value: Node{}},
		{Name: "d", Value: Node{Kind: List, Items: []Node{
			{Kind: Scalar, Text: "x"},
			{Kind: Map, Members: []Member{{Name: "y", Value: Node{Kind: Scalar, Text: "2026-01-01"}}}},
		}}},
	}}
	if d := cmp.Diff(want, got, cmpopts.IgnoreTypes(schema.Pos{})); d != "" {
		t.Error(d)
	}
	if at := got.Members[1].Value.Pos; at.Line != 2 || at.Col != 4 {
		t.Errorf("b stands at %d:%d", at.Line, at.Col)
	}
}

func TestDocumentFindings(t *testing.T) {
	for name, text := range map[string]string{
		"doubled key": "a: 1\na: 2\n",
		"syntax":      "a: [1\n",
		"tab":         "a:\n\tb: 1\n",
		"alias loop":  "a: &x [*x]\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, list := Document("config.yaml", []byte(text)); !list.HasErrors() {
				t.Error("nothing found")
			}
		})
	}
}

func TestDocumentEmpty(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "null\n"} {
		if n, list := Document("config.yaml", []byte(text)); n.Kind != Null || len(list) > 0 {
			t.Errorf("%q: %v %v", text, n.Kind, list)
		}
	}
}
