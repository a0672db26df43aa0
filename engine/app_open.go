package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine/deploy"
)

// Open reads the application's schema and rules, opens its database and starts an
// engine, for programs that serve without the command line. DOWEL_DB names the database and
// DOWEL_AUTH__SECRET (or _FILE) the key of tokens, as they do for `dowel serve`;
// all other settings are their defaults or those of With. A folder whose config.yaml
// says more is refused: the command line reads that. Close the engine when done.
func (a *App) Open(ctx context.Context) (*Engine, error) {
	folder, files := a.folder, a.files
	if files == nil {
		if folder == "" {
			folder = "."
		}
		var err error
		if folder, err = deploy.Find(folder); err != nil {
			return nil, err
		}
		files = os.DirFS(folder)
	}
	if _, err := fs.Stat(files, "config.yaml"); err == nil {
		return nil, errors.New("config.yaml is for cli.Main; without it, settings are those of engine.With")
	}
	s, rules, _, found := deploy.Load(files, ".", a.Parts())
	if err := startError(found); err != nil {
		return nil, err
	}
	var settings Settings
	if a.settings != nil {
		a.settings(&settings)
	}
	settings.Limits = settings.Limits.orDefault()
	secret, err := secretOf("DOWEL_AUTH__SECRET")
	if err != nil {
		return nil, err
	}
	if settings.Auth.Secret == "" {
		settings.Auth.Secret = secret
	}
	if s.Login != nil && settings.Auth.Secret == "" {
		return nil, fmt.Errorf("class %s logs people in, and there is no key to sign their tokens with: set DOWEL_AUTH__SECRET", s.Login.Name)
	}
	signer, err := signerOf(settings)
	if err != nil {
		return nil, err
	}
	db, err := secretOf("DOWEL_DB")
	if err != nil {
		return nil, err
	}
	if db == "" {
		db = deploy.DefaultDB
	}
	store, err := deploy.Store(ctx, db, folder, s, deploy.Limits{Statement: settings.Limits.Statement, Lock: settings.Limits.Lock, Log: slog.Default()})
	if err != nil {
		return nil, err
	}
	e, err := Open(Config{Schema: s, Authorizer: rules, Store: store, Settings: settings, Signer: signer, App: a})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	go func() {
		defer close(over)
		e.background(working)
	}()
	e.stop = func() { stop(); <-over }
	return e, nil
}

// Handler is that of an engine that Open starts. What keeps it from starting is a
// mistake of the program or its surroundings, and panics.
func (a *App) Handler() http.Handler {
	e, err := a.Open(context.Background())
	if err != nil {
		panic("dowel: " + err.Error())
	}
	return e.Handler()
}

// Close stops what Open has started and releases the store, and the Redis if there is one.
func (e *Engine) Close() error {
	if e.stop != nil {
		e.stop()
	}
	return errors.Join(e.Release(), e.cfg.Store.Close())
}

// Release is Close for who closes the store by itself.
func (e *Engine) Release() error {
	if e.kept.redis == nil {
		return nil
	}
	return e.kept.redis.Close()
}

// signerOf is nil without a key.
func signerOf(s Settings) (*token.Signer, error) {
	if s.Auth.Secret == "" {
		return nil, nil
	}
	or := func(text, other string) string {
		if text == "" {
			return other
		}
		return text
	}
	return token.New(token.Config{
		Secret: []byte(s.Auth.Secret), Issuer: or(s.Auth.Issuer, "dowel"), Audience: or(s.Auth.Audience, "dowel"),
		Access: s.Auth.Access, MaxSize: s.Limits.Token,
	})
}

// secretOf reads a variable of the environment, or the file that NAME_FILE names.
func secretOf(name string) (string, error) {
	if v := os.Getenv(name); v != "" {
		return v, nil
	}
	path := os.Getenv(name + "_FILE")
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	return strings.TrimRight(string(b), "\r\n"), err
}
