package docs

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema"
)

// member is one line of a table of members.
type member struct {
	Name   string
	Inside bool // a nested object
	Type   string
	JSON   string // the JSON type, where Type does not say it
	To     link
	Limits []string
	Enum   []string
	Marks  []mark
	Notes  []string
	Doc    string
}

// mark is one word about a member, and its kind for the eye.
type mark struct{ Word, Kind string }

// members are the lines of a field: its own, and those of what a nested object holds.
func (b *builder) members(f *schema.Field) []member {
	return nested([]member{b.member(f)}, f.Type, f.JSON)
}

// inputs are the lines of a member of an action's input.
func (b *builder) inputs(f *schema.Field) []member {
	m := b.typed(f)
	m.Marks = []mark{need(f)}
	m.initial(f)
	return nested([]member{m}, f.Type, f.JSON)
}

func nested(list []member, t schema.Type, path string) []member {
	o, ok := t.(*schema.ObjectType)
	if !ok {
		return list
	}
	for _, f := range o.Fields() {
		name := f.JSON
		if name == "" {
			name = f.Name
		}
		m := (&builder{}).typed(f)
		m.Name, m.Inside, m.Marks = path+"."+name, true, []mark{need(f)}
		m.initial(f)
		list = nested(append(list, m), f.Type, m.Name)
	}
	return list
}

func need(f *schema.Field) mark {
	if f.Required() {
		return mark{"required", "must"}
	}
	return mark{"optional", ""}
}

// member is the line of a field.
func (b *builder) member(f *schema.Field) member {
	m := b.typed(f)
	m.mark(f)
	m.initial(f)
	if readers := b.readers(f); readers != "" {
		m.Marks = append(m.Marks, mark{"read: " + readers, "guard"})
	}
	if f.Write != nil {
		m.Marks = append(m.Marks, mark{"write: " + f.Write.Text, "guard"})
	} else if writers := b.writers(f); writers != "" {
		m.Marks = append(m.Marks, mark{"write: " + writers, "guard"})
	}
	return m
}

// typed is what a field may hold.
func (b *builder) typed(f *schema.Field) member {
	m := member{Name: f.JSON, Doc: f.Doc}
	switch {
	case f.Computed != nil:
		m.Type = f.Type.Name()
		m.Notes = append(m.Notes, b.worked(f))
	case f.Ref != nil:
		m.Type, m.To = "reference", linkTo(f.Ref.To)
		m.JSON = jsonType(f.Type.Shape())
		if m.To.ID != "" && f.Ref.OnDelete != schema.Restrict {
			m.Notes = append(m.Notes, "When the "+f.Ref.To.Name+" is deleted, "+
				[...]string{"", "this record is deleted too.", "this becomes null."}[f.Ref.OnDelete])
		}
		return m
	case f.Many != nil:
		m.Type, m.To, m.JSON = "set", linkTo(f.Many.To), "array"
		if f.Many.By != nil {
			m.Notes = append(m.Notes, "Written and shown by `"+f.Many.By.JSON+"`.")
			m.Limits = limits(f.Many.By.Type)
		}
		if f.Many.Create {
			m.Notes = append(m.Notes, "Unknown ones are made.")
		}
		return m
	default:
		m.Type = typeName(f.Type)
	}
	if word := jsonType(f.Type.Shape()); word != m.Type && !strings.Contains(m.Type, word) {
		m.JSON = word
	}
	m.Enum, m.Limits = f.Type.Shape().Enum, limits(f.Type)
	return m
}

func typeName(t schema.Type) string {
	if l, ok := t.(*schema.ListType); ok {
		return "list of " + typeName(l.Elem())
	}
	return t.Name()
}

func jsonType(s schema.Shape) string {
	if s.Type == "" {
		return "any"
	}
	return s.Type
}

// worked says what a computed member is made of.
func (b *builder) worked(f *schema.Field) string {
	c := f.Computed
	if !published(c.Rel.To) || c.Of != nil && b.readers(c.Of) != "" {
		return "Worked out from other records."
	}
	text := "The number of"
	if c.Func != "count" {
		text = map[string]string{"sum": "The sum of", "min": "The least of", "max": "The greatest of", "avg": "The average of"}[c.Func]
	}
	text += " `" + c.Rel.Name
	if c.Of != nil {
		text += "." + c.Of.JSON
	}
	text += "`"
	if c.Where != nil && c.Where != schema.Expr(schema.Const(true)) {
		cond := b.condition("", c.Where)
		if cond == "" {
			return text + " that meet a condition."
		}
		return text + " where `" + cond + "`."
	}
	return text + "."
}

// limits are the bounds of a type in words.
func limits(t schema.Type) (all []string) {
	add := func(words ...string) {
		text := strings.Join(words, " ")
		all = append(all, strings.ToUpper(text[:1])+text[1:])
	}
	s := t.Shape()
	if l, ok := t.(*schema.ListType); ok {
		all = limits(l.Elem())
	}
	switch {
	case s.MinLength > 0 && s.MaxLength > 0:
		add(strconv.Itoa(s.MinLength), "to", strconv.Itoa(s.MaxLength), "characters")
	case s.MaxLength > 0:
		add("at most", strconv.Itoa(s.MaxLength), "characters")
	case s.MinLength > 0:
		add("at least", strconv.Itoa(s.MinLength), "characters")
	}
	switch {
	case s.MinItems > 0 && s.MaxItems > 0:
		add(strconv.Itoa(s.MinItems), "to", strconv.Itoa(s.MaxItems), "elements")
	case s.MaxItems > 0:
		add("at most", strconv.Itoa(s.MaxItems), "elements")
	case s.MinItems > 0:
		add("at least", strconv.Itoa(s.MinItems), "elements")
	}
	if d, ok := t.(interface{ Scale() uint8 }); ok {
		add(strconv.Itoa(int(d.Scale())), "decimals")
	}
	if r, ok := t.(interface{ Limits() (low, high string) }); ok {
		low, high := r.Limits()
		switch {
		case low != "" && high != "":
			add(low, "to", high)
		case low != "":
			add("at least", low)
		case high != "":
			add("at most", high)
		}
	}
	if t.Traits().Like && s.Pattern != "" {
		add("matches", "`"+strings.TrimSuffix(strings.TrimPrefix(s.Pattern, "^(?:"), ")$")+"`")
	}
	return all
}

