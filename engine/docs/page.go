package docs

import (
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/explain"
	"github.com/dowel-dev/dowel/schema/expr"
)

// page is everything that the template shows.
type page struct {
	Title, Version, Doc string
	Style               template.CSS
	Mount               string
	Login               *login
	Basic               bool
	Open                bool // nothing needs credentials
	Roles               []role
	Groups              []group
	Answer, Problem     string // how a list and an error look
	Errors              []Error
	Classes             []class
}

// role is a global role.
type role struct{ Name, Doc, Includes string }

// group is a table of conventions.
type group struct {
	ID, Title, Intro, Head string // Head names the first column
	Rows                   []row
}

// row is one convention: what is written, and what it means.
type row struct{ Example, Meaning string }

// class is one section.
type class struct {
	Name, Collection, Path, Doc string
	ID                          string // anchor
	Facts                       []fact
	Routes                      []route
	Fields                      []member
	Computed                    []member
	Relations                   []relation
	RowRoles                    []named
	Scopes                      []named
	Actions                     []action
	Record                      string
	Examples                    []example
}

type fact struct{ Name, Text string }

// route is one method of one resource.
type route struct {
	Method, Path, Verb string
	Who                []holder
}

// holder is a role that has a right; Row marks those that depend on the record.
type holder struct {
	Name string
	Row  bool
}

// relation is a way to another class.
type relation struct {
	Name, JSON string
	To         link
	Many       bool
	Filter     string
}

// link leads to the section of a class.
type link struct{ Name, ID string }

// named is a word of a class: its meaning as a condition, where that is public.
type named struct{ Name, Cond, Doc string }

// action is an operation of the class's own.
type action struct {
	Name, Doc, When string
	Route           route
	Input           []member
	Returns         link
}

// builder makes the page.
type builder struct{ *App }

func newPage(app *App) *page {
	b := &builder{app}
	s := app.Schema
	p := &page{
		Title: s.App.Title, Version: s.App.Version, Doc: s.App.Doc, Style: template.CSS(styleText), Mount: app.Mount,
		Basic: app.Basic, Errors: app.Errors,
	}
	if p.Title == "" {
		p.Title = "API"
	}
	p.Login = b.login()
	for _, r := range s.Roles {
		p.Roles = append(p.Roles, role{r.Name, r.Doc, strings.Join(r.Includes, ", ")})
	}
	for _, c := range s.Classes {
		if published(c) {
			p.Classes = append(p.Classes, b.class(c))
		}
	}
	p.Open = !slices.ContainsFunc(p.Classes, func(c class) bool {
		return slices.ContainsFunc(c.Routes, func(r route) bool { return !slices.Contains(r.Who, holder{"anyone", false}) })
	})
	if show := b.showcase(); show != nil {
		p.Groups = b.conventions(show)
		p.Answer, p.Problem = b.answer(show), b.problem(show)
	}
	return p
}

// published reports whether the API has the class.
func published(c *schema.Class) bool { return c.Expose && !c.Internal }

func anchor(c *schema.Class) string { return "class-" + c.Name }

func linkTo(c *schema.Class) link {
	if c == nil || !published(c) {
		return link{}
	}
	return link{c.Name, anchor(c)}
}

func (b *builder) class(c *schema.Class) class {
	out := class{
		Name: c.Name, Collection: c.Collection, Path: b.Mount + c.Path(), ID: anchor(c), Doc: c.Doc,
		Facts: b.facts(c), Record: sample.Record(c), Examples: b.examples(c),
	}
	for _, r := range explain.Routes(c) {
		out.Routes = append(out.Routes, b.route(r))
	}
	for _, f := range c.Fields {
		if f.Computed != nil {
			out.Computed = append(out.Computed, b.member(f))
		} else {
			out.Fields = append(out.Fields, b.members(f)...)
		}
	}
	for _, r := range c.Relations {
		if published(r.To) {
			out.Relations = append(out.Relations, relation{r.Name, r.JSON, linkTo(r.To), !r.Single(), b.relationFilter(r)})
		}
	}
	for _, r := range c.RowRoles {
		out.RowRoles = append(out.RowRoles, named{Name: r.Name, Cond: b.condition(r.Text, r.Where)})
	}
	for _, x := range c.Scopes {
		out.Scopes = append(out.Scopes, named{x.Name, b.condition("", x.Where), x.Doc})
	}
	for _, a := range c.Actions {
		out.Actions = append(out.Actions, b.action(c, a))
	}
	return out
}

func (b *builder) route(r explain.Route) route {
	out := route{Method: r.Method, Path: b.Mount + r.Path, Verb: r.Verb}
	for _, name := range authz.Who(b.Rules, b.Schema, r.Class, r.Verb) {
		global := slices.ContainsFunc(b.Schema.Roles, func(g *schema.Role) bool { return g.Name == name })
		rows := strings.HasSuffix(name, " (rows)") || slices.ContainsFunc(r.Class.RowRoles, func(g *schema.RowRole) bool { return g.Name == name })
		out.Who = append(out.Who, holder{name, rows && !global})
	}
	return out
}

