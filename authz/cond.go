package authz

import "github.com/dowel-dev/dowel/schema"

func (f *policyFile) condition(rule *schema.Rule, c cell) {
	if c.text != "" {
		f.fail(codeLine, c.pos, "conditions are not read yet", "")
	}
}
