package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// policyMatrixCmd is `dowel policy matrix`.
type policyMatrixCmd struct {
	Against string `placeholder:"REF|FOLDER" help:"Show only what changed since a revision of git (git:main) or against another folder or file. Exit status 1 when something is newly allowed: a gate for merges."`
	reportFlag
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run prints the whole matrix, or what differs.
func (c *policyMatrixCmd) Run(r *run) error {
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	now := matrixOf(p.schema, p.rules)
	if c.Against == "" {
		if c.Output == "json" {
			_, err = r.out.Write(now.json())
			return err
		}
		return now.table().print(r.out, "table")
	}
	old, err := r.loadOther(c.Against, c.Folder)
	if err != nil {
		return err
	}
	d := compare(matrixOf(old.schema, old.rules), now)
	if c.Output == "json" {
		err = printJSON(r, d)
	} else {
		err = d.text(r.out)
	}
	if err == nil && len(d.Allowed)+len(d.Rows) > 0 {
		return reported(exitFindings)
	}
	return err
}

// matrix is what every role may do, classes in the order of the schema.
type matrix struct {
	roles   []string
	classes []matrixClass
}

type matrixClass struct {
	name  string
	verbs []matrixVerb
}

type matrixVerb struct {
	name  string
	cells []matrixCell // as roles
}

// matrixCell is one answer. where tells rows apart that are not all; fields has
// an answer of its own for each member, where the verb is about some.
type matrixCell struct {
	answer string
	where  string
	fields map[string]string
}

var cellWords = map[authz.Effect]string{authz.Denied: "no", authz.Allowed: "yes", authz.Conditional: "rows"}

// matrixOf asks everything there is to ask.
func matrixOf(s *schema.Schema, rules *authz.Rules) *matrix {
	m := &matrix{}
	for _, c := range s.Classes {
		if c.Internal {
			continue
		}
		mc := matrixClass{name: c.Name}
		for _, verb := range authz.VerbsOf(c) {
			mv := matrixVerb{name: verb}
			m.roles = m.roles[:0]
			for _, cell := range rules.Matrix(c, verb) {
				m.roles = append(m.roles, cell.Role)
				mv.cells = append(mv.cells, cellOf(c, verb, cell.Decision))
			}
			mc.verbs = append(mc.verbs, mv)
		}
		m.classes = append(m.classes, mc)
	}
	return m
}

func cellOf(c *schema.Class, verb string, d *authz.Decision) matrixCell {
	cell := matrixCell{answer: cellWords[d.Effect]}
	if d.Effect == authz.Conditional {
		cell.where = expr.String(d.Where)
	}
	if d.Effect == authz.Denied || verb != authz.Get && verb != authz.Create && verb != authz.Update {
		return cell
	}
	cell.fields = map[string]string{}
	for _, f := range c.Fields {
		switch {
		case d.Always(f):
			cell.fields[f.JSON] = "yes"
		case d.May(f):
			cell.fields[f.JSON] = "rows"
		default:
			cell.fields[f.JSON] = "no"
		}
	}
	return cell
}

// json writes {class: {verb: {role: answer}}}, members in the order of the schema.
func (m *matrix) json() []byte {
	var b bytes.Buffer
	b.WriteString("{")
	for i, c := range m.classes {
		fmt.Fprintf(&b, "%s\n  %s: {", comma(i), scalar(c.name))
		for j, v := range c.verbs {
			fmt.Fprintf(&b, "%s\n    %s: {", comma(j), scalar(v.name))
			for k, cell := range v.cells {
				fmt.Fprintf(&b, "%s%s: %s", map[bool]string{true: "", false: ", "}[k == 0], scalar(m.roles[k]), scalar(cell.answer))
			}
			b.WriteString("}")
		}
		b.WriteString("\n  }")
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func (m *matrix) table() *table {
	t := &table{columns: append([]string{"class", "verb"}, m.roles...)}
	for _, c := range m.classes {
		for _, v := range c.verbs {
			cells := []any{c.name, v.name}
			for _, cell := range v.cells {
				cells = append(cells, cell.answer)
			}
			t.rows = append(t.rows, cells)
		}
	}
	return t
}

// find returns what a role may do, nil for what is not there.
func (m *matrix) find(class, verb, role string) *matrixCell {
	k := slices.Index(m.roles, role)
	for i := range m.classes {
		for j := range m.classes[i].verbs {
			if v := &m.classes[i].verbs[j]; k >= 0 && m.classes[i].name == class && v.name == verb {
				return &v.cells[k]
			}
		}
	}
	return nil
}

// difference is what two policies answer otherwise.
type difference struct {
	Allowed []change `json:"allowed"` // newly
	Denied  []change `json:"denied"`  // newly
	Rows    []change `json:"rows"`    // other rows than before: some may be newly allowed
}

// change is one answer that is another now.
type change struct {
	Class  string `json:"class"`
	Verb   string `json:"verb"`
	Field  string `json:"field,omitempty"`
	Role   string `json:"role"`
	Before string `json:"before"`
	After  string `json:"after"`
	// The rows, where it is about some.
	WhereBefore string `json:"where_before,omitempty"`
	WhereAfter  string `json:"where_after,omitempty"`
}

// ranks order answers: what is above allows more.
var ranks = map[string]int{"no": 0, "rows": 1, "yes": 2}

// compare tells the cells apart. What is not there allows nothing.
func compare(old, now *matrix) *difference {
	d := &difference{Allowed: []change{}, Denied: []change{}, Rows: []change{}}
	seen := map[string]bool{}
	for _, m := range []*matrix{now, old} {
		for _, c := range m.classes {
			for _, v := range c.verbs {
				for _, role := range m.roles {
					if id := c.name + " " + v.name + " " + role; !seen[id] {
						seen[id] = true
						d.cell(change{Class: c.name, Verb: v.name, Role: role}, old.find(c.name, v.name, role), now.find(c.name, v.name, role))
					}
				}
			}
		}
	}
	return d
}

// cell compares two cells, and their fields where both allow something.
func (d *difference) cell(at change, old, now *matrixCell) {
	nothing := &matrixCell{answer: "no"}
	if old == nil {
		old = nothing
	}
	if now == nil {
		now = nothing
	}
	at.Before, at.After, at.WhereBefore, at.WhereAfter = old.answer, now.answer, old.where, now.where
	switch {
	case ranks[now.answer] > ranks[old.answer]:
		d.Allowed = append(d.Allowed, at)
	case ranks[now.answer] < ranks[old.answer]:
		d.Denied = append(d.Denied, at)
	case old.where != now.where:
		d.Rows = append(d.Rows, at)
	}
	if old.fields == nil || now.fields == nil {
		return
	}
	var names []string
	for name := range now.fields {
		if _, both := old.fields[name]; both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		at.Field, at.Before, at.After = name, old.fields[name], now.fields[name]
		at.WhereBefore, at.WhereAfter = "", ""
		switch {
		case ranks[at.After] > ranks[at.Before]:
			d.Allowed = append(d.Allowed, at)
		case ranks[at.After] < ranks[at.Before]:
			d.Denied = append(d.Denied, at)
		}
	}
}

// text prints the difference for people.
func (d *difference) text(w io.Writer) error {
	var b strings.Builder
	part := func(title string, list []change) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s:\n", title)
		for _, c := range list {
			what := c.Class
			if c.Field != "" {
				what += "." + c.Field
			}
			fmt.Fprintf(&b, "  %s %s %s: %s, was %s\n", c.Role, c.Verb, what, said(c.After, c.WhereAfter), said(c.Before, c.WhereBefore))
		}
	}
	part("newly allowed", d.Allowed)
	part("newly denied", d.Denied)
	part("other rows than before", d.Rows)
	if b.Len() == 0 {
		b.WriteString("nothing is newly allowed or denied\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func said(answer, where string) string {
	if where == "" {
		return answer
	}
	return answer + " where " + where
}
