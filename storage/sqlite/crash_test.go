package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	store "github.com/dowel-dev/dowel/storage/sqlite"
	. "github.com/dowel-dev/dowel/storage/storagetest"
)

// childEnv makes the test binary the child of TestCrash and TestTwoProcesses: it
// names the file to write to.
const childEnv = "DOWEL_SQLITE_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func noteSchema() *schema.Schema {
	return Schema(Class("note", Text("text", Unique)))
}

// writeForever adds notes from several goroutines and prints the version of each
// that was acknowledged, until it is killed or its standard input ends.
func writeForever(path string) error {
	s := noteSchema()
	st, err := store.Open(path, s, store.Options{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		os.Stdin.Read(make([]byte, 1))
		cancel()
	}()
	var wg sync.WaitGroup
	var out sync.Mutex
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				text := fmt.Sprintf("%d-%d-%d", os.Getpid(), g, i)
				row, err := tryInsert(ctx, st, s.Classes[0], text)
				if err != nil {
					if ctx.Err() == nil {
						fmt.Fprintln(os.Stderr, err)
					}
					return
				}
				out.Lock()
				fmt.Println(text, row.Version)
				out.Unlock()
			}
		})
	}
	wg.Wait()
	return st.Close()
}

// child starts a writing process and gives its acknowledgements when it is over.
func child(t *testing.T, path string) (stop func(kill bool) []string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := make(chan []string, 1)
	go func() {
		var lines []string
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if len(strings.Fields(sc.Text())) == 2 { // the last line may be cut
				lines = append(lines, sc.Text())
			}
		}
		acknowledged <- lines
	}()
	return func(kill bool) []string {
		if kill {
			cmd.Process.Kill()
		} else {
			in.Close()
		}
		lines := <-acknowledged
		if err := cmd.Wait(); err != nil && !kill {
			t.Error(err)
		}
		return lines
	}
}

// TestCrash kills a process while it writes. Every write it acknowledged is
// there afterwards, and the file is sound.
func TestCrash(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	path := filepath.Join(t.TempDir(), "app.db")
	s := noteSchema()
	openAt(t, path, s, store.Options{}).Close()
	var all []string
	for round := range rounds {
		stop := child(t, path)
		time.Sleep(time.Duration(150+70*round) * time.Millisecond)
		acknowledged := stop(true)
		if len(acknowledged) == 0 {
			t.Log("killed before the first write")
		}
		all = append(all, acknowledged...)
	}
	if len(all) == 0 {
		t.Fatal("nothing was written at all")
	}
	if got := execute(t, path, "pragma integrity_check"); got != "ok" {
		t.Error(got)
	}
	st := openAt(t, path, s, fast)
	stored := notes(t, st, s)
	for _, line := range all {
		text, _, _ := strings.Cut(line, " ")
		if _, ok := stored[text]; !ok {
			t.Errorf("acknowledged and lost: %s", line)
		}
	}
	distinct(t, stored)
	row := insert(t, st, s.Classes[0], "after")
	for _, v := range stored {
		if row.Version <= v {
			t.Fatalf("version %d after %d", row.Version, v)
		}
	}
}

// TestTwoProcesses lets three processes write to one file at the same time.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	s := noteSchema()
	st := openAt(t, path, s, store.Options{})
	stops := []func(bool) []string{child(t, path), child(t, path)}
	deadline := time.Now().Add(600 * time.Millisecond)
	var acknowledged []string
	for i := 0; time.Now().Before(deadline); i++ {
		row := insert(t, st, s.Classes[0], "own-"+strconv.Itoa(i))
		acknowledged = append(acknowledged, fmt.Sprintf("own-%d %d", i, row.Version))
	}
	for _, stop := range stops {
		acknowledged = append(acknowledged, stop(false)...)
	}
	stored := notes(t, st, s)
	distinct(t, stored)
	for _, line := range acknowledged {
		text, version, _ := strings.Cut(line, " ")
		if got := strconv.FormatInt(stored[text], 10); got != version {
			t.Errorf("%s: version %s stored, %s acknowledged", text, got, version)
		}
	}
	counters, err := st.Counters(context.Background(), s.Classes)
	if err != nil || counters[0] < int64(len(stored)) {
		t.Errorf("counter %v for %d rows, %v", counters, len(stored), err)
	}
}

// notes returns the texts of all notes and their versions.
func notes(t *testing.T, st *store.Store, s *schema.Schema) map[string]int64 {
	t.Helper()
	text := s.Classes[0].Fields[1]
	page, err := st.Read(context.Background(), &storage.Query{Class: s.Classes[0], Columns: []storage.Column{{Field: text}}, Limit: -1})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, r := range page.Rows {
		out[r.Values[text.Index].Text()] = r.Version
	}
	return out
}

// distinct fails when two rows have one version.
func distinct(t *testing.T, stored map[string]int64) {
	t.Helper()
	var versions []int64
	for _, v := range stored {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	if n := len(slices.Compact(versions)); n != len(stored) {
		t.Errorf("%d versions for %d rows", n, len(stored))
	}
}
