package authz

import (
	"strings"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/expr"
)

// condition reads the condition of a line and binds it to the rule's class.
// Places of mistakes point inside the column.
func (f *policyFile) condition(rule *schema.Rule, c cell) {
	if c.text == "" {
		return
	}
	at := func(start, end int) schema.Pos {
		pos := c.pos
		if strings.Contains(c.text, `"`) || strings.Contains(c.text, "\n") {
			return pos // what is written is not what is meant: quotes are doubled in the file
		}
		start = min(start, len(c.text))
		pos.Col += utf8.RuneCountInString(c.text[:start])
		pos.EndCol = pos.Col + max(1, utf8.RuneCountInString(c.text[start:max(start, min(end, len(c.text)))]))
		return pos
	}
	n, wrong := expr.Parse(c.text)
	if wrong != nil {
		f.fail(codeSyntax, at(wrong.Offset, wrong.End), wrong.Message, wrong.Hint)
		return
	}
	where, problems := expr.Bind(n, &expr.Scope{Schema: f.rules.schema, Class: rule.Class, Login: f.rules.schema.Login, Mode: expr.Rule})
	for _, p := range problems {
		f.fail(bindCodes[p.Code], at(p.Offset, p.End), p.Message, p.Hint)
	}
	if len(problems) > 0 {
		return
	}
	if rule.RowRole == "" {
		rule.Where, rule.Cond = where, c.text
		return
	}
	rule.Where, rule.Cond = and(rule.Where, where), "("+rule.Cond+") and ("+c.text+")"
}
