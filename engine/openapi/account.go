package openapi

import (
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/sample"
	"github.com/dowel-dev/dowel/schema"
)

// fixed documents the places below the mount that are no collections.
func (b *builder) fixed() {
	links := func() *openapi3.SchemaRef {
		return b.component(nil, "Index", func() *openapi3.Schema {
			s := typed("object").WithProperty("title", typed("string")).WithProperty("version", typed("string")).
				WithPropertyRef("links", described(mapOf(typed("string").NewRef()).NewRef(), "The paths of the collections."))
			s.Required = []string{"title", "version", "links"}
			return s
		})
	}
	health := func() *openapi3.SchemaRef {
		return b.component(nil, "Health", func() *openapi3.Schema {
			s := typed("object").WithProperty("status", oneOf("", "ok"))
			s.Required = []string{"status"}
			return s
		})
	}
	b.doc.Tags = append(b.doc.Tags, &openapi3.Tag{Name: "Service", Description: "The application itself."})
	b.document("/", "getIndex", "List the collections", "Their paths, by their names.", "Index", links())
	b.document("/health", "getHealth", "Whether the application answers", "Whether it can work, orchestrators ask at /readyz beside the API.", "Health", health())
}

// document documents a small document.
func (b *builder) document(path, id, summary, description, role string, shown *openapi3.SchemaRef) {
	o := openapi3.NewOperation()
	o.OperationID, o.Tags, o.Summary, o.Description = b.id(id), []string{"Service"}, summary, description
	o.Security = openapi3.NewSecurityRequirements()
	o.Responses = openapi3.NewResponsesWithCapacity(0)
	o.Responses.Set("200", b.told("It is there.", role, shown, "Link", "X-Request-Id"))
	b.failures(o.Responses, 401, 414, 429, 431, 500, 503)
	item := &openapi3.PathItem{}
	item.SetOperation(http.MethodGet, o)
	b.doc.Paths.Set(path, item)
}

// told is an answer that is JSON in the style of the application, whatever is asked for.
func (b *builder) told(description, role string, shown *openapi3.SchemaRef, fields ...string) *openapi3.ResponseRef {
	r := openapi3.NewResponse().WithDescription(description)
	r.Headers = b.headers(fields...)
	r.Content = openapi3.Content{typeJSON: media(b.wrapped(nil, role, false, shown))}
	return &openapi3.ResponseRef{Value: r}
}

// accounts documents login and what goes with it.
func (b *builder) accounts() {
	login := b.Schema.Login
	if login == nil {
		return
	}
	b.doc.Tags = append(b.doc.Tags, &openapi3.Tag{Name: "Auth", Description: "Login with the " + words(login.Name) + "'s " + login.Auth.Login.JSON + " and " + login.Auth.Secret.JSON + "."})
	for _, a := range b.Accounts {
		o := b.account(a.Name, login)
		if o == nil {
			continue
		}
		o.OperationID, o.Tags = b.id(a.Name), []string{"Auth"}
		item := &openapi3.PathItem{}
		item.SetOperation(a.Method, o)
		b.doc.Paths.Set("/auth/"+a.Name, item)
	}
}

