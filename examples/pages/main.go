// Command pages serves a page with a form beside the API. Both are actions: a
// parser of its own turns requests for the page into action values, and functions
// run them, under the same rules and in the same transactions as all others.
//
//	go run ./examples/pages dev examples/pages
//	open http://localhost:8080/book
package main

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/cli"
)

//go:embed book.html
var files embed.FS

var page = template.Must(template.ParseFS(files, "book.html"))

func main() { cli.Main(program()) }

// program is what Go adds to dowel.yaml.
func program() *engine.App {
	app := engine.New()
	app.Parse(parse)
	engine.Invoke(app, show)
	engine.Authorize(app, func(ctx *actions.Ctx, _ *Show) error { return ctx.Need("anyone") })
	engine.Invoke(app, sign)
	engine.Authorize(app, func(ctx *actions.Ctx, _ *Sign) error { return ctx.Need("anyone") })
	return app
}

// Show asks for the page.
type Show struct {
	actions.Options
}

// Sign is the form, filled in.
type Sign struct {
	actions.Options
	Name, Text string
}

// Verb names the action in logs and hooks; On is the class it is about.
func (*Show) Verb() string { return "show-book" }

// On implements actions.Action.
func (*Show) On() string { return "entry" }

// Reads says that showing changes nothing.
func (*Show) Reads() bool { return true }

// Verb implements actions.Action.
func (*Sign) Verb() string { return "sign-book" }

// On implements actions.Action.
func (*Sign) On() string { return "entry" }

// parse knows one place; the API's own parser knows the others.
func parse(r *http.Request, next func(*http.Request) (actions.Action, error)) (actions.Action, error) {
	if r.URL.Path != "/book" {
		return next(r)
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return &Show{}, nil
	case http.MethodPost:
		if err := r.ParseForm(); err != nil {
			return nil, actions.Errorf(actions.BadContent, "The form cannot be read.")
		}
		return &Sign{Name: r.PostForm.Get("name"), Text: r.PostForm.Get("text")}, nil
	}
	return nil, &actions.Error{Code: actions.MethodNotAllowed, Detail: "The book is read and signed.", Allow: []string{"GET", "HEAD", "POST"}}
}

// show makes the page of the latest entries.
func show(ctx *actions.Ctx, _ *Show) (*actions.Response, error) {
	return render(ctx, 200, nil, "")
}

// sign makes an entry, as POST /api/entries would, and says on the page what is wrong with it.
func sign(ctx *actions.Ctx, a *Sign) (*actions.Response, error) {
	_, err := ctx.Class("entry").Create(map[string]string{"name": a.Name, "text": a.Text})
	var wrong *actions.Error
	switch {
	case errors.As(err, &wrong) && wrong.Code == actions.ActionInvalid:
		return render(ctx, 422, a, wrong.Detail)
	case err != nil:
		return nil, err
	}
	return actions.Redirect("/book"), nil
}

func render(ctx *actions.Ctx, status int, form *Sign, wrong string) (*actions.Response, error) {
	rows, err := ctx.Class("entry").Limit(20).List()
	if err != nil {
		return nil, err
	}
	type entry struct{ Name, Text string }
	data := struct {
		Entries []entry
		Form    *Sign
		Wrong   string
	}{Form: form, Wrong: wrong}
	for _, r := range rows {
		data.Entries = append(data.Entries, entry{r.Text("name"), r.Text("text")})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return nil, err
	}
	return actions.HTML(status, b.Bytes()), nil
}
