package main

import (
	"os"
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/examples/onstores"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

func TestMain(m *testing.M) { os.Exit(onstores.Main(m)) }

func TestMerge(t *testing.T) {
	onstores.Run(t, func(t *testing.T, open func(*schema.Schema) (storage.Store, error)) {
		enginetest.RunFiles(t, "testdata/*.txtar", os.DirFS("."), enginetest.Options{App: program(), Store: open})
	})
}
