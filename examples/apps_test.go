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
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// databases are where an application can keep its rows: all that changes is --db.
var databases = map[string]func(t *testing.T) string{
	"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "app.db") },
	"postgres": func(t *testing.T) string { return pgtest.Schema(t) },
}

// TestRules holds the conversations in testdata/APP: what each application promises.
func TestRules(t *testing.T) {
	for _, app := range []string{"minimal", "crm", "blog", "tracker", "organizations", "ratings", "iso"} {
		t.Run(app+"/sqlite", func(t *testing.T) {
			rules(t, app, func(s *schema.Schema) (storage.Store, error) {
				st, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{Sync: "OFF"})
				if err == nil {
					_, err = st.Migrate(t.Context(), s, true)
				}
				return st, err
			})
		})
		t.Run(app+"/postgres", func(t *testing.T) {
			rules(t, app, func(s *schema.Schema) (storage.Store, error) {
				url := pgtest.Schema(t)
				st, err := postgres.Open(t.Context(), url, s, postgres.Options{Conns: 4})
				if err != nil {
					return nil, err
				}
				_, err = st.Migrate(t.Context(), s, true)
				return pgtest.GivingBack(t, url, st), err
			})
		})
	}
}

func rules(t *testing.T, app string, open func(s *schema.Schema) (storage.Store, error)) {
	enginetest.RunFiles(t, "testdata/"+app+"/*.txtar", os.DirFS(app), enginetest.Options{Store: open})
}

// TestSeedTwice holds that seeding again changes nothing, and that checks find nothing
// but what this program lacks: functions in Go.
func TestSeedTwice(t *testing.T) {
	for _, app := range []string{"minimal", "crm", "blog", "ratings", "iso", "tracker", "organizations"} {
		t.Run(app, func(t *testing.T) {
			env := []string{"DOWEL_DB=" + databases["sqlite"](t)}
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
