package explain

import (
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Field returns the page of a field.
func Field(s *schema.Schema, f *schema.Field, o Options) string {
	title := f.Class.Name + "." + f.Name + "  " + typeText(f)
	if w := words(f); len(w) > 0 {
		title += ", " + strings.Join(w, ", ")
	}
	p := newPage(title, f.Doc)
	p.row("JSON", memberJSON(f))
	switch {
	case f.Stored():
		p.row("column", f.Class.Table+"."+f.Column)
	case f.Many != nil:
		p.row("table", f.Many.Table+" ("+f.Many.Own+", "+f.Many.Other+")")
	}
	if text := filters(compared(f)); text != "" && !f.WriteOnly && !f.Synthetic {
		p.row("filter", "?"+f.JSON+"=…  "+text)
	}
	if f.Ref != nil {
		p.row("refers to", f.Ref.To.Name+", on delete "+[...]string{"restrict", "cascade", "set null"}[f.Ref.OnDelete])
		if f.Ref.Inverse != nil {
			p.row("way back", f.Ref.To.Name+"."+f.Ref.Inverse.Name)
		}
	}
	reader, writer := "as the class", "as the class"
	if o.Who != nil {
		reader, writer = o.Who(f.Class, "get"), o.Who(f.Class, "update")
	}
	p.row("read", reading(f, reader))
	p.row("write", writing(f, writer))
	if b := f.Backfill; b != nil {
		p.row("backfill", constantText(f, b))
	}
	if f.Was != "" {
		p.row("was", f.Was)
	}
	p.row("declared", place(f.Pos))
	return p.String()
}

// compared is the type that filters compare a field as: a set is asked for one of its members.
func compared(f *schema.Field) schema.Type {
	switch {
	case f.Many == nil:
		return f.Type
	case f.Many.By != nil:
		return f.Many.By.Type
	}
	return f.Many.To.Key[0].Type
}

func reading(f *schema.Field, who string) string {
	if f.WriteOnly || f.Type.Traits().Secret {
		return "nobody"
	}
	return narrowed(f.Read, who)
}

func writing(f *schema.Field, who string) string {
	switch {
	case f.Computed != nil, f.Synthetic:
		return "nobody: it is worked out"
	case f.Auto != schema.NoAuto:
		return "nobody: the engine fills it"
	case f.ReadOnly:
		return "no client; actions set it"
	case f.Immutable:
		return narrowed(f.Write, who) + ", when the row is created"
	}
	return narrowed(f.Write, who)
}

// narrowed says who may, where the field has a word of its own.
func narrowed(c *schema.RoleCond, otherwise string) string {
	if c == nil {
		return otherwise
	}
	return c.Text + ", of those who may use the class"
}

// typeText names the type of a field with its limits.
func typeText(f *schema.Field) string {
	switch {
	case f.Ref != nil:
		return "reference to " + f.Ref.To.Name
	case f.Many != nil && f.Many.By != nil:
		return "set of " + f.Many.To.Name + " by " + f.Many.By.Name
	case f.Many != nil:
		return "set of " + f.Many.To.Name
	case f.Computed != nil:
		return computedText(f)
	}
	return limits(f.Type)
}

func computedText(f *schema.Field) string {
	text := f.Computed.Func + " " + f.Computed.Rel.Name
	if f.Computed.Of != nil {
		text += "." + f.Computed.Of.Name
	}
	if f.Computed.Where != nil && f.Computed.Where != schema.Expr(schema.Const(true)) {
		text += " where " + expr.String(f.Computed.Where)
	}
	return text
}

// limits names a type as a field would declare it.
func limits(t schema.Type) string {
	text := t.Name()
	s := t.Shape()
	switch t := t.(type) {
	case *schema.EnumType:
		return "enum " + strings.Join(t.Values(), ", ")
	case *schema.ListType:
		return "list of " + limits(t.Elem())
	case *schema.FileType:
		if t.Max() > 0 {
			text += " max=" + strconv.FormatInt(t.Max(), 10)
		}
		return text + bound("accept", strings.Join(t.Accept(), ","))
	case *schema.ObjectType:
		var members []string
		for _, f := range t.Fields() {
			members = append(members, f.Name)
		}
		return "object of " + strings.Join(members, ", ")
	}
	if d, ok := t.(interface{ Scale() uint8 }); ok {
		text += " scale=" + strconv.Itoa(int(d.Scale()))
	}
	for _, limit := range []struct {
		word string
		n    int
	}{{"min", s.MinLength}, {"max", s.MaxLength}} {
		if limit.n > 0 {
			text += " " + limit.word + "=" + strconv.Itoa(limit.n)
		}
	}
	if b, ok := t.(interface{ Limits() (low, high string) }); ok {
		low, high := b.Limits()
		text += bound("min", low) + bound("max", high)
	}
	if t.Traits().Like {
		text += bound("pattern", strings.TrimSuffix(strings.TrimPrefix(s.Pattern, "^(?:"), ")$"))
	}
	return text
}

func bound(word, text string) string {
	if text == "" {
		return ""
	}
	return " " + word + "=" + text
}

// words are what else is said of a field.
func words(f *schema.Field) []string {
	var all []string
	add := func(yes bool, word string) {
		if yes {
			all = append(all, word)
		}
	}
	add(f.Required(), "required")
	add(f.Optional && f.Computed == nil, "optional")
	add(f.Synthetic, "made of the key")
	add(f.Unique, "unique")
	add(f.Indexed, "indexed")
	add(f.Auto != schema.NoAuto, [...]string{
		"", "set to the subject", "set to the time", "generated", "numbered", "generated", "set to the time of every write",
	}[f.Auto])
	add(f.Per != nil, "per "+nameOf(f.Per))
	add(f.Immutable && f.Auto == schema.NoAuto, "immutable")
	add(f.ReadOnly && f.Auto == schema.NoAuto, "readonly")
	add(f.WriteOnly, "writeonly")
	add(f.Hidden, "hidden")
	add(f.From != nil, "from "+nameOf(f.From))
	add(f.Default != nil, "default "+defaultText(f))
	return all
}

func nameOf(f *schema.Field) string {
	if f == nil {
		return ""
	}
	return f.Name
}

func defaultText(f *schema.Field) string {
	if f.Default == nil {
		return ""
	}
	return constantText(f, f.Default)
}

func constantText(f *schema.Field, d *schema.Default) string {
	switch {
	case d.Now:
		return "now"
	case d.Me:
		return "me"
	}
	return f.Type.Text(d.Value)
}

// memberJSON shows a field as a member of a record.
func memberJSON(f *schema.Field) string {
	if f.Type.Traits().Secret || f.WriteOnly {
		return "never shown; sent as " + strconv.Quote(f.JSON)
	}
	text := strconv.Quote(f.JSON) + ": " + jsonForm(f.Type)
	if f.Optional {
		text += " | null"
	}
	return text
}

// jsonForm is an example of a value, or the JSON type where there is none.
func jsonForm(t schema.Type) string {
	s := t.Shape()
	switch {
	case t.Traits().Secret:
		return "never shown"
	case s.Example != "":
		return s.Example
	case len(s.Enum) > 0:
		return strconv.Quote(s.Enum[0])
	case s.Items != nil:
		return "[…]"
	case s.Type == "object":
		return "{…}"
	case s.Type == "integer":
		return "42"
	case s.Type == "number":
		return "0.5"
	case s.Type == "boolean":
		return "true"
	case s.Type == "string":
		return `"…"`
	}
	return "anything"
}

// filters are the operators a type understands.
func filters(t schema.Type) string {
	traits := t.Traits()
	var all []string
	if traits.Filter {
		all = append(all, "eq", "ne", "in")
	}
	if traits.Order && traits.Filter {
		all = append(all, "lt", "le", "gt", "ge")
	}
	if traits.Like {
		all = append(all, "like")
	}
	if traits.List {
		all = append(all, "has")
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(append(all, "is"), " ")
}

// relation explains a way to another class.
func relation(c *schema.Class, r *schema.Relation, mount string) string {
	p := newPage(c.Name+"."+r.Name+"  "+relationText(r), "")
	p.row("shown", "with="+r.JSON)
	p.row("filter", "?"+r.Name+".FIELD=…")
	for _, route := range Routes(c) {
		if strings.HasSuffix(route.Path, "/"+r.JSON) {
			p.row(route.Method, mount+route.Path)
		}
	}
	if r.Field != nil {
		p.row("declared", place(r.Field.Pos))
	}
	return p.String()
}

// action explains a declared action.
func action(c *schema.Class, a *schema.Action, mount string, o Options) string {
	p := newPage(c.Name+"."+a.Name, a.Doc)
	for _, route := range Routes(c) {
		if route.Verb == a.Name && route.Class == c {
			p.row(route.Method, mount+route.Path)
		}
	}
	if a.When != nil {
		p.row("when", source(a.WhenText, a.When))
	}
	for _, f := range a.Input {
		p.row("input", f.JSON+"  "+typeText(f)+required(f))
	}
	for _, set := range a.Set {
		p.row("sets", set.Field.Name)
	}
	if a.Run {
		p.row("run", "a function of the application")
	}
	if o.Who != nil {
		p.row("who", o.Who(c, a.Name))
	}
	p.row("declared", place(a.Pos))
	return p.String()
}

func required(f *schema.Field) string {
	if f.Optional {
		return ", optional"
	}
	return ""
}
