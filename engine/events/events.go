// Package events tells subscribers what happened to rows.
//
// An event is written into the outbox in the transaction of the change it is about, so
// there is one for everything that was committed and none for what was not. A
// Dispatcher hands events on after the commit: at least once, in order for each row,
// to each subscriber from where it left off. Several processes share the work: one at
// a time works for a subscriber, by a lease that others take over when it stops.
//
// What a subscriber cannot take now it is told again, later and later; events of other
// rows go on meanwhile, later ones of the same row wait.
package events

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// Event is one change of one row.
type Event struct {
	// ID is the same however often the event is delivered.
	ID string `json:"id"`
	// Sequence numbers the events of an application in the order in which they are delivered.
	Sequence int64 `json:"sequence"`
	// Name is CLASS.VERB: order.create, order.update, order.delete, order.restore, order.purge, or an
	// action that was run on the row, such as order.pay.
	Name  string `json:"name"`
	Class string `json:"class"`
	Key   string `json:"key"` // text id, as paths have it
	Verb  string `json:"verb"`
	// Version is that of the row after the change, or the last one of a row that is gone.
	Version int64     `json:"version"`
	At      time.Time `json:"at"`
	// Subject is whose rights counted, "" for nobody in particular; By is who asked, where it was somebody
	// else, and System that it was the engine itself.
	Subject     string `json:"subject,omitempty"`
	By          string `json:"by,omitempty"`
	System      bool   `json:"system,omitempty"`
	RequestID   string `json:"request_id,omitempty"`
	Traceparent string `json:"traceparent,omitempty"`
	// Record is the row after the change, or as it was before it was removed, with all its members
	// but secrets. Previous has those that changed, as they were before; nothing of a row that was made.
	Record   json.RawMessage `json:"record"`
	Previous json.RawMessage `json:"previous,omitempty"`
}

// A Subscriber is told of events.
type Subscriber interface {
	// Name is that of its place in the events, which outlives the process. A new name begins
	// with what happens from then on.
	Name() string
	// Wants says by its name whether an event is for it.
	Wants(event string) bool
	// Handle takes one event. It is called again for the same event after an error, a panic or
	// a crash, and not at the same time for two events of the subscriber.
	Handle(ctx context.Context, e Event) error
}

// Func is a subscriber made of a function and a pattern of names: order.update, order.* or *.
func Func(name, pattern string, handle func(ctx context.Context, e Event) error) Subscriber {
	return &function{name, pattern, handle}
}

type function struct {
	name, pattern string
	handle        func(ctx context.Context, e Event) error
}

func (f *function) Name() string                              { return f.name }
func (f *function) Wants(event string) bool                   { return Match(f.pattern, event) }
func (f *function) Handle(ctx context.Context, e Event) error { return f.handle(ctx, e) }

// Match reports whether a pattern stands for the name of an event.
func Match(pattern, event string) bool {
	if class, all := strings.CutSuffix(pattern, ".*"); all {
		return strings.HasPrefix(event, class+".")
	}
	return pattern == "*" || pattern == event
}
