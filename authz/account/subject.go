package account

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
)

// who is a subject as its token names it.
type who struct {
	session, id string
	// foreign sessions may be those of another issuer.
	foreign bool
}

// state is what the store said about a subject when the counters were as told.
type state struct {
	users, sessions int64
	subject         *authz.Subject // without claims; nil: refused
	ours            bool           // the session is one of our own login
	until           time.Time      // when it expires
}

// remembered is the number of subjects kept, a few hundred bytes each.
const remembered = 8192

// Authenticate verifies an access token or an API key and returns its subject. The error wraps
// token.ErrInvalid unless the store, or the keys of an issuer, could not be had.
func (a *Accounts) Authenticate(ctx context.Context, raw string) (*authz.Subject, error) {
	if strings.HasPrefix(raw, keyMark) {
		return a.byKey(ctx, raw)
	}
	if a.cfg.Signer == nil {
		return nil, fmt.Errorf("%w: no key to verify it with", token.ErrInvalid)
	}
	claims, err := a.cfg.Signer.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	return a.Subject(ctx, claims)
}

// Subject returns who verified claims speak of. Tokens of our own login must
// have a living session and user, and take their roles from the user's row. Other
// issuers have sessions, too, which mean nothing here. Others bring their roles; where their subject is a user too, me.FIELD reads
// the row, and a disabled user is refused.
//
// The error wraps token.ErrInvalid for a refusal and is the store's otherwise.
func (a *Accounts) Subject(ctx context.Context, c *token.Claims) (*authz.Subject, error) {
	if a.users == nil {
		if c.Session != "" && !c.Foreign {
			return nil, fmt.Errorf("%w: names a session, but there is no login", token.ErrInvalid)
		}
		s := c.SubjectOf()
		s.Session = ""
		return s, nil
	}
	st, err := a.state(ctx, who{c.Session, c.Subject, c.Foreign})
	if err != nil {
		return nil, err
	}
	switch {
	case st.subject == nil:
		return nil, fmt.Errorf("%w: session ended, or user gone or disabled", token.ErrInvalid)
	case st.ours && !a.cfg.Clock().Before(st.until):
		return nil, fmt.Errorf("%w: session expired", token.ErrInvalid)
	}
	s := *st.subject // User and Roles are shared and never written
	s.Tenant, s.Claims = c.Tenant, c.Values
	if st.ours {
		s.Session = c.Session
	} else {
		s.Roles, s.FromToken, s.Until = c.Roles, true, c.Expires
	}
	return &s, nil
}

// As returns the subject of a user, as acting for somebody needs it: ErrNoUser
// when there is no such user or it is disabled.
func (a *Accounts) As(ctx context.Context, userID string) (*authz.Subject, error) {
	if a.users == nil {
		return nil, ErrNoLogin
	}
	row, err := a.users.byID(ctx, a.cfg.Store, userID)
	if err != nil {
		return nil, err
	}
	if row == nil || !a.users.enabled(row) {
		return nil, fmt.Errorf("%q: %w", userID, ErrNoUser)
	}
	return a.users.subject(row), nil
}

// state is the remembered state while no user and no session has changed, else a fresh one.
func (a *Accounts) state(ctx context.Context, w who) (*state, error) {
	counters, err := a.cfg.Store.Counters(ctx, a.watched)
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	if st, ok := a.known.GetIfPresent(w); ok && st.users == counters[0] && (w.session == "" || st.sessions == counters[1]) {
		return st, nil
	}
	// Read after the counters: if a row changes in between, the state is newer than
	// it claims to be and is merely read again.
	st := &state{users: counters[0], sessions: counters[1]}
	if err := a.load(ctx, w, st); err != nil {
		return nil, err
	}
	a.known.Set(w, st)
	return st, nil
}

func (a *Accounts) load(ctx context.Context, w who, st *state) error {
	if w.session != "" {
		s := a.sessions
		row, err := s.byID(ctx, a.cfg.Store, w.session)
		if err != nil {
			return fmt.Errorf("read session: %w", err)
		}
		if row == nil && !w.foreign {
			return nil
		}
		if row != nil {
			if !s.alive(row, a.cfg.Clock()) || row.Values[s.user.Index].Text() != w.id {
				return nil
			}
			st.ours, st.until = true, s.expiry(row)
		}
	}
	user, err := a.users.byID(ctx, a.cfg.Store, w.id)
	if err != nil {
		return fmt.Errorf("read user: %w", err)
	}
	switch {
	case user != nil && a.users.enabled(user):
		st.subject = a.users.subject(user)
		st.subject.ID = w.id // as the token spells it, and as the session was opened
	case user == nil && !st.ours:
		st.subject = &authz.Subject{ID: w.id}
	}
	return nil
}
