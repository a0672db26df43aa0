package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
)

// Outbox is where events are until everybody was told. It belongs to one revision of a schema.
//
// Events come into it without a place in the sequence: transactions end in another order than
// they begin. They are numbered once they are committed, one batch at a time, so that a
// subscriber that has seen a number has seen all below it. Those of one row are in the
// order of their writes, for the second waits for the first to commit.
type Outbox struct {
	events, cursors, parked *schema.Class
}

// NewOutbox finds the outbox of a schema, nil where no class has events.
func NewOutbox(s *schema.Schema) *Outbox {
	o := &Outbox{events: s.Class(load.EventClass), cursors: s.Class(load.CursorClass), parked: s.Class(load.ParkedClass)}
	if o.events == nil {
		return nil
	}
	return o
}

// Append writes an event in the transaction of its change.
func (o *Outbox) Append(ctx context.Context, tx storage.Tx, e *Event) error {
	return o.append(ctx, tx, e, false)
}

// AppendLast is Append for what the transaction ends with (storage.Change.Final).
func (o *Outbox) AppendLast(ctx context.Context, tx storage.Tx, e *Event) error {
	return o.append(ctx, tx, e, true)
}

func (o *Outbox) append(ctx context.Context, tx storage.Tx, e *Event, final bool) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("event %s: %w", e.Name, err)
	}
	_, err = tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: o.events, Final: final, Set: []storage.Assign{
		{Field: o.events.Field("row"), Value: schema.NewText(e.Class + "/" + e.Key)},
		{Field: o.events.Field("name"), Value: schema.NewText(e.Name)},
		{Field: o.events.Field("at"), Value: schema.NewDatetime(e.At)},
		{Field: o.events.Field("event"), Value: schema.NewText(string(text))},
	}})
	return err
}

// sequence is the name of the cursor that numbers events. Subscribers' have a prefix.
const (
	sequence = "sequence"
	prefix   = "subscriber/"
)

// number gives events that were committed since their places, up to most of them, and returns how many.
func (o *Outbox) number(ctx context.Context, s storage.Store, most int) (n int, err error) {
	waiting := &storage.Query{
		Class: o.events, Columns: columns(o.events, "id"), Order: order(o.events, "id"), Limit: most,
		Where: schema.IsNull{X: path(o.events.Field("position"))},
	}
	first := *waiting
	first.Limit = 1
	if page, err := s.Read(ctx, &first); err != nil || len(page.Rows) == 0 {
		return 0, err
	}
	if err := o.begin(ctx, s, sequence, 0); err != nil {
		return 0, err
	}
	err = s.Write(ctx, func(tx storage.Tx) error {
		c, err := o.cursor(ctx, tx, sequence, true) // whoever else numbers waits for this
		if err != nil {
			return err
		}
		page, err := tx.Read(ctx, waiting)
		if err != nil {
			return err
		}
		if n = len(page.Rows); n == 0 {
			return nil
		}
		for i := range page.Rows {
			_, err := tx.Apply(ctx, &storage.Change{Op: storage.Update, Class: o.events, Key: page.Rows[i].Key(o.events), Set: []storage.Assign{
				{Field: o.events.Field("position"), Value: schema.NewInt(c.position + int64(i) + 1)},
			}})
			if err != nil {
				return err
			}
		}
		return o.move(ctx, tx, c, c.position+int64(n))
	})
	return n, err
}

// after are the events behind a position, in order.
func (o *Outbox) after(ctx context.Context, r storage.Reader, position int64, most int) ([]Event, error) {
	return o.read(ctx, r, schema.Compare{Op: schema.Gt, Left: path(o.events.Field("position")), Right: integer(position)}, most)
}

