package memory_test

import (
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/storagetest"
)

func open(t testing.TB, s *schema.Schema) storage.Store {
	store, err := memory.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestContract(t *testing.T) { storagetest.Run(t, open) }

func TestContractDecorated(t *testing.T) { storagetest.Decorated(t, open) }

// The store must agree with itself: whatever the draws do not decide would show.
func TestDifferential(t *testing.T) { storagetest.Differential(t, open, open) }
