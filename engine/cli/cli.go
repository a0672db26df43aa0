// Package cli is the command line of Dowel, importable so that a binary with
// actions of its own has every verb:
//
//	func main() {
//		app := engine.New()
//		engine.Handle(app, "customer.merge", merge)
//		cli.Main(app)
//	}
//
// Run is the same without the process: arguments, streams and environment come
// in, an exit status comes out. One file is one verb (or a family of them); the
// grammar in grammar.go lists them all. What a verb prints as data goes to
// stdout; progress, logs and questions go to stderr.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/dowel-dev/dowel/engine"
)

// App is what a binary adds to the verbs.
type App struct {
	// Version is what `version` prints; "" is the one the Go tool recorded.
	Version string
	// Program is what the binary adds to the schema, nil for nothing. One that has
	// functions for actions must have them all.
	Program *engine.App
	// Templates are applications that `init` can write, beside "empty".
	Templates map[string]fs.FS
}

// The exit statuses of every verb.
const (
	exitDone        = 0
	exitFindings    = 1  // findings, or refused
	exitUsage       = 2  // wrong usage
	exitEnvironment = 3  // database, port, file
	exitPending     = 10 // changes are pending, where asked for
)

// Main is the main function of a program with code of its own: it runs the
// process's arguments and exits with the status of the verb. An interrupt or SIGTERM
// ends it in order; a second one at once.
func Main(app *engine.App) { App{Program: app}.Main() }

// Main is the same for a binary that has more to say about itself.
func (app App) Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	os.Exit(Run(ctx, app, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}

// Run runs one command line and returns its exit status. env has the form of os.Environ.
func Run(ctx context.Context, app App, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	r := &run{
		ctx: ctx, app: app,
		in: stdin, out: stdout, err: stderr,
		env: environment(env),
	}
	r.live = r.lively(stderr)
	err := r.dispatch(args)
	if err == nil {
		return exitDone
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{status: exitEnvironment, err: err}
	}
	if f.err != nil {
		fmt.Fprintln(stderr, "dowel: "+f.err.Error())
	}
	for _, line := range f.help {
		fmt.Fprintln(stderr, "  "+line)
	}
	return f.status
}

// run is one invocation: what every verb may use of the outside world.
type run struct {
	ctx context.Context
	app App
	in  io.Reader
	out io.Writer
	err io.Writer
	env map[string]string
	// live: progress bars and colour may go to err.
	live bool
}

// note prints one line for people on stderr.
func (r *run) note(format string, args ...any) {
	fmt.Fprintf(r.err, format+"\n", args...)
}

// failure is an error with the exit status it means. A nil err has been reported already.
type failure struct {
	status int
	err    error
	help   []string
}

func (f *failure) Error() string {
	if f.err == nil {
		return fmt.Sprintf("exit status %d", f.status)
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// refuse is findings, or a refusal: status 1.
func refuse(err error, help ...string) error {
	return &failure{status: exitFindings, err: err, help: help}
}

// misuse is wrong usage: status 2.
func misuse(format string, args ...any) error {
	return &failure{status: exitUsage, err: fmt.Errorf(format, args...)}
}

// unavailable is the environment's fault: status 3.
func unavailable(err error, help ...string) error {
	return &failure{status: exitEnvironment, err: err, help: help}
}

// reported ends a verb whose findings are already printed.
func reported(status int) error { return &failure{status: status} }

func environment(env []string) map[string]string {
	m := make(map[string]string, len(env))
	for _, pair := range env {
		if name, value, ok := strings.Cut(pair, "="); ok {
			m[name] = value
		}
	}
	return m
}
