package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// Class returns the page of a class: its derived names, members, rules and routes.
func Class(s *schema.Schema, c *schema.Class, o Options) string {
	mount := o.mount(s)
	p := newPage(c.Name, c.Doc)
	if c.Expose {
		p.row("collection", mount+c.Path())
	} else {
		p.row("collection", "none: expose is false")
	}
	p.row("table", c.Table)
	p.row("OpenAPI", c.TypeName)
	p.row("key", keyText(c))
	for _, w := range settings(s, c) {
		p.row(w[0], w[1])
	}
	p.row("declared", place(c.Pos))

	p.head("Fields")
	for _, f := range c.Fields {
		p.row(f.JSON, typeText(f), strings.Join(words(f), ", "))
	}
	p.head("Relations")
	for _, r := range c.Relations {
		if !r.To.Internal {
			p.row(r.Name, relationText(r))
		}
	}
	parts(p, c)
	p.head("Rules")
	for _, row := range rules(s, c) {
		p.row(row...)
	}
	p.head("Routes")
	for _, r := range Routes(c) {
		if o.Who == nil {
			p.row(r.Method, mount+r.Path, r.Verb)
		} else {
			p.row(r.Method, mount+r.Path, r.Verb, o.Who(r.Class, r.Verb))
		}
	}
	return p.String()
}

func keyText(c *schema.Class) string {
	if len(c.Key) > 1 {
		return "id, made of " + strings.Join(names(c.Key), "-")
	}
	f := c.Key[0]
	if f.Auto == schema.NoAuto {
		return f.JSON + ", chosen by clients"
	}
	return f.JSON + ", generated"
}

func names(fields []*schema.Field) []string {
	var all []string
	for _, f := range fields {
		all = append(all, f.JSON)
	}
	return all
}

// settings are the choices of a class that are not what they are without a word.
func settings(s *schema.Schema, c *schema.Class) (rows [][2]string) {
	add := func(name, text string) { rows = append(rows, [2]string{name, text}) }
	if c.Auth != nil {
		add("login", "with "+c.Auth.Login.Name+" and "+c.Auth.Secret.Name)
	}
	if s.Tenant != nil && c.Tenant != nil {
		add("tenant", "belongs to one "+s.Tenant.Class.Name+", named in "+map[string]string{
			"path": "the path", "claim": "the claim `tenant` of the token", "header": "the header field X-Tenant",
		}[s.Tenant.From])
	}
	if s.Tenant != nil && c == s.Tenant.Class {
		add("tenant", tenancyText(s.Tenant))
	}
	if c.SoftDelete {
		add("soft delete", "deleted rows can be restored and purged")
	}
	if len(c.Search) > 0 {
		add("search", strings.Join(names(c.Search), ", "))
	}
	if len(c.Sort) > 0 {
		add("sort", sortText(c.Sort))
	}
	if c.Cache > 0 {
		add("cache", c.Cache.String())
	}
	switch {
	case c.HistoryFor > 0:
		add("history", "every change is kept for "+c.HistoryFor.String())
	case c.History:
		add("history", "every change is kept")
	}
	if c.Events {
		add("events", "every change is told to subscribers")
	}
	if c.OnConflict == "update" {
		add("on conflict", "creating a row that exists updates it")
	}
	if c.Visibility == "strict" {
		add("visibility", "a list that would leave out rows that match is refused")
	}
	if c.Concurrency == "required" {
		add("concurrency", "writes must carry If-Match")
	}
	if !c.Bulk {
		add("bulk", "no bulk operations")
	}
	if c.PageSize > 0 || c.PageMax > 0 {
		add("pages", fmt.Sprintf("%d rows, %d at most", or(or(c.PageSize, s.App.PageSize), 20), or(or(c.PageMax, s.App.PageMax), 100)))
	}
	return rows
}

// tenancyText says who belongs to an organization.
func tenancyText(t *schema.Tenant) string {
	text := "others belong to one of these"
	if t.Via != nil && t.Member != nil {
		text += "; " + t.Via.Name + "." + t.Member.Name + " says who does"
		if t.Role != nil {
			text += ", " + t.Via.Name + "." + t.Role.Name + " as what"
		}
	}
	if t.Creator != "" {
		text += "; who creates one becomes its " + t.Creator
	}
	return text
}

func or(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

func sortText(keys []schema.Sort) string {
	var all []string
	for _, k := range keys {
		name := k.Field.JSON
		if k.Desc {
			name = "-" + name
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

func place(p schema.Pos) string {
	if p.IsZero() {
		return "by the engine"
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

func relationText(r *schema.Relation) string {
	kind := "many " + r.To.Name
	if r.Single() {
		kind = "one " + r.To.Name
	}
	if r.Kind == schema.ToOne || r.Kind == schema.Link || r.Field == nil {
		return kind
	}
	return kind + ", by " + r.Field.Class.Name + "." + r.Field.Name
}

// parts are what a class declares besides fields.
func parts(p *page, c *schema.Class) {
	p.head("Row roles")
	for _, r := range c.RowRoles {
		p.row(r.Name, source(r.Text, r.Where))
	}
	p.head("Scopes")
	for _, x := range c.Scopes {
		p.row(x.Name, expr.String(x.Where), x.Doc)
	}
	p.head("Checks")
	for _, x := range c.Checks {
		p.row(x.Name, source(x.Text, x.Where))
	}
	p.head("Unique together")
	for _, x := range c.Uniques {
		if len(x.Fields) > 1 {
			p.row(strings.Join(names(x.Fields), ", "))
		}
	}
	p.head("Indexes")
	for _, x := range c.Indexes {
		p.row(strings.Join(names(x.Fields), ", "))
	}
	p.head("Actions")
	for _, a := range c.Actions {
		text := a.Doc
		if a.When != nil {
			text = strings.TrimSpace("when " + source(a.WhenText, a.When) + "  " + text)
		}
		p.row(a.Name, text)
	}
}

// source is a condition as it was written, or else as it is understood.
func source(text string, e schema.Expr) string {
	if text != "" {
		return text
	}
	return expr.String(e)
}

// rules groups the rules of a class by whom they are about.
func rules(s *schema.Schema, c *schema.Class) [][]string {
	type about struct{ effect, who string }
	var order []about
	verbs := map[about][]string{}
	for _, r := range s.Rules {
		if r.Class != c {
			continue
		}
		a := about{"allow", r.Role}
		if r.Deny {
			a.effect = "deny"
		}
		switch {
		case r.RowRole != "":
			a.who = r.RowRole + " (row role)"
		case r.Cond != "":
			a.who += " where " + r.Cond
		}
		if len(r.Fields) > 0 {
			a.who += " [" + strings.Join(r.Fields, " ") + "]"
		}
		if verbs[a] == nil {
			order = append(order, a)
		}
		if !slices.Contains(verbs[a], r.Verb) {
			verbs[a] = append(verbs[a], r.Verb)
		}
	}
	var rows [][]string
	for _, a := range order {
		rows = append(rows, []string{a.effect, strings.Join(verbs[a], ", "), a.who})
	}
	if rows == nil {
		rows = [][]string{{"none", "nobody may do anything"}}
	}
	return rows
}