// account is the operation of a place below auth/, nil where the application has none.
func (b *builder) account(name string, login *schema.Class) *openapi3.Operation {
	o := openapi3.NewOperation()
	o.Responses = openapi3.NewResponsesWithCapacity(0)
	o.Security = openapi3.NewSecurityRequirements()
	takes := func(s *openapi3.SchemaRef) {
		body := openapi3.NewRequestBody().WithRequired(true)
		body.Content = openapi3.Content{typeJSON: media(s)}
		o.RequestBody = &openapi3.RequestBodyRef{Value: body}
		b.failures(o.Responses, 409, 413, 415, 422)
	}
	b.failures(o.Responses, 400, 401, 406, 414, 429, 431, 500, 503, 504)
	switch name {
	case "login":
		o.Summary = "Trade a login and a password for tokens"
		o.Description = "Answers alike, and as slowly, for an unknown login and a wrong password."
		takes(b.component(nil, "Login", func() *openapi3.Schema { return b.credentialsOf(login) }))
		o.Responses.Set("200", b.told("The tokens.", "Tokens", b.tokens(login), "X-Request-Id"))
	case "refresh":
		o.Summary = "Trade a refresh token for new tokens"
		o.Description = "A refresh token works once. One that comes again ends the whole session."
		takes(b.component(nil, "Refresh", func() *openapi3.Schema {
			s := typed("object").WithProperty("refresh_token", typed("string"))
			s.Required, s.AdditionalProperties = []string{"refresh_token"}, closed()
			return s
		}))
		o.Responses.Set("200", b.told("The tokens.", "Tokens", b.tokens(login), "X-Request-Id"))
	case "logout":
		o.Summary, o.Security = "End the session", b.security(false)
		o.Description = "Its refresh token stops working, and so do its access tokens."
		o.Responses.Set("204", b.shared("Empty", "Done.", "X-Request-Id"))
	case "forgot":
		name := login.Auth.Login.JSON
		o.Summary = "Ask for a new " + words(login.Auth.Secret.Name)
		o.Description = "Sends a token that works once, within an hour. The answer is the same where nobody has the " + name + "."
		takes(b.component(nil, "Forgot", func() *openapi3.Schema {
			s := typed("object").WithProperty(name, typed("string"))
			s.Required, s.AdditionalProperties = []string{name}, closed()
			return s
		}))
		o.Responses.Set("202", b.shared("Accepted", "A message is on its way, if there is anybody to send it to.", "X-Request-Id"))
	case "reset":
		secret := login.Auth.Secret.JSON
		o.Summary = "Set a new " + words(login.Auth.Secret.Name)
		o.Description = "With the token that was sent. Every session of the account ends."
		takes(b.component(nil, "Reset", func() *openapi3.Schema {
			s := typed("object").WithProperty("token", typed("string")).WithProperty(secret, format("password", ""))
			s.Required, s.AdditionalProperties = []string{"token", secret}, closed()
			return s
		}))
		o.Responses.Set("204", b.shared("Empty", "Done.", "X-Request-Id"))
	case "me":
		o.Summary, o.Security = "Who asks", b.security(false)
		o.Description = "The user that the token is of."
		o.Responses.Set("200", b.told("The user.", "Me", b.user(login), "X-Request-Id"))
	case "register":
		if !published(login) {
			return nil
		}
		o.Summary = "Make an account, and log in with it"
		o.Description = "The content is that of a new " + words(login.Name) + "."
		o.Security = b.security(open(authz.Who(b.Rules, b.Schema, login, authz.Create)))
		takes(b.create(login, nil))
		o.Responses.Set("201", b.told("The account, and its tokens unless it has to be enabled first.", "Registration", b.registration(login), "Location", "X-Request-Id"))
		b.failures(o.Responses, 403)
	default:
		return nil
	}
	return o
}

// credentialsOf is the content of a login.
func (b *builder) credentialsOf(login *schema.Class) *openapi3.Schema {
	name, secret := login.Auth.Login.JSON, login.Auth.Secret.JSON
	s := typed("object").WithProperty(name, typed("string")).WithProperty(secret, format("password", ""))
	s.Required, s.AdditionalProperties = []string{name, secret}, closed()
	var o sample.Object
	o.Add(name, sample.Value(login.Auth.Login))
	o.Add(secret, sample.Value(login.Auth.Secret))
	return b.example(s, o.Line())
}

// tokens is what a login answers.
func (b *builder) tokens(login *schema.Class) *openapi3.SchemaRef {
	return b.component(nil, "Tokens", func() *openapi3.Schema {
		s := b.tokenMembers(login)
		s.Required = []string{"access_token", "refresh_token", "token_type", "expires_in", "user"}
		return s
	})
}

// registration is what a new account answers.
func (b *builder) registration(login *schema.Class) *openapi3.SchemaRef {
	return b.component(nil, "Registration", func() *openapi3.Schema {
		s := b.tokenMembers(login)
		s.Required = []string{"user"}
		return s
	})
}

func (b *builder) tokenMembers(login *schema.Class) *openapi3.Schema {
	return typed("object").
		WithProperty("access_token", text("Goes with requests: `Authorization: Bearer TOKEN`.")).
		WithProperty("refresh_token", text("Trades for new tokens, once.")).
		WithProperty("token_type", oneOf("", "Bearer")).
		WithProperty("expires_in", described(typed("integer").NewRef(), "Seconds for which the access token works.").Value).
		WithPropertyRef("user", b.user(login))
}

// user is the record of whoever asks, as they see it; where they may not, their id alone.
func (b *builder) user(login *schema.Class) *openapi3.SchemaRef {
	plain := published(login) && len(login.Key) == 1 && login.Key[0].JSON == "id"
	if plain && b.exact {
		return b.record(login)
	}
	return b.component(nil, "Me", func() *openapi3.Schema {
		s := typed("object")
		if plain {
			s = b.members(login, func(f *schema.Field) bool { return f.JSON == "id" })
		}
		s.Description = "The record of the user, or its id alone."
		return s
	})
}
