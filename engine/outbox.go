package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/events"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/storage"
)

// outbox is the keeper of events.
type outbox struct {
	events     *events.Outbox
	dispatcher *events.Dispatcher // nil: nobody is told by this process
}

func (o *outbox) wants(c *schema.Class) bool { return c.Events }

func (o *outbox) keep(ctx context.Context, tx storage.Tx, t *transaction) error {
	changes := t.of(o)
	for i := range changes {
		write := o.events.Append
		if t.last && i == len(changes)-1 {
			write = o.events.AppendLast
		}
		if err := write(ctx, tx, newEvent(ctx, t, &changes[i])); err != nil {
			return err
		}
	}
	return nil
}

func (o *outbox) stored() {
	if o.dispatcher != nil {
		o.dispatcher.Wake()
	}
}

// newEvent is what subscribers learn of a change.
func newEvent(ctx context.Context, t *transaction, c *actions.Recorded) *events.Event {
	row := c.Row()
	e := &events.Event{
		ID: newID(t.x.Now), Name: c.Class.Name + "." + c.Verb, Class: c.Class.Name, Key: schema.FormatKey(c.Class, c.Key), Verb: c.Verb,
		Version: row.Version, At: t.x.Now.UTC(), Subject: t.x.Subject.ID, System: t.x.Subject.System, By: t.by(),
		Record: actions.AppendMembers(nil, row, c.Class.Fields),
	}
	if c.Before != nil && c.After != nil {
		e.Previous = actions.AppendMembers(nil, c.Before, c.Changed())
	}
	if x := exchangeOf(ctx); x != nil {
		e.RequestID = x.id
		if x.trace != "" {
			e.Traceparent = x.r.Header.Get("Traceparent")
		}
	}
	return e
}

// by is who asked, where it was not the subject that the action was run as.
func (t *transaction) by() string {
	switch c := t.caller; {
	case c == nil || c.ID == t.x.Subject.ID && c.System == t.x.Subject.System:
		return ""
	case c.System:
		return systemName
	default:
		return c.ID
	}
}

// systemName stands for the engine itself where somebody is named.
const systemName = "system"

// Subscribe has a function told of events, which classes with `events: true` make: order.create,
// order.update, order.delete, the name of an action, order.* or *. It is called after the commit, in
// order for each row and one at a time, at least once, also when the process ends in between; the name
// tells subscribers apart and must stay the same. A function with an error is called again later, and
// later events of the same row wait meanwhile.
func (a *App) Subscribe(name, pattern string, fn func(ctx context.Context, e events.Event) error) {
	for _, s := range a.subscribers {
		if s.Name() == name {
			a.fault(caller(1), &s.pos, "the other one", "there are two subscribers called `%s`", name)
			return
		}
	}
	if name == "" || len(name) > 100 {
		a.fault(caller(1), nil, "", "a subscriber needs a name, of at most 100 bytes")
		return
	}
	a.subscribers = append(a.subscribers, subscriber{events.Func(name, pattern, fn), pattern, caller(1)})
}

type subscriber struct {
	events.Subscriber
	pattern string
	pos     schema.Pos
}

// checkSubscribers finds those that are never told anything.
func checkSubscribers(list []subscriber, s *schema.Schema) diag.List {
	var found diag.List
	for _, sub := range list {
		class, verb, ok := strings.Cut(sub.pattern, ".")
		c := s.Class(class)
		d := diag.Diagnostic{Code: codeMismatch, Pos: sub.pos}
		switch {
		case sub.pattern == "*" && events.NewOutbox(s) != nil:
			continue
		case sub.pattern == "*":
			d.Message, d.Help = fmt.Sprintf("`%s` subscribes to events, and no class has some", sub.Name()), "write `events: true` in a class"
		case !ok:
			d.Message, d.Help = fmt.Sprintf("`%s` is no name of events", sub.pattern), "write CLASS.VERB, CLASS.* or *"
		case c == nil || c.Internal:
			var names []string
			for _, c := range s.Classes {
				if !c.Internal {
					names = append(names, c.Name)
				}
			}
			d.Message, d.Help = fmt.Sprintf("`%s` subscribes to `%s`, and there is no class `%s`", sub.Name(), sub.pattern, class), diag.DidYouMean(class, names)
		case !c.Events:
			d.Message, d.Help = fmt.Sprintf("`%s` subscribes to `%s`, and `%s` has no events", sub.Name(), sub.pattern, class), "write `events: true` in the class"
			d.Related = []diag.Related{{Pos: c.Pos, Message: "the class"}}
		case verb == "*" || slices.Contains(eventVerbs(c), verb):
			continue
		default:
			d.Message, d.Help = fmt.Sprintf("`%s` subscribes to `%s`, and `%s` has no such verb or action", sub.Name(), sub.pattern, class), diag.DidYouMean(verb, eventVerbs(c))
			d.Related = []diag.Related{{Pos: c.Pos, Message: "the class"}}
		}
		found.Add(d)
	}
	return found
}

// eventVerbs are what events of a class can be about.
func eventVerbs(c *schema.Class) []string {
	verbs := []string{authz.Create, authz.Update, authz.Delete}
	if c.SoftDelete {
		verbs = append(verbs, authz.Restore, authz.Purge)
	}
	for _, a := range c.Actions {
		if !a.OnCollection {
			verbs = append(verbs, a.Name)
		}
	}
	return verbs
}

// subscribed are the subscribers of an application.
func (a *App) subscribed() []events.Subscriber {
	if a == nil {
		return nil
	}
	var all []events.Subscriber
	for _, s := range a.subscribers {
		all = append(all, s)
	}
	return all
}

// Deliver hands events on to the subscribers until ctx is done. Serve and App.Open do it; whoever serves
// Handler of an engine of their own calls it beside that.
func (e *Engine) Deliver(ctx context.Context) {
	if e.dispatcher != nil {
		e.dispatcher.Run(ctx)
	}
}
