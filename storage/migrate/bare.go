package migrate

import (
	"context"
	"fmt"

	"github.com/dowel-dev/dowel/schema"
)

// Filler is a connection that takes many rows at once: faster than statements, and
// held to everything that they are held to.
type Filler interface {
	// Fill adds rows to a table; values are of the kinds that the columns have.
	Fill(ctx context.Context, table string, columns []string, rows [][]schema.Value) error
}

// Bare makes the tables that a schema wants and the database lacks, without references and
// indexes, so that they can be filled in any order and fast. What is there loses its
// references, if no row is. Pending makes all of it, and proves that it holds.
func Bare(ctx context.Context, c Conn, s *schema.Schema) error {
	d := c.Dialect()
	return d.exclusively(ctx, c, func() error {
		if err := d.prepare(ctx, c); err != nil {
			return err
		}
		have, err := d.inspect(ctx, c)
		if err != nil {
			return err
		}
		return d.transaction(ctx, c, func() error {
			for _, w := range Desired(s, d).Tables {
				for _, sql := range bare(d, w, have.Table(w.Name)) {
					if _, err := c.Exec(ctx, sql); err != nil {
						return fmt.Errorf("%s: %w", w.Name, err)
					}
				}
			}
			return nil
		})
	})
}

// bare is what makes one table so. On SQLite references belong to the table; who fills
// it looks at them at the end.
func bare(d Dialect, w, h *Table) (sql []string) {
	if h == nil {
		noted := *w
		noted.Checks = nil // they are proved when the rows are there
		sql = append(sql, d.createTable(w, w.Name), noteTable(&noted))
		if start := d.startCounters(w.Name); start != "" && !w.Link {
			sql = append(sql, start)
		}
		return sql
	}
	for _, c := range h.Columns {
		if d.identity() && c.Refers != nil {
			sql = append(sql, alter(w.Name, "drop constraint "+quote(c.Refers.Name)))
		}
	}
	return sql
}
