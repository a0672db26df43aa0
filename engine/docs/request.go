package docs

import (
	"net/url"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/explain"
)

// example is a request as a line for a shell, in which $HOST is where the
// application is and $AUTH the header field with a token.
type example struct{ Note, Line string }

// login is how to get a token.
type login struct {
	Path, Name, Secret        string
	Get, Use, Refresh, Logout string
	Me                        string
	Register                  string // empty where accounts are not made by everybody
	Basic                     string // empty outside of development
}

func (b *builder) login() *login {
	c := b.Schema.Login
	if c == nil {
		return nil
	}
	auth := b.Mount + "/auth/"
	var credentials sample.Object
	credentials.Add(c.Auth.Login.JSON, sample.Value(c.Auth.Login))
	credentials.Add(c.Auth.Secret.JSON, sample.Quote("…"))
	l := &login{
		Path: auth + "login", Name: c.Auth.Login.JSON, Secret: c.Auth.Secret.JSON,
		Get:     curl{path: auth + "login", body: credentials.Line()}.String(),
		Refresh: curl{path: auth + "refresh", body: `{"refresh_token": "…"}`}.String(),
		Logout:  curl{method: "POST", path: auth + "logout", auth: true}.String(),
		Me:      curl{path: auth + "me", auth: true}.String(),
	}
	if b.open(c, authz.Create) {
		account := sample.Smallest(c)
		l.Register = curl{path: auth + "register", body: account.Line()}.String()
	}
	if show := b.showcase(); show != nil {
		l.Use = curl{path: b.place(show), auth: true}.String()
		l.Basic = "curl -s -u " + strings.ToUpper(c.Auth.Login.JSON+":"+c.Auth.Secret.JSON) + ` "$HOST` + b.place(show) + `"`
	}
	return l
}

// place is the collection of a class in examples: inside of an organization where it is below one.
func (b *builder) place(c *schema.Class) string {
	if c.Prefix == "" {
		return b.Mount + "/" + c.Collection
	}
	org := b.Schema.Tenant.Class
	return b.Mount + "/" + org.Collection + "/" + url.PathEscape(sample.ID(org)) + "/" + c.Collection
}

// open reports whether a verb needs no credentials. Nobody gets into an organization without.
func (b *builder) open(c *schema.Class, verb string) bool {
	if c.Tenant != nil {
		return false
	}
	who := authz.Who(b.Rules, b.Schema, c, verb)
	return slices.Contains(who, "anyone") || slices.Contains(who, "anyone (rows)")
}

// may reports whether anybody may do a verb at all.
func (b *builder) may(c *schema.Class, verb string) bool {
	return len(authz.Who(b.Rules, b.Schema, c, verb)) > 0
}

