package postgres

import (
	"context"

	"github.com/dowel-dev/dowel/storage"
)

var _ storage.Named = (*Store)(nil)

// Name implements storage.Named. A database that is restored from a dump has another name than the
// one that was dumped; a copy of all files has the same.
func (s *Store) Name(ctx context.Context) (string, error) {
	var who identity
	err := s.reads.do(ctx, &command{sql: []byte("select " + identityColumns), row: func(cols [][]byte) error {
		who = identityOf(cols)
		return nil
	}})
	return who.system + "/" + who.database + "/" + who.schema, readError(ctx, err)
}
