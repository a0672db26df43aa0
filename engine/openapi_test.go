package engine_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/schema/load"
)

func TestOpenAPIIsServed(t *testing.T) {
	app := openExample(t, "crm", engine.Settings{})
	for path, version := range map[string]string{"/openapi.json": "3.1.0", "/openapi-3.0.json": "3.0.3"} {
		doc := app.Do(t, "GET", path, "")
		var head struct{ OpenAPI string }
		if err := json.Unmarshal([]byte(doc.Body), &head); err != nil || doc.Status != 200 || head.OpenAPI != version {
			t.Fatal(path, doc.Status, head, err)
		}
		tag := doc.Header.Get("Etag")
		for name, want := range map[string]string{
			"Content-Type": "application/json", "Cache-Control": "no-cache", "Vary": "Accept-Encoding", "Content-Security-Policy": "",
		} {
			if got := doc.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, not %q", path, name, got, want)
			}
		}
		if with := app.Do(t, "GET", path, "", "Authorization: "+app.Bearer(t, "1", "admin")); with.Body != doc.Body {
			t.Error("the document depends on who asks")
		}
		tests := []struct {
			name, method, target string
			fields               []string
			status               int
			header, value        string
		}{
			{"again", "GET", path, nil, 200, "Etag", tag},
			{"HEAD", "HEAD", path, nil, 200, "Content-Length", doc.Header.Get("Content-Length")},
			{"unchanged", "GET", path, []string{"If-None-Match: " + tag}, 304, "Etag", tag},
			{"compressed", "GET", path, []string{"Accept-Encoding: zstd"}, 200, "Content-Encoding", "zstd"},
			{"unchanged, compressed", "GET", path, []string{"If-None-Match: " + tag[:len(tag)-1] + `-zstd"`}, 304, "Etag", tag[:len(tag)-1] + `-zstd"`},
			{"OPTIONS", "OPTIONS", path, nil, 204, "Allow", "GET, HEAD, OPTIONS"},
			{"POST", "POST", path, nil, 405, "Allow", "GET, HEAD, OPTIONS"},
			{"bad credentials", "GET", path, []string{"Authorization: Bearer x"}, 401, "Content-Type", "application/json"},
			{"below", "GET", path + "/", nil, 404, "Content-Type", "application/json"},
			{"below the mount", "GET", "/api" + path, nil, 404, "Content-Type", "application/json"},
		}
		for _, tt := range tests {
			t.Run(version+" "+tt.name, func(t *testing.T) {
				res := app.Do(t, tt.method, tt.target, "", tt.fields...)
				if res.Status != tt.status || res.Header.Get(tt.header) != tt.value {
					t.Errorf("%d, %s: %s", res.Status, tt.header, res.Header.Get(tt.header))
				}
			})
		}
	}
}

func TestOpenAPIFollowsTheSchema(t *testing.T) {
	app := openExample(t, "minimal", engine.Settings{})
	before := app.Do(t, "GET", "/openapi.json", "")
	folder := fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\nclasses:\n  task: {fields: {title: string, urgent: bool default=false}, allow: {all: anyone}}\n")}}
	s, found := load.FS(folder, ".", load.Options{})
	if s == nil {
		t.Fatal(found)
	}
	rules, found := authz.New(s, folder)
	if rules == nil {
		t.Fatal(found)
	}
	if err := app.Reload(s, rules); err != nil {
		t.Fatal(err)
	}
	after := app.Do(t, "GET", "/openapi.json", "", "If-None-Match: "+before.Header.Get("Etag"))
	if after.Status != 200 || !strings.Contains(after.Body, "urgent") || strings.Contains(before.Body, "urgent") {
		t.Error(after.Status, after.Body)
	}
}

func TestOpenAPICanBeSwitchedOff(t *testing.T) {
	app := openExample(t, "crm", engine.Settings{NoDocs: true})
	for _, path := range []string{"/openapi.json", "/openapi-3.0.json"} {
		if res := app.Do(t, "GET", path, ""); res.Status != 404 || strings.Contains(res.Body, "customer") {
			t.Error(res.Status, res.Body)
		}
	}
	if res := app.Do(t, "GET", "/", ""); strings.Contains(res.Body+res.Header.Get("Link"), "openapi") {
		t.Error(res.Body, res.Header)
	}
}

// TestOpenAPIHasTheMount holds that paths of the document lead where they are served.
func TestOpenAPIHasTheMount(t *testing.T) {
	for mount, want := range map[string]string{"": "/api", "/": "/", "/v1/tasks/": "/v1/tasks"} {
		app := openExample(t, "minimal", engine.Settings{Mount: mount})
		var doc struct{ Servers []struct{ URL string } }
		if err := json.Unmarshal([]byte(app.Do(t, "GET", "/openapi.json", "").Body), &doc); err != nil {
			t.Fatal(err)
		}
		if got := doc.Servers[0].URL; got != want {
			t.Errorf("mounted at %q the server is %q", mount, got)
		}
		if res := app.Do(t, "GET", strings.TrimSuffix(want, "/")+"/tasks", ""); res.Status != 200 {
			t.Errorf("mounted at %q: %d", mount, res.Status)
		}
	}
}

// TestEveryAccountRouteIsDocumented holds the places below auth/ against the document.
func TestEveryAccountRouteIsDocumented(t *testing.T) {
	app := openExample(t, "crm", engine.Settings{Mail: engine.Mail{SMTP: "smtp://localhost", From: "crm@x.io"}})
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(app.Do(t, "GET", "/openapi.json", "").Body), &doc); err != nil {
		t.Fatal(err)
	}
	for name, method := range engine.AuthRoutes() {
		if doc.Paths["/auth/"+name][strings.ToLower(method)] == nil {
			t.Errorf("%s /auth/%s is served and not documented: give it its lines in openapi/account.go", method, name)
		}
	}
}
