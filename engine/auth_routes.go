package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
)

// authRoute is one place below MOUNT/auth/.
type authRoute struct {
	name, method string
	serve        func(x *exchange, ctx context.Context)
	// when tells whether it is there; nil is always.
	when func(s Settings, app *schema.Schema) bool
}

func (r *authRoute) there(s Settings, app *schema.Schema) bool {
	return r.when == nil || r.when(s, app)
}

// authRoutes are the places that a login class brings along.
var authRoutes = [...]authRoute{
	{"login", http.MethodPost, (*exchange).login, nil},
	{"refresh", http.MethodPost, (*exchange).refresh, nil},
	{"logout", http.MethodPost, (*exchange).logout, nil},
	{"register", http.MethodPost, (*exchange).register, nil},
	{"forgot", http.MethodPost, (*exchange).forgot, mails},
	{"reset", http.MethodPost, (*exchange).reset, mails},
	{"me", http.MethodGet, (*exchange).me, nil},
	{"can", http.MethodPost, (*exchange).can, nil},
}

func (x *exchange) auth(ctx context.Context, name string) {
	for i := range authRoutes {
		route := &authRoutes[i]
		if route.name != name || !route.there(x.h.settings, x.schema) {
			continue
		}
		if x.r.Method == http.MethodOptions {
			x.offer(route.method)
			return
		}
		if err := x.only(route.method); err != nil {
			x.fail(err)
			return
		}
		if err := request.NoQuery(x.r); err != nil {
			x.fail(err)
			return
		}
		x.guardBody()
		route.serve(x, ctx)
		return
	}
	x.fail(actions.Errorf(actions.NotFound, "There is nothing at this path."))
}

// login trades a login name and a password for tokens.
func (x *exchange) login(ctx context.Context) {
	auth := x.schema.Login.Auth
	content, err := x.object()
	if err != nil {
		x.fail(err)
		return
	}
	texts, err := texts(content, auth.Login.JSON, auth.Secret.JSON)
	if err != nil {
		x.fail(err)
		return
	}
	if err := x.h.rates.login(x.r, texts[0]); err != nil {
		x.fail(err)
		return
	}
	tokens, err := x.rev.Accounts().Login(ctx, texts[0], texts[1])
	x.tokens(ctx, http.StatusOK, tokens, err)
}

// refresh trades a refresh token for new tokens.
func (x *exchange) refresh(ctx context.Context) {
	content, err := x.object()
	if err != nil {
		x.fail(err)
		return
	}
	texts, err := texts(content, "refresh_token")
	if err != nil {
		x.fail(err)
		return
	}
	tokens, err := x.rev.Accounts().Refresh(ctx, texts[0])
	x.tokens(ctx, http.StatusOK, tokens, err)
}

// logout ends the session of the token that came with the request.
func (x *exchange) logout(ctx context.Context) {
	if err := x.required(); err != nil {
		x.fail(err)
		return
	}
	if x.subject.Session != "" { // a token from elsewhere has no session here
		if err := x.rev.Accounts().Logout(ctx, x.subject.Session); err != nil {
			x.fail(err)
			return
		}
	}
	x.w.Header()["Cache-Control"] = noStore
	x.sendEmpty(http.StatusNoContent)
}

// me shows the subject to itself.
func (x *exchange) me(ctx context.Context) {
	if err := x.required(); err != nil {
		x.fail(err)
		return
	}
	user, err := x.user(ctx, x.subject)
	if err != nil {
		x.fail(err)
		return
	}
	x.sendDocument(http.StatusOK, user)
}

// register makes a row of the login class, if whoever asks may, and logs it in.
func (x *exchange) register(ctx context.Context) {
	content, err := x.content()
	if err != nil {
		x.fail(err)
		return
	}
	if content[0] != '{' {
		x.fail(errNoObject)
		return
	}
	if err := x.h.rates.register(x.r); err != nil {
		x.fail(err)
		return
	}
	login := x.schema.Login
	x.action = &actions.Create{Class: login.Name, Content: content}
	made, err := x.rev.Invoke(ctx, x.subject, x.action)
	if err != nil {
		x.fail(err)
		return
	}
	x.located(made)
	var given map[string]json.RawMessage
	var texts [2]string
	if json.Unmarshal(content, &given) == nil { // where the schema fills one of them in, the account is made and not logged in
		_ = json.Unmarshal(given[login.Auth.Login.JSON], &texts[0])
		_ = json.Unmarshal(given[login.Auth.Secret.JSON], &texts[1])
	}
	tokens, err := x.rev.Accounts().Login(ctx, texts[0], texts[1])
	if errors.Is(err, account.ErrCredentials) || errors.Is(err, token.ErrNoKey) { // a new account may have to be enabled first
		x.sendDocument(http.StatusCreated, []byte(`{"user":`+string(x.shownOrNull(made))+`}`))
		return
	}
	x.tokens(ctx, http.StatusCreated, tokens, err)
}

func (x *exchange) shownOrNull(r *actions.Result) []byte {
	if r.View == nil || len(r.Rows) == 0 {
		return []byte("null")
	}
	return actions.AppendRecord(nil, r.View, &r.Rows[0])
}