// mark says what clients must know before they read or send the field.
func (m *member) mark(f *schema.Field) {
	add := func(yes bool, word, kind string) {
		if yes {
			m.Marks = append(m.Marks, mark{word, kind})
		}
	}
	secret := f.WriteOnly || f.Type.Traits().Secret
	filled := f.Auto != schema.NoAuto || f.ReadOnly || f.Computed != nil || f.Synthetic
	add(slices.Contains(f.Class.Key, f) || f.Synthetic, "key", "key")
	add(!filled && f.Required(), "required", "must")
	add(!filled && !f.Required(), "optional", "")
	add(filled, "read-only", "")
	add(f.Optional && f.Computed == nil, "nullable", "")
	add(f.Unique && !slices.Contains(f.Class.Key, f), "unique", "")
	add(f.Immutable && !filled, "set once", "")
	add(secret, "write-only", "guard")
	add(!secret && f.Hidden, "shown when named", "")
}

// initial says what a field is when nothing was sent.
func (m *member) initial(f *schema.Field) {
	note := func(text string) { m.Notes = append(m.Notes, text) }
	switch f.Auto {
	case schema.AutoMe:
		note("Filled with who asks.")
	case schema.AutoNow:
		note("Filled with the time of creation.")
	case schema.AutoUpdated:
		note("The time of the last write.")
	case schema.AutoUUID, schema.AutoID:
		note("Generated.")
	case schema.AutoSequence:
		if f.Per != nil {
			note("Numbered for each `" + f.Per.JSON + "`.")
		} else {
			note("Numbered.")
		}
	}
	if f.Synthetic && f.Doc == "" {
		note("Made of the key.")
	}
	if f.Class != nil && f == f.Class.Tenant {
		note("That of the request when absent.")
	}
	if f.From != nil {
		note("Made from `" + f.From.JSON + "` when absent.")
	}
	switch {
	case f.Class != nil && f == f.Class.DeletedAt:
		note("The time of deletion.")
	case f.ReadOnly && f.Auto == schema.NoAuto && f.Computed == nil && !f.Synthetic:
		note("Set by actions.")
	}
	switch d := f.Default; {
	case d == nil || f.WriteOnly || f.Type.Traits().Secret:
	case d.Now:
		note("Default: the time of creation.")
	case d.Me:
		note("Default: who asks.")
	default:
		note("Default: `" + string(f.Type.AppendJSON(nil, d.Value)) + "`.")
	}
}

// Readers names who may read a field where that is not everybody who may read the record, else "".
func (a *App) Readers(f *schema.Field) string { return (&builder{a}).readers(f) }

// readers names who may read the field where that is not everybody who may read the record, else "".
func (b *builder) readers(f *schema.Field) string {
	if f.WriteOnly || f.Type.Traits().Secret {
		return ""
	}
	if f.Read != nil {
		return f.Read.Text
	}
	return b.narrowed(f, authz.Get)
}

// writers is the same for changing it.
func (b *builder) writers(f *schema.Field) string {
	if f.Auto != schema.NoAuto || f.ReadOnly || f.Computed != nil || f.Synthetic {
		return ""
	}
	return b.narrowed(f, authz.Update)
}

// narrowed asks the policy, whose rules can list the fields they are about.
func (b *builder) narrowed(f *schema.Field, verb string) string {
	if b.App == nil || f.Class == nil || f.Class.Index >= len(b.Schema.Classes) || b.Schema.Classes[f.Class.Index] != f.Class {
		return ""
	}
	subjects := []struct {
		name string
		s    authz.Subject
	}{{"anyone", authz.Subject{}}, {"user", authz.Subject{ID: "0"}}}
	for _, r := range b.Schema.Roles {
		subjects = append(subjects, struct {
			name string
			s    authz.Subject
		}{r.Name, authz.Subject{ID: "0", Roles: []string{r.Name}}})
	}
	full := true
	var may []string
	for i := range subjects {
		b.Rules.Admit(&subjects[i].s)
		d := b.Rules.Decide(&subjects[i].s, f.Class, verb)
		switch {
		case d.Effect == authz.Denied:
		case d.Always(f):
			may = append(may, subjects[i].name)
		case d.May(f):
			full = false
			may = append(may, subjects[i].name+" (rows)")
		default:
			full = false
		}
	}
	switch {
	case full:
		return ""
	case len(may) == 0:
		return "nobody"
	}
	return strings.Join(may, ", ")
}

// relationFilter is an example of asking for records by what they are related to.
func (b *builder) relationFilter(r *schema.Relation) string {
	for _, f := range r.To.Fields {
		if f.Shown() && f.Stored() && b.readers(f) == "" && f.Ref == nil && f.Type.Traits().Filter && !slices.Contains(r.To.Key, f) {
			return r.Name + "." + f.JSON + "=" + sample.Operand(f)
		}
	}
	return r.Name + "." + r.To.Key[0].JSON + "=" + sample.Operand(r.To.Key[0])
}
