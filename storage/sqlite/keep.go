package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
)

// Claim takes a key, and throws away some values whose time is over.
func (t *tx) Claim(ctx context.Context, key string, now, until time.Time) (kept string, err error) {
	if err := t.open(ctx); err != nil {
		return "", err
	}
	k, at := schema.NewText(key), schema.NewInt(now.Unix())
	err = t.conn.query("select value from _dowel_kept where key = ?1 and until > ?2", []schema.Value{k, at}, func(st *sqlite.Stmt) { kept = st.ColumnText(0) })
	if err != nil || kept != "" {
		return kept, t.keeping(ctx, err)
	}
	if err = t.conn.do("delete from _dowel_kept where key in (select key from _dowel_kept where until <= ?1 order by until limit 2)", at); err == nil {
		err = t.conn.do("insert or replace into _dowel_kept (key, value, until) values (?1, '', ?2)", k, schema.NewInt(until.Unix()))
	}
	return "", t.keeping(ctx, err)
}

// Keep stores a value with a claimed key.
func (t *tx) Keep(ctx context.Context, key, value string) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	err := t.conn.do("update _dowel_kept set value = ?2 where key = ?1 and value = ''", schema.NewText(key), schema.NewText(value))
	if err == nil && t.conn.db.Changes() != 1 {
		return fmt.Errorf("the key %s was not claimed", key)
	}
	return t.keeping(ctx, err)
}

func (t *tx) keeping(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return t.lost(readError(ctx, err))
}
