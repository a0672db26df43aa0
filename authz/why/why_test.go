package why_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/why"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

const app = `
dowel: 1
classes:
  user:
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password, team: string optional}
  post:
    fields: {title: string, status: {enum: [draft, published]}, author: user, tags: many tag}
  tag:
    fields: {name: string}
`

func world(t *testing.T) (*schema.Schema, storage.Store) {
	t.Helper()
	s, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte(app)}}, ".", load.Options{})
	if s == nil {
		t.Fatal(found)
	}
	store, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	user, post, tag := s.Class("user"), s.Class("post"), s.Class("tag")
	text := schema.NewText
	set := func(c *schema.Class, values map[string]schema.Value) *storage.Change {
		ch := &storage.Change{Op: storage.Insert, Class: c}
		for name, v := range values {
			ch.Set = append(ch.Set, storage.Assign{Field: c.Field(name), Value: v})
		}
		return ch
	}
	at := text("2026-01-01T00:00:00.000000Z")
	err = store.Write(t.Context(), func(tx storage.Tx) error {
		for _, ch := range []*storage.Change{
			set(user, map[string]schema.Value{"email": text("a@x.io"), "password": text("-"), "team": text("red"), "created_at": at, "updated_at": at}),
			set(tag, map[string]schema.Value{"name": text("go"), "created_at": at, "updated_at": at}),
			set(post, map[string]schema.Value{"title": text("T"), "status": text("draft"), "author_id": schema.NewInt(1), "created_at": at, "updated_at": at}),
		} {
			if ch.Class == post {
				ch.Links = []storage.Links{{Field: post.Field("tags"), Replace: true, Add: []schema.Value{schema.NewInt(1)}}}
			}
			if _, err := tx.Apply(t.Context(), ch); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, store
}

func bind(t *testing.T, s *schema.Schema, text string) schema.Expr {
	t.Helper()
	node, bad := expr.Parse(text)
	if bad != nil {
		t.Fatal(bad)
	}
	e, wrong := expr.Bind(node, &expr.Scope{Schema: s, Class: s.Class("post"), Login: s.Login, Mode: expr.Rule})
	if wrong != nil {
		t.Fatal(wrong)
	}
	return e
}

// Each comparison is shown with what it is about, and the smallest change is found.
func TestFollow(t *testing.T) {
	s, store := world(t)
	subject := &authz.Subject{ID: "2"}
	env := subject.Env(time.Now)
	ask := why.Asking{Env: env, Resolve: func(e schema.Expr) schema.Expr { return expr.Resolve(e, env) }}
	for _, c := range []struct {
		condition string
		holds     bool
		leaves    string // with their values
		turn      string // the fewest that turn it
	}{
		{"status = 'draft'", true, "status = 'draft' [status draft]", "status = 'draft'"},
		{"author = me", false, "author = me [author 1, me 2]", "author = me"},
		{"author.team = 'red'", true, "author.team = 'red' [author.team red]", "author.team = 'red'"},
		{"tags has (name = 'go')", true, "tags has (name = 'go') []", "tags has (name = 'go')"},
		{"tags has (name = 'c')", false, "tags has (name = 'c') []", "tags has (name = 'c')"},
		{"status = 'published' or author = me and title = 'U'", false, "status = 'published' [status draft]; author = me [author 1, me 2]; title = 'U' [title T]", "status = 'published'"},
		{"status = 'draft' and title = 'T'", true, "status = 'draft' [status draft]; title = 'T' [title T]", "status = 'draft'"},
		{"status = 'published' and title = 'U'", false, "status = 'published' [status draft]; title = 'U' [title T]", "status = 'published'; title = 'U'"},
		{"not (status = 'draft' or title = 'U')", false, "status = 'draft' [status draft]; title = 'U' [title T]", "status = 'draft'"},
		{"author.team is null", false, "author.team is null [author.team red]", "author.team is null"},
		{"author.team = me.team", false, "author.team = me.team [author.team red, me.team null]", "author.team = me.team"},
	} {
		t.Run(c.condition, func(t *testing.T) {
			e := bind(t, s, c.condition)
			row := why.NewRow(t.Context(), store, s.Class("post"), []schema.Value{schema.NewInt(1)})
			tree := ask.Follow(e, row)
			if row.Err() != nil {
				t.Fatal(row.Err())
			}
			var leaves, turn []string
			for _, leaf := range tree.Leaves() {
				var values []string
				for _, v := range leaf.Values {
					values = append(values, v.Name+" "+v.Value)
				}
				leaves = append(leaves, leaf.Text+" ["+strings.Join(values, ", ")+"]")
			}
			changes, ok := tree.Turn(!tree.Holds)
			for _, leaf := range changes {
				turn = append(turn, leaf.Text)
			}
			got := []any{tree.Holds, strings.Join(leaves, "; "), strings.Join(turn, "; "), ok}
			if diff := cmp.Diff([]any{c.holds, c.leaves, c.turn, true}, got); diff != "" {
				t.Error(diff)
			}
			if tree.Holds != expr.Match(expr.Resolve(e, env), row) {
				t.Error("is not what the condition means")
			}
		})
	}
	if _, ok := ask.Follow(schema.Const(false), nil).Turn(true); ok {
		t.Error("a constant was turned")
	}
}

// What is taken for granted settles a condition, or leaves it open.
func TestSettle(t *testing.T) {
	s, _ := world(t)
	for _, c := range []struct {
		condition, given string
		want             why.Answer
	}{
		{"status = 'published'", "status = 'published'", why.Yes},
		{"status = 'published'", "status = 'draft'", why.No},
		{"status = 'published'", "title = 'T'", why.Rows},
		{"status = 'published' or author = me", "author = me", why.Yes},
		{"status = 'published' and author = me", "author = me", why.Rows},
		{"status = 'published' and author = me", "author = me and status = 'draft'", why.No},
		{"not (status = 'published')", "status = 'draft'", why.Yes},
		{"author.team = 'red'", "author.team = 'red'", why.Yes},
		{"author.team = 'red'", "author.team = 'blue'", why.Rows},
		{"title is null", "title = 'T'", why.No},
		{"status in ('draft', 'published')", "status = 'draft'", why.Yes},
		{"tags has (name = 'go')", "title = 'T'", why.Rows},
	} {
		if got := why.Settle(bind(t, s, c.condition), bind(t, s, c.given)); got != c.want {
			t.Errorf("%s, given %s: %s, want %s", c.condition, c.given, got, c.want)
		}
	}
}
