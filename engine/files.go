package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/blob"
)

// files keeps the content of fields of type file. Keys begin with a name that the
// database made up for itself, so several applications may share one place and none
// sweeps what another one has; then come class and field, and what is random.
type files struct {
	store   blob.Store
	records storage.Store
	random  io.Reader
	log     *slog.Logger
	clock   func() time.Time

	mu   sync.Mutex
	name string // of the database, once somebody asked
}

// forever is how long the name of a database is kept.
const forever = 100 * 365 * 24 * time.Hour

// own is the name that the database has for its files.
func (f *files) own(ctx context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.name != "" {
		return f.name, nil
	}
	fresh, err := f.chance(8)
	if err != nil {
		return "", err
	}
	var name string
	err = f.records.Write(ctx, func(tx storage.Tx) error {
		now := f.clock()
		kept, err := tx.Claim(ctx, "files", now, now.Add(forever))
		if err != nil || kept != "" {
			name = kept
			return err
		}
		name = fresh
		return tx.Keep(ctx, "files", fresh)
	})
	if err != nil {
		return "", err
	}
	f.name = name
	return name, nil
}

func (f *files) chance(n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(f.random, b); err != nil {
		return "", fmt.Errorf("engine: Config.Random: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// Put implements actions.Files.
func (f *files) Put(ctx context.Context, field *schema.Field, r io.Reader) (string, error) {
	name, err := f.own(ctx)
	if err != nil {
		return "", err
	}
	key, err := f.chance(16)
	if err != nil {
		return "", err
	}
	key = below(name, field) + key[:2] + "/" + key[2:]
	return key, f.store.Put(ctx, key, r)
}

// below is where the content of a field is.
func below(name string, f *schema.Field) string {
	return name + "/" + f.Class.Name + "/" + f.Name + "/"
}

// Open implements actions.Files.
func (f *files) Open(ctx context.Context, key string) (io.ReadSeekCloser, error) {
	return f.store.Open(ctx, key)
}

// Drop implements actions.Files. What cannot be removed now is swept later.
func (f *files) Drop(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := f.store.Delete(ctx, key); err != nil {
		f.log.Warn("content that no record has could not be removed", slog.Any("cause", err))
	}
}

const (
	// filesSweptEvery is how often content that no record has is removed.
	filesSweptEvery = 24 * time.Hour
	// orphanAge is how old such content must be: whoever sends it now names it within the time of a request.
	orphanAge = 24 * time.Hour
	// orphansAtOnce bounds the keys in memory; for so many the records are read once.
	orphansAtOnce = 100_000
	rowsAtOnce    = 1000
)

// SweepFiles removes content that no record has any more, and returns how much it
// was: what was replaced, or belonged to rows that are gone, and uploads that came to nothing. Content of
// fields that the schema does not have stays.
func (e *Engine) SweepFiles(ctx context.Context) (removed int, err error) {
	s := e.Schema()
	for _, c := range s.Classes {
		for _, f := range c.Fields {
			if _, is := f.Type.(*schema.FileType); !is || f.Ref != nil || f.Many != nil {
				continue
			}
			n, err := e.files.sweep(ctx, f, e.cfg.Clock().Add(-orphanAge))
			removed += n
			if err != nil {
				return removed, fmt.Errorf("files of %s.%s: %w", c.Name, f.Name, err)
			}
		}
	}
	return removed, nil
}

// sweep removes the content of a field that is older than a time and named by no row.
func (f *files) sweep(ctx context.Context, field *schema.Field, before time.Time) (removed int, err error) {
	name, err := f.own(ctx)
	if err != nil {
		return 0, err
	}
	old := map[string]bool{}
	flush := func() error {
		// Rows are read after the keys were: a row that names one of them by now is seen,
		// and none comes to name it later.
		if err := f.named(ctx, field, func(key string) { delete(old, key) }); err != nil {
			return err
		}
		for key := range old {
			if err := f.store.Delete(ctx, key); err != nil {
				return err
			}
			removed++
		}
		clear(old)
		return nil
	}
	for info, err := range f.store.List(ctx, below(name, field)) {
		if err != nil {
			return removed, err
		}
		if info.Modified.Before(before) {
			old[info.Key] = true
		}
		if len(old) == orphansAtOnce {
			if err := flush(); err != nil {
				return removed, err
			}
		}
	}
	if len(old) == 0 {
		return removed, nil
	}
	return removed, flush()
}

// named tells the keys of all rows, deleted ones too.
func (f *files) named(ctx context.Context, field *schema.Field, tell func(key string)) error {
	c := field.Class
	q := &storage.Query{
		Class: c, Limit: rowsAtOnce, Deleted: storage.WithDeleted, Columns: []storage.Column{{Field: field}},
		Where: schema.Not{X: schema.IsNull{X: &schema.Path{Field: field, Type: field.Type}}},
	}
	for _, k := range c.Key {
		q.Columns = append(q.Columns, storage.Column{Field: k})
		q.Order = append(q.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
	}
	for {
		page, err := f.records.Read(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Rows {
			if file, ok := schema.FileOf(page.Rows[i].Values[field.Index]); ok {
				tell(file.Blob)
			}
		}
		if len(page.Rows) < rowsAtOnce {
			return nil
		}
		q.From = &storage.Place{Values: page.Rows[len(page.Rows)-1].Key(c)}
	}
}

// tidyFiles sweeps from time to time until ctx is done, first an hour after the start.
func (e *Engine) tidyFiles(ctx context.Context) {
	for wait := sweepEvery; ; wait = filesSweptEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		n, err := e.SweepFiles(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.cfg.Log.Warn("content that no record has could not be removed", slog.Any("cause", err))
		case n > 0:
			e.cfg.Log.Info("content that no record had was removed", slog.Int("files", n))
		}
	}
}
