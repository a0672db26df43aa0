package actions

import (
	"context"
	"slices"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Can asks whether the subject may do something: to a class, or to one row of
// it. A row that the subject may not see is answered like one that is not there.
type Can struct {
	Class string `json:"class"`
	Right string `json:"verb"`         // a verb of rules: list, get, …, or an action of the class
	ID    string `json:"id,omitempty"` // "" is the class: whether there may be rows
	Options
}

// VerbCan is the verb of Can.
const VerbCan = "can"

// Verb implements Action.
func (*Can) Verb() string { return VerbCan }

// On implements Action.
func (a *Can) On() string { return a.Class }

// canPlan answers a question about a right.
type canPlan struct {
	class *schema.Class
	query *storage.Query // of the row; nil without one
	may   bool
}

func bindCan(x *Exec, action Action) (Plan, error) {
	a := action.(*Can)
	var p problems
	c, err := x.class(a.Class)
	if err != nil {
		p.pointer("/class", "unknown", "There is no class `"+excerpt(a.Class)+"`.", suggest(a.Class, x.classNames()))
		return nil, p.err()
	}
	verbs := authz.VerbsOf(c)
	if !slices.Contains(verbs, a.Right) {
		p.pointer("/verb", "unknown", "`"+c.Name+"` has no verb `"+excerpt(a.Right)+"`.", suggest(a.Right, verbs))
	} else if a.ID != "" && a.Right == authz.Create {
		p.pointer("/id", "unfit", "`create` makes a row, so it is not about one that is there.", "")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	d := x.Decide(c, a.Right)
	plan := &canPlan{class: c, may: x.permit(d, c, a.Right) == nil}
	if a.ID == "" || !plan.may {
		return plan, nil
	}
	key, err := x.key(c, a.ID)
	if err != nil {
		plan.may = false
		return plan, nil
	}
	plan.query = &storage.Query{Class: c, Key: key, Limit: 1, Where: conj(x.Resolve(d.Where), x.Guard(c))}
	if a.Right == authz.Restore || a.Right == authz.Purge {
		plan.query.Deleted = storage.WithDeleted
	}
	return plan, nil
}

// classNames are the classes that exist for the subject.
func (x *Exec) classNames() []string {
	var names []string
	for _, c := range x.Schema.Classes {
		if c.Expose && !c.Internal {
			names = append(names, c.Name)
		}
	}
	return names
}

// Authorize lets everybody ask about themselves.
func (*canPlan) Authorize(*Exec) error { return nil }

// Read answers true or false.
func (p *canPlan) Read(ctx context.Context, _ *Exec, r storage.Reader) (*Result, error) {
	may := p.may
	if may && p.query != nil {
		page, err := r.Read(ctx, p.query)
		if err != nil {
			return nil, err
		}
		may = len(page.Rows) > 0
	}
	res := &Result{Outcome: Found, Class: p.class, Raw: []byte("false")}
	if may {
		res.Raw = []byte("true")
	}
	return res, nil
}
