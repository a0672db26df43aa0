package engine_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
)

// The sizes of pages and expansions are settings; what the schema says of them wins.
func TestSizesOfSettings(t *testing.T) {
	const classes = `
classes:
  leaf:
    collection: leaves
    fields: {name: string, up: leaf optional inverse=downs}
    allow: {all: anyone}
`
	settings := engine.Settings{Limits: engine.Limits{Page: 2, PageMax: 4, Depth: 1}}
	for _, tc := range []struct {
		name, schema, path string
		settings           engine.Settings
		status, rows       int
	}{
		{"a page", "dowel: 1" + classes, "leaves", settings, 200, 2},
		{"the largest page", "dowel: 1" + classes, "leaves?limit=4", settings, 200, 4},
		{"more than that", "dowel: 1" + classes, "leaves?limit=5", settings, 409, 0},
		{"the second page", "dowel: 1" + classes, "leaves?page=4", settings, 200, 1},
		{"an expansion", "dowel: 1" + classes, "leaves?with=up", settings, 200, 2},
		{"a deeper one", "dowel: 1" + classes, "leaves?with=up.up", settings, 409, 0},
		{"a page is no larger than the largest", "dowel: 1" + classes, "leaves", engine.Settings{Limits: engine.Limits{PageMax: 3}}, 200, 3},
		{"nothing said", "dowel: 1" + classes, "leaves?with=up.up.up", engine.Settings{}, 200, 7},
		{"nothing said, too deep", "dowel: 1" + classes, "leaves?with=up.up.up.up", engine.Settings{}, 409, 0},
		{"nothing said, the largest", "dowel: 1" + classes, "leaves?limit=101", engine.Settings{}, 409, 0},
		{"the schema's", "dowel: 1\napp: {limits: {page: 3, page_max: 5, depth: 2}}" + classes, "leaves?with=up.up", settings, 200, 3},
		{"the schema's largest", "dowel: 1\napp: {limits: {page: 3, page_max: 5}}" + classes, "leaves?limit=5", settings, 200, 5},
		{"the schema's, in part", "dowel: 1\napp: {limits: {page: 3}}" + classes, "leaves?limit=5", settings, 409, 0},
		{"the class's", "dowel: 1" + classes + "    limits: {page_max: 6}\n", "leaves?limit=6", settings, 200, 6},
		{"the class's, in part", "dowel: 1" + classes + "    limits: {page_max: 6}\n", "leaves", settings, 200, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			app := enginetest.Open(t, fstest.MapFS{"dowel.yaml": {Data: []byte(tc.schema)}}, enginetest.Options{Settings: tc.settings})
			for i := range 7 {
				app.Make(t, "leaf", fmt.Sprintf(`{"name": "%d"}`, i))
			}
			res := app.Do(t, "GET", "/api/"+tc.path, "")
			if res.Status != tc.status {
				t.Fatalf("status %d: %s", res.Status, res.Body)
			}
			var rows []any
			if res.Status == 200 && (json.Unmarshal([]byte(res.Body), &rows) != nil || len(rows) != tc.rows) {
				t.Errorf("%d rows, want %d", len(rows), tc.rows)
			}
		})
	}
}
