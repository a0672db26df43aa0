package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/schema/load"
)

const testFolder = "tests"

// testFile is one tests/*.test.yaml: who there is, what they may do, and what is
// answered over HTTP.
type testFile struct {
	name      string // tests/crm.test.yaml
	people    []person
	sentences []sentence
	steps     []httpStep
}

// person is somebody that sentences and steps speak of.
type person struct {
	name  string
	login string // of a user among the seeds, or ""
	roles []string
	id    string
	in    string            // the organization that is meant
	has   map[string]string // other members: me.FIELD, and claims
	pos   schema.Pos
}

// sentence is NAME can|cannot VERB CLASS[/KEY] [where CONDITION].
type sentence struct {
	text   string
	pos    schema.Pos
	who    *person
	can    bool
	verbs  []string
	target *target
	where  schema.Expr // what is assumed of the row; nil is nothing
}

// testErrors collects what is wrong with test files: file:line:column: sentence.
type testErrors []string

func (e *testErrors) add(pos schema.Pos, format string, args ...any) {
	*e = append(*e, fmt.Sprintf("%s:%d:%d: ", pos.File, pos.Line, pos.Col)+fmt.Sprintf(format, args...))
}

// readTests reads every test file of an application.
func readTests(folder string, s *schema.Schema) ([]*testFile, error) {
	entries, err := os.ReadDir(filepath.Join(folder, testFolder))
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, unavailable(err)
	}
	var files []*testFile
	var wrong testErrors
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".test.yaml") && !strings.HasSuffix(e.Name(), ".test.yml") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, testFolder, e.Name()))
		if err != nil {
			return nil, unavailable(err)
		}
		name := path.Join(testFolder, e.Name())
		root, found := load.Document(name, content)
		for i := range found {
			wrong = append(wrong, found[i].Error())
		}
		if found.HasErrors() {
			continue
		}
		r := testReader{schema: s, wrong: &wrong}
		files = append(files, r.file(name, root))
	}
	if len(wrong) > 0 {
		return nil, refuse(errors.New("the test files have mistakes"), wrong...)
	}
	return files, nil
}

// testReader reads one file.
type testReader struct {
	schema *schema.Schema
	wrong  *testErrors
	made   *testFile
}

// object checks that a node is a map of known keys.
func (r *testReader) object(n *load.Node, what string, known ...string) bool {
	if n.Kind != load.Map {
		r.wrong.add(n.Pos, "%s is a map, not %s", what, n.Kind)
		return false
	}
	for _, m := range n.Members {
		if !slices.Contains(known, m.Name) {
			r.wrong.add(m.Pos, "unknown key `%s` of %s%s", m.Name, what, didYouMean(m.Name, known))
		}
	}
	return true
}

func (r *testReader) file(name string, root *load.Node) *testFile {
	r.made = &testFile{name: name}
	if root.Kind == load.Null || !r.object(root, "a test file", "people", "policy", "http") {
		return r.made
	}
	if n := root.Member("people"); n != nil && n.Kind != load.Null {
		r.people(n)
	}
	if n := root.Member("policy"); n != nil {
		for _, item := range r.list(n, "`policy`") {
			r.sentence(&item)
		}
	}
	if n := root.Member("http"); n != nil {
		for _, item := range r.list(n, "`http`") {
			r.step(&item, "")
		}
	}
	return r.made
}

func (r *testReader) list(n *load.Node, what string) []load.Node {
	if n.Kind != load.List && n.Kind != load.Null {
		r.wrong.add(n.Pos, "%s is a list, not %s", what, n.Kind)
	}
	return n.Items
}

func (r *testReader) people(n *load.Node) {
	if n.Kind != load.Map {
		r.wrong.add(n.Pos, "`people` is a map of name → role, login of a user, or attributes, not %s", n.Kind)
		return
	}
	for i := range n.Members {
		m := &n.Members[i]
		p := person{name: m.Name, pos: m.Pos, has: map[string]string{}}
		switch m.Value.Kind {
		case load.Scalar:
			r.short(&p, &m.Value)
		case load.Map:
			r.long(&p, &m.Value)
		default:
			r.wrong.add(m.Value.Pos, "`%s` is a role, the login of a user in seed/, or a map of attributes, not %s", m.Name, m.Value.Kind)
		}
		if _, role := asRole(r.schema, m.Name); role {
			r.wrong.add(m.Pos, "`%s` is a role: give the person another name", m.Name)
		}
		r.made.people = append(r.made.people, p)
	}
}

// short reads NAME: ROLE and NAME: LOGIN.
func (r *testReader) short(p *person, n *load.Node) {
	switch _, role := asRole(r.schema, n.Text); {
	case role:
		p.roles = []string{n.Text}
	case r.schema.Login == nil || !strings.ContainsAny(n.Text, "@.") && didYouMean(n.Text, globalRoles(r.schema)) != "":
		r.wrong.add(n.Pos, "unknown role `%s`%s", n.Text, didYouMean(n.Text, globalRoles(r.schema)))
	default:
		p.login = n.Text
	}
}

