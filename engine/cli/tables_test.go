package cli_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rogpeppe/go-internal/testscript"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// tester is what the database of a script hangs on: it ends with the script.
type tester struct {
	testing.TB
	ts *testscript.TestScript
}

func (t tester) Helper()                   {}
func (t tester) Cleanup(fn func())         { t.ts.Defer(fn) }
func (t tester) Fatal(args ...any)         { t.ts.Fatalf("%v", args) }
func (t tester) Fatalf(f string, a ...any) { t.ts.Fatalf(f, a...) }
func (t tester) Error(args ...any)         { t.ts.Fatalf("%v", args) }
func (t tester) Errorf(f string, a ...any) { t.ts.Fatalf(f, a...) }

func database(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: postgres NAME")
	}
	ts.Setenv(args[0], pgtest.Schema(tester{ts: ts}))
}

func statements(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql URL STATEMENTS")
	}
	sql := args[1]
	if file, ok := strings.CutPrefix(sql, "@"); ok {
		sql = ts.ReadFile(file)
	}
	var answer []string
	if path, ok := strings.CutPrefix(args[0], "sqlite:"); ok {
		c, err := sqlite.OpenConn(ts.MkAbs(path), sqlite.OpenReadWrite|sqlite.OpenCreate)
		ts.Check(err)
		defer c.Close()
		ts.Check(sqlitex.ExecuteScript(c, sql, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
			var cols []string
			for i := range st.ColumnCount() {
				cols = append(cols, st.ColumnText(i))
			}
			answer = append(answer, strings.Join(cols, " "))
			return nil
		}}))
	} else {
		c, err := pgconn.Connect(context.Background(), args[0])
		ts.Check(err)
		defer c.Close(context.Background())
		results, err := c.Exec(context.Background(), sql).ReadAll()
		ts.Check(err)
		for _, result := range results {
			for _, row := range result.Rows {
				var cols []string
				for _, v := range row {
					cols = append(cols, string(v))
				}
				answer = append(answer, strings.Join(cols, " "))
			}
		}
	}
	_, err := ts.Stdout().Write([]byte(strings.Join(answer, "\n") + "\n"))
	ts.Check(err)
}

// dowel runs a verb within the process.
func dowel(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	status = cli.Run(t.Context(), cli.App{Version: "1.2.3"}, args, strings.NewReader(""), &out, &err, nil)
	return status, out.String(), err.String()
}
