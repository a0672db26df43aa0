// Command embed builds a server from its parts, without a command line: the schema,
// the rules, a store, the engine, and a function for an action. It shows what
// cli.Main does, for programs that do it otherwise.
//
//	go run ./examples/embed
//	curl -s localhost:8080/api/jars --json '{"label": "plums"}'
//	curl -s -X POST localhost:8080/api/jars/1/open
package main

import (
	"context"
	"embed"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
)

//go:embed dowel.yaml
var files embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	e, err := build(func(s *schema.Schema) (storage.Store, error) { return memory.New(s) })
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	if err := serve(ctx, listener, e); err != nil {
		log.Fatal(err)
	}
}

// build goes through the parts in their order: each knows only those before it.
func build(open func(s *schema.Schema) (storage.Store, error)) (*engine.Engine, error) {
	// 1. What there is: YAML becomes a schema.
	s, found := load.FS(files, ".", load.Options{})
	if found.HasErrors() {
		return nil, errors.New(found.Summary())
	}
	// 2. Who may do what: rules of the schema and of policy/*.csv become decisions.
	rules, found := authz.New(s, files)
	if found.HasErrors() {
		return nil, errors.New(found.Summary())
	}
	// 3. Where it is kept. Any storage.Store will do.
	store, err := open(s)
	if err != nil {
		return nil, err
	}
	// 4. What Go adds: here a function of an action, and a hook.
	app := engine.New()
	engine.Handle(app, "jar.open", openJar)
	app.OnCommit("jar.open", func(_ *actions.Ctx, e *engine.Event) error {
		slog.Info("a jar was opened", slog.Int("rows", len(e.Rows())))
		return nil
	})
	// 5. The engine checks that all of it fits together.
	return engine.Open(engine.Config{Schema: s, Authorizer: rules, Store: store, App: app})
}

// serve answers requests. The engine's handler is one among others, and there is a
// way past HTTP altogether: the same action by a call.
func serve(ctx context.Context, l net.Listener, e *engine.Engine) error {
	mux := http.NewServeMux()
	mux.Handle("/", e.Handler())
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		jars, err := e.Invoke(r.Context(), &authz.Subject{}, &actions.Search{Class: "jar", Count: "exact"})
		if err != nil {
			http.Error(w, "no jars", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte("There are " + plural(jars.Page.Total) + ".\n"))
	})
	server := &http.Server{Handler: mux}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func plural(n int64) string {
	if n == 1 {
		return "1 jar"
	}
	return schema.NewInt(n).String() + " jars"
}

// openJar takes the lid off: half of what is in it is gone at once.
func openJar(ctx *actions.Ctx, jar actions.Row, _ actions.None) (actions.Row, error) {
	return ctx.Class("jar").Update(jar.ID, map[string]any{"open": true, "grams": jar.Int("grams") / 2})
}
