package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// poolConfig reads the address of the database and settles how sessions are set up.
func poolConfig(url string, o Options) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("postgres: the address of the database cannot be read")
	}
	c.MaxConns = int32(o.Conns)
	return c, nil
}

// prepareDatabase checks that the database can be worked with and makes the system tables.
func (s *Store) prepareDatabase(ctx context.Context) error {
	return s.pool.Ping(ctx)
}

// acquire takes a connection of the pool for a transaction.
func (s *Store) acquire(ctx context.Context) (*conn, error) {
	if s.isClosed() {
		return nil, errClosed
	}
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	k, ok := c.Conn().PgConn().CustomData()[connKey].(*conn)
	if !ok {
		k = newConn(c.Conn().PgConn(), s.options.Statements)
		c.Conn().PgConn().CustomData()[connKey] = k
	}
	k.pooled = c
	return k, nil
}

const connKey = "dowel"

// release gives a connection back.
func (s *Store) release(c *conn) {
	p := c.pooled
	c.pooled = nil
	p.Release()
}
