package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/storage"
)

// probeEvery is how long an answer of Probe serves those who ask next: whoever
// asks often should not cost the database anything. probeWait bounds a look.
const (
	probeEvery = 100 * time.Millisecond
	probeWait  = 2 * time.Second
)

// probe is the last look at the primary.
type probe struct {
	mu   sync.Mutex
	last *glance
}

// glance is one, under way or done.
type glance struct {
	done   chan struct{} // closed with the next two set
	at     time.Time
	checks []storage.Check
}

func (l *glance) stale() bool {
	select {
	case <-l.done:
		return time.Since(l.at) >= probeEvery
	default:
		return false
	}
}

// forget has the next caller look anew.
func (p *probe) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = nil
}

var errReadOnly = errors.New("the server only reads: it is a replica itself")

// Probe says how the primary, the schema and the replicas are.
func (s *Store) Probe(ctx context.Context) []storage.Check {
	s.probe.mu.Lock()
	l := s.probe.last
	if l == nil || l.stale() {
		l = &glance{done: make(chan struct{})}
		s.probe.last = l
		go func() { // for whoever waits, and those who come soon
			short, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeWait)
			defer cancel()
			l.checks = s.ask(short)
			l.at = time.Now()
			close(l.done)
		}()
	}
	s.probe.mu.Unlock()
	checks := []storage.Check{{Name: "primary", Status: statusDown, Needed: true}}
	select {
	case <-l.done:
		checks = slices.Clone(l.checks)
	case <-ctx.Done():
		checks[0].Err = ctx.Err()
	}
	return append(checks, s.replicas.checks()...)
}

// ask is a look at the primary.
func (s *Store) ask(ctx context.Context) []storage.Check {
	primary := storage.Check{Name: "primary", Status: storage.StatusOK, Needed: true}
	reads := false
	err := s.reads.do(ctx, &command{sql: []byte("select pg_is_in_recovery()"), row: func(cols [][]byte) error {
		reads = string(cols[0]) == "t"
		return nil
	}})
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
