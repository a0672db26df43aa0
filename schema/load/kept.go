package load

import (
	"slices"

	"github.com/dowel-dev/dowel/schema"
)

// The classes of what is kept of changes.
const (
	// ChangeClass is the history of rows: one entry a change, numbered within the row.
	ChangeClass = "dowel_change"
	// EventClass is the outbox: what happened, until everybody was told.
	EventClass = "dowel_event"
	// CursorClass says how far each subscriber has got, and who works for it.
	CursorClass = "dowel_cursor"
	// ParkedClass keeps the events that a subscriber could not take yet.
	ParkedClass = "dowel_parked"
)

// history reads `history: true | DURATION`.
func (l *loader) history(d *classDecl) {
	v, what := l.setting(d, "history")
	text, ok := l.text(v, what)
	if !ok {
		return
	}
	switch text {
	case "true":
		d.c.History = true
	case "false":
	default:
		d.c.HistoryFor = l.span(v, 0, what)
		d.c.History = d.c.HistoryFor > 0
	}
}

// undone refuses members that stand where histories are undone.
func (l *loader) undone(d *classDecl) {
	const undo = "undo"
	if !d.c.History {
		return
	}
	taken := func(pos schema.Pos, what string) {
		l.report("E016", pos, "has a meaning of its own", "choose another name", "`%s` keeps its history, so the path /ID/undo has a meaning of its own: %s cannot be called `undo`", d.c.Name, what)
	}
	for _, f := range d.c.Fields {
		if f.JSON == undo {
			taken(f.Pos, "a field")
		}
	}
	for _, a := range d.c.Actions {
		if a.Path == undo && !a.OnCollection {
			taken(a.Pos, "an action")
		}
	}
	for _, r := range d.c.Relations {
		if r.JSON == undo && r.Field != nil && r.Field.JSON != undo {
			taken(r.Field.Pos, "a relation")
		}
	}
}

// appendKept adds the internal classes of histories and events, for schemas that have some.
func appendKept(s *schema.Schema) {
	classes := s.Classes
	if slices.ContainsFunc(classes, func(c *schema.Class) bool { return c.History }) {
		number := ownField("number", "bigint")
		c := appendInternal(s, ChangeClass, "DowelChange", "An entry of the history of a row.",
			ownField("row", "text"), number, ownField("at", "datetime"), ownField("verb", "text"), ownField("version", "bigint"),
			ownField("entry", "text"), ownField("prev", "text"), ownField("hash", "text"))
		c.Key = c.Fields[:2:2]
		number.Immutable = true
		c.Fields[2].Indexed = true
		indexOver(c, c.Fields[2])
	}
	if !slices.ContainsFunc(classes, func(c *schema.Class) bool { return c.Events }) {
		return
	}
	id, position := ownField("id", "bigint"), ownOptional("position", "bigint")
	id.Auto = schema.AutoID
	events := appendInternal(s, EventClass, "DowelEvent", "Something that happened to a row.",
		id, position, ownField("row", "text"), ownField("name", "text"), ownField("at", "datetime"), ownField("event", "text"))
	indexOver(events, position, id)
	appendInternal(s, CursorClass, "DowelCursor", "How far a subscriber has got.",
		ownField("name", "text"), ownField("position", "bigint"), ownOptional("owner", "text"), ownOptional("until", "datetime"))
	parked := appendInternal(s, ParkedClass, "DowelParked", "An event that a subscriber is told again.",
		ownField("subscriber", "text"), ownField("position", "bigint"), ownField("row", "text"), ownField("attempts", "int"), ownField("due", "datetime"))
	parked.Key = parked.Fields[:2:2]
	parked.Fields[1].Immutable = true
}
