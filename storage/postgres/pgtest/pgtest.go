// Package pgtest gives tests a throw-away PostgreSQL. Only tests import it.
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
//
//	func TestStore(t *testing.T) { open(pgtest.Database(t)) }
//
// The first call of Database or Schema starts a server that the tests of the
// process share; Main ends it, and if the process dies before that, a watcher
// does. With DOWEL_TEST_POSTGRES=postgres://… they use that server instead.
// Tests that stop, kill or copy a server make one for themselves: NewCluster.
//
// Programs of PostgreSQL are looked for in DOWEL_TEST_PGBIN, PATH, what
// pg_config says, and the usual folders. Without them a test fails: a suite
// that skips what it cannot run proves nothing.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ServerEnv names the variable that holds the URL of a server to use instead of starting one.
const ServerEnv = "DOWEL_TEST_POSTGRES"

// shared is the server that the tests of a process share.
var shared server

// Main runs the tests and ends the shared server.
func Main(m *testing.M) int {
	defer shared.stop()
	return m.Run()
}

// Database returns the URL of a new empty database, which is dropped when t
// ends. It takes some 30 ms; Schema is faster.
func Database(t testing.TB) string {
	t.Helper()
	name := shared.name()
	base := shared.do(t, "create database "+name+" template template0 encoding 'UTF8'")
	t.Cleanup(func() { shared.do(t, "drop database if exists "+name+" with (force)") })
	return at(base, name, "")
}

// Schema returns a URL that leads to a new empty schema of one database, by
// way of search_path. It takes a millisecond or two. Names that a server or a
// database has once (roles, extensions, advisory locks, notifications) are shared.
func Schema(t testing.TB) string {
	t.Helper()
	base, database := shared.common(t)
	name := shared.name()
	shared.in(t, database, "create schema "+name)
	t.Cleanup(func() { shared.in(t, database, "drop schema if exists "+name+" cascade") })
	return at(base, database, name)
}

// Emptied is Schema for suites that open hundreds of stores on the same tables: a schema that a test with the same
// key used before comes back with its tables, without rows and with its numberings at their start. made is false when
// the tables are still to be made; who makes them, migrates once. A schema that was migrated again is not used again.
func Emptied(t testing.TB, key string) (url string, made bool) {
	t.Helper()
	base, database := shared.common(t)
	name := shared.take(key)
	if made = name != ""; !made {
		name = shared.name()
		shared.in(t, database, "create schema "+name)
	}
	t.Cleanup(func() {
		if !t.Failed() && shared.try(database, strings.ReplaceAll(empty, "SCHEMA", name)) == nil {
			shared.give(key, name)
			return
		}
		shared.in(t, database, "drop schema if exists "+name+" cascade")
	})
	return at(base, database, name), made
}

// empty takes rows out without regard to what refers to them: not by truncate, which makes files anew.
const empty = `do $$
declare r record;
begin
	if (select count(distinct run) from SCHEMA._dowel_migrations) <> 1 then
		raise 'migrated again';
	end if;
	set local session_replication_role = replica;
	for r in select c.oid::regclass as name from pg_class as c where c.relnamespace = 'SCHEMA'::regnamespace and c.relkind = 'r'
		and (c.relname not like '\_dowel%' or c.relname in ('_dowel_sequences', '_dowel_kept')) loop
		execute 'delete from ' || r.name;
	end loop;
	update SCHEMA._dowel_counters set epoch = 1, n = 0;
	perform setval(c.oid, 1, false) from pg_class as c where c.relnamespace = 'SCHEMA'::regnamespace and c.relkind = 'S';
end $$`

// server makes databases on a cluster of its own or a given one.
type server struct {
	mu       sync.Mutex
	cluster  *Cluster
	url      *url.URL
	failed   error
	conns    map[string]*pgconn.PgConn // by database
	database string                    // holds the schemas
	emptied  map[string][]string       // names of schemas by key, ready for the next test
	names    int
}

// start finds or starts the server once. mu is held.
func (s *server) start() error {
	if s.url != nil || s.failed != nil {
		return s.failed
	}
	s.conns = map[string]*pgconn.PgConn{}
	given := os.Getenv(ServerEnv)
	if given == "" {
		if s.cluster, s.failed = newCluster(Options{}); s.failed != nil {
			return s.failed
		}
		if s.failed = s.cluster.start(); s.failed != nil {
			s.cluster.remove()
			return s.failed
		}
		given = s.cluster.URL()
	}
	s.url, s.failed = url.Parse(given)
	if s.failed == nil && !strings.HasPrefix(s.url.Scheme, "postgres") {
		s.failed = fmt.Errorf("%s is not of the form postgres://user:password@host:port/database", ServerEnv)
	}
	return s.failed
}

// stop drops what the process made on a given server, or ends its own.
func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cluster == nil && s.database != "" {
		if _, err := s.exec("", "drop database if exists "+s.database+" with (force)"); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
		}
	}
	for _, c := range s.conns {
		_ = c.Close(context.Background()) // the server goes next
	}
	if s.cluster != nil {
		s.cluster.remove()
	}
	s.cluster, s.url, s.conns, s.database, s.emptied = nil, nil, nil, "", nil
}

// name returns one that no other process uses either.
func (s *server) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names++
	return fmt.Sprintf("dowel_test_%d_%d_%d", os.Getpid(), time.Now().UnixNano()&0xffffff, s.names)
}

// do runs one statement on the database of the server's URL, which it returns.
func (s *server) do(t testing.TB, sql string) *url.URL {
	t.Helper()
	return s.in(t, "", sql)
}

// in runs one statement on a database.
func (s *server) in(t testing.TB, database, sql string) *url.URL {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	base, err := s.exec(database, sql)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return base
}

// try is in for what may fail.
func (s *server) try(database, sql string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.exec(database, sql)
	return err
}

// take returns a schema that was given back with the key, "" if there is none.
func (s *server) take(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.emptied[key]
	if len(names) == 0 {
		return ""
	}
	s.emptied[key] = names[:len(names)-1]
	return names[len(names)-1]
}

func (s *server) give(key, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.emptied == nil {
		s.emptied = map[string][]string{}
	}
	s.emptied[key] = append(s.emptied[key], name)
}

// common returns the database that holds the schemas.
func (s *server) common(t testing.TB) (base *url.URL, database string) {
	t.Helper()
	name := s.name()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.database == "" {
		if _, err := s.exec("", "create database "+name+" template template0 encoding 'UTF8'"); err != nil {
			t.Fatalf("pgtest: %v", err)
		}
		s.database = name
	}
	return s.url, s.database
}

func (s *server) exec(database, sql string) (*url.URL, error) {
	if err := s.start(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := s.conns[database]
	if c == nil || c.IsClosed() {
		target := s.url.String()
		if database != "" {
			target = at(s.url, database, "")
		}
		var err error
		if c, err = pgconn.Connect(ctx, target); err != nil {
			return nil, err
		}
		s.conns[database] = c
	}
	if err := c.Exec(ctx, "set client_min_messages = warning; set lock_timeout = '20s'").Close(); err != nil {
		return nil, err
	}
	return s.url, c.Exec(ctx, sql).Close()
}

// at returns the URL of a database, and of a schema in it, of the same server.
func at(base *url.URL, database, schema string) string {
	u := *base
	u.Path = "/" + database
	if schema != "" {
		q := u.Query()
		q.Set("options", "-c search_path="+schema)
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // what libpq decodes
	}
	return u.String()
}
