package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// TestConversations holds the conversations of testdata with the CRM, once on
// each store: clients must not be able to tell them apart.
func TestConversations(t *testing.T) {
	crm := os.DirFS("../examples/crm")
	for store, open := range map[string]func(s *schema.Schema) (storage.Store, error){
		"memory": nil,
		"sqlite": func(s *schema.Schema) (storage.Store, error) {
			store, err := sqlite.Open(filepath.Join(t.TempDir(), "crm.db"), s, sqlite.Options{})
			if err != nil {
				return nil, err
			}
			_, err = store.Migrate(t.Context(), s, true)
			return store, err
		},
	} {
		for _, style := range []string{"plain", "envelope"} {
			t.Run(store+"/"+style, func(t *testing.T) {
				enginetest.RunFiles(t, "testdata/"+style+"/*.txtar", crm, enginetest.Options{Store: open, Settings: engine.Settings{Style: style}})
			})
		}
	}
}
