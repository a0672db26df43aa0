package cli_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// TestApplyResumes kills an apply between two changes, and while one waits for a lock.
func TestApplyResumes(t *testing.T) {
	url := pgtest.Schema(t)
	const before = "dowel: 1\nclasses:\n  a: {fields: {n: string}}\n  b: {fields: {n: string}}\n"
	folder := application(t, before)
	if status, _, said := dowel(t, "apply", "--db", url, folder); status != 0 {
		t.Fatal(said)
	}
	db, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	sql := func(text string) string {
		t.Helper()
		results, err := db.Exec(t.Context(), text).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if rows := results[len(results)-1].Rows; len(rows) > 0 {
			return string(rows[0][0])
		}
		return ""
	}
	rewrite(t, folder, strings.ReplaceAll(before, "n: string", "n: string, m: {type: string, default: x}"))
	sql("insert into \"as\" (n, created_at, updated_at) values ('', now(), now()); insert into bs (n, created_at, updated_at) select n, created_at, updated_at from \"as\"")
	sql("begin; lock table bs in share mode")

	out := &output{}
	cmd := exec.Command("dowel", "apply", "--db", url, folder)
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(out.String(), "a.m") && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	sql("rollback")
	for sql("select count(*) from pg_locks where locktype = 'advisory' and classid = 1685026668 and objid = hashtext(current_schema())::bigint & 4294967295") != "0" {
		time.Sleep(10 * time.Millisecond) // the server notices that nobody is there
	}

	status, _, said := dowel(t, "apply", "--db", url, folder)
	if status != 0 || !strings.Contains(said, "resuming an apply that was interrupted: 1 of 2 changes done") || !strings.Contains(said, "b.m") || strings.Contains(said, "a.m") {
		t.Errorf("status %d:\n%s", status, said)
	}
	if status, out, said := dowel(t, "plan", "--exit-code", "--db", url, folder); status != 0 {
		t.Error(out, said)
	}
}
