package hostile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine"
)

// What an answer may hold bounds what is read for it: expansions of expansions
// of many rows are refused before they are read, and a condition that walks far
// ends with the time of the request.
func TestExpansionsAreBounded(t *testing.T) {
	for _, onDisk := range []bool{false, true} {
		w := opened(t, everything(), onDisk, engine.Settings{Limits: engine.Limits{Request: 500 * time.Millisecond}})
		w.fill(t, chance(1, 1), chance(1, 2))
		var all []string
		var rows []string
		for i := range 40 {
			rows = append(rows, fmt.Sprintf(`{"name":"x%d","owner":3}`, i))
			all = append(all, fmt.Sprint(13+i))
		}
		w.Make(t, "thing", "["+strings.Join(rows, ",")+"]")
		for _, id := range all {
			w.must(t, 200, admin, "PATCH", "/api/things/"+id+"?fields=id", `{"rivals":[`+strings.Join(all, ",")+`]}`)
		}
		for _, target := range []string{
			"/api/things?limit=100&with=rivals.rivals.rivals&fields=rivals.rivals.rivals.id",
			"/api/things/13?with=rivals.rivals.rivals&fields=id",
			"/api/things?limit=100&where=rivals.rivals.rivals.rivals.rivals.name%20like%20%27q*%27",
			"/api/things?limit=100&orderBy=parent.parent.parent.name&search=a+b+c+d",
		} {
			start := time.Now()
			res, _ := w.send(t, request{"GET", target, "", nil, manager})
			if took := time.Since(start); took > 20*time.Second || res.Status >= 500 && res.Status != 503 {
				t.Errorf("%s: %d after %s", target, res.Status, took)
			}
		}
	}
}
