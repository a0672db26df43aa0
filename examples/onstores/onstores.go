// Package onstores runs the tests of the examples on each kind of database.
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

// Main is the TestMain of a package that uses Run.
func Main(m *testing.M) int { return pgtest.Main(m) }

// Run runs a test once on each, empty and with its tables.
func Run(t *testing.T, test func(t *testing.T, open func(s *schema.Schema) (storage.Store, error))) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(s *schema.Schema) (storage.Store, error) {
			st, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), s, sqlite.Options{Sync: "OFF"})
			if err == nil {
				_, err = st.Migrate(t.Context(), s, true)
			}
			return st, err
		})
	})
	t.Run("postgres", func(t *testing.T) {
		test(t, func(s *schema.Schema) (storage.Store, error) {
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
