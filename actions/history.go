package actions

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// History reads what became of one row, newest first. It shows of each change the
// members that the subject may read of the row as it is now.
type History struct {
	Class  string `json:"class"`
	ID     string `json:"id"`
	Limit  *int   `json:"limit,omitempty"`
	Cursor string `json:"cursor,omitempty"` // of the page before
	Options
}

// VerbHistory is the verb of History.
const VerbHistory = "history"

// Verb implements Action.
func (*History) Verb() string { return VerbHistory }

// On implements Action.
func (a *History) On() string { return a.Class }

// past is what reading the history of a row takes.
type past struct {
	class  *schema.Class
	id     string
	row    string // of the ledger
	ledger *Ledger
	view   *boundView
	query  storage.Query // of the row as it is now
	d, get *authz.Decision
	may    int // the test that says whether the verb holds for the row, -1 for always
}

// bindPast finds a row and its ledger. Rows that were deleted softly are seen by those who may restore them.
func (x *Exec) bindPast(class, id string, v *View, p *problems) (*past, error) {
	c, err := x.class(class)
	if err != nil {
		return nil, err
	}
	key, err := x.key(c, id)
	if err != nil {
		return nil, err
	}
	b := &past{class: c, id: schema.FormatKey(c, key), ledger: NewLedger(x.Schema), d: x.Decide(c, authz.History), get: x.Decide(c, authz.Get), may: -1}
	if !c.History || b.ledger == nil {
		return nil, Errorf(NotFound, "`"+c.Name+"` keeps no history.")
	}
	b.row = c.Name + "/" + b.id
	b.view = x.bindView(c, v, p)
	b.query = b.view.query
	b.query.Key, b.query.Limit = key, 1
	b.query.Where = x.Resolve(b.get.Where)
	if c.SoftDelete && x.Decide(c, authz.Restore).Effect != authz.Denied {
		x.deleted(c, "with", &b.query, p)
	}
	if b.d.Effect == authz.Conditional {
		b.may = len(b.query.Tests)
		b.query.Tests = append(b.query.Tests[:b.may:b.may], x.Resolve(b.d.Where))
	}
	return b, nil
}

func (b *past) authorize(x *Exec) error {
	if err := x.permit(b.get, b.class, authz.Get); err != nil {
		return err
	}
	return x.permit(b.d, b.class, authz.History)
}

// now reads the row as it is. It is nil for the engine itself, which sees the history of rows that are gone.
func (b *past) now(ctx context.Context, x *Exec, r storage.Reader) (*storage.Row, error) {
	page, err := r.Read(ctx, &b.query)
	switch {
	case err != nil:
		return nil, err
	case len(page.Rows) == 0 && x.Subject.System:
		return nil, nil
	case len(page.Rows) == 0:
		return nil, x.hidden(b.class, b.id)
	case b.may >= 0 && !page.Rows[0].Test(b.may):
		return nil, x.refuse(b.class, authz.History)
	}
	return &page.Rows[0], nil
}

// shows reports whether the subject sees a member of the row.
func (b *past) shows(row *storage.Row, name string) bool {
	for i := range b.view.shown.Members {
		m := &b.view.shown.Members[i]
		if m.Field != nil && m.Name == name {
			return m.Test == 0 || row != nil && row.Test(int(m.Test)-1)
		}
	}
	return false
}

type historyPlan struct {
	*past
	a     *History
	limit int
	below int64 // the entry that the page before ended with, 0 for the first page
}

func bindHistory(x *Exec, action Action) (Plan, error) {
	a := action.(*History)
	var p problems
	b, err := x.bindPast(a.Class, a.ID, &View{}, &p)
	if err != nil {
		return nil, err
	}
	h := &historyPlan{past: b, a: a}
	size, most := x.Limits.Page, x.Limits.PageMax
	if b.class.PageSize > 0 {
		size = b.class.PageSize
	}
	if b.class.PageMax > 0 {
		most = b.class.PageMax
	}
	h.limit = min(size, most)
	switch {
	case a.Limit == nil:
	case *a.Limit < 1 || *a.Limit > most:
		p.param("limit", "range", "`limit` is a number from 1 to "+strconv.Itoa(most)+".", "")
	default:
		h.limit = *a.Limit
	}
	if a.Cursor != "" {
		text, ok := x.Seal.open(a.Cursor)
		row, number, _ := strings.Cut(string(text), "\x00")
		h.below, err = strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || row != "history of "+b.row {
			return nil, &Error{Code: BadQuery, Detail: "The cursor is none of this history.", Errors: []Problem{{Code: "cursor", Parameter: "cursor", Detail: "Take it from the `Link` of another page."}}}
		}
	}
	return h, p.err()
}

