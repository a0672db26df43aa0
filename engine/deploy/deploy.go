// Package deploy finds what an application stands on when no command line does:
// its folder, its schema and rules, its database.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// DefaultDB is where rows are kept when nothing else is said.
const DefaultDB = "sqlite:data/app.db"

// Find returns the folder of the application: from, or the nearest one above it that has a schema.
func Find(from string) (string, error) {
	start, err := filepath.Abs(from)
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := load.Find(os.DirFS(dir), "."); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("neither %s nor a folder above it has %s or schema/*.yaml", start, load.MainFile)
		}
	}
}

// Limits of a database's work.
type Limits struct {
	Statement, Lock time.Duration
	Log             *slog.Logger
}

// Store opens a database by its URL; SQLite's paths are below folder. A database
// that does not exist yet gets its tables; one that lags behind the schema is refused.
func Store(ctx context.Context, url, folder string, s *schema.Schema, l Limits) (storage.Store, error) {
	fresh := false
	var st storage.Store
	var err error
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "memory":
		fresh = true
		st, err = memory.New(s)
	case "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		_, missing := os.Stat(path)
		fresh = errors.Is(missing, fs.ErrNotExist)
		st, err = sqlite.Open(path, s, sqlite.Options{Timeout: l.Statement, LockWait: l.Lock})
	case "postgres", "postgresql":
		st, err = postgres.Open(ctx, url, s, postgres.Options{Timeout: l.Statement, LockWait: l.Lock, Log: l.Log})
	default:
		return nil, fmt.Errorf("%q is no database: write memory:, sqlite:PATH or postgres://USER@HOST/DATABASE", scheme+":")
	}
	if err != nil {
		return nil, err
	}
	pending, err := st.Migrate(ctx, s, fresh)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("the database lags behind the schema by %d changes, first: %s; `dowel apply` makes them", len(pending), pending[0].Text)
	}
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}
