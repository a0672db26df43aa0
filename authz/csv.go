package authz

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/language"
)

// Policy files (policy.csv, policy/*.csv) hold lines of two kinds:
//
//	p, role, class, verb, condition, fields, effect
//	g, member, role
//
// They are read here and nowhere else: Casbin's own readers drop lines with a
// column too many and take `Deny` for no effect at all. Here everything that is not
// exactly right is an error with its place.

// Columns of a p line; an exported line has its position behind them.
const (
	colType = iota
	colRole
	colClass
	colVerb
	colCondition
	colFields
	colEffect
	colPosition
)

var header = []string{"p", "role", "class", "verb", "condition", "fields", "effect"}

// position is what the eighth column of an exported line looks like.
var position = regexp.MustCompile(`^[^:\s]+:\d+:\d+$`)

// policyFile is one file while it is read.
type policyFile struct {
	rules *Rules
	name  string
	lines []string // source, for columns in characters
	found *diag.List
}

// cell is one column of a line, trimmed, with its place.
type cell struct {
	text   string
	pos    schema.Pos
	quoted bool
}

func (r *Rules) readFile(name, text string, found *diag.List) {
	text = strings.TrimPrefix(text, "\ufeff")
	f := &policyFile{rules: r, name: name, lines: strings.Split(text, "\n"), found: found}
	if !utf8.ValidString(text) {
		f.fail(codeLine, schema.Pos{File: name, Line: 1, Col: 1}, "the policy file is not UTF-8", "")
		return
	}
	c := csv.NewReader(strings.NewReader(text))
	c.Comment = '#'
	c.FieldsPerRecord = -1
	c.TrimLeadingSpace = true
	for first := true; ; first = false {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			f.fail(codeLine, f.at(broken.Line, broken.Column), "broken quotes: "+broken.Err.Error(),
				`quote a whole column, and write a quote inside it twice: "name = ""x"""`)
			return
		}
		if err != nil {
			f.fail(codeLine, schema.Pos{File: name, Line: 1, Col: 1}, err.Error(), "")
			return
		}
		cells := f.cells(c, record)
		if first && isHeader(cells) {
			continue
		}
		f.line(cells)
	}
}

// cells trims the columns and finds their places.
func (f *policyFile) cells(c *csv.Reader, record []string) []cell {
	cells := make([]cell, len(record))
	for i, text := range record {
		line, col := c.FieldPos(i)
		source := f.lines[line-1]
		quoted := col-1 < len(source) && source[col-1] == '"'
		pos := f.at(line, col)
		trimmed := strings.TrimSpace(text)
		if quoted {
			pos.Col++
		}
		pos.EndCol = pos.Col + max(utf8.RuneCountInString(trimmed), 1)
		cells[i] = cell{text: trimmed, pos: pos, quoted: quoted}
	}
	return cells
}

// at turns a line and a column in bytes into a place with a column in characters.
func (f *policyFile) at(line, col int) schema.Pos {
	p := schema.Pos{File: f.name, Line: line, Col: col}
	if line >= 1 && line <= len(f.lines) && col >= 1 && col-1 <= len(f.lines[line-1]) {
		p.Col = utf8.RuneCountInString(f.lines[line-1][:col-1]) + 1
	}
	p.EndCol = p.Col + 1
	return p
}

// isHeader recognizes the optional first line by the names of its columns.
func isHeader(cells []cell) bool {
	if len(cells) < colVerb+1 {
		return false
	}
	for i, want := range header[colRole : colVerb+1] {
		if !strings.EqualFold(cells[i+1].text, want) {
			return false
		}
	}
	return true
}

func (f *policyFile) fail(code string, pos schema.Pos, message, help string) {
	f.found.Add(diag.Diagnostic{Code: code, Message: message, Help: help, Pos: pos})
}

func (f *policyFile) line(cells []cell) {
	switch kind := cells[colType]; kind.text {
	case "p":
		f.rule(cells)
	case "g":
		f.link(cells)
	default:
		f.fail(codeLine, kind.pos, fmt.Sprintf("a line cannot begin with `%s`", kind.text), "a rule begins with `p`, an inclusion of roles with `g`")
	}
}

