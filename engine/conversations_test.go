package engine_test

import (
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// TestPromises holds what clients are promised, one application a file: what
// types take, how references, sets and keys work, who sees what.
func TestPromises(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		enginetest.RunFiles(t, "testdata/promises/*.txtar", nil, enginetest.Options{Store: open})
		enginetest.RunFiles(t, "testdata/jobs/*.txtar", nil, enginetest.Options{Store: open, Work: true})
		enginetest.RunFiles(t, "testdata/tenants/*.txtar", nil, enginetest.Options{Store: open})
	})
}
