package storage

import (
	"context"
	"time"
)

// Cluster is a store that several processes can serve at the same time. Stores
// of one process have nothing to say here and need not implement it.
type Cluster interface {
	// Announce tells the other processes a short text: that one of them has put
	// another schema in service. It stays within the application.
	Announce(ctx context.Context, text string) error
	// Announcements delivers what others announced, from the first call until the
	// store is closed, which closes the channel. A receiver that is slow gets the last one; "" stands for
	// some that were missed while the database could not be reached.
	Announcements() <-chan string
	// Exclusive runs fn while no other process of the application runs one: what
	// is done once at start. It is no lock on rows.
	Exclusive(ctx context.Context, fn func() error) error
}

// Prober is a store that knows more about its health than whether a read
// succeeds.
type Prober interface {
	// Probe asks everything the store consists of. The checks come in a fixed order.
	Probe(ctx context.Context) []Check
}

// StatusOK is the status of a part in order.
const StatusOK = "ok"

// Check is the health of one part of a store.
type Check struct {
	Name   string // replica 2; never where it is
	Status string // StatusOK, or a word for what is wrong: down, lagging
	// Needed says that requests cannot be served without it.
	Needed bool
	// Lag is how far it is behind, for parts that follow another.
	Lag time.Duration
	Err error // for the log alone
}

// Ready reports whether requests can be served, with the check that says no.
func Ready(checks []Check) (failed *Check, ok bool) {
	for i := range checks {
		if c := &checks[i]; c.Needed && c.Status != StatusOK {
			return c, false
		}
	}
	return nil, true
}

// As finds what a store can do beyond Store, also behind decorators: those have
// a method Unwrap that returns the store they wrap.
func As[T any](s Store) (T, bool) {
	for {
		if t, ok := s.(T); ok {
			return t, true
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			var none T
			return none, false
		}
		s = w.Unwrap()
	}
}
