package jobs_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/dowel-dev/dowel/engine/jobs"
	"github.com/dowel-dev/dowel/engine/jobs/queuetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestStore holds the queue in the store of the application to what queues promise.
func TestStore(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, s *schema.Schema) (storage.Store, error){
		"memory": func(_ *testing.T, s *schema.Schema) (storage.Store, error) { return memory.New(s) },
		"sqlite": func(t *testing.T, s *schema.Schema) (storage.Store, error) {
			return sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{})
		},
		"postgres": func(t *testing.T, s *schema.Schema) (storage.Store, error) {
			return postgres.Open(t.Context(), pgtest.Schema(t), s, postgres.Options{Conns: 8})
		},
	} {
		t.Run(name, func(t *testing.T) {
			queuetest.Run(t, func(t *testing.T) (jobs.Queue, storage.Store) {
				s, found := load.FS(fstest.MapFS{"dowel.yaml": {Data: []byte("dowel: 1\napp: {jobs: true}\nclasses: {thing: {fields: {name: string}}}\n")}}, ".", load.Options{})
				if s == nil {
					t.Fatal(found)
				}
				store, err := open(t, s)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = store.Close() })
				if _, err := store.Migrate(t.Context(), s, true); err != nil {
					t.Fatal(err)
				}
				q, err := jobs.NewStore(store, s, nil, func() {})
				if err != nil {
					t.Fatal(err)
				}
				return q, store
			})
		})
	}
}
