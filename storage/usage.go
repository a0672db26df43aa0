package storage

// Usage says how busy a pool of connections is.
type Usage struct {
	Pool string // reads, writes, transactions
	Open int    // connections there are
	Most int    // that there may be
	Busy int    // of the open ones; -1 where they are shared and nobody has one for itself
	// Waiting is how much work waits for its turn.
	Waiting int
}

// Gauged is a store that knows how busy it is. Asking costs nothing.
type Gauged interface {
	// Usage describes the pools, in a fixed order.
	Usage() []Usage
}
