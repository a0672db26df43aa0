package sqlite_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

// TestFewPages keeps the contract with a page cache that is always full.
func TestFewPages(t *testing.T) {
	o := fast
	o.CacheKiB = 1
	Run(t, func(t testing.TB, s *schema.Schema) storage.Store {
		return openAt(t, filepath.Join(t.TempDir(), "app.db"), s, o)
	})
}

// TestPagesUnderLoad writes, rolls back and deletes rows of many sizes while others
// read, with caches of a few pages. What is read is whole and the file is sound.
func TestPagesUnderLoad(t *testing.T) {
	for _, kib := range []int{1, 64, 1024} {
		t.Run(fmt.Sprint(kib, " KiB"), func(t *testing.T) {
			o := fast
			o.CacheKiB = kib
			s := noteSchema()
			note := s.Classes[0]
			path := filepath.Join(t.TempDir(), "app.db")
			st := openAt(t, path, s, o)
			ctx := context.Background()
			var wg sync.WaitGroup
			for g := range 4 {
				wg.Go(func() {
					for i := range 60 {
						text := strings.Repeat(fmt.Sprintf("%d-%d ", g, i), 1+rand.IntN(3000))
						failed := st.Write(ctx, func(tx storage.Tx) error {
							row, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: note, Set: []storage.Assign{{Field: note.Fields[1], Value: schema.NewText(text)}}})
							if err != nil {
								return err
							}
							switch i % 4 {
							case 0:
								return errBoom
							case 1:
								_, err = tx.Apply(ctx, &storage.Change{Op: storage.Delete, Class: note, Key: row.Values[:1]})
							}
							return err
						})
						if failed != nil && failed != errBoom {
							t.Error(failed)
							return
						}
					}
				})
				wg.Go(func() {
					for range 20 {
						for text := range notes(t, st, s) {
							word, _, _ := strings.Cut(text, " ")
							if strings.Trim(strings.ReplaceAll(text, word+" ", ""), " ") != "" {
								t.Errorf("torn text of %q", word)
							}
						}
					}
				})
			}
			wg.Wait()
			if n := len(notes(t, st, s)); n != 4*30 {
				t.Errorf("%d notes", n)
			}
			if got := execute(t, path, "pragma integrity_check"); got != "ok" {
				t.Error(got)
			}
			if got := execute(t, path, "vacuum; pragma integrity_check"); got != "ok" {
				t.Error(got)
			}
			if n := len(notes(t, st, s)); n != 4*30 {
				t.Errorf("%d notes after vacuum", n)
			}
		})
	}
}
