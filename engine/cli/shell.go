package cli

import (
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/request"
	"github.com/dowel-dev/dowel/engine/rows"
	"github.com/dowel-dev/dowel/schema"
)

// The verbs of the shell make the same action values as requests do, and run them
// through the same invoker.

type doCmd struct {
	Action string `arg:"" help:"The action as JSON, or a file that holds it; - is stdin."`
	DryRun bool   `help:"Everything but the effect."`
	actorFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// Run runs one action.
func (c *doCmd) Run(r *run) error {
	text, err := r.textOf(c.Action)
	if err != nil {
		return err
	}
	action, err := actions.Decode(text)
	if err != nil {
		return misuse("%v%s", err, verbHint(text))
	}
	a, err := c.open(r, c.Folder)
	if err != nil {
		return err
	}
	defer a.close()
	if name := action.On(); name != "" && a.schema.Class(name) == nil {
		return misuse("unknown class `%s`%s", name, didYouMean(name, classNames(a.schema)))
	}
	action.Common().DryRun = action.Common().DryRun || c.DryRun
	return r.run(a, action, c.Output)
}

// textOf is an argument that begins like JSON, the content of the file it names, or stdin.
func (r *run) textOf(arg string) ([]byte, error) {
	var text []byte
	var err error
	switch {
	case strings.HasPrefix(strings.TrimSpace(arg), "{"):
		return []byte(arg), nil
	case arg == "-":
		text, err = io.ReadAll(r.in)
	default:
		text, err = os.ReadFile(arg)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return text, nil
}

// verbHint suggests a verb where `do` names none.
func verbHint(text []byte) string {
	name := struct{ Do string }{}
	if err := looseJSON(text, &name); err != nil || actions.New(name.Do) != nil || name.Do == "" {
		return ""
	}
	var verbs []string
	for verb := range actions.Builtin() {
		verbs = append(verbs, verb)
	}
	return didYouMean(name.Do, verbs)
}

type getCmd struct {
	Row  string   `arg:"" name:"class/key" help:"The record, such as customer/7."`
	Rest []string `arg:"" optional:"" name:"word" help:"fields=…, with=…, deleted=with, as in a query; last the application."`
	actorFlags
	outputFlag
}

// Run shows one record.
func (c *getCmd) Run(r *run) error {
	row, rest := keyApart(c.Row, c.Rest)
	return r.onRow(request.Get, row, rest, &c.actorFlags, false, c.Output)
}

type listCmd struct {
	Class string   `arg:"" help:"The class."`
	Rest  []string `arg:"" optional:"" name:"word" help:"Filters and options as in a query: status=active total=gt:10 orderBy=-name limit=5; last the application."`
	actorFlags
	outputFlag
}

// Run lists records.
func (c *listCmd) Run(r *run) error {
	return r.act(&c.actorFlags, c.Rest, c.Output, func(a *actor, words []string) (actions.Action, error) {
		class, err := a.class(c.Class)
		if err != nil {
			return nil, err
		}
		return queried(request.Search, class, "", words)
	})
}

type createCmd struct {
	Class  string   `arg:"" help:"The class."`
	Rest   []string `arg:"" optional:"" name:"field=value" help:"The members: name=Ada, address.city=Denver, tags=a;b; field= is null, field:=JSON is any JSON; last the application."`
	DryRun bool     `help:"Everything but the effect."`
	actorFlags
	outputFlag
}

// Run makes a record.
func (c *createCmd) Run(r *run) error {
	return r.act(&c.actorFlags, c.Rest, c.Output, func(a *actor, words []string) (actions.Action, error) {
		class, err := a.class(c.Class)
		if err != nil {
			return nil, err
		}
		content, err := contentOf(class, words)
		if err != nil {
			return nil, err
		}
		action := &actions.Create{Class: class.Name, Content: content}
		action.DryRun = c.DryRun
		return action, nil
	})
}

type setCmd struct {
	Row    string   `arg:"" name:"class/key" help:"The record, such as customer/7."`
	Rest   []string `arg:"" name:"field=value" help:"What changes: status=active, address.city=Denver; field= is null, field:=JSON is any JSON; last the application."`
	DryRun bool     `help:"Everything but the effect."`
	actorFlags
	outputFlag
}

// Run changes a record.
func (c *setCmd) Run(r *run) error {
	row, rest := keyApart(c.Row, c.Rest)
	return r.act(&c.actorFlags, rest, c.Output, func(a *actor, words []string) (actions.Action, error) {
		if len(words) == 0 {
			return nil, misuse("set needs field=value")
		}
		class, id, err := a.row(row)
		if err != nil {
			return nil, err
		}
		content, err := contentOf(class, words)
		if err != nil {
			return nil, err
		}
		action := &actions.Patch{Class: class.Name, ID: id, Content: content}
		action.DryRun = c.DryRun
		return action, nil
	})
}

type rmCmd struct {
	Row    string   `arg:"" name:"class/key" help:"The record, such as customer/7."`
	Rest   []string `arg:"" optional:"" name:"word" help:"Filters that must hold; last the application."`
	Purge  bool     `help:"For good, where deleted records are kept."`
	DryRun bool     `help:"Everything but the effect."`
	actorFlags
	outputFlag
}

// Run deletes a record.
func (c *rmCmd) Run(r *run) error {
	row, rest := keyApart(c.Row, c.Rest)
	if !c.Purge {
		return r.onRow(request.Delete, row, rest, &c.actorFlags, c.DryRun, c.Output)
	}
	return r.act(&c.actorFlags, rest, c.Output, func(a *actor, words []string) (actions.Action, error) {
		if len(words) > 0 {
			return nil, misuse("--purge takes no filters")
		}
		class, id, err := a.row(row)
		if err != nil {
			return nil, err
		}
		action := &actions.Purge{Class: class.Name, ID: id}
		action.DryRun = c.DryRun
		return action, nil
	})
}

// keyApart also reads `customer 7` as customer/7. A last word that is a folder or a
// file is the application.
func keyApart(row string, rest []string) (string, []string) {
	if strings.Contains(row, "/") || len(rest) == 0 || strings.Contains(rest[0], "=") {
		return row, rest
	}
	if len(rest) == 1 {
		if _, err := os.Stat(rest[0]); err == nil {
			return row, rest
		}
	}
	return row + "/" + rest[0], rest[1:]
}

// onRow runs what needs nothing but a record and the words of a query.
func (r *run) onRow(verb request.Verb, ref string, rest []string, flags *actorFlags, dry bool, output string) error {
	return r.act(flags, rest, output, func(a *actor, words []string) (actions.Action, error) {
		class, id, err := a.row(ref)
		if err != nil {
			return nil, err
		}
		action, err := queried(verb, class, id, words)
		if err == nil {
			action.Common().DryRun = action.Common().DryRun || dry
		}
		return action, err
	})
}

// act opens the application that rest ends with, runs the action that the other words make, and shows what came of it.
func (r *run) act(flags *actorFlags, rest []string, output string, action func(a *actor, words []string) (actions.Action, error)) error {
	words, folder, err := wordsOf(rest)
	if err != nil {
		return err
	}
	a, err := flags.open(r, folder)
	if err != nil {
		return err
	}
	defer a.close()
	todo, err := action(a, words)
	if err != nil {
		return err
	}
	return r.run(a, todo, output)
}

// run runs an action and shows what came of it.
func (r *run) run(a *actor, action actions.Action, output string) error {
	res, err := a.do(r.ctx, action)
	if err != nil {
		return told(err)
	}
	if res.Steps != nil {
		res.Raw = a.engine.Answers(res)
	}
	return r.print(res, &action.Common().Output, output)
}

// wordsOf takes the application, which has no equals sign, off the words of a verb.
func wordsOf(rest []string) (words []string, folder string, err error) {
	folder = "."
	if n := len(rest); n > 0 && !strings.Contains(rest[n-1], "=") {
		rest, folder = rest[:n-1], rest[n-1]
	}
	for _, word := range rest {
		if !strings.Contains(word, "=") {
			return nil, "", misuse("`%s` is not name=value", word)
		}
	}
	return rest, folder, nil
}

// queried makes an action of words as a query has them.
func queried(verb request.Verb, class *schema.Class, id string, words []string) (actions.Action, error) {
	action, err := request.Words(verb, class, id, words)
	if err != nil {
		return nil, told(err)
	}
	if action.Common().Output.Format != "" {
		return nil, misuse("`format` is for HTTP; here it is -o")
	}
	return action, nil
}

// contentOf makes the content of a write of field=value words. Values are read as
// cells of CSV are.
func contentOf(class *schema.Class, words []string) ([]byte, error) {
	var o jsonObject
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		name, raw := strings.CutSuffix(name, ":")
		field := class.Field(strings.Split(name, ".")[0])
		switch {
		case field == nil:
			return nil, misuse("%s has no field `%s`%s", class.Name, name, didYouMean(name, memberNames(class)))
		case field.Type != nil && field.Type.Traits().Secret:
			return nil, misuse("`%s` is secret, and arguments are seen by every user of the machine: use dowel user, or dowel do - with the action on stdin", name)
		case raw && !jsontext.Value(value).IsValid():
			return nil, misuse("`%s` is no JSON", word)
		}
		path := strings.Split(name, ".")
		var content []byte
		switch {
		case raw:
			content = []byte(value)
		case value == "":
			content = []byte("null")
		default:
			content = rows.AppendCell(nil, value, rows.FieldAt(class, path))
		}
		if !o.set(path, content) {
			return nil, misuse("`%s` is given twice", name)
		}
	}
	return o.append(nil), nil
}

// jsonObject is an object in the making, its members in the order in which they came.
type jsonObject struct {
	names  []string
	values []any // []byte, or *jsonObject
}

// set puts a value at a path; false is that there is one already.
func (o *jsonObject) set(path []string, value []byte) bool {
	for i, name := range o.names {
		if name != path[0] {
			continue
		}
		inner, ok := o.values[i].(*jsonObject)
		return ok && len(path) > 1 && inner.set(path[1:], value)
	}
	o.names = append(o.names, path[0])
	if len(path) == 1 {
		o.values = append(o.values, value)
		return true
	}
	inner := &jsonObject{}
	o.values = append(o.values, inner)
	return inner.set(path[1:], value)
}

func (o *jsonObject) append(b []byte) []byte {
	b = append(b, '{')
	for i, name := range o.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(b, name)
		if inner, ok := o.values[i].(*jsonObject); ok {
			b = inner.append(b)
		} else {
			b = append(b, o.values[i].([]byte)...)
		}
	}
	return append(b, '}')
}

// done says what a verb did that has nothing to show.
func (r *run) done(res *actions.Result) error {
	what := "done"
	switch res.Outcome {
	case actions.Created:
		what = "created"
	case actions.Updated:
		what = "changed"
	case actions.Deleted:
		what = "deleted"
	}
	if res.Class != nil && res.ID != "" {
		what += " " + res.Class.Name + "/" + res.ID
	}
	if res.DryRun {
		what += ", were this no dry run"
	}
	r.note("%s", what)
	return nil
}
