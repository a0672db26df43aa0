package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// ResetClass is the name of the internal class of reset tokens.
const ResetClass = "dowel_reset"

// ResetFor is how long a reset token is good.
const ResetFor = time.Hour

// A Reset is what somebody who forgot a password is sent.
type Reset struct {
	Token string
	To    string // where to: an e-mail address
	Login string
}

// resets are the rows of the internal class.
type resets struct {
	class                            *schema.Class
	id, user, hash, created, expires *schema.Field
	columns                          []storage.Column
}

func newResets(c *schema.Class) (*resets, error) {
	if c == nil {
		return nil, fmt.Errorf("the schema has a login class but no class %s", ResetClass)
	}
	r := &resets{class: c}
	for name, f := range map[string]**schema.Field{"id": &r.id, "user_id": &r.user, "token_hash": &r.hash, "created_at": &r.created, "expires_at": &r.expires} {
		if *f = c.Field(name); *f == nil {
			return nil, fmt.Errorf("class %s has no field %s", c.Name, name)
		}
		r.columns = append(r.columns, storage.Column{Field: *f})
	}
	return r, nil
}

// MailField is where users of a login class get mail: what they log in with, if
// that is an e-mail address, else their first field that is one; nil for nowhere.
func MailField(login *schema.Class) *schema.Field {
	if login == nil {
		return nil
	}
	if login.Auth.Login.Type.Name() == "email" {
		return login.Auth.Login
	}
	for _, f := range login.Fields {
		if f.Type.Name() == "email" && f.Stored() {
			return f
		}
	}
	return nil
}

// Forgot makes a reset token for the user with a login name. It is nil, without
// an error, where nobody has the name, or may not log in, or has no address.
func (a *Accounts) Forgot(ctx context.Context, login string) (*Reset, error) {
	if a.users == nil {
		return nil, ErrNoLogin
	}
	mail := MailField(a.users.class)
	user, err := a.users.find(ctx, a.cfg.Store, login)
	if err != nil {
		return nil, fmt.Errorf("find user: %w", err)
	}
	if user == nil || mail == nil || !a.users.enabled(user) || user.Values[mail.Index].IsNull() {
		return nil, nil
	}
	raw, hash, err := a.newRefresh()
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewRandomFromReader(a.cfg.Rand)
	if err != nil {
		return nil, fmt.Errorf("random id: %w", err)
	}
	r, now := a.resets, a.cfg.Clock()
	err = a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		_, err := tx.Apply(ctx, &storage.Change{Op: storage.Insert, Class: r.class, Set: []storage.Assign{
			{Field: r.id, Value: schema.NewText(id.String())},
			{Field: r.user, Value: schema.NewText(a.users.id(user))},
			{Field: r.hash, Value: schema.NewText(hash)},
			{Field: r.created, Value: stamp(r.created, now)},
			{Field: r.expires, Value: stamp(r.expires, now.Add(ResetFor))},
		}})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Reset{Token: raw, To: user.Values[mail.Index].Text(), Login: user.Values[a.users.auth.Login.Index].Text()}, nil
}

// ResetUser returns whose password a reset token sets, ErrCredentials for one
// that is not good. The token stays good.
func (a *Accounts) ResetUser(ctx context.Context, raw string) (userID string, err error) {
	if a.users == nil {
		return "", ErrNoLogin
	}
	userID, _, err = a.resetRow(ctx, a.cfg.Store, raw)
	return userID, err
}

// SpendReset is ResetUser for the one time that a token works: it and all
// others of the user are gone with it.
func (a *Accounts) SpendReset(ctx context.Context, raw string) (userID string, err error) {
	if a.users == nil {
		return "", ErrNoLogin
	}
	err = a.cfg.Store.Write(ctx, func(tx storage.Tx) error {
		id, row, err := a.resetRow(ctx, tx, raw)
		if err != nil {
			return err
		}
		userID = id
		// Of several at once, one finds the row; the others come too late.
		_, err = tx.Apply(ctx, &storage.Change{Op: storage.Delete, Class: a.resets.class, Key: row.Key(a.resets.class)})
		if errors.Is(err, storage.ErrNotFound) {
			return ErrCredentials
		}
		if err != nil {
			return err
		}
		return a.dropResets(ctx, tx, userID)
	})
	return userID, err
}

func (a *Accounts) resetRow(ctx context.Context, r storage.Reader, raw string) (userID string, row *storage.Row, err error) {
	t := a.resets
	page, err := r.Read(ctx, &storage.Query{Class: t.class, Columns: t.columns, Limit: 1, Order: []storage.Order{{By: path(t.id)}},
		Where: equals(t.hash, schema.NewText(hashOf(raw)))})
	if err != nil {
		return "", nil, err
	}
	if len(page.Rows) == 0 || !a.cfg.Clock().Before(moment(t.expires, &page.Rows[0])) {
		return "", nil, ErrCredentials
	}
	user, err := a.users.byID(ctx, r, page.Rows[0].Values[t.user.Index].Text())
	if err != nil {
		return "", nil, err
	}
	if user == nil || !a.users.enabled(user) {
		return "", nil, ErrCredentials
	}
	return a.users.id(user), &page.Rows[0], nil
}

// dropResets removes the reset tokens of a user.
func (a *Accounts) dropResets(ctx context.Context, tx storage.Tx, userID string) error {
	t := a.resets
	page, err := tx.Read(ctx, &storage.Query{Class: t.class, Columns: t.columns, Limit: -1, Order: []storage.Order{{By: path(t.id)}},
		Where: equals(t.user, schema.NewText(userID))})
	if err != nil {
		return err
	}
	return deleteAll(ctx, tx, t.class, page.Rows)
}

// deleteAll removes rows that have been read. Those that somebody else removed meanwhile are gone, which is all that is asked for.
func deleteAll(ctx context.Context, tx storage.Tx, c *schema.Class, rows []storage.Row) error {
	for i := range rows {
		_, err := tx.Apply(ctx, &storage.Change{Op: storage.Delete, Class: c, Key: rows[i].Key(c)})
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
	}
	return nil
}
