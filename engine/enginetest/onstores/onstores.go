// Package onstores opens an empty database of each kind for a test, with the
// tables of the application: clients must not be able to tell them apart.
package onstores

import (
	"path/filepath"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// Open makes the store of an application, as enginetest.Options.Store does it. nil is one in memory.
type Open = func(s *schema.Schema) (storage.Store, error)

// Main is the TestMain of a package that uses Run.
func Main(m *testing.M) int { return pgtest.Main(m) }

// Run runs a test once on each kind of store.
func Run(t *testing.T, test func(t *testing.T, open Open)) {
	t.Run("memory", func(t *testing.T) { test(t, nil) })
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t, sqlite.Options{Sync: "OFF"})) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite is a file of its own.
func SQLite(t testing.TB, o sqlite.Options) Open {
	return func(s *schema.Schema) (storage.Store, error) {
		store, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, o)
		if err != nil {
			return nil, err
		}
		_, err = store.Migrate(t.Context(), s, true)
		return store, err
	}
}

// Postgres is a schema of its own, which is given back when the test has ended.
func Postgres(t testing.TB) Open {
	return func(s *schema.Schema) (storage.Store, error) {
		url := pgtest.Schema(t)
		store, err := postgres.Open(t.Context(), url, s, postgres.Options{Conns: 4})
		if err != nil {
			return nil, err
		}
		_, err = store.Migrate(t.Context(), s, true)
		return pgtest.GivingBack(t, url, store), err
	}
}
