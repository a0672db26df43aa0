package actions

import (
	"slices"
	"strconv"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// input is the content of a write, bound to a class: typed values, rows to be
// looked up, sets of links. Everything wrong with it was reported by then.
type input struct {
	class   *schema.Class
	values  []storage.Assign
	lookups []lookup
	links   []linkInput
	// merges are nested objects patched member by member; they need the stored value.
	merges []merge
	// files are those sent back; they need the stored value.
	files []fileEcho
	// secrets are values still in plain text.
	secrets []int // indexes into values
	// given marks the fields that the content names, by slot.
	given map[*schema.Field]string // → pointer
	// tests are the field rights that depend on the row, before and after.
	tests []schema.Expr
	// loose: nothing of it is stored as it is, so that no foreign key looks at references.
	loose bool
	// refused are fields whose write= does not let the subject set them.
	refused []Problem
}

type merge struct {
	field *schema.Field
	patch []byte
	at    string
}

// lookup finds the target of a reference by a unique key, in the write's transaction.
type lookup struct {
	field *schema.Field
	by    []*schema.Field
	vals  []schema.Value
	at    string
}

// linkInput is a new set for a `many` field, or changes of it.
type linkInput struct {
	field       *schema.Field
	replace     bool
	add, remove []linkItem
	at          string
}

// linkItem is one row of a set: by its key, or by the values of a unique key.
type linkItem struct {
	key  schema.Value
	by   []*schema.Field
	vals []schema.Value
	at   string
}

// mode is which members a content may and must have.
type mode uint8

const (
	creating mode = iota
	replacing
	patching
)

type inputBinder struct {
	x    *Exec
	c    *schema.Class
	m    mode
	verb *authz.Decision // mask of the fields that may be set
	get  *authz.Decision // mask of the fields that may be seen
	p    *problems
	at   string
	// key is the key that the target fixes; the content may repeat it.
	key []schema.Value
	// fixed is a reference that the path fixes.
	fixed    *schema.Field
	fixedKey schema.Value
	// whole: nested objects in a patch are the new value, not a patch of their own.
	whole bool
	// linkParent is a set that the path adds itself to.
	linkParent *linkInput
	// rowless: the content is the input of an action that is about no row.
	rowless bool
	// broken: the content is no object, and its members are not missed.
	broken bool
	in     *input
}

// bindInput binds one JSON object.
func (b *inputBinder) bind(raw []byte) *input {
	b.in = &input{class: b.c, given: make(map[*schema.Field]string, 8)}
	if kindOf(raw) != '{' {
		b.p.pointer(b.at, "type", "A JSON object is expected.", "")
		b.broken = true
		return b.in
	}
	eachMember(raw, func(name string, value []byte) bool {
		b.member(name, value)
		return true
	})
	b.place()
	return b.in
}

// place puts the row where the path says.
func (b *inputBinder) place() {
	if l := b.linkParent; l != nil {
		for i := range b.in.links {
			if b.in.links[i].field == l.field {
				b.in.links[i].add = append(b.in.links[i].add, l.add...)
				return
			}
		}
		b.in.links = append(b.in.links, *l)
		b.in.given[l.field] = b.at
	}
	if f := b.fixed; f != nil {
		if f.Auto == schema.AutoMe && !b.x.Subject.System {
			if me, err := b.x.me(f); err != nil || !schema.Equal(me, b.fixedKey) {
				b.p.pointer(b.at, "read-only", "`"+f.JSON+"` is who creates the row.", "")
			}
		} else if f != b.c.Tenant && !b.maySet(f, b.at) {
			return
		}
		b.in.given[b.fixed] = b.at
		if _, ok := b.assigned(b.fixed); !ok {
			b.in.values = append(b.in.values, storage.Assign{Field: b.fixed, Value: b.fixedKey})
		}
	}
}

func (b *inputBinder) assigned(f *schema.Field) (schema.Value, bool) {
	for _, a := range b.in.values {
		if a.Field == f {
			return a.Value, true
		}
	}
	return schema.Value{}, false
}

// writable lists the members that clients may name, for suggestions.
func (b *inputBinder) writable() []string {
	var out []string
	for _, f := range b.c.Fields {
		if !f.ReadOnly && f.Auto == schema.NoAuto && f.Computed == nil && !f.Synthetic && b.visible(f) {
			out = append(out, f.JSON)
		}
	}
	return out
}

// visible: a field one may not read may not be written, and is not there.
func (b *inputBinder) visible(f *schema.Field) bool {
	return b.get.Effect == authz.Denied || b.get.Mask[f.Index] >= 0 || f.WriteOnly || f.Type.Traits().Secret
}

func (b *inputBinder) member(name string, raw []byte) {
	at := pointer(b.at, name)
	f := b.c.Field(name)
	if f == nil || !b.visible(f) {
		hint := suggest(name, b.writable())
		detail := "`" + b.c.Name + "` has no field `" + excerpt(name) + "`."
		if r := b.c.Relation(name); f == nil && r != nil {
			detail = "`" + name + "` is written from `" + r.To.Name + "`, not from here."
			hint = ""
		}
		b.p.pointer(at, "unknown", detail, hint)
		return
	}
	if first, twice := b.in.given[f]; twice {
		b.p.pointer(at, "duplicate", "`"+name+"` and `"+first[1:]+"` name the same field.", "")
		return
	}
	if b.ownTenant(f, raw, at) {
		return
	}
	b.in.given[f] = at
	if b.ownKey(f, raw, at) || !b.maySet(f, at) {
		return
	}
	switch {
	case f.Many != nil:
		b.links(f, raw, at)
	case isNull(raw):
		b.null(f, at)
	case f.Ref != nil && kindOf(raw) == '{':
		b.lookup(f, raw, at)
	case isFile(f):
		b.echo(f, raw, at)
	case b.m == patching && !b.whole && kindOf(raw) == '{' && mergeable(f.Type):
		b.in.merges = append(b.in.merges, merge{f, raw, at})
	default:
		b.value(f, raw, at)
	}
}

// mergeable reports whether a merge patch reaches into values of the type.
func mergeable(t schema.Type) bool {
	_, ok := t.(merger)
	return ok
}

type merger interface {
	Merge(old schema.Value, patch []byte) (schema.Value, []schema.Problem)
}

// ownKey handles key members in the content of a write whose target names the
// key: repeating it is fine, another one is a contradiction.
func (b *inputBinder) ownKey(f *schema.Field, raw []byte, at string) bool {
	if b.key == nil || !isKey(b.c, f) {
		return false
	}
	want := ""
	if f.Synthetic {
		want = schema.FormatKey(b.c, b.key)
		if kindOf(raw) == '"' && unquote(raw) == want {
			return true
		}
	}
	for i, k := range b.c.Key {
		if k != f {
			continue
		}
		if isNull(raw) {
			break
		}
		v, bad := keyType(f).Decode(raw)
		if len(bad) == 0 && schema.Equal(v, b.key[i]) {
			return true
		}
	}
	b.p.pointer(at, "id-differs", "`"+f.JSON+"` differs from the row that the request names.", "")
	return true
}

// ownTenant handles the organization in the content of a write inside of one:
// repeating it is fine, another one is a contradiction.
func (b *inputBinder) ownTenant(f *schema.Field, raw []byte, at string) bool {
	org := b.x.tenant.org
	if f != b.c.Tenant || org.IsNull() {
		return false
	}
	to := f.Ref.To
	if kindOf(raw) == '{' {
		by, vals, ok := b.unique(to, raw, at)
		if !ok || len(by) == 1 && by[0] == to.Key[0] && schema.Equal(vals[0], org) {
			return true
		}
	} else if !isNull(raw) {
		if v, bad := keyType(f).Decode(raw); len(bad) == 0 && schema.Equal(v, org) {
			return true
		}
	}
	b.p.pointer(at, "tenant-differs", "`"+f.JSON+"` is the "+to.Name+" that the request is inside of: leave it out, or repeat its id.", "")
	return true
}

// keyType is the type of a key field's values: a reference's are its target's.
func keyType(f *schema.Field) schema.Type {
	for f.Ref != nil {
		f = f.Ref.To.Key[0]
	}
	return f.Type
}

// maySet refuses what no client may set, or not this one, or not any more.
func (b *inputBinder) maySet(f *schema.Field, at string) bool {
	system := b.x.Subject.System
	switch {
	case f.Computed != nil || f.Synthetic || f.Auto == schema.AutoID || f.Auto == schema.AutoSequence && !system:
		b.p.pointer(at, "read-only", "`"+f.JSON+"` is worked out by the server.", "")
		return false
	case (f.ReadOnly || f.Auto != schema.NoAuto) && !system:
		b.p.pointer(at, "read-only", "`"+f.JSON+"` is read-only.", "")
		return false
	case b.m != creating && isKey(b.c, f):
		b.p.pointer(at, "immutable", "The key of a row cannot change.", "")
		return false
	}
	if b.verb.Effect == authz.Denied {
		return true // refused as a whole by Authorize
	}
	switch m := b.verb.Mask[f.Index]; {
	case m < 0:
		b.in.refused = append(b.in.refused, Problem{Code: "forbidden", Pointer: at, Detail: "You may not set `" + f.JSON + "`."})
	case m > 0:
		b.in.tests = append(b.in.tests, b.x.Resolve(b.verb.Tests[m-1]))
	}
	return true
}

func (b *inputBinder) null(f *schema.Field, at string) {
	if !f.Optional {
		b.p.pointer(at, "null", "`"+f.JSON+"` cannot be null.", "")
		return
	}
	b.in.values = append(b.in.values, storage.Assign{Field: f})
}

func (b *inputBinder) value(f *schema.Field, raw []byte, at string) {
	t := f.Type
	if f.Ref != nil {
		t = keyType(f)
	}
	v, bad := t.Decode(raw)
	for _, q := range bad {
		b.p.add(Problem{Code: q.Code, Detail: sentence(problemText{f.JSON, q}), Pointer: at + q.Pointer, Hint: q.Hint})
	}
	if len(bad) > 0 {
		return
	}
	if f == b.fixed && !schema.Equal(v, b.fixedKey) {
		b.p.pointer(at, "parent-differs", "`"+f.JSON+"` differs from the row that the path names.", "")
		return
	}
	if isKey(b.c, f) && !addressable(b.c, v) {
		b.p.pointer(at, "key", "`"+f.JSON+"` is the key, and no path can name this one.", "")
		return
	}
	if t.Traits().Secret {
		b.in.secrets = append(b.in.secrets, len(b.in.values))
	}
	b.in.values = append(b.in.values, storage.Assign{Field: f, Value: v})
}

// addressable reports whether a row with this key, or part of a key, has a path: an
// empty segment is none, and clients take dots out of a path on their own (RFC 3986 §5.2.4).
func addressable(c *schema.Class, v schema.Value) bool {
	if v.Kind() != schema.Text {
		return true
	}
	s := v.Text()
	return s != "" && (len(c.Key) > 1 || s != "." && s != "..")
}

// problemText prefixes a type's message with the member it is about.
type problemText struct {
	name string
	p    schema.Problem
}

func (t problemText) Error() string { return "`" + t.name + t.p.Pointer + "`: " + t.p.Detail }

// lookup binds {email: "a@x.io"}: the values of any unique key of the target.
func (b *inputBinder) lookup(f *schema.Field, raw []byte, at string) {
	by, vals, ok := b.unique(f.Ref.To, raw, at)
	if !ok {
		return
	}
	if f == b.fixed {
		b.p.pointer(at, "parent-differs", "The path already says which "+f.Ref.To.Name+".", "")
		return
	}
	b.in.lookups = append(b.in.lookups, lookup{f, by, vals, at})
}

// unique reads an object whose members are exactly a unique key of the class.
func (b *inputBinder) unique(c *schema.Class, raw []byte, at string) ([]*schema.Field, []schema.Value, bool) {
	var by []*schema.Field
	var vals []schema.Value
	ok := true
	d := b.x.Decide(c, authz.Get)
	eachMember(raw, func(name string, value []byte) bool {
		at := pointer(at, name)
		f := c.Field(name)
		if f == nil || !f.Stored() || !seen(d, f) {
			b.p.pointer(at, "unknown", "`"+c.Name+"` has no field `"+excerpt(name)+"`.", suggest(name, uniqueNames(c, d)))
			ok = false
			return true
		}
		if isNull(value) {
			b.p.pointer(at, "null", "`"+name+"` cannot be null here.", "")
			ok = false
			return true
		}
		v, bad := keyType(f).Decode(value)
		for _, q := range bad {
			b.p.add(Problem{Code: q.Code, Detail: sentence(problemText{f.JSON, q}), Pointer: at + q.Pointer, Hint: q.Hint})
			ok = false
		}
		by, vals = append(by, f), append(vals, v)
		return true
	})
	if ok && !b.identifies(c, by) {
		b.p.pointer(at, "not-unique", "A "+c.Name+" is found by its key or by one of its unique keys.", uniqueHint(c, d))
		ok = false
	}
	return by, vals, ok
}

// identifies reports whether fields find one row at most. The organization is
// known inside of one, and whenever the row that is written says which it is of.
func (b *inputBinder) identifies(c *schema.Class, by []*schema.Field) bool {
	if isUnique(c, by) {
		return true
	}
	known := !b.x.tenant.org.IsNull() || !b.rowless && b.x.Schema.Tenant.Org(b.c) != nil
	return known && c.Tenant != nil && !slices.Contains(by, c.Tenant) && isUnique(c, append(slices.Clip(by), c.Tenant))
}

func isUnique(c *schema.Class, by []*schema.Field) bool {
	if sameFields(c.Key, by) {
		return true
	}
	for _, u := range c.Uniques {
		if sameFields(u.Fields, by) {
			return true
		}
	}
	return false
}

func sameFields(a, b []*schema.Field) bool {
	if len(a) != len(b) {
		return false
	}
	for _, f := range a {
		found := false
		for _, g := range b {
			found = found || f == g
		}
		if !found {
			return false
		}
	}
	return true
}

// seen reports whether rows may be found by a field: it is visible on all of
// them. A class that may not be read at all is refused elsewhere.
func seen(d *authz.Decision, f *schema.Field) bool {
	return d.Effect == authz.Denied || d.Mask[f.Index] == 0
}

func uniqueNames(c *schema.Class, d *authz.Decision) []string {
	var out []string
	for _, f := range c.Key {
		out = append(out, f.JSON)
	}
	for _, u := range usableUniques(c, d) {
		for _, f := range u.Fields {
			if f != c.Tenant {
				out = append(out, f.JSON)
			}
		}
	}
	return out
}

// usableUniques are the unique keys whose every field is visible.
func usableUniques(c *schema.Class, d *authz.Decision) []*schema.Index {
	var out []*schema.Index
next:
	for _, u := range c.Uniques {
		for _, f := range u.Fields {
			if !seen(d, f) {
				continue next
			}
		}
		out = append(out, u)
	}
	return out
}

func uniqueHint(c *schema.Class, d *authz.Decision) string {
	uniques := usableUniques(c, d)
	if len(uniques) == 0 {
		return "Use its key."
	}
	s := "Use one of:"
	for i, u := range uniques {
		if i > 0 {
			s += ","
		}
		with := ""
		for _, f := range u.Fields {
			if f == c.Tenant && len(u.Fields) > 1 {
				continue // known inside of one
			}
			s += with + " `" + f.JSON + "`"
			with = " with"
		}
	}
	return s + "."
}

// links binds the value of a `many` field: a set, or {add, remove} in a patch.
func (b *inputBinder) links(f *schema.Field, raw []byte, at string) {
	l := linkInput{field: f, replace: true, at: at}
	switch kindOf(raw) {
	case '[':
		l.add = b.items(f, raw, at)
	case 'n': // null empties the set (RFC 7396: it takes the default)
	case '{':
		if b.m != patching {
			b.p.pointer(at, "type", "`"+f.JSON+"` is an array; add and remove belong to a patch.", "")
			return
		}
		l.replace = false
		eachMember(raw, func(name string, value []byte) bool {
			at := pointer(at, name)
			switch {
			case name != "add" && name != "remove":
				b.p.pointer(at, "unknown", "A set is changed with `add` and `remove`.", suggest(name, []string{"add", "remove"}))
			case kindOf(value) != '[':
				b.p.pointer(at, "type", "An array is expected.", "")
			case name == "add":
				l.add = b.items(f, value, at)
			default:
				l.remove = b.items(f, value, at)
			}
			return true
		})
	default:
		b.p.pointer(at, "type", "`"+f.JSON+"` is an array.", "")
		return
	}
	b.in.links = append(b.in.links, l)
}

func (b *inputBinder) items(f *schema.Field, raw []byte, at string) []linkItem {
	var out []linkItem
	els := elements(raw)
	if len(els) > b.x.Limits.Bulk {
		b.p.pointer(at, "too-many", "At most "+strconv.Itoa(b.x.Limits.Bulk)+" elements are allowed.", "")
		return nil
	}
	for i, el := range els {
		at := at + "/" + strconv.Itoa(i)
		if kindOf(el) == '{' {
			if by, vals, ok := b.unique(f.Many.To, el, at); ok {
				out = append(out, linkItem{by: by, vals: vals, at: at})
			}
			continue
		}
		by := f.Many.By
		t := f.Many.To.Key[0]
		if by != nil {
			t = by
		}
		if isNull(el) {
			b.p.pointer(at, "null", "An element cannot be null.", "")
			continue
		}
		v, bad := keyType(t).Decode(el)
		for _, q := range bad {
			b.p.add(Problem{Code: q.Code, Detail: sentence(problemText{f.JSON, q}), Pointer: at + q.Pointer, Hint: q.Hint})
		}
		if len(bad) > 0 {
			continue
		}
		if by != nil {
			out = append(out, linkItem{by: []*schema.Field{by}, vals: []schema.Value{v}, at: at})
		} else {
			out = append(out, linkItem{key: v, at: at})
		}
	}
	return out
}

// complete fills what a create or replace did not name, and reports what is missing.
func (b *inputBinder) complete() {
	if b.broken {
		return
	}
	for _, f := range b.c.Fields {
		if _, given := b.in.given[f]; given || f.Synthetic || f.Computed != nil {
			continue
		}
		if b.m == replacing {
			b.reset(f)
			continue
		}
		if f.Many != nil {
			continue
		}
		if org := b.x.tenant.org; f == b.c.Tenant && !org.IsNull() {
			if !b.keyGiven(f) {
				b.in.values = append(b.in.values, storage.Assign{Field: f, Value: org})
			}
			continue
		}
		if v, ok := b.x.initial(f, b.in, b.p, b.at); ok {
			b.in.values = append(b.in.values, v)
			continue
		}
		if (f.Required() || f == b.c.Tenant) && !b.keyGiven(f) {
			b.p.pointer(pointer(b.at, f.JSON), "required", "`"+f.JSON+"` is required.", "")
		}
	}
}

// keyGiven: the target names the key, so the content need not.
func (b *inputBinder) keyGiven(f *schema.Field) bool { return b.key != nil && isKey(b.c, f) }

// reset gives a field that a PUT does not name its default, unless it is none
// of the client's business: generated, secret, immutable, not writable or not visible. A
// file stays, too: its content is no part of what a PUT replaces.
func (b *inputBinder) reset(f *schema.Field) {
	if isFile(f) || f.ReadOnly || f.Auto != schema.NoAuto || f.Immutable || isKey(b.c, f) || f.Type.Traits().Secret || f.WriteOnly || !b.visible(f) {
		return
	}
	if b.verb.Effect != authz.Denied && b.verb.Mask[f.Index] != 0 {
		return
	}
	switch {
	case f.Many != nil:
		b.in.links = append(b.in.links, linkInput{field: f, replace: true, at: pointer(b.at, f.JSON)})
	case f.Default != nil || f.From != nil:
		v, ok := b.x.initial(f, b.in, b.p, b.at)
		if ok {
			b.in.values = append(b.in.values, v)
		} else if !f.Optional {
			b.p.pointer(pointer(b.at, f.JSON), "required", "`"+f.JSON+"` is required.", "")
		}
	case f.Optional:
		b.in.values = append(b.in.values, storage.Assign{Field: f})
	default:
		b.p.pointer(pointer(b.at, f.JSON), "required", "`"+f.JSON+"` is required.", "")
	}
}

// initial is the value of a field that was not sent with a new row.
func (x *Exec) initial(f *schema.Field, in *input, p *problems, at string) (storage.Assign, bool) {
	a := storage.Assign{Field: f}
	switch {
	case f.Auto == schema.AutoNow || f.Auto == schema.AutoUpdated || f.Default != nil && f.Default.Now:
		a.Value = nowValue(x.Now, f.Type)
	case f.Auto == schema.AutoUUID:
		id, err := schema.NewUUID(x.Now, x.Random)
		if err != nil {
			p.pointer(pointer(at, f.JSON), "no-id", "No id could be made; try again.", "")
		}
		a.Value = id
	case f.Auto == schema.AutoSequence:
		a.Sequence = true
	case f.Auto == schema.AutoMe || f.Default != nil && f.Default.Me:
		v, err := x.me(f)
		if err != nil {
			// Without credentials it is not the content that is wrong: Authorize says to log in.
			if f.Optional || x.Subject.Anonymous() && x.permit(x.Decide(in.class, authz.Create), in.class, authz.Create) != nil {
				return a, true
			}
			p.pointer(pointer(at, f.JSON), "no-subject", "`"+f.JSON+"` is who creates the row, and you have no account here.", "")
			return a, true
		}
		a.Value = v
	case f.From != nil:
		there := f.From.Optional // else what is missing is the source, which is reported
		for _, g := range in.values {
			if g.Field == f.From && !g.Value.IsNull() {
				a.Value, there = derive(g.Value, f), true
			}
		}
		if a.Value.IsNull() && !f.Optional && there {
			p.pointer(pointer(at, f.JSON), "required", "`"+f.JSON+"` cannot be made of this `"+f.From.JSON+"`; send one.", "")
		}
	case f.Default != nil:
		a.Value = f.Default.Value
	default:
		return a, f.Optional && f.Auto == schema.NoAuto
	}
	return a, true
}

// me is the subject's id as the type of a field.
func (x *Exec) me(f *schema.Field) (schema.Value, error) {
	return keyType(f).Parse(x.Subject.ID)
}

// derive makes the value of a from= field out of another: a slug of a title, or the same.
func derive(v schema.Value, f *schema.Field) schema.Value {
	text := v.String()
	if f.Type.Name() == "slug" {
		text = schema.Slugify(text)
	}
	out, err := f.Type.Parse(text)
	if err != nil {
		return schema.Value{}
	}
	return out
}

// nowValue is the time of the request as the type of a field.
func nowValue(now time.Time, t schema.Type) schema.Value {
	if t.Name() == "date" {
		return schema.NewDate(now)
	}
	return schema.NewDatetime(now)
}
