package sqlite

import "github.com/dowel-dev/dowel/storage"

var _ storage.Gauged = (*Store)(nil)

// Usage implements storage.Gauged.
func (s *Store) Usage() []storage.Usage {
	return []storage.Usage{
		{Pool: "reads", Open: s.opened, Most: s.options.Readers, Busy: s.opened - len(s.readers)},
		{Pool: "writes", Open: 1, Most: 1, Busy: -1, Waiting: len(s.writer.queue)},
	}
}