// link reads g, member, role and, for an inclusion within one organization, its id.
func (f *policyFile) link(cells []cell) {
	org := ""
	if len(cells) == 4 {
		if cells[3].text != "" && cells[3].text != "*" {
			var ok bool
			if org, ok = f.org(cells[3]); !ok {
				return
			}
		}
		cells = cells[:3]
	}
	if len(cells) != 3 {
		f.fail(codeLine, cells[0].pos, fmt.Sprintf("a `g` line has 3 columns, this one has %d", len(cells)), "write: g, member, role; an organization may follow")
		return
	}
	member, role := cells[1], cells[2]
	okMember := isPseudo(member.text) || f.isRole(member.text)
	if !okMember {
		f.unknownRole(member, append(f.roleNames(), pseudoRoles()...))
	}
	if !f.isRole(role.text) {
		f.unknownRole(role, f.roleNames())
		return
	}
	switch declared := f.declared(role.text); {
	case !okMember:
	case f.module() != "." && schema.ModuleOf(declared.File) != f.module():
		f.found.Add(diag.Diagnostic{
			Code: codeLine, Pos: role.pos,
			Message: fmt.Sprintf("a module may give away only roles that it declares: `%s` is declared in %s", role.text, declared.File),
			Help:    "write the line in the policy of the application",
			Related: []diag.Related{{Pos: declared, Message: "the role is declared here"}},
		})
	case org != "":
		if f.rules.local == nil {
			f.rules.local = make(map[string][]link)
		}
		f.rules.local[org] = append(f.rules.local[org], link{member: member.text, role: role.text, org: org, pos: member.pos})
	default:
		f.rules.links = append(f.rules.links, link{member: member.text, role: role.text, pos: member.pos})
	}
}

// org reads the id of an organization. Which there are is for the database to know.
func (f *policyFile) org(c cell) (id string, ok bool) {
	t := f.rules.schema.Tenant
	if t == nil {
		f.fail(codeLine, c.pos, "there are no organizations: the schema has no `tenant`", "leave the column out")
		return "", false
	}
	key, err := schema.ParseKey(t.Class, c.text)
	if err != nil {
		f.fail(codeLine, c.pos, fmt.Sprintf("`%s` cannot be the id of a %s: %v", c.text, t.Class.Name, err), "")
		return "", false
	}
	return schema.FormatKey(t.Class, key), true
}

// rule reads p, role, class, verb, condition, fields, effect. It goes on after
// a mistake, so that one pass finds them all.
func (f *policyFile) rule(cells []cell) {
	if len(cells) == colPosition+1 && position.MatchString(cells[colPosition].text) && isEffect(cells[colEffect].text) {
		cells = cells[:colPosition]
	}
	if len(cells) != len(header) {
		help := "write: p, role, class, verb, condition, fields, effect; a column may be empty"
		if len(cells) > len(header) {
			help = "put a condition that holds a comma into double quotes"
		}
		f.fail(codeLine, cells[0].pos, fmt.Sprintf("a `p` line has %d columns, this one has %d", len(header), len(cells)), help)
		return
	}
	before := len(*f.found)
	if e := cells[colEffect]; !isEffect(e.text) {
		help := "write `allow` or `deny`"
		if lower := strings.ToLower(e.text); isEffect(lower) {
			help = "did you mean `" + lower + "`?"
		} else if s := diag.DidYouMean(lower, []string{"allow", "deny"}); s != "" {
			help = s
		}
		f.fail(codeLine, e.pos, fmt.Sprintf("the effect cannot be `%s`", e.text), help)
	}
	classes := f.classes(cells[colClass])
	if classes == nil {
		f.someRole(cells[colRole])
		return
	}
	var rules []*schema.Rule
	for _, c := range classes {
		if !f.owns(c, cells[colVerb].text) {
			f.found.Add(diag.Diagnostic{
				Code: codeLine, Pos: cells[colClass].pos,
				Message: fmt.Sprintf("a module may give rights only to what it adds: `%s` is declared in %s", c.Name, c.Pos.File),
				Help:    "write the line in the policy of the application",
				Related: []diag.Related{{Pos: c.Pos, Message: "the class is declared here"}},
			})
			return
		}
		mistakes := len(*f.found)
		if cells[colVerb].text == History && cells[colClass].text != "*" && cells[colEffect].text == "allow" && !c.History {
			f.fail(codeVerb, cells[colVerb].pos, fmt.Sprintf("`%s` keeps no history", c.Name), "write `history: true` in the class")
			break
		}
		rules = append(rules, f.ruleOf(c, cells))
		if len(*f.found) > mistakes {
			break // the next class would say the same again
		}
	}
	if len(*f.found) == before {
		f.rules.all = append(f.rules.all, rules...)
	}
}

// owns reports whether a policy file may speak of a verb of a class: the
// application's always, a module's only of its own classes and actions.
func (f *policyFile) owns(c *schema.Class, verb string) bool {
	module := f.module()
	if module == "." || schema.ModuleOf(c.Pos.File) == module {
		return true
	}
	return slices.ContainsFunc(c.Actions, func(a *schema.Action) bool { return a.Name == verb && schema.ModuleOf(a.Pos.File) == module })
}

// module is the folder of the module that the file is policy of, "." for the application's.
func (f *policyFile) module() string {
	dir := path.Dir(f.name)
	if path.Base(dir) == "policy" {
		dir = path.Dir(dir)
	}
	return dir
}

// declared is the place of a role.
func (f *policyFile) declared(role string) schema.Pos {
	for _, r := range f.rules.schema.Roles {
		if r.Name == role {
			return r.Pos
		}
	}
	return schema.Pos{}
}

func isEffect(text string) bool { return text == "allow" || text == "deny" }

