package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkCheckHundredClasses: `dowel check` on 100 classes is to stay below 200 ms.
func BenchmarkCheckHundredClasses(b *testing.B) {
	folder := b.TempDir()
	var y strings.Builder
	y.WriteString("dowel: 1\nroles: {agent: Works.}\nclasses:\n")
	for i := range 100 {
		fmt.Fprintf(&y, "  thing_%d:\n    fields:\n      name: string unique max=100\n      total: decimal scale=2 default=0\n", i)
		if i > 0 {
			fmt.Fprintf(&y, "      parent: thing_%d optional\n", i-1)
		}
		y.WriteString("    roles: {self: id = me}\n    allow: {read: [self, agent], write: agent}\n")
	}
	if err := os.WriteFile(filepath.Join(folder, "dowel.yaml"), []byte(y.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if status := Run(context.Background(), App{}, []string{"check", folder}, nil, io.Discard, io.Discard, nil); status != 0 {
			b.Fatal("status", status)
		}
	}
}

// BenchmarkHelp: `dowel --help` is to stay below 20 ms.
func BenchmarkHelp(b *testing.B) {
	for b.Loop() {
		Run(context.Background(), App{}, []string{"--help"}, nil, io.Discard, io.Discard, nil)
	}
}

// BenchmarkOpenCRM is the cold start of the CRM on SQLite without the process itself: to stay below 300 ms.
func BenchmarkOpenCRM(b *testing.B) {
	db := "sqlite:" + filepath.Join(b.TempDir(), "app.db")
	for b.Loop() {
		r := &run{ctx: context.Background(), out: io.Discard, err: io.Discard}
		p, err := r.open("../../examples/crm", map[string]string{"db": db})
		if err != nil {
			b.Fatal(err)
		}
		p.close()
	}
}

// BenchmarkSeedISO loads 13,649 rows that refer to each other.
func BenchmarkSeedISO(b *testing.B) {
	for b.Loop() {
		db := "sqlite:" + filepath.Join(b.TempDir(), "app.db")
		r := &run{ctx: context.Background(), out: io.Discard, err: io.Discard}
		p, err := r.open("../../examples/iso", map[string]string{"db": db})
		if err != nil {
			b.Fatal(err)
		}
		sums, err := p.seed(r)
		if err != nil {
			b.Fatal(err)
		}
		rows := 0
		for _, s := range sums {
			rows += s.created
		}
		b.ReportMetric(float64(rows), "rows")
		p.close()
	}
}
