package differential

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// conditions adds what speaks of fields and relations.
func (a *appDraw) conditions(s *schema.Schema) {
	for _, c := range a.classes {
		sc := s.Class(c.name)
		a.computed(c, sc)
		a.checks(c, sc)
		if a.once(2) {
			c.add(scopes, "few: %s", yamlText(a.cond(sc, ofRule, 1)))
		}
		a.actions(c, sc)
		a.rules(c, sc)
	}
}

func yamlText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\u0001", `\x01`, "\u007f", `\x7f`, "\u2028", `\L`, "\u00a0", `\_`, "\ufeff", `\uFEFF`).Replace(s) + `"`
}

func (a *appDraw) computed(c *class, sc *schema.Class) {
	for _, r := range a.ways(sc) {
		if r.Single() || a.once(2) || len(c.sections[computed]) > 2 {
			continue
		}
		name := fmt.Sprintf("calc%d", len(c.sections[computed]))
		what := "count " + r.Name
		if a.once(2) {
			fn := a.one("sum", "min", "max", "avg")
			for _, f := range r.To.Fields {
				if foldable(fn, f) && (what[:5] == "count" || a.once(2)) {
					what = fn + " " + r.Name + "." + f.Name
				}
			}
		}
		if a.once(3) {
			what += " where " + a.cond(r.To, ofFold, 1)
		}
		c.add(computed, "%s: %s", name, yamlText(what))
	}
}

func foldable(fn string, f *schema.Field) bool {
	if !f.Stored() || f.Ref != nil || f.Type == nil || f.WriteOnly {
		return false
	}
	kind, name := f.Type.Kind(), f.Type.Name()
	number := kind == schema.Int || kind == schema.Float || kind == schema.Decimal
	switch fn {
	case "sum":
		return number
	case "avg":
		return number && name != "duration"
	}
	return f.Type.Traits().Order
}

// checks draws conditions that most rows satisfy.
func (a *appDraw) checks(c *class, sc *schema.Class) {
	if a.most(3) {
		return
	}
	e, ok := a.path(sc, ofCheck, 0, func(e *end) bool { return filterable(e) && (e.field == nil || e.field.Auto == schema.NoAuto) })
	if !ok {
		return
	}
	text := e.text + " is null or " + e.text + " != " + a.literal(nil, nil, e.typ)
	if a.once(3) {
		text = "not ((" + a.cond(sc, ofCheck, 1) + ") and " + e.text + " = " + a.literal(nil, nil, e.typ) + ")"
	}
	c.add(checks, "fine: %s", yamlText(text))
}

// actions draws an operation or two.
func (a *appDraw) actions(c *class, sc *schema.Class) {
	for k := range a.between(0, 2) {
		var set, input []string
		for _, f := range sc.Fields {
			settable := f.Stored() && !slices.Contains(sc.Key, f) && f != sc.CreatedAt && f != sc.UpdatedAt && f != sc.DeletedAt && f.Auto == schema.NoAuto && !f.Unique
			if !settable || a.most(3) {
				continue
			}
			name := f.Name
			switch {
			case f.Ref != nil && f.Ref.To.Auth != nil && a.most(3):
				set = append(set, name+": me")
			case f.Ref != nil && !f.Optional:
				set = append(set, name+": input.x_"+name)
				input = append(input, fmt.Sprintf("x_%s: {type: %s}", name, f.Ref.To.Name))
			case f.Ref != nil:
				set = append(set, name+": input.x_"+name)
				input = append(input, fmt.Sprintf("x_%s: {type: %s, optional: true}", name, f.Ref.To.Name))
			case f.Type.Name() == "datetime" || f.Type.Name() == "date":
				set = append(set, name+": "+a.one("now", "now + 7d"))
			case f.Optional && a.once(4):
				set = append(set, name+": null")
			case f.Type.Kind() == schema.JSON || f.Type.Name() == "time":
			case f.Type.Name() == "enum":
				set = append(set, name+": "+yamlText(pick(a.dice, f.Type.(*schema.EnumType).Values())))
			case slices.Contains([]string{"int", "string", "decimal", "bool", "float", "text"}, f.Type.Name()) && a.once(2):
				scale := ""
				if s, ok := f.Type.(interface{ Scale() uint8 }); ok {
					scale = fmt.Sprintf(", scale: %d", s.Scale())
				}
				opt := ""
				if f.Optional {
					opt = ", optional: true"
				}
				set = append(set, name+": input.x_"+name)
				input = append(input, fmt.Sprintf("x_%s: {type: %s%s%s}", name, f.Type.Name(), scale, opt))
			default:
				v, bad := f.Type.Decode([]byte(a.value(f.Type, false)))
				if len(bad) == 0 {
					set = append(set, name+": "+yamlText(f.Type.Text(v)))
				}
			}
		}
		if len(set) == 0 {
			continue
		}
		parts := []string{"set: {" + strings.Join(set, ", ") + "}"}
		if len(input) > 0 {
			parts = append(parts, "input: {"+strings.Join(input, ", ")+"}")
		}
		if a.once(2) {
			parts = append(parts, "when: "+yamlText(a.cond(sc, ofRule, 1)))
		}
		c.add(actionsOf, "act%d: {%s}", k, strings.Join(parts, ", "))
	}
}

// rules draws who may do what. An admin may do everything.
func (a *appDraw) rules(c *class, sc *schema.Class) {
	var rowRoles []string
	for _, r := range c.sections[roles] {
		name, _, _ := strings.Cut(r, ":")
		rowRoles = append(rowRoles, name)
	}
	owner := slices.Contains(rowRoles, "owner")
	grant := func(wide ...string) string {
		who := a.one(wide...)
		switch {
		case a.once(3):
			return "[" + yamlText(who+" where "+a.cond(sc, ofRule, a.IntN(2))) + ", manager]"
		case len(rowRoles) > 0 && a.once(3):
			return "[" + strings.Join(rowRoles, ", ") + ", manager]"
		}
		return who
	}
	c.add(allow, "read: %s", grant("anyone", "user", "clerk"))
	for _, verb := range []string{"create", "update", "delete", "actions"} {
		if verb == "create" && owner && a.once(2) || a.most(6) {
			c.add(allow, "%s: %s", verb, grant("clerk", "user", "clerk", "anyone"))
		}
	}
	if sc.SoftDelete {
		c.add(allow, "restore: %s", grant("clerk", "manager"))
		c.add(allow, "purge: %s", grant("clerk", "manager"))
	}
	c.add(allow, "all: admin")
	if a.once(8) {
		c.add(deny, "%s: %s", a.one("delete", "update", "read"), yamlText("clerk where "+a.cond(sc, ofRule, 0)))
	}
}