// classes are the classes a line is about: one, or all of them for `*`.
func (f *policyFile) classes(c cell) []*schema.Class {
	var list []*schema.Class
	var names []string
	for _, class := range f.rules.schema.Classes {
		if class.Internal {
			continue
		}
		names = append(names, class.Name)
		if c.text == "*" || c.text == class.Name {
			list = append(list, class)
		}
	}
	if list == nil {
		f.fail(codeLine, c.pos, fmt.Sprintf("no class `%s`", c.text), diag.DidYouMean(c.text, names))
	}
	return list
}

func (f *policyFile) ruleOf(c *schema.Class, cells []cell) *schema.Rule {
	rule := &schema.Rule{Class: c, Pos: cells[colRole].pos, Deny: cells[colEffect].text == "deny"}
	rule.Pos.EndCol = cells[colEffect].pos.EndCol
	f.verb(rule, cells[colVerb])
	f.fields(rule, cells[colFields])
	f.role(rule, cells[colRole])
	f.condition(rule, cells[colCondition])
	return rule
}

func (f *policyFile) verb(rule *schema.Rule, c cell) {
	names := verbWords(rule.Class)
	switch {
	case c.text == "*":
		rule.Verb = "all"
	case slices.Contains(names, c.text):
		rule.Verb = c.text
	default:
		f.fail(codeVerb, c.pos, fmt.Sprintf("`%s` has no verb `%s`", rule.Class.Name, c.text), diag.DidYouMean(c.text, names))
	}
}

// verbWords are the verbs, groups and actions a rule of the class may name.
func verbWords(c *schema.Class) []string {
	var names []string
	for _, v := range language.Verbs() {
		names = append(names, v.Name)
	}
	for _, a := range c.Actions {
		names = append(names, a.Name)
	}
	return names
}

// fields reads the field list: names separated by spaces; `*` or nothing is all.
func (f *policyFile) fields(rule *schema.Rule, c cell) {
	if c.text == "" || c.text == "*" {
		return
	}
	if rule.Verb != "" && !wordHasFields(rule.Verb) {
		f.fail(codeLine, c.pos, fmt.Sprintf("fields mean nothing for `%s`", rule.Verb), "leave the column empty, or write `*`")
		return
	}
	var names []string
	for _, field := range rule.Class.Fields {
		names = append(names, field.JSON)
	}
	from := 0
	for _, name := range strings.Fields(c.text) {
		at := from + strings.Index(c.text[from:], name)
		from = at + len(name)
		pos := c.pos
		pos.Col += utf8.RuneCountInString(c.text[:at])
		pos.EndCol = pos.Col + utf8.RuneCountInString(name)
		field := rule.Class.Field(name)
		switch {
		case field == nil:
			f.fail(codeLine, pos, fmt.Sprintf("`%s` has no field `%s`", rule.Class.Name, name), diag.DidYouMean(name, names))
		case slices.Contains(rule.Fields, field.JSON):
			f.fail(codeLine, pos, fmt.Sprintf("field `%s` is named twice", name), "")
		case rule.Deny && (field.Synthetic || slices.Contains(rule.Class.Key, field)):
			f.fail(codeLine, pos, fmt.Sprintf("`%s` is the key, which is always shown", name), "deny the rows, or other fields")
		default:
			rule.Fields = append(rule.Fields, field.JSON)
		}
	}
}

// role reads a global role, one of the roles nobody declares, or a row role of the class.
func (f *policyFile) role(rule *schema.Rule, c cell) {
	names := append(f.roleNames(), pseudoRoles()...)
	for _, row := range rule.Class.RowRoles {
		if row.Name == c.text {
			rule.Role, rule.RowRole, rule.Where, rule.Cond = roleUser, row.Name, row.Where, row.Text
			return
		}
		names = append(names, row.Name)
	}
	if isPseudo(c.text) || f.isRole(c.text) {
		rule.Role = c.text
		return
	}
	f.unknownRole(c, names)
}

// someRole checks the role of a line whose class is not known.
func (f *policyFile) someRole(c cell) {
	if isPseudo(c.text) || f.isRole(c.text) {
		return
	}
	for _, class := range f.rules.schema.Classes {
		for _, row := range class.RowRoles {
			if row.Name == c.text {
				return
			}
		}
	}
	f.unknownRole(c, append(f.roleNames(), pseudoRoles()...))
}

func (f *policyFile) unknownRole(c cell, names []string) {
	if c.text == "" {
		f.fail(codeRole, c.pos, "a role is missing", "")
		return
	}
	f.fail(codeRole, c.pos, fmt.Sprintf("no role `%s`", c.text), diag.DidYouMean(c.text, names))
}

func (f *policyFile) isRole(name string) bool { return slices.Contains(f.roleNames(), name) }

func (f *policyFile) roleNames() []string {
	names := make([]string, len(f.rules.schema.Roles))
	for i, role := range f.rules.schema.Roles {
		names[i] = role.Name
	}
	return names
}

func pseudoRoles() []string { return []string{roleAnyone, roleAnonymous, roleUser} }
