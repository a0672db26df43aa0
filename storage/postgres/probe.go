package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/storage"
)

// probeEvery is how long an answer of Probe serves those who ask next: whoever
// asks often should not cost the database anything.
const probeEvery = 100 * time.Millisecond

// probe keeps the last checks.
type probe struct {
	mu     sync.Mutex
	at     time.Time
	checks []storage.Check
}

var errReadOnly = errors.New("the server only reads: it is a replica itself, or set to")

// Probe says how the primary, the schema and the replicas are.
func (s *Store) Probe(ctx context.Context) []storage.Check {
	s.probe.mu.Lock()
	defer s.probe.mu.Unlock()
	if time.Since(s.probe.at) >= probeEvery {
		s.probe.checks = s.ask(ctx)
		if ctx.Err() == nil { // a caller who has gone has learned nothing
			s.probe.at = time.Now()
		}
	}
	return append(s.probe.checks[:len(s.probe.checks):len(s.probe.checks)], s.replicas.checks()...)
}

// ask is a look at the primary.
func (s *Store) ask(ctx context.Context) []storage.Check {
	primary := storage.Check{Name: "primary", Status: storage.StatusOK, Needed: true}
	reads := false
	err := s.reads.do(ctx, &command{
		// The session of our own is read only in any case.
		sql: []byte("select pg_is_in_recovery() or (select setting = 'on' and source <> 'client' from pg_settings where name = 'default_transaction_read_only')"),
		row: func(cols [][]byte) error {
			reads = string(cols[0]) == "t"
			return nil
		},
	})
	switch {
	case err != nil:
		primary.Status, primary.Err = statusDown, readError(ctx, err)
		return []storage.Check{primary}
	case reads:
		primary.Status, primary.Err = "read-only", errReadOnly
		return []storage.Check{primary}
	}
	schema := storage.Check{Name: "schema", Status: storage.StatusOK, Needed: true}
	if err := s.fits(ctx); errors.Is(err, errRevision) {
		schema.Status, schema.Err = "other-revision", err
	} else if err != nil {
		schema.Status, schema.Err = "unknown", err
	}
	return []storage.Check{primary, schema}
}

// fits reports whether the tables are still what the schema served was found to fit.
func (s *Store) fits(ctx context.Context) error {
	of, err := s.readEpochs(ctx)
	if err != nil {
		return err
	}
	s.epochs.mu.RLock()
	same := s.epochs.of != nil && maps.Equal(of, s.epochs.of)
	s.epochs.mu.RUnlock()
	if same {
		return nil
	}
	return s.fenced(ctx) // which compares them, and remembers
}

// unforeseen looks for the reason of an error of the server that nothing explains:
// the tables may have become those of another revision of the schema.
func (s *Store) unforeseen(ctx context.Context, err error) error {
	var e *pgconn.PgError
	if err == nil || isContract(err) || !errors.As(err, &e) {
		return err
	}
	if errors.Is(s.fits(ctx), errRevision) {
		return unavailable(fmt.Errorf("%w: %w", errRevision, err))
	}
	return err
}
