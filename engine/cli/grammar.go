package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// grammar lists every verb.
type grammar struct {
	Init  initCmd  `cmd:"" group:"start" help:"Write a new application from a template."`
	Dev   devCmd   `cmd:"" group:"start" help:"Serve with hot reload, on a local database, seeded."`
	Serve serveCmd `cmd:"" group:"start" help:"Serve in production."`

	Check    checkCmd    `cmd:"" group:"offline" help:"Find everything wrong with a schema."`
	Fmt      fmtCmd      `cmd:"" group:"offline" help:"Lay schema files out canonically."`
	Explain  explainCmd  `cmd:"" group:"offline" help:"Explain a class, a field, an error code or a setting."`
	Routes   routesCmd   `cmd:"" group:"offline" help:"List every route and who may take it."`
	Editor   editorCmd   `cmd:"" group:"offline" help:"Write the JSON Schema that makes editors complete dowel.yaml."`
	OpenAPI  openapiCmd  `cmd:"" name:"openapi" group:"offline" help:"Print the OpenAPI document."`
	Gen      genCmd      `cmd:"" group:"offline" help:"Print what goes beside a schema: files to deploy with, functions of actions in Go."`
	Breaking breakingCmd `cmd:"" group:"offline" help:"Say what changed for clients since another version."`
	Client   clientCmd   `cmd:"" group:"offline" help:"Write a typed client in Go or TypeScript."`
	Policy   policyCmd   `cmd:"" group:"offline" help:"Ask who may do what, and why; test and export the rules."`
	Test     testCmd     `cmd:"" group:"offline" help:"Run tests/*.test.yaml: sentences about permission and HTTP steps, in memory."`

	Plan  planCmd  `cmd:"" group:"tables" help:"Compare the tables of the database with the schema."`
	Apply applyCmd `cmd:"" group:"tables" help:"Change the tables: by a plan, or to what the schema wants."`

	Migrate    migrateCmd    `cmd:"" group:"tables" help:"Keep changes of the tables as files of SQL."`
	Introspect introspectCmd `cmd:"" group:"tables" help:"Write a schema for the tables of a database, whoever made them."`

	Seed    seedCmd    `cmd:"" group:"data" help:"Load the rows of seed/; a second run changes nothing."`
	Import  importCmd  `cmd:"" group:"data" help:"Put the records of a file into the database."`
	Export  exportCmd  `cmd:"" group:"data" help:"Write all records of a class to stdout."`
	Move    moveCmd    `cmd:"" group:"data" help:"Copy all rows to another database: SQLite to PostgreSQL, or back."`
	User    userCmd    `cmd:"" group:"data" help:"Manage accounts."`
	Token   tokenCmd   `cmd:"" group:"data" help:"Sign a token with the configured key."`
	Key     keyCmd     `cmd:"" group:"data" help:"Manage API keys."`
	History historyCmd `cmd:"" group:"data" help:"Check that histories are as they were kept."`
	Jobs    jobsCmd    `cmd:"" group:"data" help:"Look at queued actions, cancel and retry them."`

	Do     doCmd     `cmd:"" group:"rows" help:"Run an action that is written as JSON."`
	Get    getCmd    `cmd:"" group:"rows" help:"Show a record."`
	List   listCmd   `cmd:"" group:"rows" help:"List records."`
	Create createCmd `cmd:"" group:"rows" help:"Make a record."`
	Set    setCmd    `cmd:"" group:"rows" help:"Change a record."`
	Rm     rmCmd     `cmd:"" group:"rows" help:"Delete a record."`

	Config     configCmd     `cmd:"" group:"run" help:"Show the effective settings."`
	Doctor     doctorCmd     `cmd:"" group:"run" help:"Look over settings, secrets, database and machine."`
	Health     healthCmd     `cmd:"" group:"run" help:"Ask a running server whether it is ready."`
	Completion completionCmd `cmd:"" group:"run" help:"Print a completion script for a shell."`
	Version    versionCmd    `cmd:"" group:"run" help:"Print the version."`

	Complete completeCmd `cmd:"" name:"__complete" hidden:""`
}

var groups = kong.ExplicitGroups([]kong.Group{
	{Key: "start", Title: "Start:"},
	{Key: "offline", Title: "Look, without a database:"},
	{Key: "tables", Title: "Tables:"},
	{Key: "data", Title: "Rows and people:"},
	{Key: "rows", Title: "One action, as the operator or --as USER:"},
	{Key: "run", Title: "Run:"},
})

