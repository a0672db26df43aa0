package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/dowel-dev/dowel/schema"
)

// Claim takes a key, and throws away some values whose time is over. A row that another transaction has
// made meanwhile ends this one as lost to a race, so that it runs again and finds the value.
func (t *tx) Claim(ctx context.Context, key string, now, until time.Time) (kept string, err error) {
	if err := t.open(ctx); err != nil {
		return "", err
	}
	k, at := schema.NewText(key), schema.NewInt(now.Unix())
	claimed := false
	claim := statementOf("insert into _dowel_kept as k (key, value, until) values ($1, '', $2) on conflict (key) do update set value = '', until = excluded.until where k.until <= $3 returning true",
		k, schema.NewInt(until.Unix()), at)
	claim.row = func([][]byte) error { claimed = true; return nil }
	look := statementOf("select value from _dowel_kept where key = $1", k)
	look.row = func(cols [][]byte) error { kept = string(cols[0]); return nil }
	sweep := statementOf("delete from _dowel_kept where key in (select key from _dowel_kept where until <= $1 order by until limit 2 for update skip locked)", at)
	if err := t.run(ctx, claim, look, sweep); err != nil {
		return "", t.meaning(ctx, err)
	}
	t.changes++
	if claimed {
		return "", nil
	}
	return kept, nil
}

// Keep stores a value with a claimed key.
func (t *tx) Keep(ctx context.Context, key, value string) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	keep := statementOf("update _dowel_kept set value = $2 where key = $1 and value = ''", schema.NewText(key), schema.NewText(value))
	if err := t.run(ctx, keep); err != nil {
		return t.meaning(ctx, err)
	}
	if keep.affected != 1 {
		return fmt.Errorf("the key %s was not claimed", key)
	}
	return nil
}
