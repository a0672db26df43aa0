package engine_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

const shelves = `dowel: 1
roles: {admin: Everything.}
classes:
  user:
    auth: {login: email, secret: password}
    fields: {email: email unique, password: password}
    allow: {all: admin}
  genre:
    cache: public 5m
    soft_delete: true
    fields: {name: slug unique}
    scopes:
      mine: name = me.email
      short: name = 'sf'
    allow: {read: anyone, all: admin}
  book:
    cache: public
    fields: {title: string, genre: genre optional, owner: user optional}
    allow: {read: anyone, all: admin}
  loan:
    fields: {book: book, user: user}
    allow: {read: user, all: admin}
  note:
    cache: 5m
    fields: {text: string}
    allow: {read: anyone, all: admin}
`

// Only what everybody sees alike may be kept by caches in between.
func TestPublicAnswers(t *testing.T) {
	const private = "private, no-cache"
	cases := []struct{ name, path, cache string }{
		{"a list", "/api/genres", "public, max-age=300"},
		{"a record", "/api/genres/1", "public, max-age=300"},
		{"a property", "/api/genres/1/name", "public, max-age=300"},
		{"filtered", "/api/genres?name=sf&orderBy=-name&limit=1", "public, max-age=300"},
		{"as CSV", "/api/genres?format=csv", "public, max-age=300"},
		{"a scope of everybody", "/api/genres?scope=short", "public, max-age=300"},
		{"a minute unless said otherwise", "/api/books/1", "public, max-age=60"},
		{"the least of all that take part", "/api/books?with=genre", "public, max-age=60"},
		{"groups", "/api/books?group=genre.name", "public, max-age=60"},
		{"through a filter", "/api/books?genre.name=sf", "public, max-age=60"},
		{"below a record", "/api/genres/1/books", "public, max-age=60"},
		{"the one related", "/api/books/1/genre", "public, max-age=60"},
		{"expanded with what only some see", "/api/books?with=loans", private},
		{"filtered by what only some see", "/api/books?owner.email=a@x.io", private},
		{"asked for by who asks", "/api/genres?scope=mine", private},
		{"an expression about who asks", "/api/genres?where=name+%3D+me.email", private},
		{"deleted ones", "/api/genres?deleted=with", private},
		{"as somebody else", "/api/genres?as=7", private},
		{"a cache of the server alone", "/api/notes", private},
		{"no cache", "/api/loans", private},
	}
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		app := enginetest.Open(t, fstest.MapFS{"dowel.yaml": {Data: []byte(shelves)}}, enginetest.Options{
			Store: open, Settings: engine.Settings{CORS: engine.CORS{Origins: []string{"https://app.example"}}}})
		app.Make(t, "genre", `{"name": "sf"}`)
		app.Make(t, "book", `{"title": "Solaris", "genre": 1}`)
		admin := "Authorization: " + app.Bearer(t, "7", "admin")
		for _, tc := range cases {
			t.Run(tc.name, func(t *testing.T) {
				res := app.Do(t, "GET", tc.path, "", admin)
				if res.Status != 200 {
					t.Fatalf("%d %s", res.Status, res.Body)
				}
				if got := res.Header.Get("Cache-Control"); got != tc.cache {
					t.Errorf("Cache-Control: %s, not %s", got, tc.cache)
				}
				vary := res.Header.Get("Vary")
				if strings.Contains(vary, "Authorization") != (tc.cache == private) || !strings.Contains(vary, "Accept-Encoding") || !strings.Contains(vary, "Origin") {
					t.Errorf("Vary: %s", vary)
				}
				again := app.Do(t, "GET", tc.path, "", admin, "If-None-Match: "+res.Header.Get("ETag"))
				if again.Status != 304 || again.Header.Get("Cache-Control") != tc.cache || again.Header.Get("Vary") != vary {
					t.Errorf("a 304 says otherwise: %d %v", again.Status, again.Header)
				}
				if tc.cache == private {
					return
				}
				for who, field := range map[string]string{"anonymous": "X-A: b", "a user": "Authorization: " + app.Bearer(t, "8")} {
					other := app.Do(t, "GET", tc.path, "", field)
					if string(other.Body) != string(res.Body) || other.Header.Get("Cache-Control") != tc.cache {
						t.Errorf("%s is answered %d %s\n%s", who, other.Status, other.Header.Get("Cache-Control"), other.Body)
					}
				}
			})
		}
		if res := app.Do(t, "GET", "/api/genres/99", ""); res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("a missing record may be kept: %v", res.Header)
		}
		if res := app.Do(t, "PATCH", "/api/genres/1", `{"name": "sf"}`, admin, "Content-Type: application/json"); res.Status != 200 || res.Header.Get("Cache-Control") != private {
			t.Errorf("the answer to a write may be kept: %d %v", res.Status, res.Header)
		}
	})
}

// Files of policy can take from some what the schema gives to all.
func TestPolicyTakesPublicAnswersBack(t *testing.T) {
	for _, tc := range []struct{ name, line, cache string }{
		{"a denial", "p, user, genre, list, , , deny\n", "private, no-cache"},
		{"more rows for some", "p, admin, genre, delete, , , allow\n", "public, max-age=300"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			app := enginetest.Open(t, fstest.MapFS{"dowel.yaml": {Data: []byte(shelves)}, "policy/a.csv": {Data: []byte(tc.line)}}, enginetest.Options{})
			if res := app.Do(t, "GET", "/api/genres", ""); res.Header.Get("Cache-Control") != tc.cache {
				t.Errorf("%d %v", res.Status, res.Header)
			}
		})
	}
}

// A page that a cache hands to somebody else leads on, for them too.
func TestCursorsOfPublicAnswers(t *testing.T) {
	app := enginetest.Open(t, fstest.MapFS{"dowel.yaml": {Data: []byte(shelves)}}, enginetest.Options{})
	for _, name := range []string{"a", "b", "c"} {
		app.Make(t, "genre", `{"name": "`+name+`"}`)
		app.Make(t, "note", `{"text": "`+name+`"}`)
	}
	for class, status := range map[string]int{"genres": 200, "notes": 400} {
		link := app.Do(t, "GET", "/api/"+class+"?limit=1", "").Header.Get("Link")
		query, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if res := app.Do(t, "GET", "/api/"+class+query, "", "Authorization: "+app.Bearer(t, "9", "admin")); res.Status != status {
			t.Errorf("%s%s: %d %s", class, query, res.Status, res.Body)
		}
	}
}
