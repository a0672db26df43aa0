package storage

import "context"

// Named is a store of a database that other processes can serve at the same time.
type Named interface {
	// Name tells the database apart from all others, as far as that can be said; it stays the same
	// for all processes. It may be a secret to clients.
	Name(ctx context.Context) (string, error)
}
