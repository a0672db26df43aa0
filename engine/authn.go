package engine

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/authz/token"
)

// authenticate learns who asks. No credentials make the anonymous subject;
// credentials that are not good are refused on every resource, public ones too.
func (x *exchange) authenticate(ctx context.Context) error {
	sent := x.r.Header["Authorization"]
	if len(sent) == 0 {
		x.subject = &x.anonymous
		return x.h.rates.anonymous(x.r)
	}
	if len(sent) > 1 {
		return actions.Errorf(actions.InvalidToken, "Send the Authorization header field once.")
	}
	scheme, credentials, _ := strings.Cut(sent[0], " ")
	credentials = strings.TrimLeft(credentials, " ")
	var err error
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		err = x.bearer(ctx, credentials)
	case strings.EqualFold(scheme, "Basic") && x.h.settings.Dev:
		err = x.basic(ctx)
	default:
		err = actions.Errorf(actions.InvalidToken, "The only scheme of Authorization here is Bearer.")
	}
	if err != nil {
		// Guesses are counted as requests without credentials are.
		if limited := x.h.rates.anonymous(x.r); limited != nil {
			return limited
		}
		return err
	}
	return x.h.rates.user(x.r, x.subject)
}

func (x *exchange) bearer(ctx context.Context, raw string) error {
	if most := x.h.settings.Limits.Token; most > 0 && len(raw) > most {
		return actions.Errorf(actions.InvalidToken, "The token is longer than "+bytesText(most)+".")
	}
	s, err := x.rev.Accounts().Authenticate(ctx, raw)
	if err != nil {
		return credentialsError(err, "The token is not valid, or no longer.")
	}
	x.subject = s
	return nil
}

// basic takes login and password with every request, which is for trying things out and for nothing else.
func (x *exchange) basic(ctx context.Context) error {
	login, password, ok := x.r.BasicAuth()
	if !ok {
		return actions.Errorf(actions.InvalidToken, "The Basic credentials cannot be read.")
	}
	s, err := x.rev.Accounts().Basic(ctx, login, password)
	if err != nil {
		return credentialsError(err, "Wrong login or password.")
	}
	x.subject = s
	return nil
}

// credentialsError tells a refusal, whose reason is for the log alone, from a store that could not be asked.
func credentialsError(err error, detail string) *actions.Error {
	if errors.Is(err, token.ErrInvalid) || errors.Is(err, account.ErrCredentials) || errors.Is(err, account.ErrNoLogin) {
		return &actions.Error{Code: actions.InvalidToken, Detail: detail, Cause: err}
	}
	return &actions.Error{Code: actions.AuthUnavailable, Detail: "The credentials could not be checked now.", Cause: err}
}

// required refuses anonymous subjects.
func (x *exchange) required() error {
	if x.subject.Anonymous() {
		return actions.Errorf(actions.AuthenticationRequired, "Log in first.")
	}
	return nil
}

// only refuses methods other than the given ones, of which HEAD and OPTIONS come by themselves.
func (x *exchange) only(method string) error {
	m := x.r.Method
	if m == method || method == http.MethodGet && m == http.MethodHead {
		return nil
	}
	return &actions.Error{Code: actions.MethodNotAllowed, Detail: "This resource takes " + method + ".", Allow: offered(method)}
}

func offered(method string) []string {
	if method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead, http.MethodOptions}
	}
	return []string{method, http.MethodOptions}
}
