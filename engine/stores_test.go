package engine_test

import (
	"os"
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
)

func TestMain(m *testing.M) { os.Exit(onstores.Main(m)) }

// onEveryStore runs a test once on each kind of store: clients must not be able to tell them apart.
func onEveryStore(t *testing.T, test func(t *testing.T, open onstores.Open)) {
	t.Helper()
	onstores.Run(t, test)
}