// tokens answers a login.
func (x *exchange) tokens(ctx context.Context, status int, t *account.Tokens, err error) {
	if errors.Is(err, account.ErrCredentials) {
		x.fail(&actions.Error{Code: actions.InvalidCredentials, Detail: "The credentials are not valid.", Cause: err})
		return
	}
	if errors.Is(err, token.ErrNoKey) {
		x.fail(&actions.Error{Code: actions.ActionUnavailable, Detail: "Tokens are issued elsewhere; this application only checks them.", Cause: err})
		return
	}
	if err != nil {
		x.fail(err)
		return
	}
	subject, err := x.rev.Accounts().As(ctx, t.UserID)
	if err != nil {
		x.fail(err)
		return
	}
	subject.Session = t.Session
	user, err := x.user(ctx, subject)
	if err != nil {
		x.fail(err)
		return
	}
	x.subject = subject
	b := append([]byte(nil), `{"access_token":`...)
	b = schema.AppendQuoted(b, t.Access)
	b = append(b, `,"refresh_token":`...)
	b = schema.AppendQuoted(b, t.Refresh)
	b = append(b, `,"token_type":"Bearer","expires_in":`...)
	b = strconv.AppendInt(b, int64(t.ExpiresIn/time.Second), 10)
	b = append(b, `,"user":`...)
	b = append(b, user...)
	x.sendDocument(status, append(b, '}'))
}

// user is the record of a subject as it sees itself. Where it has none, or may
// not read it, that is its id alone.
func (x *exchange) user(ctx context.Context, s *authz.Subject) ([]byte, error) {
	login := x.schema.Login
	r, err := x.rev.Invoke(ctx, s, &actions.Get{Class: login.Name, ID: s.ID})
	if err == nil && r.View != nil && len(r.Rows) > 0 {
		return actions.AppendRecord(nil, r.View, &r.Rows[0]), nil
	}
	var refused *actions.Error
	if err != nil && !(errors.As(err, &refused) && (refused.Code == actions.NotFound || refused.Code == actions.Forbidden)) {
		return nil, err
	}
	b := append([]byte(nil), '{')
	b = schema.AppendQuoted(b, "id")
	b = append(b, ':')
	if key, err := schema.ParseKey(login, s.ID); err == nil && len(key) == 1 {
		return append(login.Key[0].Type.AppendJSON(b, key[0]), '}'), nil
	}
	return append(appendString(b, s.ID), '}'), nil
}

// content reads the content of a request to one of these places: one strict JSON value.
func (x *exchange) content() ([]byte, error) {
	r, l := x.r, &x.h.settings.Limits
	if r.ContentLength == 0 {
		return nil, actions.Errorf(actions.ContentMissing, "Send a JSON object.")
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || mediaType != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, &actions.Error{Code: actions.UnsupportedMediaType, Detail: "Send the content as application/json.", Accept: typeJSON}
	}
	if r.Header["Content-Encoding"] != nil {
		return nil, &actions.Error{Code: actions.UnsupportedMediaType, Detail: "Send the content without a content coding.", Encoding: []string{"identity"}}
	}
	body := r.Body
	if l.Body > 0 {
		if r.ContentLength > l.Body {
			return nil, actions.Errorf(actions.ContentTooLarge, "The content is longer than "+bytesText(int(l.Body))+".")
		}
		body = http.MaxBytesReader(x.w, body, l.Body)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, actions.Errorf(actions.ContentTooLarge, "The content is longer than "+bytesText(int(l.Body))+".")
		}
		return nil, x.slow(&actions.Error{Code: actions.BadContent, Detail: "The content could not be read.", Cause: err})
	}
	if len(data) == 0 {
		return nil, actions.Errorf(actions.ContentMissing, "Send a JSON object.")
	}
	limits := strictjson.Defaults()
	if l.JSONDepth > 0 {
		limits.Depth, limits.Members, limits.Number = l.JSONDepth, l.JSONMembers, l.NumberLen
	}
	if err := request.CheckJSON(data, limits); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(data), nil
}

var errNoObject = actions.Invalid(actions.Problem{Code: "type", Detail: "Expected an object."})

// object reads content that is an object.
func (x *exchange) object() (map[string]json.RawMessage, error) {
	data, err := x.content()
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		return nil, errNoObject
	}
	return members, nil
}

// texts takes exactly the named members, which must be strings, from an object.
func texts(members map[string]json.RawMessage, names ...string) ([]string, error) {
	var problems []actions.Problem
	out := make([]string, len(names))
	for i, name := range names {
		raw, given := members[name]
		delete(members, name)
		if !given {
			problems = append(problems, actions.Problem{Code: "required", Detail: "`" + name + "` is required.", Pointer: pointer(name)})
			continue
		}
		if raw[0] != '"' || json.Unmarshal(raw, &out[i]) != nil {
			problems = append(problems, actions.Problem{Code: "type", Detail: "`" + name + "` must be a string.", Pointer: pointer(name)})
		}
	}
	unknown := make([]string, 0, len(members))
	for name := range members {
		unknown = append(unknown, name)
	}
	sort.Strings(unknown)
	for _, name := range unknown {
		p := actions.Problem{Code: "unknown", Detail: "There is no member `" + clip(name) + "` here.", Pointer: pointer(name)}
		if near := diag.Suggest(name, names); near != "" {
			p.Hint = "did you mean `" + near + "`?"
		}
		problems = append(problems, p)
	}
	if problems != nil {
		return nil, actions.Invalid(problems...)
	}
	return out, nil
}

func pointer(name string) string {
	return "/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
