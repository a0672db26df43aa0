package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/memory"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/sqlite"
)

// store is one kind of database; which one serves follows from its URL.
type store struct {
	schemes []string
	form    string // for people
	// names reports whether what follows the scheme can name a database of the kind.
	names func(rest string) bool
	// copies says that replicas can answer reads.
	copies bool
	open   func(ctx context.Context, p *project) (storage.Store, error)
}

// stores lists the kinds there are.
var stores = []store{
	{[]string{"sqlite"}, "sqlite:PATH", func(rest string) bool { return strings.Trim(rest, "/") != "" }, false, openSQLite},
	{[]string{"postgres", "postgresql"}, "postgres://USER@HOST/DATABASE", func(rest string) bool { return strings.HasPrefix(rest, "//") }, true, openPostgres},
	{[]string{"memory"}, "memory:", func(rest string) bool { return strings.Trim(rest, "/") == "" }, false, openMemory},
}

// storeOf returns the kind of a database URL, nil for none.
func storeOf(db string) *store {
	scheme, rest, ok := strings.Cut(db, ":")
	for i := range stores {
		for _, s := range stores[i].schemes {
			if ok && s == scheme && stores[i].names(rest) {
				return &stores[i]
			}
		}
	}
	return nil
}

func storeForms() string {
	forms := make([]string, len(stores))
	for i, s := range stores {
		forms[i] = s.form
	}
	return strings.Join(forms[:len(forms)-1], ", ") + " or " + forms[len(forms)-1]
}

func openSQLite(_ context.Context, p *project) (storage.Store, error) {
	o := sqlite.Options{Timeout: p.cfg.Engine.Limits.Statement, LockWait: p.cfg.Engine.Limits.Lock}
	if p.verb {
		o.MmapMiB = -1
	}
	return sqlite.Open(p.databasePath(), p.schema, o)
}

func openPostgres(ctx context.Context, p *project) (storage.Store, error) {
	return postgres.Open(ctx, p.cfg.DB, p.schema, postgres.Options{
		Timeout: p.cfg.Engine.Limits.Statement, LockWait: p.cfg.Engine.Limits.Lock,
		Replicas: p.cfg.Replicas, Log: p.log,
	})
}

func openMemory(_ context.Context, p *project) (storage.Store, error) {
	return memory.New(p.schema)
}

func (p *project) openStore(r *run) error {
	p.log = r.logger(p.cfg)
	kind := storeOf(p.cfg.DB)
	if kind == nil { // the settings let no other through
		return unavailable(fmt.Errorf("%q is no database", masked(p.cfg.DB)))
	}
	if len(p.cfg.Replicas) > 0 && !kind.copies {
		return refuse(fmt.Errorf("replica is set, and the database %s has none", masked(p.cfg.DB)), "replicas are for postgres://USER@HOST/DATABASE")
	}
	opened, err := kind.open(r.ctx, p)
	if err != nil {
		return unavailable(fmt.Errorf("database %s: %w", masked(p.cfg.DB), err))
	}
	p.store = opened
	return nil
}

// databasePath is the file of an SQLite database, relative paths being below
// the application's folder; "" for others.
func (p *project) databasePath() string {
	path, ok := strings.CutPrefix(p.cfg.DB, "sqlite:")
	if !ok {
		return ""
	}
	path = strings.TrimPrefix(path, "//")
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.folder, path)
	}
	return path
}

// filesAt is the address of the content of files.
func (p *project) filesAt() string {
	switch path := p.databasePath(); {
	case p.cfg.Files != "":
		if path, local := strings.CutPrefix(p.cfg.Files, "file:"); local && !filepath.IsAbs(path) {
			return "file:" + filepath.Join(p.folder, path)
		}
		return p.cfg.Files
	case path != "":
		return "file:" + filepath.Join(filepath.Dir(path), "files")
	case p.inMemory():
		return "memory:"
	}
	return "file:" + filepath.Join(p.folder, "data", "files")
}

// hasFiles reports whether any class has a field of type file.
func hasFiles(s *schema.Schema) bool {
	return slices.ContainsFunc(s.Classes, func(c *schema.Class) bool {
		return slices.ContainsFunc(c.Fields, func(f *schema.Field) bool { return f.Type != nil && f.Type.Name() == "file" })
	})
}

// inMemory reports whether the rows are gone when the process ends.
func (p *project) inMemory() bool { return strings.HasPrefix(p.cfg.DB, "memory:") }

// local reports whether the database is of this machine, so that dev may change its tables.
func (p *project) local() bool {
	if p.inMemory() || p.databasePath() != "" {
		return true
	}
	u, err := url.Parse(p.cfg.DB)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if h := u.Query().Get("host"); h != "" {
		host = h
	}
	if host == "" || host == "localhost" || strings.HasPrefix(host, "/") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// fresh reports whether the database is about to be made.
func (p *project) fresh() bool {
	path := p.databasePath()
	if path == "" {
		return p.inMemory()
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
