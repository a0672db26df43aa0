// Package sqlite keeps records in one SQLite file. It is the default store.
//
// The file is in WAL mode. A few connections only read and are handed around
// through a channel; one goroutine owns the only connection that writes. It
// collects the transactions of concurrent callers into one SQLite transaction,
// each in a savepoint of its own, so that they share one fsync and no writer ever
// meets another of this process. Other processes may use the file at the same time.
//
// Every row has a hidden column _version. Versions come from one counter a
// class, in the table _dowel_counters, which moves in the same transaction.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Options tune a store. The zero value is what applications want.
type Options struct {
	// Readers is the number of connections that read; 0 is twice the
	// processors, from 2 to 8.
	Readers int
	// Sync is the synchronous pragma of the writer: FULL (the default: an
	// acknowledged write survives a power cut), NORMAL (it survives a crash of the
	// process) or OFF, for tests.
	Sync string
	// CacheKiB is the page cache of each connection; 0 is 2048.
	CacheKiB int
	// MmapMiB is how much of the file is mapped into memory instead of being read:
	// it spares a tenth of a read's time. The pages are the system's own and it takes
	// them back when it needs memory, but they count as memory of the process. 0 is 256,
	// negative is nothing, for disks whose errors must not end the process.
	MmapMiB int
	// Statements is how many prepared statements each connection keeps; 0 is 200.
	Statements int
	// Timeout ends a statement that runs longer; 0 is 5 s, negative is never.
	Timeout time.Duration
	// LockWait is how long to wait for another process that writes; 0 is 2 s.
	LockWait time.Duration
}

func (o Options) withDefaults() Options {
	if o.Readers <= 0 {
		o.Readers = min(max(2*runtime.GOMAXPROCS(0), 2), 8)
	}
	if o.Sync == "" {
		o.Sync = "FULL"
	}
	if o.CacheKiB <= 0 {
		o.CacheKiB = 2048
	}
	if o.MmapMiB == 0 {
		o.MmapMiB = 256
	}
	o.MmapMiB = max(o.MmapMiB, 0)
	if o.Statements <= 0 {
		o.Statements = 200
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.LockWait <= 0 {
		o.LockWait = 2 * time.Second
	}
	return o
}

// Store is a storage.Store on one SQLite file.
type Store struct {
	path    string
	options Options
	models  sqlgen.Models
	readers chan *conn
	opened  int // readers there are
	writer  *writer
	watch   *watchdog

	closing sync.Once
	closed  chan struct{}
}

var _ storage.Store = (*Store)(nil)

// Open opens the file at path, which is made with its folder when it is not
// there. Tables are made by Migrate.
func Open(path string, s *schema.Schema, o Options) (*Store, error) {
	o = o.withDefaults()
	switch o.Sync {
	case "FULL", "NORMAL", "OFF", "EXTRA":
	default:
		return nil, fmt.Errorf("sqlite: synchronous %q is none of FULL, NORMAL, OFF, EXTRA", o.Sync)
	}
	if path == "" || path == ":memory:" || strings.ContainsRune(path, 0) {
		return nil, fmt.Errorf("sqlite: %q names no file", path)
	}
	if err := makeFile(path); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	st := &Store{path: path, options: o, readers: make(chan *conn, o.Readers), closed: make(chan struct{})}
	st.watch = newWatchdog(o.Timeout)
	st.models.Use(s)
	if err := st.connect(); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// makeFile makes a file that is not there, for its owner only: it holds what the
// rules of the application protect. SQLite gives its side files the same mode.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// connect opens the writer first: it makes the file and puts it in WAL mode.
func (s *Store) connect() error {
	c, err := openConn(s.path, s.options, s.watch, true)
	if err != nil {
		return err
	}
	if err := c.script(systemTables); err != nil {
		return errors.Join(err, c.close())
	}
	s.writer = startWriter(s, c)
	for range s.options.Readers {
		c, err := openConn(s.path, s.options, s.watch, false)
		if err != nil {
			return err
		}
		s.readers <- c
		s.opened++
	}
	return nil
}

// Use makes the store serve another revision of the schema. Work that began
// under the one before can end under it.
func (s *Store) Use(to *schema.Schema) error {
	s.models.Use(to)
	return nil
}

// Close waits for running transactions and reads, and releases the file.
func (s *Store) Close() error {
	var errs []error
	s.closing.Do(func() {
		close(s.closed)
		if s.writer != nil {
			errs = append(errs, s.writer.stop())
		}
		for range s.opened {
			errs = append(errs, (<-s.readers).close())
		}
		close(s.readers)
		s.watch.stop()
	})
	return errors.Join(errs...)
}

// isClosed reports whether Close was called.
func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// Explain shows the statement and the bound values that Read uses for the rows of a query.
func (s *Store) Explain(q *storage.Query) (sql string, args []schema.Value) {
	m, err := s.models.Of(q.Base())
	if err != nil {
		m = sqlgen.NewModel(&schema.Schema{})
	}
	p := sqlgen.Printer{Dialect: sqlgen.SQLite{}, Names: m.Names}
	p.Select(q, nil, nil)
	return string(p.SQL), p.Args
}

// reader takes a connection that reads.
func (s *Store) reader(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var c *conn
	select {
	case c = <-s.readers:
	default:
		select {
		case c = <-s.readers:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if c == nil { // Close has taken all and closed the channel
		return nil, errClosed
	}
	return c, nil
}

var errClosed = fmt.Errorf("%w: store is closed", storage.ErrUnavailable)
