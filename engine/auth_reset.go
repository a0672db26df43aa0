package engine

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/account"
	"github.com/dowel-dev/dowel/engine/mail"
	"github.com/dowel-dev/dowel/schema"
)

// mailAtOnce bounds the messages on their way, mailFor the time of one.
const (
	mailAtOnce = 64
	mailFor    = 30 * time.Second
)

// mailroom sends what was asked for while the answer is on its way already:
// whether there is anybody to write to shows in no answer, and in no delay.
type mailroom struct {
	sender mail.Sender
	link   string // with {token} in it, or ""
	log    *slog.Logger
	turns  chan struct{}
	busy   sync.WaitGroup
}

func newMailroom(sender mail.Sender, link string, log *slog.Logger) *mailroom {
	return &mailroom{sender: sender, link: link, log: log, turns: make(chan struct{}, mailAtOnce)}
}

// wait returns when everything is sent, or the context is done.
func (m *mailroom) wait(ctx context.Context) {
	if m == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		m.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// forgot writes to whoever has a login name, if anybody.
func (m *mailroom) forgot(a accounts, login string, s *schema.Schema, mount string) error {
	select {
	case m.turns <- struct{}{}:
	default:
		return actions.Errorf(actions.Overloaded, "Too many messages are being sent.")
	}
	m.busy.Go(func() {
		defer func() { <-m.turns }()
		ctx, cancel := context.WithTimeout(context.Background(), mailFor)
		defer cancel()
		reset, err := a.Forgot(ctx, login)
		if err == nil && reset != nil {
			err = m.sender.Send(ctx, resetMessage(reset, m.link, s, mount))
		}
		if err != nil {
			m.log.Error("the message to somebody who forgot a password could not be sent", slog.Any("cause", err))
		}
	})
	return nil
}

// resetMessage is what somebody reads who forgot a password.
func resetMessage(r *account.Reset, link string, s *schema.Schema, mount string) mail.Message {
	title := s.App.Title
	if title == "" {
		title = "your account"
	}
	secret := s.Login.Auth.Secret.JSON
	how := "Send this token and the new " + secret + " to POST " + mount + "/auth/reset within an hour:\n\n  " + r.Token
	if link != "" {
		how = "Open this within an hour:\n\n  " + strings.ReplaceAll(link, "{token}", r.Token)
	}
	return mail.Message{
		To: r.To, Subject: "A new " + secret + " for " + title,
		Text: "Somebody, hopefully you, asked to set a new " + secret + " for " + r.Login + ".\n\n" + how +
			"\n\nIf it was not you, there is nothing to do: the " + secret + " stays what it is.\n",
	}
}

// mails reports whether people can be written to.
func mails(s Settings, app *schema.Schema) bool {
	return s.Mail.From != "" && account.MailField(app.Login) != nil
}

// forgot sends a token to the user with a login name. The answer is the same
// whether there is one or not.
func (x *exchange) forgot(context.Context) {
	content, err := x.object()
	if err != nil {
		x.fail(err)
		return
	}
	texts, err := texts(content, x.schema.Login.Auth.Login.JSON)
	if err != nil {
		x.fail(err)
		return
	}
	if err := x.h.rates.forgot(x.r, texts[0]); err != nil {
		x.fail(err)
		return
	}
	if err := x.h.mail.forgot(x.rev.Accounts(), texts[0], x.schema, x.mount); err != nil {
		x.fail(err)
		return
	}
	x.w.Header()["Cache-Control"] = noStore
	x.sendEmpty(202)
}

// reset sets a new password with a token that was sent.
func (x *exchange) reset(ctx context.Context) {
	content, err := x.object()
	if err != nil {
		x.fail(err)
		return
	}
	secret := x.schema.Login.Auth.Secret.JSON
	texts, err := texts(content, "token", secret)
	if err != nil {
		x.fail(err)
		return
	}
	if err := x.h.rates.register(x.r); err != nil {
		x.fail(err)
		return
	}
	if err := x.setSecret(ctx, texts[0], texts[1]); err != nil {
		x.fail(err)
		return
	}
	x.w.Header()["Cache-Control"] = noStore
	x.sendEmpty(204)
}

// setSecret tries the new password before the token is spent: one that the
// schema refuses may be sent again, better.
func (x *exchange) setSecret(ctx context.Context, token, secret string) error {
	id, err := x.rev.Accounts().ResetUser(ctx, token)
	if err != nil {
		return resetError(err)
	}
	login := x.schema.Login
	content := schema.AppendQuoted([]byte{'{'}, login.Auth.Secret.JSON)
	content = append(appendString(append(content, ':'), secret), '}')
	patch := func(dry bool) error {
		p := &actions.Patch{Class: login.Name, ID: id, Content: content}
		p.DryRun = dry
		_, err := x.rev.Invoke(ctx, &authz.Subject{System: true}, p)
		return err
	}
	if err := patch(true); err != nil {
		return err
	}
	if _, err := x.rev.Accounts().SpendReset(ctx, token); err != nil {
		return resetError(err)
	}
	return patch(false)
}

func resetError(err error) error {
	if errors.Is(err, account.ErrCredentials) {
		return &actions.Error{Code: actions.InvalidCredentials, Detail: "The token is not good, or no longer.", Cause: err}
	}
	return err
}
