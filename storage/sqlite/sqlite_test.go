package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/sqlite"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

// fast spares the tests that are not about crashes the waiting for the disk.
var fast = sqlite.Options{Sync: "OFF", Readers: 2}

func open(t testing.TB, s *schema.Schema) storage.Store {
	return openAt(t, filepath.Join(t.TempDir(), "data", "app.db"), s, fast)
}

// openAt opens a file and brings its tables up to the schema.
func openAt(t testing.TB, path string, s *schema.Schema, o sqlite.Options) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(path, s, o)
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
	t.Parallel() // the race detector makes the suite slow; it need not be slow alone
	storagetest.Run(t, open)
}

func TestContractDecorated(t *testing.T) {
	t.Parallel()
	storagetest.Decorated(t, open)
}

func TestDifferential(t *testing.T) {
	t.Parallel()
	storagetest.Differential(t, func(t testing.TB, s *schema.Schema) storage.Store {
		store, err := memory.New(s)
		if err != nil {
			t.Fatal(err)
		}
		return store
	}, open)
}
