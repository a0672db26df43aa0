package authz_test

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/schema/load"
)

const blog = `
dowel: 1
roles:
  author:
  editor: {includes: author}
classes:
  user:
    auth: {login: email, secret: password, role: role}
    fields:
      email: email unique read=editor
      password: password
      name: string max=80
      role: {enum: [author, editor], default: author, write: editor}
    roles: {self: id = me}
    allow: {read: anyone, create: anyone, update: [self, editor], delete: editor}
  post:
    fields:
      title: string max=200
      status: {enum: [draft, published, archived], default: draft, write: editor}
      published_at: datetime optional readonly
      author: user auto=me
    roles: {owner: author = me}
    actions:
      publish: {when: status = 'draft', set: {status: published, published_at: now}}
      archive: {when: status = 'published', set: {status: archived}}
    allow:
      read: [anyone where status = 'published', owner, editor]
      create: author
      update: [owner, editor]
      delete: editor
      publish: [owner, editor]
      archive: editor
  comment:
    fields:
      post: post on_delete=cascade immutable
      author: user auto=me
      body: text max=2000
      hidden: bool default=false write=editor
    roles: {owner: author = me}
    allow:
      read: [anyone where hidden = false and post.status = 'published', editor]
      create: user where post.status = 'published'
      update: owner
      delete: [owner, editor]
`

func loaded(t testing.TB, yaml, csv string) (*schema.Schema, *authz.Rules) {
	t.Helper()
	files := fstest.MapFS{"dowel.yaml": {Data: []byte(yaml)}}
	if csv != "" {
		files["policy/more.csv"] = &fstest.MapFile{Data: []byte(csv)}
	}
	s, found := load.FS(files, ".", load.Options{})
	for _, d := range found {
		t.Log(d.Error())
	}
	if s == nil {
		t.Fatal("the schema has mistakes")
	}
	r, found := authz.New(s, files)
	for _, d := range found {
		t.Error(d.Error())
	}
	if r == nil {
		t.Fatal("the policy has mistakes")
	}
	return s, r
}

// matrix shows what each role may do: + everything, ~ some rows, - nothing.
func matrix(s *schema.Schema, r *authz.Rules, class string, verbs ...string) []string {
	var lines []string
	for _, verb := range verbs {
		line := verb + ":"
		for _, cell := range r.Matrix(s.Class(class), verb) {
			line += " " + cell.Role + string("-+~"[cell.Effect])
		}
		lines = append(lines, line)
	}
	return lines
}

func TestBlog(t *testing.T) {
	s, r := loaded(t, blog, "")
	for class, want := range map[string][]string{
		"user": {
			"list: anyone+ user+ author+ editor+", "get: anyone+ user+ author+ editor+", "create: anyone+ user+ author+ editor+",
			"update: anyone- user~ author~ editor+", "delete: anyone- user- author- editor+",
		},
		"post": {
			"list: anyone~ user~ author~ editor+", "get: anyone~ user~ author~ editor+", "create: anyone- user- author+ editor+",
			"update: anyone- user~ author~ editor+", "delete: anyone- user- author- editor+",
			"publish: anyone- user~ author~ editor+", "archive: anyone- user- author- editor+", "purge: anyone- user- author- editor-",
		},
		"comment": {
			"get: anyone~ user~ author~ editor+", "create: anyone- user~ author~ editor~", "update: anyone- user~ author~ editor~",
		},
	} {
		var verbs []string
		for _, line := range want {
			verb, _, _ := strings.Cut(line, ":")
			verbs = append(verbs, verb)
		}
		if diff := cmp.Diff(want, matrix(s, r, class, verbs...)); diff != "" {
			t.Errorf("%s: %s", class, diff)
		}
	}

	// What is found on a row, with the conditions bound to the subject.
	post := s.Class("post")
	row := func(status string, author int64) one {
		return one{post.Field("status"): schema.NewText(status), post.Field("author"): schema.NewInt(author)}
	}
	for _, c := range []struct {
		who  string
		row  one
		want bool
	}{
		{"", row("published", 1), true}, {"", row("draft", 1), false},
		{"1", row("draft", 1), true}, {"2", row("draft", 1), false}, {"2", row("published", 1), true},
	} {
		sub := &authz.Subject{ID: c.who}
		r.Admit(sub)
		d := r.Decide(sub, post, "get")
		where := expr.Resolve(d.Where, sub.Env(time.Now))
		if got := expr.Match(where, c.row); got != c.want {
			t.Errorf("%q sees %v: %v", c.who, c.row, got)
		}
	}
}

// one is a row without relations.
type one map[*schema.Field]schema.Value

func (r one) Value(f *schema.Field, _ schema.Expr) schema.Value { return r[f] }

func (r one) One(*schema.Relation) expr.Rower { return nil }

func (r one) Many(*schema.Relation) iter.Seq[expr.Rower] { return func(func(expr.Rower) bool) {} }

func TestPolicyFileBesideYAML(t *testing.T) {
	s, r := loaded(t, blog, `
p, author, post, archive, author = me, , allow
p, user, post, get, status = 'archived', title, allow
p, author, post, delete, "status in ('draft', 'archived')", , allow
p, anyone, post, update, status = 'archived', , deny
`)
	want := []string{
		"archive: anyone- user- author~ editor+", "delete: anyone- user- author~ editor+", "update: anyone- user~ author~ editor~",
		// A line for get takes the place of those for read.
		"get: anyone- user~ author~ editor~", "list: anyone- user~ author~ editor~",
	}
	if diff := cmp.Diff(want, matrix(s, r, "post", "archive", "delete", "update", "get", "list")); diff != "" {
		t.Error(diff)
	}
}

// The examples that ship must be free of findings.
func TestExamples(t *testing.T) {
	folders, err := filepath.Glob("../examples/*/dowel.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no examples to load: %v", err)
	}
	for _, file := range folders {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			fsys := os.DirFS(filepath.Dir(file))
			s, found := load.FS(fsys, ".", load.Options{})
			if s == nil {
				t.Fatal(found)
			}
			r, found := authz.New(s, fsys)
			for _, d := range found {
				t.Error(d.Error())
			}
			if r == nil {
				return
			}
			for _, c := range s.Classes {
				for _, verb := range authz.Verbs(c) {
					r.Matrix(c, verb)
				}
			}
		})
	}
}

func ExampleRules_Matrix() {
	files := fstest.MapFS{"dowel.yaml": {Data: []byte(blog)}}
	s, _ := load.FS(files, ".", load.Options{})
	r, _ := authz.New(s, files)
	for _, cell := range r.Matrix(s.Class("post"), "get") {
		fmt.Println(cell.Role, cell.Effect == authz.Conditional)
	}
	// Output:
	// anyone true
	// user true
	// author true
	// editor false
}
