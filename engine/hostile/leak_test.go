package hostile_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/engine"
)

// unhinted leaves out what a misspelt word is like.
func unhinted(s string) string { return hints.ReplaceAllString(s, "") }

var hints = regexp.MustCompile(`,?"hint":"[^"]*"`)

func chance(a, b uint64) *rand.Rand { return rand.New(rand.NewPCG(a, b)) }

// filled is the application of testdata/everything with its rows.
func filled(t testing.TB, onDisk bool, seen, unseen uint64) *world {
	w := opened(t, everything(), onDisk, engine.Settings{})
	w.fill(t, chance(seen, 1), chance(unseen, 2))
	return w
}

// What an agent may not see is spoken of like what is not there.
func TestHiddenIsMissing(t *testing.T) {
	// Hidden from agent 2: things 3 and 11 (7 too), boxes b1 and b3, tags 3 and 6,
	// votes with an even number, plates 2 and 4, pages p1 and p3.
	tests := []struct{ name, method, there, missing, content, fields string }{
		{"get", "GET", "/api/things/3", "/api/things/999", "", ""},
		{"property", "GET", "/api/things/3/name", "/api/things/999/name", "", ""},
		{"nested", "GET", "/api/things/3/notes", "/api/things/999/notes", "", ""},
		{"related", "GET", "/api/things/3/box", "/api/things/999/box", "", ""},
		{"patch", "PATCH", "/api/things/3", "/api/things/999", `{"name":"x"}`, ""},
		{"patch, stale", "PATCH", "/api/things/3", "/api/things/999", `{"name":"x"}`, `If-Match: "1.x"`},
		{"patch, any", "PATCH", "/api/things/3", "/api/things/999", `{"name":"x"}`, `If-Match: *`},
		{"patch, none", "PATCH", "/api/things/3", "/api/things/999", `{"name":"x"}`, `If-None-Match: *`},
		{"patch, immutable", "PATCH", "/api/things/3", "/api/things/999", `{"first":"b0"}`, ""},
		{"JSON Patch", "PATCH", "/api/things/3", "/api/things/999", `[{"op":"test","path":"/level","value":"closed"}]`, "Content-Type: application/json-patch+json"},
		{"put", "PUT", "/api/things/3", "/api/things/999", `{"name":"x"}`, ""},
		{"delete", "DELETE", "/api/things/3", "/api/things/999", "", ""},
		{"delete, stale", "DELETE", "/api/things/3", "/api/things/999", "", `If-Match: "1.x"`},
		{"action", "POST", "/api/things/3/open", "/api/things/999/open", `{}`, ""},
		{"action not possible", "POST", "/api/things/3/shut", "/api/things/999/shut", `{}`, ""},
		{"restore", "POST", "/api/things/3/restore", "/api/things/999/restore", ``, ""},
		{"put where only others make new ones", "PUT", "/api/pages/p1", "/api/pages/p9", `{"title":"x"}`, ""},
		{"put without what a new one needs", "PUT", "/api/pages/p1", "/api/pages/p9", `{}`, ""},
		{"put where only others make new ones, stale", "PUT", "/api/pages/p1", "/api/pages/p9", `{"title":"x"}`, `If-Match: "1.x"`},
		{"put, any", "PUT", "/api/pages/p1", "/api/pages/p9", `{"title":"x"}`, `If-Match: *`},
		{"put with a choice of keys, stale", "PUT", "/api/boxes/b1", "/api/boxes/b9", `{"name":"x"}`, `If-Match: "1.x"`},
		{"put with a choice of keys, any", "PUT", "/api/boxes/b1", "/api/boxes/b9", `{"name":"x"}`, `If-Match: *`},
		{"nested creation", "POST", "/api/things/3/notes", "/api/things/999/notes", `{"text":"x"}`, ""},
		{"filtered write below", "DELETE", "/api/things/3/notes?rank=ge:0&max_affected=9", "/api/things/999/notes?rank=ge:0&max_affected=9", "", ""},
		{"composite key", "GET", "/api/votes/3-k~d2", "/api/votes/3-k~d99", "", ""},
		{"composite key, patch", "PATCH", "/api/votes/3-k~d2", "/api/votes/3-k~d99", `{"value":1}`, ""},
		{"as", "GET", "/api/things?as=3", "/api/things?as=99", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := filled(t, false, 1, 1)
			var fields []string
			if tt.fields != "" {
				fields = []string{tt.fields}
			}
			a, _ := w.send(t, request{tt.method, tt.there, tt.content, fields, agent})
			b, _ := w.send(t, request{tt.method, tt.missing, tt.content, fields, agent})
			r := strings.NewReplacer("999", "3", "p9", "p1", "b9", "b1", "d99", "d2", "as=99", "as=3")
			if got, want := r.Replace(shape(a)), r.Replace(shape(b)); got != want {
				t.Errorf("there:   %s\nmissing: %s", got, want)
			}
			if a.Status < 400 {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
}

// References to hidden rows are references to nothing.
func TestHiddenTargetsAreMissing(t *testing.T) {
	tests := []struct{ name, method, target, there, missing string }{
		{"reference", "POST", "/api/things", `{"name":"x","box":"b1"}`, `{"name":"x","box":"b9"}`},
		{"self reference", "PATCH", "/api/things/1", `{"parent":3}`, `{"parent":999}`},
		{"by name", "PATCH", "/api/things/1", `{"parent":{"code":"c3"}}`, `{"parent":{"code":"c999"}}`},
		{"set", "PATCH", "/api/things/1", `{"rivals":[3]}`, `{"rivals":[999]}`},
		{"set by name", "PATCH", "/api/things/1", `{"rivals":[{"code":"c3"}]}`, `{"rivals":[{"code":"c999"}]}`},
		{"added to a set", "PATCH", "/api/things/1", `{"rivals":{"add":[3]}}`, `{"rivals":{"add":[999]}}`},
		{"taken from a set", "PATCH", "/api/things/1?fields=name", `{"rivals":{"remove":[3]}}`, `{"rivals":{"remove":[999]}}`},
		{"composite key", "POST", "/api/votes", `{"thing":3,"kind":"new"}`, `{"thing":999,"kind":"new"}`},
		{"input of an action", "POST", "/api/things/1/shut", `{"box":"b1"}`, `{"box":"b9"}`},
		{"property", "PUT", "/api/things/1/box_id", `"b1"`, `"b9"`},
		{"JSON Patch", "PATCH", "/api/things/1", `[{"op":"replace","path":"/parent_id","value":3}]`, `[{"op":"replace","path":"/parent_id","value":999}]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := filled(t, false, 1, 1)
			ask := func(content string) string {
				r := request{tt.method, tt.target, content, nil, agent}
				switch {
				case strings.HasPrefix(content, "[{"):
					r.fields = []string{"Content-Type: application/json-patch+json"}
				}
				res, _ := w.send(t, r)
				return strings.NewReplacer("999", "3", "b9", "b1").Replace(shape(res))
			}
			b := ask(tt.missing)
			if a := ask(tt.there); a != b {
				t.Errorf("there:   %s\nmissing: %s", a, b)
			}
		})
	}
}

// Names of fields that the subject may not read are names of nothing.
func TestHiddenFieldsAreUnknown(t *testing.T) {
	w := filled(t, false, 1, 1)
	for _, tt := range []struct{ name, target string }{
		{"filter", "/api/things?FIELD=x"},
		{"filter, null", "/api/things?FIELD=is:null"},
		{"filter, pattern", "/api/things?FIELD=a*"},
		{"dotted filter", "/api/things?FIELD.name=x"},
		{"order", "/api/things?orderBy=FIELD"},
		{"order, dotted", "/api/things?orderBy=FIELD.name"},
		{"where", "/api/things?where=FIELD%20%3D%20'x'"},
		{"where, null", "/api/things?where=FIELD%20is%20null"},
		{"where, dotted", "/api/things?where=FIELD.name%20%3D%20'x'"},
		{"where, has", "/api/things?where=FIELD%20has%20me"},
		{"where, beside", "/api/things?where=name%20%3D%20FIELD"},
		{"fields", "/api/things?fields=FIELD"},
		{"fields, dotted", "/api/things?fields=FIELD.name"},
		{"with", "/api/things?with=FIELD"},
		{"with, filter", "/api/boxes?with=things(FIELD=x)"},
		{"with, order", "/api/boxes?with=things(orderBy=FIELD)"},
		{"with, where", "/api/boxes?with=things(where=FIELD%20is%20null)"},
		{"through a relation", "/api/boxes?things.FIELD=x"},
		{"through a relation, where", "/api/boxes?where=things.FIELD%20%3D%20'x'"},
		{"through a reference", "/api/notes?thing.FIELD=x"},
		{"order through a reference", "/api/notes?orderBy=thing.FIELD"},
		{"property", "/api/things/1/FIELD"},
		{"nested", "/api/things/1/FIELD/1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ask := func(field string) string {
				res, _ := w.send(t, request{"GET", strings.ReplaceAll(tt.target, "FIELD", field), "", nil, agent})
				if res.Status < 400 {
					t.Errorf("%s: %d %s", field, res.Status, res.Body)
				}
				return strings.ReplaceAll(unhinted(shape(res)), field, "FIELD")
			}
			want := ask("qqqqqq")
			for _, field := range []string{"secret", "judge", "judge_id", "allies"} {
				if got := ask(field); got != want {
					t.Errorf("%s: %s\nunknown: %s", field, got, want)
				}
			}
		})
	}
	t.Run("written", func(t *testing.T) {
		for _, method := range []string{"POST /api/things", "PATCH /api/things/1", "PUT /api/things/1", "PATCH /api/things?name=a*&max_affected=5"} {
			verb, target, _ := strings.Cut(method, " ")
			ask := func(field string) string {
				res, _ := w.send(t, request{verb, target, `{"name":"x","` + field + `":1}`, nil, agent})
				return strings.ReplaceAll(unhinted(shape(res)), field, "FIELD")
			}
			want := ask("qqqqqq")
			for _, field := range []string{"secret", "judge", "judge_id", "allies"} {
				if got := ask(field); got != want {
					t.Errorf("%s of %s: %s\nunknown: %s", method, field, got, want)
				}
			}
		}
	})
	t.Run("hints", func(t *testing.T) {
		for _, r := range []request{
			{"GET", "/api/things?secre=x", "", nil, agent},
			{"GET", "/api/things?fields=secre", "", nil, agent},
			{"GET", "/api/things?orderBy=judge_i", "", nil, agent},
			{"GET", "/api/things?with=judg", "", nil, agent},
			{"GET", "/api/things?where=secre%20is%20null", "", nil, agent},
			{"GET", "/api/things/1/secre", "", nil, agent},
			{"GET", "/api/things?with=box,allie", "", nil, agent},
			{"GET", "/api/boxes?things.secre=x", "", nil, agent},
			{"GET", "/api/boxes?where=things.secre%20%3D%201", "", nil, agent},
			{"GET", "/api/users?with=judgd", "", nil, agent},
			{"GET", "/api/users?emai=x", "", nil, agent},
			{"POST", "/api/things", `{"name":"x","secre":"1"}`, nil, agent},
			{"POST", "/api/things", `{"name":"x","owner":{"emai":"1"}}`, nil, agent},
			{"POST", "/api/things", `{"name":"x","owner":{"name":"1"}}`, nil, agent},
			{"POST", "/api/things", `{"name":"x","owner":{}}`, nil, agent},
		} {
			res, _ := w.send(t, r)
			for _, word := range []string{"`secret`", "`judge_id`", "`judge`", "`allies`", "`email`", "`judged`", "`alliances`"} {
				if strings.Contains(res.Body, word) {
					t.Errorf("%s\n%d names %s: %s", r, res.Status, word, res.Body)
				}
			}
		}
	})
}

// A hidden reference hides its way back as well.
func TestHiddenReferencesHaveNoWayBack(t *testing.T) {
	w := filled(t, false, 1, 1)
	for _, target := range []string{
		"/api/users?judged.id=1", "/api/users?judged.name=*", "/api/users?where=judged.id%20%3D%201", "/api/users?with=judged", "/api/users?fields=judged.name",
		"/api/users/1?with=judged", "/api/users/1/judged", "/api/users/1/alliances", "/api/users?alliances.id=1", "/api/users?with=alliances",
		"/api/users?where=alliances.id%20%3D%201", "/api/users?where=not%20(judged.id%20%3D%201)", "/api/things?owner.judged.id=1", "/api/things?with=owner.judged",
	} {
		if res, _ := w.send(t, request{"GET", target, "", nil, agent}); res.Status < 400 {
			t.Errorf("%s: %d %s", target, res.Status, res.Body)
		}
		if res, _ := w.send(t, request{"GET", target, "", nil, manager}); res.Status != 200 {
			t.Errorf("%s as manager: %d %s", target, res.Status, res.Body)
		}
	}
}

// Refusals count nothing that the subject may not see.
func TestRefusalsCountNothingHidden(t *testing.T) {
	w := filled(t, false, 1, 1)
	w.Make(t, "page", `{"path":"q1","title":"x","draft":true,"thing":9}`)
	w.Make(t, "page", `{"path":"q2","title":"x","draft":true,"thing":9}`)
	if res := w.must(t, 409, agent, "DELETE", "/api/things/9", ""); strings.Contains(res.Body, "by 2") || strings.Contains(res.Body, "pages") {
		t.Error(res.Body)
	}
	if res := w.must(t, 409, manager, "DELETE", "/api/things/9", ""); !strings.Contains(res.Body, "by 2 of pages") {
		t.Error(res.Body)
	}
}

// A list POST that updates what is there does not tell of hidden rows.
func TestUpsertsDoNotTell(t *testing.T) {
	w := filled(t, false, 1, 1)
	w.Make(t, "plate", `{"sign":"HIDDEN","level":"closed","value":7}`)
	res := w.must(t, 409, agent, "POST", "/api/plates", `{"sign":"HIDDEN","value":1}`)
	if !strings.Contains(res.Body, "already-exists") || strings.Contains(res.Body, "plate 6") {
		t.Errorf("%s", res.Body)
	}
}

// What cannot change once it is set cannot change by any spelling.
func TestImmutable(t *testing.T) {
	for _, r := range []request{
		{"PATCH", "/api/things/1", `{"first":"b4"}`, nil, manager},
		{"PATCH", "/api/things/1", `{"first_id":"b4"}`, nil, manager},
		{"PATCH", "/api/things/1", `{"first":{"code":"b4"}}`, nil, manager},
		{"PATCH", "/api/things/1", `{"first":null}`, nil, manager},
		{"PATCH", "/api/things/1", `{"origin":{"city":"X"}}`, nil, manager},
		{"PATCH", "/api/things/1", `{"origin":null}`, nil, manager},
		{"PUT", "/api/things/1/first_id", `"b4"`, nil, manager},
		{"PUT", "/api/things/1/origin", `{"city":"X"}`, nil, manager},
		{"PUT", "/api/things/1", `{"name":"x","first":{"code":"b4"}}`, nil, manager},
		{"PATCH", "/api/things", `{"1":{"first":{"code":"b4"}}}`, nil, manager},
		{"PATCH", "/api/things?id=1&max_affected=2", `{"first":{"code":"b4"}}`, nil, manager},
		{"PATCH", "/api/things?id=1&max_affected=2", `{"origin":{"city":"X"}}`, nil, manager},
		{"PATCH", "/api/things/1", `[{"op":"replace","path":"/first_id","value":"b4"}]`, []string{"Content-Type: application/json-patch+json"}, manager},
		{"PATCH", "/api/things/1", `[{"op":"replace","path":"/origin/city","value":"X"}]`, []string{"Content-Type: application/json-patch+json"}, manager},
	} {
		w := filled(t, false, 1, 1)
		w.Make(t, "thing", `{"name":"x","owner":3,"first":"b0","origin":{"city":"Here"}}`)
		r.target = strings.Replace(strings.Replace(r.target, "things/1", "things/13", 1), "id=1", "id=13", 1)
		r.content = strings.Replace(r.content, `{"1":`, `{"13":`, 1)
		w.must(t, 200, manager, "PATCH", "/api/things/13", `{"name":"y"}`)
		before := w.must(t, 200, manager, "GET", "/api/things/13?fields=first_id,origin", "").Body
		res, _ := w.send(t, r)
		after := w.must(t, 200, manager, "GET", "/api/things/13?fields=first_id,origin", "").Body
		if before != after || res.Status < 400 {
			t.Errorf("%s\n%d %s\nwas %s\nis  %s", r, res.Status, res.Body, before, after)
		}
	}
}
