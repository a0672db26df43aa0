package postgres

import (
	"context"
)

// pipeMode says what travels through a pipe.
type pipeMode uint8

const (
	reads  pipeMode = iota // statements that read: what is lost is sent again
	writes                 // changes: what is lost may have happened
)

// pipe shares a few connections among many callers.
type pipe struct {
	store *Store
	mode  pipeMode
}

func newPipe(s *Store, conns int, mode pipeMode) *pipe { return &pipe{s, mode} }

// do runs commands together and in order. They share a transaction with commands of other callers.
func (p *pipe) do(ctx context.Context, cmds ...*command) error {
	c, err := p.store.acquire(ctx)
	if err != nil {
		return err
	}
	defer p.store.release(c)
	return c.run(ctx, cmds...)
}

func (p *pipe) stop() {}