// showcase is the class that the conventions take their examples from: the one with most to show.
func (b *builder) showcase() *schema.Class {
	var best *schema.Class
	most := -1
	for _, c := range b.Schema.Classes {
		if !published(c) {
			continue
		}
		n := 0
		for _, has := range []bool{
			c.Auth == nil, len(c.Search) > 0, len(c.Scopes) > 0, b.toMany(c) != nil, b.picked(c, isEnum) != nil, b.may(c, authz.List), len(c.Actions) > 0,
			b.picked(c, isOptional) != nil, b.picked(c, isNumber) != nil,
		} {
			if has {
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	return best
}

func isEnum(f *schema.Field) bool { return len(f.Type.Shape().Enum) > 0 }

func isOptional(f *schema.Field) bool { return f.Optional && f.Type.Traits().Filter }

func isNumber(f *schema.Field) bool {
	return f.Ref == nil && f.Type.Traits().Order && f.Type.Kind() != schema.Text
}

func isPlain(f *schema.Field) bool { return f.Ref == nil && f.Type.Traits().Filter }

func isText(f *schema.Field) bool { return f.Type.Traits().Like && !isEnum(f) }

// picked is the first member of a class that anybody who reads the class can ask about, of a kind.
func (b *builder) picked(c *schema.Class, kind func(*schema.Field) bool) *schema.Field {
	for _, f := range c.Fields {
		if f.Shown() && f.Stored() && b.readers(f) == "" && !slices.Contains(c.Key, f) && kind(f) {
			return f
		}
	}
	return nil
}

// toMany is the first relation of a class to many records, references before sets.
func (b *builder) toMany(c *schema.Class) *schema.Relation {
	var set *schema.Relation
	for _, r := range c.Relations {
		switch {
		case r.Single() || !published(r.To) || !b.may(r.To, authz.List):
		case r.Kind == schema.ToMany:
			return r
		case set == nil:
			set = r
		}
	}
	return set
}

// related is the first relation that can be expanded, those to many first.
func (b *builder) related(c *schema.Class) *schema.Relation {
	if r := b.toMany(c); r != nil {
		return r
	}
	for _, r := range c.Relations {
		if published(r.To) && b.may(r.To, authz.Get) {
			return r
		}
	}
	return nil
}

// examples are requests to a class that work as they stand, given a record with the id.
func (b *builder) examples(c *schema.Class) (list []example) {
	all := b.place(c)
	one := all + "/" + url.PathEscape(sample.ID(c))
	add := func(verb, note string, line curl) {
		if b.may(c, verb) {
			line.auth = !b.open(c, verb)
			list = append(list, example{note, line.String()})
		}
	}
	add(authz.List, "Some, in an order", curl{path: all, query: b.selection(c)})
	with := curl{path: one}
	if r := b.related(c); r != nil {
		with.query = "with=" + r.JSON
		add(authz.Get, "One, with its "+r.JSON, with)
	} else {
		add(authz.Get, "One", with)
	}
	create := sample.Smallest(c)
	if create.Empty() {
		for _, f := range c.Fields {
			if sendable(f) && create.Empty() {
				create.Add(f.JSON, sample.Value(f))
			}
		}
	}
	add(authz.Create, "A new one, with what is required", curl{path: all, body: create.Line()})
	if change := b.changeable(c); change != nil {
		var patch sample.Object
		patch.Add(change.JSON, sample.Value(change))
		add(authz.Update, "A change", curl{method: "PATCH", path: one, body: patch.Line()})
	}
	for _, r := range explain.Routes(c) {
		a := declared(c, r.Verb)
		if a == nil || r.Class != c {
			continue
		}
		var input sample.Object
		for _, f := range a.Input {
			if f.Required() || len(a.Input) == 1 {
				input.Add(f.JSON, sample.Value(f))
			}
		}
		line := curl{method: r.Method, path: one + "/" + a.Path}
		if a.OnCollection {
			line.path = all + "/" + a.Path
		}
		if !input.Empty() {
			line.body = input.Line()
		}
		add(a.Name, "The action "+a.Name, line)
		break
	}
	return list
}

func declared(c *schema.Class, name string) *schema.Action {
	for _, a := range c.Actions {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// selection is a query that filters, sorts and limits.
func (b *builder) selection(c *schema.Class) string {
	var parts []string
	f := b.picked(c, isEnum)
	if f == nil {
		f = b.picked(c, isPlain)
	}
	if f != nil {
		parts = append(parts, f.JSON+"="+sample.Operand(f))
	}
	if o := b.ordered(c); o != nil {
		parts = append(parts, "orderBy=-"+o.JSON)
	}
	return strings.Join(append(parts, "limit=5"), "&")
}

// ordered is the member that an example sorts by.
func (b *builder) ordered(c *schema.Class) *schema.Field {
	if c.CreatedAt != nil && c.CreatedAt.Shown() && b.readers(c.CreatedAt) == "" {
		return c.CreatedAt
	}
	return b.picked(c, func(f *schema.Field) bool { return f.Ref == nil && f.Type.Traits().Order })
}

// sendable reports whether clients may send the field.
func sendable(f *schema.Field) bool {
	return f.Auto == schema.NoAuto && !f.ReadOnly && f.Computed == nil && !f.Synthetic
}

// changeable is the member that an example changes.
func (b *builder) changeable(c *schema.Class) *schema.Field {
	for _, f := range c.Fields {
		if sendable(f) && !f.Immutable && f.Stored() && f.Write == nil && b.writers(f) == "" && !slices.Contains(c.Key, f) && !f.Type.Traits().Secret && f.Ref == nil {
			return f
		}
	}
	return nil
}

// curl is a request.
type curl struct {
	method      string // "" is what curl takes by itself
	path, query string
	body        string
	auth        bool
}

// lineWidth is how long a line gets before it is broken, in bytes.
const lineWidth = 96

// String is the line for a shell.
func (c curl) String() string {
	line := "curl -s"
	if c.method != "" {
		line += " -X " + c.method
	}
	if c.auth {
		line += ` -H "$AUTH"`
	}
	place := `"$HOST` + target(c.path, c.query) + `"`
	if c.body == "" {
		return line + " " + place
	}
	line += " --json '" + strings.ReplaceAll(c.body, "'", `'\''`) + "'"
	if len(line)+len(place) > lineWidth {
		return line + " \\\n  " + place
	}
	return line + " " + place
}

// target is a path with a query as it goes into an address, and between the double quotes of a shell.
func target(path, query string) string {
	var b strings.Builder
	b.WriteString(path)
	if query != "" {
		b.WriteByte('?')
	}
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == ' ':
			b.WriteByte('+')
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\"$`\\!#%+<>[]^{|}", c) >= 0:
			const digits = "0123456789ABCDEF"
			b.WriteString(string([]byte{'%', digits[c>>4], digits[c&15]}))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
