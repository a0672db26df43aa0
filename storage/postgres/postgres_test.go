package postgres

import (
	"context"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// few are options for tests that need no throughput: a suite opens hundreds of stores.
var few = Options{Conns: 8, Readers: 1, Writers: 1}

func openStore(t testing.TB, s *schema.Schema) storage.Store {
	return openMigrated(t, pgtest.Schema(t), s, few)
}

// openMigrated opens a store and brings its tables up to the schema.
func openMigrated(t testing.TB, url string, s *schema.Schema, o Options) *Store {
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

func TestContractDecorated(t *testing.T) {
	t.Parallel()
	storagetest.Decorated(t, openStore)
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