// Authorize needs the rights to get and to history.
func (h *historyPlan) Authorize(x *Exec) error { return h.authorize(x) }

// Read returns a page of entries.
func (h *historyPlan) Read(ctx context.Context, x *Exec, r storage.Reader) (*Result, error) {
	row, err := h.now(ctx, x, r)
	if err != nil {
		return nil, err
	}
	where := h.ledger.of(h.row)
	if h.below > 0 {
		where = schema.And{where, schema.Compare{Op: schema.Lt, Left: fieldPath(h.ledger.number), Right: schema.Lit{Value: schema.NewInt(h.below)}}}
	}
	list, err := h.ledger.read(ctx, r, where, h.limit+1, true)
	if err != nil {
		return nil, err
	}
	if row == nil && len(list) == 0 {
		return nil, x.hidden(h.class, h.id)
	}
	page := &PageInfo{Total: -1, Limit: h.limit, Placed: h.below > 0}
	if len(list) > h.limit {
		list, page.More = list[:h.limit], true
		page.Next = x.Seal.close([]byte("history of " + h.row + "\x00" + strconv.FormatInt(list[h.limit-1].Number, 10)))
	}
	body := []byte{'['}
	for i := range list {
		if i > 0 {
			body = append(body, ',')
		}
		body = h.show(body, &list[i], row)
	}
	body = append(body, ']')
	version := int64(0)
	if row != nil {
		version = row.Version
	}
	res := &Result{Outcome: Found, Class: h.class, Raw: body, Page: page, ID: h.id, Tag: tag(version, nil, hashOutput(newHash().str(x.Schema.Revision).bytes(body).str(page.Next), &h.a.Output))}
	if err := res.condition(&h.a.If); err != nil {
		return nil, err
	}
	if res.Outcome == NotModified {
		res.Raw = nil
	}
	return res, nil
}

// show appends an entry as the subject may see it.
func (h *historyPlan) show(b []byte, e *Entry, row *storage.Row) []byte {
	pass := func(name string) bool { return h.shows(row, name) }
	text := func(name, value string) {
		if value != "" {
			b = append(append(append(b, ',', '"'), name...), '"', ':')
			b, _ = jsontext.AppendQuote(b, value)
		}
	}
	b = strconv.AppendInt(append(b, `{"id":`...), e.Number, 10)
	b = strconv.AppendInt(append(b, `,"version":`...), e.Version, 10)
	b = h.ledger.at.Type.AppendJSON(append(b, `,"at":`...), schema.NewDatetime(e.At))
	text("verb", e.Verb)
	text("action", e.Action)
	text("subject", e.Subject)
	text("by", e.By)
	if e.System {
		b = append(b, `,"system":true`...)
	}
	text("request_id", e.RequestID)
	b = filtered(append(b, `,"before":`...), e.Before, pass)
	b = filtered(append(b, `,"after":`...), e.After, pass)
	return append(b, '}')
}

// Undo takes one change of a row back, as an update or a restore by the subject would:
// Content names it by its entry, {"id": 3}, or by the version that it made, {"version": 812}.
type Undo struct {
	Class   string          `json:"class"`
	ID      string          `json:"id"`
	Content json.RawMessage `json:"content"`
	View
	Options
}

// VerbUndo is the verb of Undo.
const VerbUndo = "undo"

// Verb implements Action.
func (*Undo) Verb() string { return VerbUndo }

// On implements Action.
func (a *Undo) On() string { return a.Class }

type undoPlan struct {
	*past
	a     *Undo
	where schema.Expr // of the entry
}

func bindUndo(x *Exec, action Action) (Plan, error) {
	a := action.(*Undo)
	var p problems
	b, err := x.bindPast(a.Class, a.ID, &View{}, &p)
	if err != nil {
		return nil, err
	}
	u := &undoPlan{past: b, a: a}
	if kindOf(a.Content) != '{' {
		p.pointer("", "type", "Say which change is undone: {\"id\": 3} or {\"version\": 812}.", "")
		return nil, p.err()
	}
	members := 0
	eachMember(a.Content, func(name string, value []byte) bool {
		at := pointer("", name)
		field := map[string]*schema.Field{"id": b.ledger.number, "version": b.ledger.version}[name]
		if field == nil {
			p.pointer(at, "unknown", "There is no member `"+excerpt(name)+"`; name the change by its `id` or `version`.", suggest(name, []string{"id", "version"}))
			return true
		}
		members++
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			p.pointer(at, "type", "`"+name+"` is a whole number.", "")
			return true
		}
		u.where = schema.And{b.ledger.of(b.row), schema.Compare{Op: schema.Eq, Left: fieldPath(field), Right: schema.Lit{Value: schema.NewInt(n)}}}
		return true
	})
	if members != 1 && p.err() == nil {
		p.pointer("", "required", "Say which change is undone: {\"id\": 3} or {\"version\": 812}.", "")
	}
	return u, p.err()
}

