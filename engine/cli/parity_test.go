package cli_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

const parityApp = `dowel: 1
roles: {clerk: Sells., boss: {includes: clerk}}
defaults: {timestamps: false}
classes:
  person:
    auth: {login: email, secret: password, role: role}
    fields: {email: email unique, password: password, role: {enum: [clerk, boss], default: clerk}}
    allow: {read: clerk, write: boss}
  item:
    soft_delete: {restore: boss, purge: boss}
    search: [name]
    fields:
      name: string unique
      n: int min=0 default=0
      state: {enum: [new, sold], default: new}
      owner: person optional
      labels: {many: label, by: name, create: true}
      cost: decimal scale=2 optional read=boss write=boss
    scopes: {dear: n > 5}
    actions:
      sell: {when: state = 'new', input: {n: int min=1}, set: {state: sold, n: n}}
    allow: {read: clerk, write: clerk, delete: boss, actions: clerk}
  label:
    fields: {name: slug unique}
    allow: {read: clerk, create: clerk}
`

// TestOneMeaningOnEveryWayIn has every kind of action come as a request, from the shell, and
// as a step of a compound, each on a copy of the same rows: what is answered, what is
// refused and why, and what is there afterwards must be the same.
func TestOneMeaningOnEveryWayIn(t *testing.T) {
	w := newWays(t)
	for _, tt := range []struct{ name, who, method, path, content string }{
		{"get", "clerk", "GET", "/items/1", ""},
		{"get, shaped", "clerk", "GET", "/items/1?fields=name,labels&with=owner", ""},
		{"get, missing", "clerk", "GET", "/items/99", ""},
		{"get, with what is hidden", "clerk", "GET", "/items/1?fields=cost", ""},
		{"get, with what is shown", "boss", "GET", "/items/1?fields=cost", ""},
		{"get, a property", "clerk", "GET", "/items/1/name", ""},
		{"search", "clerk", "GET", "/items?n=gt:1&orderBy=-n&limit=2", ""},
		{"search, by scope and words", "clerk", "GET", "/items?scope=dear&search=p&where=labels has 'red'", ""},
		{"search, with a mistake", "clerk", "GET", "/items?nn=1&orderBy=nme", ""},
		{"search, of what is hidden", "clerk", "GET", "/items?cost=gt:1", ""},
		{"search, keyed", "clerk", "GET", "/items?keyByIds=true&fields=name", ""},
		{"aggregate", "clerk", "GET", "/items?group=state&measure=count,sum:n&orderBy=state", ""},
		{"aggregate of what is hidden", "clerk", "GET", "/items?measure=sum:cost", ""},
		{"related", "clerk", "GET", "/people/1/items?fields=name", ""},
		{"create", "clerk", "POST", "/items", `{"name": "plum", "n": 3, "labels": ["red", "fresh"], "owner": {"email": "boss@x.io"}}`},
		{"create, twice", "clerk", "POST", "/items", `{"name": "pear"}`},
		{"create, with mistakes", "clerk", "POST", "/items", `{"nmae": "plum", "n": -1, "state": "gone"}`},
		{"create, denied", "clerk", "POST", "/people", `{"email": "new@x.io", "password": "correct horse"}`},
		{"create a list", "clerk", "POST", "/items?fields=name,n", `[{"name": "fig", "n": 1}, {"name": "kiwi"}]`},
		{"create a list, one wrong", "clerk", "POST", "/items", `[{"name": "fig"}, {"name": "pear"}]`},
		{"create, refers to nothing", "clerk", "POST", "/items", `{"name": "plum", "owner_id": 77}`},
		{"create, dry", "clerk", "POST", "/items?dry_run=true", `{"name": "plum"}`},
		{"replace", "clerk", "PUT", "/items/2", `{"name": "nut"}`},
		{"replace, denied", "clerk", "PUT", "/people/1", `{"email": "me@x.io", "password": "correct horse"}`},
		{"patch", "clerk", "PATCH", "/items/1", `{"n": 9, "labels": {"add": ["late"], "remove": ["red"]}}`},
		{"patch, what is hidden", "clerk", "PATCH", "/items/1", `{"cost": "1.00"}`},
		{"patch each", "clerk", "PATCH", "/items", `{"1": {"n": 4}, "2": {"n": 5}}`},
		{"patch where", "clerk", "PATCH", "/items?state=new&max_affected=9", `{"n": 8}`},
		{"patch where, too many", "clerk", "PATCH", "/items?state=new&max_affected=1", `{"n": 8}`},
		{"delete", "boss", "DELETE", "/items/1", ""},
		{"delete, denied", "clerk", "DELETE", "/items/1", ""},
		{"delete where", "boss", "DELETE", "/items?n=gt:5&max_affected=9", ""},
		{"delete where, unbounded", "boss", "DELETE", "/items?n=gt:5", ""},
		{"restore", "boss", "POST", "/items/3/restore", ""},
		{"restore, denied", "clerk", "POST", "/items/3/restore", ""},
		{"purge", "boss", "POST", "/items/3/purge", ""},
		{"an action", "clerk", "POST", "/items/1/sell", `{"n": 2}`},
		{"an action, its input wrong", "clerk", "POST", "/items/1/sell", `{"n": 0}`},
		{"an action, its state wrong", "clerk", "POST", "/items/2/sell", `{"n": 2}`},
		{"bulk import", "clerk", "POST", "/items/bulk-import?on_conflict=skip", `[{"name": "fig"}, {"name": "pear"}]`},
		{"bulk import, in part", "clerk", "POST", "/items/bulk-import?mode=partial", `[{"name": "fig"}, {"name": "pear"}, {"n": 1}]`},
		{"bulk update", "clerk", "POST", "/items/bulk-update", `{"ids": [1, 2], "set": {"n": 7}}`},
		{"bulk update, one missing", "clerk", "POST", "/items/bulk-update", `{"ids": [1, 88], "set": {"n": 7}}`},
		{"bulk delete", "boss", "POST", "/items/bulk-delete", `{"ids": [1, 2]}`},
		{"compound", "clerk", "POST", ";compound", `{"actions": {"a": {"method": "POST", "path": "/items?fields=name", "contentObject": {"name": "fig"}}, "b": {"method": "GET", "path": "/items/{a.id}?fields=n"}}}`},
		{"compound, a step wrong", "clerk", "POST", ";compound", `{"actions": [{"method": "POST", "path": "/items", "contentObject": {"name": "fig"}}, {"method": "DELETE", "path": "/items/1"}]}`},
		{"compound, each for itself", "clerk", "POST", ";compound", `{"atomic": false, "actions": [{"method": "PATCH", "path": "/items/1?fields=n", "contentObject": {"n": 3}}, {"method": "GET", "path": "/items/1/name"}]}`},
		{"bulk delete, denied", "clerk", "POST", "/items/bulk-delete", `{"ids": [1, 2]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := w.request(t, tt.who, tt.method, "/api"+tt.path, tt.content)
			if diff := cmp.Diff(want, w.shell(t, tt.who, tt.method, "/api"+tt.path, tt.content, want.Refusal)); diff != "" {
				t.Errorf("the shell differs (-request +shell):\n%s", diff)
			}
			if strings.Contains(tt.path, ";compound") {
				return // it is no step
			}
			for _, atomic := range []string{"true", "false"} {
				if diff := cmp.Diff(want, w.step(t, tt.who, tt.method, tt.path, tt.content, atomic)); diff != "" {
					t.Errorf("a step with atomic %s differs (-request +step):\n%s", atomic, diff)
				}
			}
		})
	}
}

// told is what came of an action, on whatever way.
type told struct {
	Answer  string // JSON without what names the moment
	Refusal string // the sentence, "" for none
	Rows    string // afterwards
}

// ways are the ways to the same rows.
type ways struct {
	folder, db string
	schema     *schema.Schema
}

func newWays(t *testing.T) *ways {
	t.Helper()
	w := &ways{folder: t.TempDir()}
	if err := os.WriteFile(filepath.Join(w.folder, "dowel.yaml"), []byte(parityApp), 0o600); err != nil {
		t.Fatal(err)
	}
	w.db = filepath.Join(w.folder, "first.db")
	app := w.open(t, w.db)
	app.Make(t, "person", `[{"email": "boss@x.io", "password": "correct horse", "role": "boss"}, {"email": "clerk@x.io", "password": "correct horse"}]`)
	app.Make(t, "item", `[{"name": "pear", "n": 6, "labels": ["red"], "owner": 1, "cost": "2.50"}, {"name": "apple", "n": 2, "state": "sold"}, {"name": "gone"}]`)
	if res := app.Do(t, "DELETE", "/api/items/3", "", "Authorization: "+app.Bearer(t, "1", "boss")); res.Status != 204 {
		t.Fatal(res)
	}
	w.schema = app.Schema()
	return w
}

// open runs the application on a database.
func (w *ways) open(t *testing.T, db string) *enginetest.App {
	return enginetest.Open(t, os.DirFS(w.folder), enginetest.Options{Store: func(s *schema.Schema) (storage.Store, error) {
		st, err := sqlite.Open(db, s, sqlite.Options{Sync: "OFF"})
		if err == nil {
			_, err = st.Migrate(t.Context(), s, true)
		}
		return st, err
	}})
}

// copied is a database with the rows that there are at first.
func (w *ways) copied(t *testing.T) string {
	to := filepath.Join(t.TempDir(), "copy.db")
	for _, end := range []string{"", "-wal"} { // the first one is open as long as the test runs
		content, err := os.ReadFile(w.db + end)
		if err == nil {
			err = os.WriteFile(to+end, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func (w *ways) do(t *testing.T, app *enginetest.App, who, method, target, content string) (enginetest.Response, told) {
	id := map[string]string{"boss": "1", "clerk": "2"}[who]
	res := app.Do(t, method, strings.ReplaceAll(target, " ", "%20"), content, "Authorization: "+app.Bearer(t, id, who))
	var after []string
	for _, all := range []string{"/api/items?deleted=with&fields=*,cost,owner_id&orderBy=id", "/api/people?orderBy=id", "/api/labels?orderBy=id"} {
		after = append(after, app.Do(t, "GET", all, "", "Authorization: "+app.Bearer(t, "1", "boss")).Body)
	}
	return res, told{Rows: plain(strings.Join(after, "\n"))}
}

func (w *ways) request(t *testing.T, who, method, target, content string) told {
	res, out := w.do(t, w.open(t, w.copied(t)), who, method, target, content)
	if res.Status < 400 {
		out.Answer = plain(res.Body)
		return out
	}
	out.Refusal = sentences(t, []byte(res.Body))
	return out
}

func (w *ways) step(t *testing.T, who, method, path, content, atomic string) told {
	path, dry := strings.CutSuffix(path, "?dry_run=true") // which is said of the whole
	step := map[string]any{"method": method, "path": path}
	if content != "" {
		step["contentObject"] = json.RawMessage(content)
	}
	all, err := json.Marshal(map[string]any{"actions": map[string]any{"a": step}, "atomic": json.RawMessage(atomic)})
	if err != nil {
		t.Fatal(err)
	}
	target := "/api;compound"
	if dry {
		target += "?dry_run=true"
	}
	res, out := w.do(t, w.open(t, w.copied(t)), who, "POST", target, string(all))
	if res.Status >= 400 {
		out.Refusal = sentences(t, []byte(res.Body))
		return out
	}
	var body struct {
		ActionResults map[string]struct {
			StatusCode    int
			ContentObject json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(res.Body), &body); err != nil {
		t.Fatal(err)
	}
	a := body.ActionResults["a"]
	if a.StatusCode >= 400 {
		out.Refusal = sentences(t, a.ContentObject)
		return out
	}
	out.Answer = plain(string(a.ContentObject))
	return out
}

// shell runs the same action value with `dowel do`. A refusal that says all that another
// way said counts as the same.
func (w *ways) shell(t *testing.T, who, method, target, content, refusal string) told {
	r := httptest.NewRequest(method, strings.ReplaceAll(target, " ", "%20"), strings.NewReader(content))
	if content != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	db := w.copied(t)
	action, err := (&request.Parser{Schema: w.schema}).Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := actions.Encode(action)
	if err != nil {
		t.Fatal(err)
	}
	var out, notes bytes.Buffer
	status := cli.Run(t.Context(), cli.App{}, []string{"do", string(text), "--as", who + "@x.io", "-o", "json", w.folder},
		strings.NewReader(""), &out, &notes, []string{"DOWEL_DB=sqlite:" + db})
	_, now := w.do(t, w.open(t, db), who, "GET", "/api/items/1", "")
	if status == 0 {
		now.Answer = plain(out.String())
		return now
	}
	if now.Refusal = refusal; !saysAll(notes.String(), refusal) {
		now.Refusal = notes.String()
	}
	return now
}

var instants = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`)

func plain(text string) string {
	return instants.ReplaceAllString(strings.TrimSpace(text), "…")
}

// sentences are the code of a problem, and each thing it says, in order.
func sentences(t *testing.T, problem []byte) string {
	t.Helper()
	var p struct {
		Code, Detail string
		Errors       []struct{ Detail string }
	}
	if err := json.Unmarshal(problem, &p); err != nil {
		t.Fatalf("%v in %s", err, problem)
	}
	said := []string{p.Detail}
	for _, e := range p.Errors {
		said = append(said, e.Detail)
	}
	slices.Sort(said)
	said = slices.DeleteFunc(slices.Compact(said), func(s string) bool { return s == "" })
	return p.Code + "\n" + strings.Join(said, "\n")
}

// saysAll reports whether the shell says every sentence of a refusal; codes are for programs.
func saysAll(notes, refusal string) bool {
	for _, sentence := range strings.Split(refusal, "\n")[1:] {
		if !strings.Contains(notes, strings.TrimSuffix(sentence, ".")) {
			return false
		}
	}
	return refusal != ""
}