// at is the event at a position, nil for none: it was removed since.
func (o *Outbox) at(ctx context.Context, r storage.Reader, position int64) (*Event, error) {
	list, err := o.read(ctx, r, schema.Compare{Op: schema.Eq, Left: path(o.events.Field("position")), Right: integer(position)}, 1)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

func (o *Outbox) read(ctx context.Context, r storage.Reader, where schema.Expr, most int) ([]Event, error) {
	page, err := r.Read(ctx, &storage.Query{
		Class: o.events, Columns: columns(o.events, "id", "position", "event"), Where: where, Order: order(o.events, "position", "id"), Limit: most,
	})
	if err != nil {
		return nil, err
	}
	list := make([]Event, len(page.Rows))
	for i := range page.Rows {
		v := page.Rows[i].Values
		if err := json.Unmarshal([]byte(v[o.events.Field("event").Index].Text()), &list[i]); err != nil {
			return nil, fmt.Errorf("event %d: %w", v[0].Int(), err)
		}
		list[i].Sequence = v[o.events.Field("position").Index].Int()
	}
	return list, nil
}

// clean removes up to most events that are older than a time and not behind a position.
func (o *Outbox) clean(ctx context.Context, s storage.Store, old time.Time, upTo int64, most int) (n int, err error) {
	q := &storage.Query{
		Class: o.events, Columns: columns(o.events, "id"), Order: order(o.events, "id"), Limit: most,
		Where: schema.And{
			schema.Compare{Op: schema.Le, Left: path(o.events.Field("position")), Right: integer(upTo)},
			schema.Compare{Op: schema.Lt, Left: path(o.events.Field("at")), Right: schema.Lit{Value: schema.NewDatetime(old)}},
		},
	}
	err = s.Write(ctx, func(tx storage.Tx) error {
		page, err := tx.Read(ctx, q)
		if err != nil {
			return err
		}
		n = len(page.Rows)
		for i := range page.Rows {
			_, err := tx.Apply(ctx, &storage.Change{Op: storage.Delete, Class: o.events, Key: page.Rows[i].Key(o.events)})
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	return n, err
}

// cursor is a place in the sequence, and who works from there.
type cursor struct {
	name     string
	version  int64
	position int64
	owner    string
	until    time.Time
}

// begin makes a cursor that is not there yet.
func (o *Outbox) begin(ctx context.Context, s storage.Store, name string, position int64) error {
	c, err := o.cursor(ctx, s, name, false)
	if err != nil || c != nil {
		return err
	}
	err = s.Write(ctx, func(tx storage.Tx) error {
		_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: o.cursors, Set: []storage.Assign{
			{Field: o.cursors.Field("name"), Value: schema.NewText(name)}, {Field: o.cursors.Field("position"), Value: schema.NewInt(position)},
		}})
		return err
	})
	if taken := (*storage.UniqueError)(nil); errors.As(err, &taken) {
		return nil // somebody else was faster
	}
	return err
}

// cursor reads a cursor, nil for none. In a transaction it may be locked.
func (o *Outbox) cursor(ctx context.Context, r storage.Reader, name string, lock bool) (*cursor, error) {
	page, err := r.Read(ctx, &storage.Query{
		Class: o.cursors, Key: []schema.Value{schema.NewText(name)}, Columns: columns(o.cursors, "name", "position", "owner", "until"), Limit: 1, Lock: lock,
	})
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	row := &page.Rows[0]
	c := &cursor{name: name, version: row.Version, position: row.Values[1].Int(), owner: row.Values[2].Text()}
	if until := row.Values[3]; !until.IsNull() {
		if c.until, err = time.Parse(time.RFC3339Nano, until.Text()); err != nil {
			return nil, fmt.Errorf("cursor %s: %w", name, err)
		}
	}
	return c, nil
}

// move moves a cursor, as long as nobody else has written it.
func (o *Outbox) move(ctx context.Context, tx storage.Tx, c *cursor, position int64) error {
	return o.set(ctx, tx, c, storage.Assign{Field: o.cursors.Field("position"), Value: schema.NewInt(position)})
}

func (o *Outbox) set(ctx context.Context, tx storage.Tx, c *cursor, set ...storage.Assign) error {
	_, err := tx.Apply(ctx, &storage.Change{
		Op: storage.Update, Class: o.cursors, Key: []schema.Value{schema.NewText(c.name)}, IfVersion: c.version, Set: set,
	})
	return err
}

func columns(c *schema.Class, names ...string) []storage.Column {
	out := make([]storage.Column, len(names))
	for i, name := range names {
		out[i].Field = c.Field(name)
	}
	return out
}

func order(c *schema.Class, names ...string) []storage.Order {
	out := make([]storage.Order, len(names))
	for i, name := range names {
		out[i].By = path(c.Field(name))
	}
	return out
}

func path(f *schema.Field) *schema.Path { return &schema.Path{Field: f, Type: f.Type} }

func integer(n int64) schema.Lit { return schema.Lit{Value: schema.NewInt(n)} }
