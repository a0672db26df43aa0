package engine_test

import (
	"os"
	"testing"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// TestConversations holds the conversations of testdata with the CRM.
func TestConversations(t *testing.T) {
	crm := os.DirFS("../examples/crm")
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		for _, style := range []string{"plain", "envelope"} {
			t.Run(style, func(t *testing.T) {
				enginetest.RunFiles(t, "testdata/"+style+"/*.txtar", crm, enginetest.Options{Store: open, Settings: engine.Settings{Style: style}})
			})
		}
	})
}
