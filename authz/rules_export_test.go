package authz

import (
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
)

// textAdapter reads policy as Casbin's own adapters read files: line by line.
type textAdapter struct {
	persist.Adapter
	text string
}

func (a textAdapter) LoadPolicy(m model.Model) error {
	for line := range strings.Lines(a.text) {
		if err := persist.LoadPolicyLine(strings.TrimSpace(line), m); err != nil {
			return err
		}
	}
	return nil
}

func csvText(lines [][]string) string {
	var b strings.Builder
	for _, line := range lines {
		for i, cell := range line {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// What is exported, read by Casbin alone, gives the answers of the matrix.
func TestCasbinGivesTheSameAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := schemaOf("r0", "r1: r0", "r2: r1", "r3", "r4: r3 r0")
		c := f.class("thing", "a", "b")
		c.SoftDelete, c.Bulk = true, true
		actions(c, "run")
		words := []string{"list", "get", "create", "update", "delete", "run", "restore", "read", "write", "actions", "bulk", "all"}
		for range rapid.IntRange(0, 10).Draw(t, "rules") {
			var where schema.Expr
			if rapid.Bool().Draw(t, "conditional") {
				where = is(c, "a", "it's, \"so\"")
			}
			word := rapid.SampledFrom(words).Draw(t, "word")
			rule := f.add(c, word, rapid.SampledFrom([]string{"r0", "r1", "r2", "r3", "r4", "anyone", "user", "anonymous"}).Draw(t, "role"), where, rapid.IntRange(0, 2).Draw(t, "deny") == 0)
			if wordHasFields(word) && rapid.IntRange(0, 3).Draw(t, "narrow") == 0 {
				rule.Fields = []string{"b"}
			}
		}
		r, found := New(f.Schema, nil)
		if r == nil {
			if !found.HasErrors() {
				t.Fatal("refused without an error")
			}
			return // nothing that could be exported
		}
		m, err := model.NewModelFromString(ExportModel)
		if err != nil {
			t.Fatal(err)
		}
		e, err := casbin.NewEnforcer(m, textAdapter{text: csvText(r.Export())})
		if err != nil {
			t.Fatal(err)
		}
		for _, verb := range VerbsOf(c) {
			sets := r.everyRole()
			for i, cell := range r.Matrix(c, verb) {
				got, err := e.Enforce(cell.Role, "thing", verb)
				if err != nil {
					t.Fatal(err)
				}
				want := cell.Effect != Denied
				if verb == Bulk { // the matrix looks at what could be done, too
					want = r.decisionOf(sets[i].set, c, verb).Effect != Denied
				}
				if got != want {
					t.Fatalf("%s %s: casbin says %v, the matrix %v\n%s", cell.Role, verb, got, want, csvText(r.Export()))
				}
			}
		}
	})
}
