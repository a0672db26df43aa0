package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// few are options for tests that need no throughput: a suite opens hundreds of stores.
var few = Options{Conns: 8, Readers: 1, Writers: 1}

func openStore(t testing.TB, s *schema.Schema) storage.Store { return openEmptied(t, s) }

// openEmptied opens a store for one of many tests with these tables.
func openEmptied(t testing.TB, s *schema.Schema) *Store {
	t.Helper()
	url, made := pgtest.Emptied(t, strings.Join(migrate.Desired(s, migrate.PostgreSQL).DDL(), ";"))
	if made {
		return open(t, url, s, few)
	}
	return openMigrated(t, url, s, few)
}

func open(t testing.TB, url string, s *schema.Schema, o Options) *Store {
	t.Helper()
	store, err := Open(context.Background(), url, s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// openMigrated opens a store and brings its tables up to the schema.
func openMigrated(t testing.TB, url string, s *schema.Schema, o Options) *Store {
	t.Helper()
	store := open(t, url, s, o)
	left, err := store.Migrate(context.Background(), s, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Fatalf("steps left: %v", left)
	}
	return store
}

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, openStore)
}

func TestDifferential(t *testing.T) {
	t.Parallel()
	storagetest.Differential(t, openMemory, openStore)
}

// openMemory opens the reference.
func openMemory(t testing.TB, s *schema.Schema) storage.Store {
	store, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return store
}
