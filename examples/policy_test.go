package examples_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/engine/cli"
)

// TestPolicies runs the tests that the applications bring, and holds who may do
// what in each: a change of a rule shows in testdata/matrix.
func TestPolicies(t *testing.T) {
	dowel := func(t *testing.T, args ...string) string {
		t.Helper()
		var out, notes bytes.Buffer
		if status := cli.Run(context.Background(), stock, args, strings.NewReader(""), &out, &notes, nil); status != 0 {
			t.Fatalf("%v: status %d\n%s%s", args, status, out.String(), notes.String())
		}
		return out.String()
	}
	for _, app := range []string{"crm", "blog", "tracker", "organizations"} {
		t.Run(app, func(t *testing.T) {
			dowel(t, "test", "--coverage", app)
			got := dowel(t, "policy", "matrix", "-o", "json", app)
			file := filepath.Join("testdata", "matrix", app+".json")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("who may do what has changed; go test ./examples -run TestPolicies -update writes it down:\n%s", diff)
			}
		})
	}
}
