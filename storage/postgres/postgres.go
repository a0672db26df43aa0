// Package postgres keeps records in PostgreSQL, for applications that have
// outgrown one machine. It means the same as the other stores.
//
// Reads that take one round trip, and changes that are a transaction of their
// own, travel in batches over a few shared connections (pipe.go): the statements
// of concurrent requests go out in one write and share one transaction of the
// server. What needs several round trips has a connection of a pool for itself
// (tx.go). Values are bound and read as text; a column has the native type of its
// field (sqlgen.Postgres), text compares by code point (collation C). Documents are
// json and not jsonb, which would put their members into another order, write their
// numbers anew and refuse \u0000.
//
// Every row has a hidden column _version, numbered by a sequence. The change
// counter of a class is the sum of its rows in _dowel_counters, of which each
// connection that writes has one of its own: commits do not wait for each
// other, and equal sums mean equal rows in every snapshot.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/semaphore"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Options tune a store. The zero value is what applications want.
type Options struct {
	// Conns is the number of connections for transactions of several round
	// trips; 0 is four times the processors, from 8 to 32.
	Conns int
	// Readers is the number of connections that concurrent reads share; 0 is
	// half the processors, from 2 to 8.
	Readers int
	// Writers is the number of connections that concurrent changes share; 0 is 4: while
	// one commits, others work.
	Writers int
	// Statements is how many prepared statements each connection keeps; 0 is 500.
	Statements int
	// Timeout ends a statement that runs longer; 0 is 5 s, negative is never.
	Timeout time.Duration
	// LockWait is how long a change waits for rows that others are changing; 0 is 1 s. A
	// quarter of it is what one statement waits, then the transaction runs again.
	LockWait time.Duration
	// Connect is how long a new connection may take; 0 is 5 s.
	Connect time.Duration
	// Wait is how long work waits for a connection when all are in use; 0 is 2 s.
	Wait time.Duration
	// Replicas are the addresses of copies that follow the database by streaming; lists
	// are read there as long as they have everything that was acknowledged.
	Replicas []string
	Log      *slog.Logger // of changes in the health of replicas; nil is none
}

func (o Options) withDefaults() Options {
	if o.Conns <= 0 {
		o.Conns = min(max(4*runtime.GOMAXPROCS(0), 8), 32)
	}
	if o.Readers <= 0 {
		o.Readers = min(max(runtime.GOMAXPROCS(0)/2, 2), 8)
	}
	if o.Writers <= 0 {
		o.Writers = 4
	}
	if o.Statements <= 0 {
		o.Statements = 500
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.LockWait <= 0 {
		o.LockWait = time.Second
	}
	if o.Connect <= 0 {
		o.Connect = 5 * time.Second
	}
	if o.Wait <= 0 {
		o.Wait = 2 * time.Second
	}
	return o
}

// Store is a storage.Store on one PostgreSQL database.
type Store struct {
	options Options
	models  sqlgen.Models
	foreign atomic.Pointer[migrate.Foreign] // tables made elsewhere; nil without any
	shapes  *shapes
	epochs  epochs
	config  *pgxpool.Config
	pool    *pgxpool.Pool       // transactions of several round trips
	reads   *pipe               // reads of one round trip, shared
	writes  *pipe               // changes that are a transaction of their own, shared
	slow    chan struct{}       // tokens of reads that take long
	turns   *semaphore.Weighted // of transactions
	rtt     atomic.Int64        // of the network, ns, as measured last

	replicas  *replicas // nil without any
	announcer *announcer
	probe     probe

	closing sync.Once
	closed  chan struct{}
}

// Open connects to the database at url (postgres://user:password@host:port/name?…).
// Tables are made by Migrate.
//
// It fails, in Options.Connect or little more, when the address is wrong, the server cannot be reached,
// refuses the user or is not fit; only a server that cannot be reached now is storage.ErrUnavailable, which may
// be worth another try. A store that is open needs no help when the server goes
// away: it refuses work with storage.ErrUnavailable and is back within a second of it.
func Open(ctx context.Context, url string, s *schema.Schema, o Options) (*Store, error) {
	o = o.withDefaults()
	config, err := poolConfig(url, o)
	if err != nil {
		return nil, err
	}
	if err := prepareDatabase(ctx, config, o); err != nil {
		return nil, err
	}
	st := &Store{options: o, config: config, shapes: newShapes(4 * o.Statements), slow: make(chan struct{}, max(o.Conns/2, 1)), turns: semaphore.NewWeighted(everybody), closed: make(chan struct{}), announcer: newAnnouncer()}
	st.models.Use(s)
	if st.pool, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	st.reads = newPipe(st, o.Readers, reads)
	st.writes = newPipe(st, o.Writers, writes)
	if st.replicas, err = openReplicas(ctx, st, o.Replicas); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return st, nil
}

// Use makes the store serve another revision of the schema. Work that began
// under the one before can end under it.
func (s *Store) Use(to *schema.Schema) error {
	s.models.Use(to)
	s.epochs.use(to)
	return nil
}

// Close waits for running transactions and reads, and releases the connections.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.replicas.close()
		s.reads.stop()
		s.writes.stop()
		s.pool.Close()
	})
	return nil
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

var errClosed = fmt.Errorf("%w: store is closed", storage.ErrUnavailable)
