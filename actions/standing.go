package actions

import (
	"context"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Standing is the subject with the roles that it has in an organization, nil
// where it does not belong there.
func (x *Exec) Standing(ctx context.Context, r storage.Reader, org schema.Value) (*authz.Subject, error) {
	if x.Subject.System {
		return x.Subject, nil
	}
	if x.Subject.Anonymous() {
		return nil, nil
	}
	all, err := x.belonging(ctx, r, org)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if !all[i].gone {
			return &all[i].subject, nil
		}
	}
	return nil, nil
}

// Confine makes the conditions that Resolve binds stay within an organization.
func (x *Exec) Confine(org schema.Value) { x.tenant.org = org }
