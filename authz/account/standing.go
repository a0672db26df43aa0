package account

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// A Standing is who somebody was, so that it can be told later who they are by
// then. Of users it is their id: their roles are those that they have then. Of a
// token that brought its roles along these hold as long as it does, and of an API key
// what it is good for, until it is revoked. Nobody has more rights later than they have then.
type Standing struct {
	ID      string           `json:"id,omitempty"`
	System  bool             `json:"system,omitempty"`
	Key     string           `json:"key,omitempty"` // id of the API key
	Token   bool             `json:"token,omitempty"`
	Roles   []string         `json:"roles,omitempty"` // of the token
	Until   time.Time        `json:"until,omitzero"`  // of the token
	Tenant  string           `json:"tenant,omitempty"`
	Claims  map[string]claim `json:"claims,omitempty"`
	Verbs   []string         `json:"verbs,omitempty"`
	Narrow  []string         `json:"narrow,omitempty"` // roles of the scope
	Limited bool             `json:"limited,omitempty"`
}

// claim is a value of a token, with its kind.
type claim struct {
	Kind schema.Kind `json:"k"`
	Text string      `json:"t,omitempty"`
	Num  int64       `json:"n,omitempty"`
}

// StandingOf notes who somebody is.
func StandingOf(s *authz.Subject) Standing {
	st := Standing{ID: s.ID, System: s.System, Key: s.Key, Token: s.FromToken, Tenant: s.Tenant}
	if s.FromToken {
		st.Roles, st.Until = s.Roles, s.Until
	}
	for name, v := range s.Claims {
		if st.Claims == nil {
			st.Claims = map[string]claim{}
		}
		switch c := (claim{Kind: v.Kind()}); c.Kind {
		case schema.Text, schema.JSON:
			c.Text = v.Text()
			st.Claims[name] = c
		case schema.Bool, schema.Int, schema.Float:
			if c.Num = v.Int(); c.Kind == schema.Bool && v.Bool() {
				c.Num = 1
			}
			st.Claims[name] = c
		}
	}
	if s.Scope != nil {
		st.Limited, st.Verbs, st.Narrow = true, s.Scope.Verbs, s.Scope.Roles
	}
	return st
}

// String is the standing as it is stored.
func (st Standing) String() string {
	b, err := json.Marshal(st)
	if err != nil {
		return "{}" // plain data always has a JSON form
	}
	return string(b)
}

// ParseStanding reads what String writes.
func ParseStanding(text string) (st Standing, err error) {
	return st, json.Unmarshal([]byte(text), &st)
}

// Covers reports whether somebody is whoever it is of, with no less than what it stands for.
func (st Standing) Covers(s *authz.Subject) bool {
	switch {
	case s.System:
		return true
	case st.System || s.Anonymous() || s.ID != st.ID:
		return false
	case s.Tenant != "" && s.Tenant != st.Tenant, s.Scope != nil && s.Key != st.Key:
		return false
	}
	for _, role := range st.Roles {
		if s.FromToken && !slices.Contains(s.Roles, role) {
			return false
		}
	}
	return true
}

// Now returns who it is of, as they are now. The error wraps token.ErrInvalid when nothing is left of their rights.
func (a *Accounts) Now(ctx context.Context, st Standing) (*authz.Subject, error) {
	if st.System {
		return &authz.Subject{System: true}, nil
	}
	s := &authz.Subject{ID: st.ID}
	if a.users != nil {
		row, err := a.users.byID(ctx, a.cfg.Store, st.ID)
		switch {
		case err != nil:
			return nil, err
		case row != nil && a.users.enabled(row):
			s = a.users.subject(row)
			s.ID = st.ID
		case row != nil || !st.Token:
			return nil, fmt.Errorf("%w: the user is gone or disabled", token.ErrInvalid)
		}
	}
	if err := a.stillKey(ctx, st); err != nil {
		return nil, err
	}
	switch {
	case st.Token && !st.Until.IsZero() && !a.cfg.Clock().Before(st.Until):
		return nil, fmt.Errorf("%w: the token that brought the roles has expired", token.ErrInvalid)
	case st.Token:
		s.Roles, s.FromToken, s.Until = st.Roles, true, st.Until
	case a.users == nil:
		return nil, fmt.Errorf("%w: there are no users any more", token.ErrInvalid)
	}
	s.Tenant, s.Key = st.Tenant, st.Key
	for name, c := range st.Claims {
		if s.Claims == nil {
			s.Claims = map[string]schema.Value{}
		}
		s.Claims[name] = c.value()
	}
	if st.Limited {
		s.Scope = &authz.Scope{Roles: st.Narrow, Verbs: st.Verbs}
	}
	return s, nil
}

func (c claim) value() schema.Value {
	switch c.Kind {
	case schema.Text:
		return schema.NewText(c.Text)
	case schema.JSON:
		return schema.NewJSON(c.Text)
	case schema.Bool:
		return schema.NewBool(c.Num != 0)
	case schema.Int:
		return schema.NewInt(c.Num)
	case schema.Float:
		return schema.NewFloat(math.Float64frombits(uint64(c.Num)))
	}
	return schema.Value{}
}

// stillKey refuses an API key that was revoked or has expired since.
func (a *Accounts) stillKey(ctx context.Context, st Standing) error {
	if st.Key == "" || a.keys == nil {
		return nil
	}
	id, err := a.keys.id.Type.Parse(st.Key)
	if err != nil {
		return fmt.Errorf("%w: not a key", token.ErrInvalid)
	}
	row, err := a.keys.one(ctx, a.cfg.Store, &storage.Query{Key: []schema.Value{id}})
	if err != nil {
		return err
	}
	if row != nil && row.Values[a.keys.revoked.Index].IsNull() {
		if until := moment(a.keys.expires, row); until.IsZero() || a.cfg.Clock().Before(until) {
			return nil
		}
	}
	return fmt.Errorf("%w: the API key has expired or was revoked", token.ErrInvalid)
}
