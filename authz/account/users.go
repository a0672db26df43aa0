package account

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// users reads rows of the login class.
type users struct {
	class   *schema.Class
	auth    *schema.Auth
	columns []storage.Column // every stored field, so that me.FIELD works
	order   []storage.Order
}

func newUsers(c *schema.Class) *users {
	u := &users{class: c, auth: c.Auth}
	for _, f := range c.Fields {
		if f.Stored() {
			u.columns = append(u.columns, storage.Column{Field: f})
		}
	}
	for _, f := range c.Key {
		u.order = append(u.order, storage.Order{By: path(f)})
	}
	return u
}

// find returns the user with a login name, or nil. E-mail is compared without
// ASCII case, as its uniqueness is. The row holds the password's hash.
func (u *users) find(ctx context.Context, r storage.Reader, login string) (*storage.Row, error) {
	f := u.auth.Login
	value, err := f.Type.Parse(login)
	if err != nil {
		return nil, nil // nobody can be called that
	}
	var where schema.Expr = schema.Compare{Op: schema.Eq, Left: path(f), Right: schema.Lit{Value: value}}
	if f.Type.Traits().Fold {
		where = schema.Like{X: path(f), Pattern: likeEscape.Replace(value.Text())}
	}
	return u.one(ctx, r, &storage.Query{Where: where})
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`)

// byID returns the user with an id, or nil.
func (u *users) byID(ctx context.Context, r storage.Reader, id string) (*storage.Row, error) {
	key, err := schema.ParseKey(u.class, id)
	if err != nil {
		return nil, nil
	}
	return u.one(ctx, r, &storage.Query{Key: key})
}

func (u *users) one(ctx context.Context, r storage.Reader, q *storage.Query) (*storage.Row, error) {
	q.Class, q.Columns, q.Order, q.Limit = u.class, u.columns, u.order, 1
	page, err := r.Read(ctx, q)
	if err != nil || len(page.Rows) == 0 {
		return nil, err
	}
	return &page.Rows[0], nil
}

func (u *users) id(row *storage.Row) string { return schema.FormatKey(u.class, row.Key(u.class)) }

func (u *users) enabled(row *storage.Row) bool {
	return u.auth.Enabled == nil || row.Values[u.auth.Enabled.Index].Bool()
}

// roles are the global roles in the user's row: one, or a list of them.
func (u *users) roles(row *storage.Row) []string {
	if u.auth.Role == nil {
		return nil
	}
	v := row.Values[u.auth.Role.Index]
	switch v.Kind() {
	case schema.Null:
		return nil
	case schema.JSON:
		var list []string
		if json.Unmarshal([]byte(v.Text()), &list) != nil {
			return nil // not a list of texts: no role
		}
		return list
	}
	return []string{v.String()}
}

// subject is who a row speaks of. The hash of the password stays behind.
func (u *users) subject(row *storage.Row) *authz.Subject {
	values := append([]schema.Value(nil), row.Values...)
	values[u.auth.Secret.Index] = schema.Value{}
	return &authz.Subject{ID: u.id(row), Roles: u.roles(row), User: values}
}

func path(f *schema.Field) *schema.Path { return &schema.Path{Field: f, Type: f.Type} }