func (b *builder) action(c *schema.Class, a *schema.Action) action {
	out := action{Name: a.Name, Doc: a.Doc, When: b.condition(a.WhenText, a.When), Returns: linkTo(a.Returns)}
	for _, r := range explain.Routes(c) {
		if r.Class == c && r.Verb == a.Name {
			out.Route = b.route(r)
		}
	}
	for _, f := range a.Input {
		out.Input = append(out.Input, b.inputs(f)...)
	}
	return out
}

// condition is a condition as text, "" unless everybody who reads its classes may know all it mentions.
func (b *builder) condition(text string, e schema.Expr) string {
	if e == nil {
		return ""
	}
	for _, c := range expr.Classes(e) {
		if !published(c) {
			return ""
		}
	}
	for _, f := range expr.Fields(e) {
		if !f.Shown() && f.Computed == nil || f.Class != nil && b.readers(f) != "" {
			return ""
		}
	}
	if text != "" {
		return text
	}
	return expr.String(e)
}

// facts are what is to be known of a class as a whole.
func (b *builder) facts(c *schema.Class) (facts []fact) {
	add := func(name, text string) { facts = append(facts, fact{name, text}) }
	switch {
	case len(c.Key) > 1:
		add("Id", "made of "+strings.Join(wire(c.Key), " and ")+", joined by a dash")
	case c.Key[0].Auto == schema.NoAuto:
		add("Id", c.Key[0].JSON+", chosen by clients")
	default:
		add("Id", c.Key[0].JSON+", generated")
	}
	if c.Auth != nil {
		add("Login", "with "+c.Auth.Login.JSON+" and "+c.Auth.Secret.JSON)
	}
	if t := b.Schema.Tenant; t != nil && c.Tenant != nil {
		add("Belongs to", "one "+t.Class.Name+", which is in the "+map[string]string{"path": "path", "claim": "claim `tenant` of the token", "header": "header field `X-Tenant`"}[t.From]+
			"; who does not belong to it finds nothing")
	} else if t != nil && c == t.Class {
		if t.Via != nil && published(t.Via) {
			add("Members", "are in "+t.Via.Collection+", with the roles that they have here and nowhere else")
		}
		if t.Creator != "" {
			add("Creating", "makes one its "+t.Creator)
		}
	}
	if len(c.Sort) > 0 {
		var keys []string
		for _, k := range c.Sort {
			if k.Desc {
				keys = append(keys, k.Field.JSON+" descending")
			} else {
				keys = append(keys, k.Field.JSON)
			}
		}
		add("Order", strings.Join(keys, ", "))
	}
	if len(c.Search) > 0 {
		add("Search", "in "+strings.Join(wire(c.Search), ", "))
	}
	for _, u := range c.Uniques {
		if len(u.Fields) > 1 {
			add("Unique together", strings.Join(wire(u.Fields), ", "))
		}
	}
	if c.SoftDelete {
		add("Deleting", "keeps the record, which can be restored or purged")
	}
	if c.OnConflict == "update" {
		add("Creating", "a record that exists updates it")
	}
	if c.Visibility == "strict" {
		add("Lists", "are refused when they would leave out records that match")
	}
	if c.Concurrency == "required" {
		add("Writing", "needs If-Match")
	}
	if c.Cache > 0 {
		add("Caching", "answers may be "+lasting(c.Cache)+" old")
	}
	if c.PageSize > 0 || c.PageMax > 0 {
		add("Pages", strconv.Itoa(b.pageSize(c))+" records, "+strconv.Itoa(b.pageMax(c))+" at most")
	}
	return facts
}

// lasting is a duration in the largest unit that fits.
func lasting(d time.Duration) string {
	for _, unit := range []struct {
		name string
		is   time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if d >= unit.is && d%unit.is == 0 {
			n := int(d / unit.is)
			if n == 1 {
				return "1 " + unit.name
			}
			return strconv.Itoa(n) + " " + unit.name + "s"
		}
	}
	return d.String()
}

func (b *builder) pageSize(c *schema.Class) int {
	if c.PageSize > 0 {
		return c.PageSize
	}
	return b.Limits.Page
}

func (b *builder) pageMax(c *schema.Class) int {
	if c.PageMax > 0 {
		return c.PageMax
	}
	return b.Limits.PageMax
}

func wire(fields []*schema.Field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.JSON)
	}
	return names
}

var quoted = regexp.MustCompile("`[^`\n]+`")

// prose is text with `words` as code; everything else of it is shown as it is.
func prose(text string) template.HTML {
	var out strings.Builder
	last := 0
	for _, at := range quoted.FindAllStringIndex(text, -1) {
		template.HTMLEscape(&out, []byte(text[last:at[0]]))
		out.WriteString("<code>")
		template.HTMLEscape(&out, []byte(text[at[0]+1:at[1]-1]))
		out.WriteString("</code>")
		last = at[1]
	}
	template.HTMLEscape(&out, []byte(text[last:]))
	return template.HTML(out.String())
}
