package memory

import (
	"encoding/json"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

func (v *view) match(c *schema.Class, r *record, e schema.Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case schema.Const:
		return bool(e)
	case schema.And:
		for _, x := range e {
			if !v.match(c, r, x) {
				return false
			}
		}
		return true
	case schema.Or:
		for _, x := range e {
			if v.match(c, r, x) {
				return true
			}
		}
		return false
	case schema.Not:
		return !v.match(c, r, e.X)
	case schema.Compare:
		o, ok := schema.Order(v.operand(c, r, e.Left), v.operand(c, r, e.Right))
		if !ok {
			return false
		}
		switch e.Op {
		case schema.Eq:
			return o == 0
		case schema.Ne:
			return o != 0
		case schema.Lt:
			return o < 0
		case schema.Le:
			return o <= 0
		case schema.Gt:
			return o > 0
		}
		return o >= 0
	case schema.In:
		x := v.operand(c, r, e.X)
		for _, i := range e.List {
			if o, ok := schema.Order(x, v.operand(c, r, i)); ok && o == 0 {
				return true
			}
		}
		return false
	case schema.Like:
		x := v.operand(c, r, e.X)
		return x.Kind() == schema.Text && like(lowerASCII(x.Text()), lowerASCII(e.Pattern))
	case schema.IsNull:
		return v.operand(c, r, e.X).IsNull()
	case schema.Exists:
		for far := range v.state.live(e.Rel, r) {
			if v.match(e.Rel.To, far, e.Where) && v.match(e.Rel.To, far, e.Guard) {
				return true
			}
		}
		return false
	case schema.Contains:
		var list []any
		x, item := v.operand(c, r, e.X), v.operand(c, r, e.Item)
		if x.IsNull() || json.Unmarshal([]byte(x.Text()), &list) != nil {
			return false
		}
		for _, i := range list {
			if s, ok := i.(string); ok && s == item.Text() {
				return true
			}
		}
		return false
	}
	panic("unknown node")
}

func like(s, p string) bool {
	if p == "" {
		return s == ""
	}
	switch p[0] {
	case '*':
		for i := 0; i <= len(s); i++ {
			if like(s[i:], p[1:]) {
				return true
			}
		}
		return false
	case '\\':
		p = p[1:]
	}
	return s != "" && strings.HasPrefix(p, s[:1]) && like(s[1:], p[1:])
}

func (v *view) operand(c *schema.Class, r *record, o schema.Operand) schema.Value {
	switch o := o.(type) {
	case schema.Lit:
		return o.Value
	case *schema.Path:
		return v.path(c, r, o)
	}
	panic("unresolved operand")
}

func (v *view) path(c *schema.Class, r *record, p *schema.Path) schema.Value {
	for _, step := range p.Steps {
		var next *record
		for far := range v.state.live(step.Rel, r) {
			if v.match(step.Rel.To, far, step.Guard) {
				next = far
			}
		}
		if next == nil {
			return schema.Value{}
		}
		r = next
	}
	return v.value(r, p.Field, p.Guard)
}
