package engine_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// One line of YAML is all that a new field takes, of whatever type: its column,
// its checks, its JSON and its filters follow. The table has every built-in type.
func TestAFieldTakesOneLine(t *testing.T) {
	lines := map[string]struct {
		line   string // the YAML line
		send   string // what a client sends
		shown  string // what it reads back
		wrong  string // what is refused
		filter string // finds the row; "" where the type has no filters
	}{
		"string":   {"f: string max=5", `"Änne"`, `"Änne"`, `"too long"`, "f=%C3%84nne"},
		"text":     {"f: text", `"a\nb"`, `"a\nb"`, `7`, "f=a*"},
		"markdown": {"f: markdown", `"# Hi"`, `"# Hi"`, `true`, "f=like:*hi"},
		"slug":     {"f: slug", `"a-slug"`, `"a-slug"`, `"No Slug"`, "f=a-slug"},
		"email":    {"f: email", `"Ann@x.io"`, `"Ann@x.io"`, `"nobody"`, "f=Ann@x.io"},
		"url":      {"f: url", `"https://x.io/a?b=c"`, `"https://x.io/a?b=c"`, `"x.io"`, "f=eq:https://x.io/a?b=c"},
		"phone":    {"f: phone", `"+1 555 010 1050"`, `"+1 555 010 1050"`, `"call me"`, "f=not:is:null"},
		"password": {"f: password", `"correct horse"`, ``, `"short"`, ""},
		"int":      {"f: int min=1 max=9", `5e0`, `5`, `10`, "f=lt:6"},
		"bigint":   {"f: bigint", `"9007199254740993"`, `"9007199254740993"`, `1.5`, "f=gt:9007199254740992"},
		"float":    {"f: float", `0.1`, `0.1`, `"x"`, "f=ge:0.1"},
		"decimal":  {"f: decimal scale=3", `12.5`, `"12.500"`, `"1.2345"`, "f=12.5"},
		"bool":     {"f: bool", `true`, `true`, `"yes"`, "f=true"},
		"date":     {"f: date", `"2026-02-28"`, `"2026-02-28"`, `"2026-02-30"`, "f=lt:2026-03-01"},
		"time":     {"f: time", `"08:30:00"`, `"08:30:00"`, `"25:00:00"`, "f=eq:08:30:00"},
		"datetime": {"f: datetime", `"2026-01-02T03:04:05+02:00"`, `"2026-01-02T01:04:05Z"`, `"2026-01-02T03:04:05"`, "f=le:2026-01-02T01:04:05Z"},
		"duration": {"f: duration", `"PT90M"`, `"PT1H30M"`, `"P1M"`, "f=PT1H30M"},
		"uuid":     {"f: uuid", `"01890A5D-AC96-774B-BCCE-B302099A8057"`, `"01890a5d-ac96-774b-bcce-b302099a8057"`, `"1"`, "f=01890a5d-ac96-774b-bcce-b302099a8057"},
		"json":     {"f: json", `{"b":[1,{"a":null}]}`, `{"b":[1,{"a":null}]}`, ``, ""},
		"enum":     {"f: {enum: [low, high]}", `"high"`, `"high"`, `"higher"`, "f=gt:low"},
		"list":     {"f: list int", `[3,1]`, `[3,1]`, `[1,"x"]`, ""},
		"object":   {"f: {fields: {city: string, zip: {type: string, optional: true}}}", `{"city":"X"}`, `{"city":"X","zip":null}`, `{"town":"X"}`, "f.city=X"},
		"file":     {"f: file optional", ``, `null`, `"x"`, ""},
	}
	for _, def := range schema.BuiltinTypes() {
		if _, ok := lines[def.Name]; !ok {
			t.Errorf("the type %s has no line here", def.Name)
		}
	}
	for name, tt := range lines {
		t.Run(name, func(t *testing.T) {
			app := oneField(t, tt.line)
			content := `{"name":"n"}`
			if tt.send != "" {
				content = `{"name":"n","f":` + tt.send + `}`
			}
			made := app.Do(t, "POST", "/api/things", content, "Content-Type: application/json")
			if made.Status != http.StatusCreated {
				t.Fatalf("creation: %d %s", made.Status, made.Body)
			}
			var record map[string]json.RawMessage
			if err := json.Unmarshal([]byte(made.Body), &record); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.shown, string(record["f"])); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
			if tt.wrong != "" {
				res := app.Do(t, "POST", "/api/things", `{"name":"m","f":`+tt.wrong+`}`, "Content-Type: application/json")
				if res.Status != http.StatusConflict {
					t.Errorf("%s: %d, want a refusal: %s", tt.wrong, res.Status, res.Body)
				}
			}
			if tt.filter != "" {
				res := app.Do(t, "GET", "/api/things?fields=name&"+tt.filter, "")
				if want := `[{"id":1,"name":"n"}]`; res.Body != want {
					t.Errorf("?%s: %d %s, want %s", tt.filter, res.Status, res.Body, want)
				}
			}
		})
	}
}

// oneField serves a schema of one class with one field more than a name, on SQLite.
func oneField(t *testing.T, line string) *enginetest.App {
	folder := fstest.MapFS{"dowel.yaml": {Data: []byte(`dowel: 1
app: {title: One, style: plain}
classes:
  thing:
    fields:
      name: string
      ` + line + `
    allow: {all: anyone}
`)}}
	return enginetest.Open(t, folder, enginetest.Options{Settings: engine.Settings{}, Store: onstores.SQLite(t, sqlite.Options{Sync: "OFF"})})
}