// serverFlags are understood by serve and dev.
type serverFlags struct {
	Listen    string   `placeholder:"HOST:PORT" help:"Address to serve on [DOWEL_LISTEN], default 127.0.0.1:8080."`
	Admin     string   `name:"admin-listen" placeholder:"HOST:PORT" help:"Address of /metrics and /readyz for operators [DOWEL_ADMIN_LISTEN]; without a host it is this machine only. Off by default."`
	DB        string   `name:"db" placeholder:"URL" help:"Database [DOWEL_DB], default sqlite:data/app.db in the application's folder."`
	Replica   []string `placeholder:"URL" help:"Copy of a PostgreSQL database that answers lists [DOWEL_REPLICA]; may be given several times."`
	Redis     string   `placeholder:"URL" help:"Redis that nodes share answers and rates through [DOWEL_REDIS]; nothing needs it."`
	Files     string   `placeholder:"URL" help:"Place of the content of files [DOWEL_FILES], default the folder files beside the database."`
	LogFormat string   `placeholder:"text|json" help:"Form of the log [DOWEL_LOG__FORMAT]."`
}

// given are the flags that were set, by setting key.
func (f *serverFlags) given() map[string]string {
	m := map[string]string{}
	for key, v := range map[string]string{"listen": f.Listen, "admin_listen": f.Admin, "db": f.DB, "replica": strings.Join(f.Replica, ","), "redis": f.Redis, "files": f.Files, "log.format": f.LogFormat} {
		if v != "" {
			m[key] = v
		}
	}
	return m
}

// left is how kong's Exit reaches us: --help has been printed and there is nothing more to do.
type left int

// parser builds the model of the grammar.
func (r *run) parser(g *grammar) (*kong.Kong, error) {
	return kong.New(g,
		kong.Name("dowel"),
		kong.Description("A YAML schema and its rules become a REST API."),
		kong.Writers(r.out, r.err),
		kong.Exit(func(code int) { panic(left(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.UsageOnError(),
		groups,
	)
}

// dispatch parses the arguments and runs the verb.
func (r *run) dispatch(args []string) (err error) {
	var g grammar
	k, err := r.parser(&g)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			code, ours := p.(left)
			if !ours {
				panic(p)
			}
			err = nil
			if code != 0 {
				err = reported(exitUsage)
			}
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := k.Parse(flagsFirst(k.Model.Node, args))
	if err != nil {
		return r.usage(k, err)
	}
	return ctx.Run(r)
}

// flagsFirst brings the flags of a verb that takes any number of words before these, for
// kong reads no words behind a flag that stands among them.
func flagsFirst(root *kong.Node, args []string) []string {
	if len(args) == 0 {
		return args
	}
	var verb *kong.Node
	for _, child := range root.Children {
		if child.Name == args[0] {
			verb = child
		}
	}
	if verb == nil || len(verb.Positional) == 0 || !verb.Positional[len(verb.Positional)-1].IsCumulative() {
		return args
	}
	valued := map[string]bool{}
	for _, level := range verb.AllFlags(false) {
		for _, f := range level {
			valued["--"+f.Name] = !f.IsBool()
			if f.Short != 0 {
				valued["-"+string(f.Short)] = !f.IsBool()
			}
		}
	}
	flags, words := []string{args[0]}, []string(nil)
	for i := 1; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--":
			return append(flags, append(words, args[i:]...)...)
		case len(arg) < 2 || arg[0] != '-':
			words = append(words, arg)
		case valued[arg] && i+1 < len(args):
			i++
			flags = append(flags, arg, args[i])
		case valued[arg]:
			return append(flags, append(words, arg)...) // what is missing is told
		default:
			flags = append(flags, arg)
		}
	}
	return append(flags, words...)
}

var unknownWord = regexp.MustCompile(`^(unexpected argument|unknown flag) (\S+?)(?:,|$)`)

// usage turns kong's complaint into one sentence with at most one suggestion.
func (r *run) usage(k *kong.Kong, err error) error {
	sentence, _, _ := strings.Cut(err.Error(), ", did you mean")
	f := &failure{status: exitUsage, err: errors.New(sentence)}
	node := k.Model.Node
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil && parse.Context.Selected() != nil {
		node = parse.Context.Selected()
	} else if parse != nil && parse.Context != nil {
		// `user creat` selects nothing, but user was walked through.
		for _, step := range parse.Context.Path {
			if step.Command != nil {
				node = step.Command
			}
		}
	}
	if m := unknownWord.FindStringSubmatch(err.Error()); m != nil {
		word := strings.Trim(m[2], `"`)
		if m[1] == "unexpected argument" && len(node.Children) > 0 {
			f.err = fmt.Errorf("unknown verb `%s`%s", word, didYouMean(word, verbs(node)))
		} else if m[1] == "unknown flag" {
			f.err = fmt.Errorf("unknown flag `%s`%s", word, didYouMean(word, flags(node)))
		}
	}
	f.help = []string{"dowel " + strings.TrimSpace(strings.TrimPrefix(node.FullPath(), "dowel")+" --help") + " shows what is possible"}
	return f
}

// verbs are the names of a node's commands.
func verbs(n *kong.Node) []string {
	var names []string
	for _, c := range n.Children {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

// flags are the names of a node's flags and those of its parents, with dashes.
func flags(n *kong.Node) []string {
	var names []string
	for _, level := range n.AllFlags(true) {
		for _, f := range level {
			names = append(names, "--"+f.Name)
		}
	}
	return names
}
