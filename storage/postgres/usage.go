package postgres

import "github.com/dowel-dev/dowel/storage"

var _ storage.Gauged = (*Store)(nil)

// Usage implements storage.Gauged.
func (s *Store) Usage() []storage.Usage {
	pool := s.pool.Stat()
	return []storage.Usage{
		s.reads.usage("reads", s.options.Readers),
		s.writes.usage("writes", s.options.Writers),
		{Pool: "transactions", Open: int(pool.TotalConns()), Most: int(pool.MaxConns()), Busy: int(pool.AcquiredConns())},
	}
}

func (p *pipe) usage(name string, most int) storage.Usage {
	p.state.Lock()
	defer p.state.Unlock()
	return storage.Usage{Pool: name, Open: p.live, Most: most, Busy: -1, Waiting: len(p.queue)}
}

// Connections is how many connections a store with these options has to its database at most.
func Connections(o Options) int {
	o = o.withDefaults()
	return o.Conns + o.Readers + o.Writers + 1 // one hears announcements
}
