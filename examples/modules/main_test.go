package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/engine/enginetest/onstores"
)

func TestMain(m *testing.M) { os.Exit(onstores.Main(m)) }

func TestPoints(t *testing.T) {
	onstores.Run(t, func(t *testing.T, open onstores.Open) {
		enginetest.RunFiles(t, "testdata/*.txtar", os.DirFS("."), enginetest.Options{App: program(), Store: open})
	})
}

// The verbs know the module: its schema, its rules and its rows.
func TestVerbsKnowTheModule(t *testing.T) {
	env := []string{"DOWEL_DB=sqlite:" + filepath.Join(t.TempDir(), "app.db")}
	for _, tt := range []struct {
		verb   string
		status int
		want   string
	}{
		{"check .", 0, "4 classes, 0 errors"},
		{"seed -o csv .", 0, "gift,2,0"},
		{"seed -o csv .", 0, "level,0,2"},
		{"policy why clerk redeem customer .", 0, "@points/policy/points.csv:2:4"},
		{"explain customer.points .", 0, "@points/dowel.yaml:4:7"},
		{"routes customer .", 0, "redeem"},
		{"openapi .", 0, `"/points": {`},
	} {
		var out, notes bytes.Buffer
		status := cli.Run(t.Context(), cli.App{Program: program()}, strings.Fields(tt.verb), strings.NewReader(""), &out, &notes, env)
		if status != tt.status || !strings.Contains(out.String()+notes.String(), tt.want) {
			t.Errorf("%s: %d\n%s%s\nwant %d with %s", tt.verb, status, out.String(), notes.String(), tt.status, tt.want)
		}
	}
}
