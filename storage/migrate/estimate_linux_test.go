package migrate_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/storage/migrate"
)

// worked is the processor time that the database has used for the session.
func (w *world) worked() time.Duration {
	if !w.isPostgres() {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			w.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	b, err := os.ReadFile("/proc/" + w.ask("select pg_backend_pid()") + "/stat")
	if err != nil {
		w.Fatal(err)
	}
	var user, system int64
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		w.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// TestEstimates compares estimates with what changes of large tables take, without what they wait for. It takes a
// minute and runs when DOWEL_TEST_ALL is set.
func TestEstimates(t *testing.T) {
	if os.Getenv("DOWEL_TEST_ALL") == "" {
		return
	}
	for _, rows := range []int{50_000, 200_000, 800_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			worlds(t, func(t *testing.T, w *world) { w.estimates(rows) })
		})
	}
}

func (w *world) estimates(rows int) {
	classes := "  book: {fields: {title: string, pages: int optional, price: decimal optional, author: int column=author_id, n: int, f: float}}\n  author: {fields: {name: string}}\n"
	w.apply(read(w, classes))
	numbers := fmt.Sprintf("generate_series(1, %d) g(i)", rows)
	if !w.isPostgres() {
		numbers = fmt.Sprintf("(with recursive g(i) as (select 1 union all select i + 1 from g where i < %d) select i from g)", rows)
	}
	w.exec("insert into authors (name) values ('x'), ('y'); insert into books (title, pages, price, author_id, n, f) select 'title of ' || i, case when i % 2 = 0 then i end, 12, 1 + i % 2, i, i from " + numbers)
	if w.isPostgres() {
		w.exec("vacuum analyze books")
	}
	for _, c := range [][2]string{
		{"title: string", "title: string index"},
		{"author: int column=author_id", "author: author"},
		{"pages: int optional", "pages: int default=1"},
		{"f: float", "f: int"},
		{"price: decimal", "price: string"},
	} {
		classes = strings.Replace(classes, c[0], c[1], 1)
		want := migrate.Desired(read(w, classes), w.Dialect())
		if c[1] == "f: int" {
			want = want.Huge()
		}
		have, err := migrate.Inspect(w.Context(), w.Conn)
		if err != nil {
			w.Fatal(err)
		}
		p, err := migrate.Diff(w.Context(), want, have, w.Conn)
		if err != nil {
			w.Fatal(err)
		}
		var estimate time.Duration
		for _, s := range p.Steps {
			estimate += s.Estimate
		}
		before := w.worked()
		if _, err := migrate.Apply(w.Context(), w.Conn, p, migrate.Allow{}); err != nil {
			w.Fatal(err)
		}
		took := w.worked() - before
		w.Logf("%s: %v, estimated %v", c[1], took, estimate)
		if took > 3*estimate+50*time.Millisecond || estimate > 3*took+100*time.Millisecond {
			w.Errorf("%s of %d rows: %v, estimated %v", c[1], rows, took, estimate)
		}
	}
}