// Authorize needs the right to see the history; that to change the row is asked for with the change.
func (u *undoPlan) Authorize(x *Exec) error { return u.authorize(x) }

// Write makes the opposite change, if the row is in what it concerns as the change left it.
func (u *undoPlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	q := u.query
	q.Lock, q.Expand = true, nil
	seen := *u.past
	seen.query = q
	now, err := seen.now(ctx, x, tx)
	if err != nil {
		return nil, err
	}
	list, err := u.ledger.read(ctx, tx, u.where, 1, true)
	if err != nil {
		return nil, err
	}
	if err := u.mayWrite(x); err != nil {
		return nil, err
	}
	if len(list) == 0 || now == nil {
		return nil, Errorf(StateConflict, "The history of this "+u.class.Name+" has no such change.")
	}
	back, err := u.inverse(ctx, x, tx, &list[0], now)
	if err != nil {
		return nil, err
	}
	bind := map[string]func(*Exec, Action) (Plan, error){VerbPatch: bindPatch, VerbRestore: bindRestore, VerbDelete: bindDelete}[back.Verb()]
	plan, err := bind(x, back)
	if err == nil {
		err = plan.Authorize(x)
	}
	if err != nil {
		return nil, err
	}
	return Write(ctx, x, tx, plan.(Writing), back)
}

// mayWrite refuses those who could undo nothing at all, before they are told what there is to undo.
func (u *undoPlan) mayWrite(x *Exec) error {
	for _, verb := range []string{authz.Restore, authz.Delete} {
		if u.class.SoftDelete && x.Decide(u.class, verb).Effect != authz.Denied {
			return nil
		}
	}
	return x.permit(x.Decide(u.class, authz.Update), u.class, authz.Update)
}

// inverse is the action that takes a change back.
func (u *undoPlan) inverse(ctx context.Context, x *Exec, tx storage.Tx, e *Entry, now *storage.Row) (Action, error) {
	none := func(why string) error {
		return Errorf(StateConflict, "The "+e.Verb+" of entry "+strconv.FormatInt(e.Number, 10)+" cannot be undone: "+why+".")
	}
	if len(e.Before) == 0 {
		return nil, none("it made the record, so delete that instead")
	}
	if len(e.After) == 0 {
		return nil, none("it removed a record for good, and another one has its key")
	}
	row, err := (&Recorder{Tx: tx}).row(ctx, u.class, now.Key(u.class), false)
	if err != nil {
		return nil, err
	}
	content := []byte{'{'}
	var moved, fixed []string
	hidden := false
	deleted := 0 // 1: it deleted, -1: it restored
	eachMember(e.Before, func(name string, value []byte) bool {
		f := u.class.Field(name)
		if f == nil || f.JSON != name || !recordable(f) {
			fixed = append(fixed, name) // of another schema
			return true
		}
		if f.Auto == schema.AutoUpdated {
			return true
		}
		if string(appendValue(nil, f.Type, row.Values[f.Index])) != string(memberOf(e.After, name)) {
			if !u.shows(now, name) {
				name = "a member"
			}
			moved = append(moved, name)
			return true
		}
		switch {
		case f == u.class.DeletedAt && isNull(value):
			deleted = 1
		case f == u.class.DeletedAt:
			deleted = -1
		case !u.shows(now, name):
			hidden = true
		case f.ReadOnly || f.Immutable || f.Auto != schema.NoAuto:
			fixed = append(fixed, name)
		default:
			if len(content) > 1 {
				content = append(content, ',')
			}
			content, _ = jsontext.AppendQuote(content, name)
			content = append(append(content, ':'), value...)
		}
		return true
	})
	o := u.a.Options
	switch {
	case len(moved) > 0:
		return nil, none("the record has moved on: `" + strings.Join(moved, "`, `") + "` changed since")
	case len(e.Secrets) > 0:
		return nil, none("it set a secret, and what that was is kept nowhere")
	case hidden:
		return nil, Errorf(Forbidden, "You may not undo this: it changed members that you may not read.")
	case len(fixed) > 0:
		return nil, none("`" + strings.Join(fixed, "`, `") + "` cannot be set")
	case deleted > 0:
		return &Restore{Class: u.class.Name, ID: u.id, View: u.a.View, Options: o}, nil
	case deleted < 0:
		return &Delete{Class: u.class.Name, ID: u.id, View: u.a.View, Options: o}, nil
	case len(content) == 1:
		return nil, none("it changed nothing that can be set")
	}
	return &Patch{Class: u.class.Name, ID: u.id, Content: append(content, '}'), View: u.a.View, Options: o}, nil
}
