// Package blobtest is the contract of blob stores as a test suite. Every store runs it.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/storage/blob"
)

// Run holds a store against the contract. open returns an empty one.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, c := range []struct {
		name string
		test func(f *fixture)
	}{
		{"what was put is there, of any size", sizes},
		{"reading begins anywhere", seeking},
		{"what is not there is not found", notFound},
		{"what was deleted is gone, and deleting twice is no error", deleting},
		{"when the reader fails, nothing is kept", failing},
		{"what ends with its context is not kept", cancelled},
		{"a listing has everything below its prefix, with its time", listing},
		{"a listing may be left early", leaving},
		{"keys that lead elsewhere are refused", strangeKeys},
		{"many at once do not disturb each other", crowd},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(&fixture{T: t, Store: open(t)}) })
	}
}

type fixture struct {
	*testing.T
	blob.Store
}

func (f *fixture) put(key string, content []byte) {
	f.Helper()
	if err := f.Put(f.Context(), key, bytes.NewReader(content)); err != nil {
		f.Fatalf("Put %s: %v", key, err)
	}
}

func (f *fixture) get(key string) []byte {
	f.Helper()
	r, err := f.Open(f.Context(), key)
	if err != nil {
		f.Fatalf("Open %s: %v", key, err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		f.Fatalf("read %s: %v", key, err)
	}
	return content
}

func (f *fixture) gone(key string) {
	f.Helper()
	if r, err := f.Open(f.Context(), key); !errors.Is(err, blob.ErrNotFound) {
		if err == nil {
			_ = r.Close() // the test has failed anyway
		}
		f.Errorf("Open %s = %v, want ErrNotFound", key, err)
	}
}

func (f *fixture) listed(prefix string) map[string]bool {
	f.Helper()
	all := map[string]bool{}
	for info, err := range f.List(f.Context(), prefix) {
		if err != nil {
			f.Fatalf("List %s: %v", prefix, err)
		}
		if age := time.Since(info.Modified); age > time.Minute || age < -time.Minute {
			f.Errorf("%s was modified %s ago", info.Key, age)
		}
		all[info.Key] = true
	}
	return all
}

// content is of one kind for a seed, and no two are alike.
func content(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b) // it never fails
	return b
}

func sizes(f *fixture) {
	for i, size := range []int{0, 1, 32 << 10, 5 << 20, 11 << 20} {
		key, want := fmt.Sprintf("a/b%d", i), content(uint64(i), size)
		f.put(key, want)
		if got := f.get(key); !bytes.Equal(got, want) {
			f.Errorf("%d bytes came back as %d others", size, len(got))
		}
	}
}

func seeking(f *fixture) {
	want := content(1, 100_000)
	f.put("a/b", want)
	r, err := f.Open(f.Context(), "a/b")
	if err != nil {
		f.Fatal(err)
	}
	defer r.Close()
	if size, err := r.Seek(0, io.SeekEnd); err != nil || size != int64(len(want)) {
		f.Errorf("the end is at %d, %v", size, err)
	}
	for _, at := range []int64{50_000, 0, 99_999} {
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			f.Fatal(err)
		}
		got := make([]byte, min(1000, len(want)-int(at)))
		if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, want[at:int(at)+len(got)]) {
			f.Errorf("from %d on: other bytes, %v", at, err)
		}
	}
}

func notFound(f *fixture) {
	f.gone("a/b")
	if all := f.listed("a/"); len(all) != 0 {
		f.Errorf("an empty store lists %v", all)
	}
}

func deleting(f *fixture) {
	f.put("a/b", []byte("x"))
	f.put("a/c", []byte("y"))
	for range 2 {
		if err := f.Delete(f.Context(), "a/b"); err != nil {
			f.Fatal(err)
		}
	}
	f.gone("a/b")
	if got := f.get("a/c"); string(got) != "y" {
		f.Errorf("the other one became %q", got)
	}
}

func failing(f *fixture) {
	broken := errors.New("the client went away")
	for i, size := range []int{0, 100, 6 << 20} {
		key := fmt.Sprintf("a/b%d", i)
		r := io.MultiReader(bytes.NewReader(content(1, size)), errorReader{broken})
		if err := f.Put(f.Context(), key, r); !errors.Is(err, broken) {
			f.Errorf("Put = %v, want what the reader said", err)
		}
		f.gone(key)
	}
	if all := f.listed("a/"); len(all) != 0 {
		f.Errorf("left behind: %v", all)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func cancelled(f *fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	r := &countdown{r: bytes.NewReader(content(1, 12<<20)), left: 8 << 20, then: cancel}
	if err := f.Put(ctx, "a/b", r); err == nil && ctx.Err() != nil {
		// A store that has all of it may keep it: what was put is there, or Put says no.
		if _, whole := f.Store.(*blob.Memory); !whole {
			f.Error("it was put although its context had ended")
		}
		return
	}
	f.gone("a/b")
}

// countdown calls a function after some bytes.
type countdown struct {
	r    io.Reader
	left int
	then func()
}

func (c *countdown) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= n; c.left <= 0 {
		c.then()
	}
	return n, err
}

func listing(f *fixture) {
	for _, key := range []string{"a/b", "a/c/d", "ab/c", "b/a"} {
		f.put(key, []byte(key))
	}
	for prefix, want := range map[string][]string{"a/": {"a/b", "a/c/d"}, "a/c/": {"a/c/d"}, "c/": nil} {
		got := f.listed(prefix)
		if len(got) != len(want) {
			f.Errorf("%s has %v, want %v", prefix, got, want)
		}
		for _, key := range want {
			if !got[key] {
				f.Errorf("%s is not below %s", key, prefix)
			}
		}
	}
}

func leaving(f *fixture) {
	for i := range 5 {
		f.put(fmt.Sprintf("a/b%d", i), []byte("x"))
	}
	n := 0
	for _, err := range f.List(f.Context(), "a/") {
		if err != nil {
			f.Fatal(err)
		}
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		f.Errorf("%d were seen", n)
	}
}

func strangeKeys(f *fixture) {
	for _, key := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", "a/.", ".a", "A", "a b", "a\x00", "a\\b", "ä"} {
		if err := f.Put(f.Context(), key, bytes.NewReader(nil)); err == nil {
			f.Errorf("%q was taken as a key", key)
		}
		if r, err := f.Open(f.Context(), key); err == nil {
			_ = r.Close() // the test has failed anyway
			f.Errorf("%q was opened", key)
		}
	}
}

func crowd(f *fixture) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			key, want := fmt.Sprintf("a/b%d", i), content(uint64(i), 100_000)
			if err := f.Put(f.Context(), key, bytes.NewReader(want)); err != nil {
				f.Error(err)
				return
			}
			r, err := f.Open(f.Context(), key)
			if err != nil {
				f.Error(err)
				return
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
				f.Errorf("%s has other bytes, %v", key, err)
			}
		})
	}
	all.Wait()
}
