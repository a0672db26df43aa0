package cli_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/examples"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(server{m}, map[string]func(){
		"dowel":  func() { cli.App{Version: "1.2.3", Templates: examples.Templates()}.Main() },
		"sender": func() { cli.Main(sender()) },
	})
}

// server ends the PostgreSQL that tests have started.
type server struct{ *testing.M }

func (s server) Run() int { return pgtest.Main(s.M) }

// TestScripts runs the conversations in testdata/script. Beside the usual commands there are
//
//	exits STATUS dowel ARG…       the verb ends with that status
//	await URL TEXT                the answer contains the text, sooner or later
//	get STATUS URL [USER:PASS]    the answer goes to stdout
//	hup                           every background command gets SIGHUP
//	postgres NAME                 sets $NAME to the address of an empty database
//	sql URL STATEMENTS            runs statements on it, or on a file of SQLite
//
// and $ADDR and $ADMIN are free addresses.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Setenv("ADDR", l.Addr().String())
			admin, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			e.Setenv("ADMIN", admin.Addr().String())
			if err := admin.Close(); err != nil {
				return err
			}
			e.Setenv("KEY", "0123456789abcdef0123456789abcdef")
			return l.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "await": await, "get": get, "hup": hup, "postgres": database, "sql": statements, "keypair": keypair, "revoke": revoke,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

func hup(ts *testscript.TestScript, _ bool, _ []string) {
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGHUP))
	}
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await URL TEXT")
	}
	last := ""
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, body, err := fetch(args[0], ""); err == nil {
			if last = body; strings.Contains(body, args[1]) {
				return
			}
		}
	}
	ts.Fatalf("%s never said %q but %q", args[0], args[1], last)
}

func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: get STATUS URL [USER:PASSWORD | TOKEN | @FILE-WITH-TOKEN]")
	}
	user := strings.Join(args[2:], "")
	if file, ok := strings.CutPrefix(user, "@"); ok {
		user = strings.TrimSpace(ts.ReadFile(file))
	}
	status, body, err := fetch(args[1], user)
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), body)
	ts.Check(err)
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("status %d, not %s: %s", status, args[0], body)
	}
}

func fetch(url, user string) (int, string, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if name, password, ok := strings.Cut(user, ":"); ok {
		r.SetBasicAuth(name, password)
	} else if user != "" {
		r.Header.Set("Authorization", "Bearer "+user)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	return a.StatusCode, string(body), err
}
