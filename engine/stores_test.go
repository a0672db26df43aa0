package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// onEveryStore runs a test once on each kind of store, empty and with its
// tables: clients must not be able to tell them apart.
func onEveryStore(t *testing.T, test func(t *testing.T, open func(s *schema.Schema) (storage.Store, error))) {
	t.Run("memory", func(t *testing.T) { test(t, nil) })
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(s *schema.Schema) (storage.Store, error) {
			store, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{})
			if err != nil {
				return nil, err
			}
			_, err = store.Migrate(t.Context(), s, true)
			return store, err
		})
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, func(s *schema.Schema) (storage.Store, error) {
			url := pgtest.Schema(t)
			store, err := postgres.Open(t.Context(), url, s, postgres.Options{Conns: 4})
			if err != nil {
				return nil, err
			}
			_, err = store.Migrate(t.Context(), s, true)
			return pgtest.GivingBack(t, url, store), err
		})
	})
}
