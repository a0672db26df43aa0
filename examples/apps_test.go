package examples_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// TestRules holds the conversations in testdata/APP: what each application promises.
func TestRules(t *testing.T) {
	for _, app := range []string{"minimal", "crm", "blog", "tracker", "ratings", "iso"} {
		t.Run(app, func(t *testing.T) {
			enginetest.RunFiles(t, "testdata/"+app+"/*.txtar", os.DirFS(app), enginetest.Options{
				Store: func(s *schema.Schema) (storage.Store, error) {
					st, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{Sync: "OFF"})
					if err != nil {
						return nil, err
					}
					if _, err := st.Migrate(context.Background(), s, true); err != nil {
						return nil, err
					}
					return st, nil
				},
			})
		})
	}
}

// TestSeedTwice holds that seeding again changes nothing, and that checks find nothing
// but what this program lacks: functions in Go.
func TestSeedTwice(t *testing.T) {
	for _, app := range []string{"minimal", "crm", "blog", "ratings", "iso", "tracker"} {
		t.Run(app, func(t *testing.T) {
			env := []string{"DOWEL_DB=sqlite:" + filepath.Join(t.TempDir(), "app.db")}
			dowel := func(args ...string) string {
				t.Helper()
				var out, notes bytes.Buffer
				if status := cli.Run(context.Background(), stock, args, strings.NewReader(""), &out, &notes, env); status != 0 {
					t.Fatalf("%v: status %d: %s%s", args, status, out.String(), notes.String())
				}
				return out.String()
			}
			if found := dowel("check", "--format", "short", app); found != "" && !strings.Contains(found, "W003") {
				t.Error(found)
			}
			dowel("seed", app)
			for _, line := range strings.Split(strings.TrimSpace(dowel("seed", "-o", "csv", app)), "\n")[1:] {
				if !strings.Contains(line, ",0,") {
					t.Errorf("a second run made rows: %s", line)
				}
			}
		})
	}
}
