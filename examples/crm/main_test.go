package main

import (
	"os"
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
)

func TestMain(m *testing.M) { os.Exit(onstores.Main(m)) }

func TestMerge(t *testing.T) {
	onstores.Run(t, func(t *testing.T, open onstores.Open) {
		enginetest.RunFiles(t, "testdata/*.txtar", os.DirFS("."), enginetest.Options{App: program(), Store: open})
	})
}
