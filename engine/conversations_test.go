package engine_test

import (
	"path/filepath"
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// TestPromises holds what clients are promised, one application a file, once on
// each store: what types take, how references, sets and keys work, who sees what.
func TestPromises(t *testing.T) {
	onSQLite := func(s *schema.Schema) (storage.Store, error) {
		store, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{})
		if err != nil {
			return nil, err
		}
		_, err = store.Migrate(t.Context(), s, true)
		return store, err
	}
	for store, open := range map[string]func(s *schema.Schema) (storage.Store, error){"memory": nil, "sqlite": onSQLite} {
		t.Run(store, func(t *testing.T) {
			enginetest.RunFiles(t, "testdata/promises/*.txtar", nil, enginetest.Options{Store: open})
			enginetest.RunFiles(t, "testdata/tenants/*.txtar", nil, enginetest.Options{Store: open})
		})
	}
}