// long reads NAME: {role: …, id: …, team: …}. What the login class logs in with names a user.
func (r *testReader) long(p *person, n *load.Node) {
	for i := range n.Members {
		m := &n.Members[i]
		v := &m.Value
		switch {
		case m.Name == "role" || m.Name == "roles":
			items := v.Items
			if v.Kind == load.Scalar {
				items = []load.Node{*v}
			}
			for _, item := range items {
				if _, ok := asRole(r.schema, item.Text); !ok {
					r.wrong.add(item.Pos, "unknown role `%s`%s", item.Text, didYouMean(item.Text, globalRoles(r.schema)))
				}
				p.roles = append(p.roles, item.Text)
			}
		case v.Kind != load.Scalar:
			r.wrong.add(v.Pos, "`%s` of `%s` is a value, not %s", m.Name, p.name, v.Kind)
		case m.Name == "user" || r.schema.Login != nil && m.Name == r.schema.Login.Auth.Login.JSON:
			p.login = v.Text
		case m.Name == "id":
			p.id = v.Text
		case m.Name == "in" && r.schema.Tenant != nil:
			p.in = v.Text
		default:
			p.has[m.Name] = v.Text
		}
	}
	if p.login != "" && (len(p.roles) > 0 || p.id != "" || len(p.has) > 0) {
		r.wrong.add(p.pos, "`%s` is a user in seed/, who has a role, an id and fields already", p.name)
	}
}

// whoever finds a person, or a role that stands for somebody who has it.
func (r *testReader) whoever(name string, pos schema.Pos) *person {
	for i := range r.made.people {
		if r.made.people[i].name == name {
			return &r.made.people[i]
		}
	}
	if _, role := asRole(r.schema, name); role {
		return &person{name: name, roles: []string{name}, pos: pos}
	}
	known := whoNames(r.schema)
	for _, p := range r.made.people {
		known = append(known, p.name)
	}
	r.wrong.add(pos, "nobody is called `%s`: name a role or one of `people`%s", name, didYouMean(name, known))
	return nil
}

const sentenceForm = "NAME can|cannot VERB CLASS[/KEY] [where FIELD = VALUE]"

func (r *testReader) sentence(n *load.Node) {
	if n.Kind != load.Scalar {
		r.wrong.add(n.Pos, "a sentence is text: %s, not %s", sentenceForm, n.Kind)
		return
	}
	s := sentence{text: strings.Join(strings.Fields(n.Text), " "), pos: n.Pos}
	before, where, conditional := strings.Cut(s.text, " where ")
	words := strings.Fields(strings.ReplaceAll(before, ",", " "))
	if len(words) < 4 || words[1] != "can" && words[1] != "cannot" {
		r.wrong.add(n.Pos, "`%s` is no sentence: %s", s.text, sentenceForm)
		return
	}
	s.can = words[1] == "can"
	if s.who = r.whoever(words[0], n.Pos); s.who == nil {
		return
	}
	var err error
	if s.target, err = targetOf(r.schema, words[len(words)-1]); err != nil {
		r.wrong.add(n.Pos, "%v", err)
		return
	}
	for _, word := range words[2 : len(words)-1] {
		verbs, err := verbsFor(s.target, word)
		if err != nil {
			r.wrong.add(n.Pos, "%v", err)
			return
		}
		s.verbs = append(s.verbs, verbs...)
	}
	if conditional && !r.condition(&s, where) {
		return
	}
	r.made.sentences = append(r.made.sentences, s)
}

// condition reads what is assumed of the row. A bare word on the right stands for itself.
func (r *testReader) condition(s *sentence, text string) bool {
	if s.target.key != "" {
		r.wrong.add(s.pos, "`where` is about any row, and %s is one", s.target)
		return false
	}
	node, bad := expr.Parse(text)
	if bad == nil {
		where, problems := expr.Bind(node, &expr.Scope{Schema: r.schema, Class: s.target.class, Login: r.schema.Login, Mode: expr.Rule})
		if len(problems) == 0 {
			s.where = where
			return true
		}
		if quoted, ok := quoteLast(text); ok {
			if node, bad := expr.Parse(quoted); bad == nil {
				if where, more := expr.Bind(node, &expr.Scope{Schema: r.schema, Class: s.target.class, Login: r.schema.Login, Mode: expr.Rule}); len(more) == 0 {
					s.where = where
					return true
				}
			}
		}
		help := ""
		if problems[0].Hint != "" {
			help = "; " + problems[0].Hint
		}
		r.wrong.add(s.pos, "%s%s", problems[0].Message, help)
		return false
	}
	if quoted, ok := quoteLast(text); ok && quoted != text {
		return r.condition(s, quoted)
	}
	r.wrong.add(s.pos, "%s", bad.Error())
	return false
}

// quoteLast puts the word after the last operator into quotes: status = published.
func quoteLast(text string) (string, bool) {
	i := strings.LastIndex(text, "=")
	if i < 0 {
		return "", false
	}
	word := strings.TrimSpace(text[i+1:])
	if word == "" || strings.ContainsAny(word, "'()") {
		return "", false
	}
	return text[:i+1] + " '" + word + "'", true
}
