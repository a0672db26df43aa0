package cli

import (
	"bytes"
	"fmt"
	"go/format"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// genCmd is `dowel gen`.
type genCmd struct {
	Docker  genDockerCmd  `cmd:"" help:"Print a Dockerfile of the application."`
	Compose genComposeCmd `cmd:"" help:"Print a compose.yaml: the application with PostgreSQL."`
	Systemd genSystemdCmd `cmd:"" help:"Print a hardened unit of systemd."`

	Action genActionCmd `cmd:"" help:"Print the Go function of an action declared with run: go, to be filled in."`
}

// genActionCmd is `dowel gen action`.
type genActionCmd struct {
	Name   string `arg:"" name:"class.action" help:"The action."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run prints a Go file that compiles, and does nothing yet.
func (c *genActionCmd) Run(r *run) error {
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	a, err := actionOf(p.schema, c.Name)
	if err != nil {
		return err
	}
	text, err := stub(a)
	if err != nil {
		return fmt.Errorf("gen: %w", err)
	}
	_, err = r.out.Write(text)
	return err
}

// actionOf finds an action that Go runs.
func actionOf(s *schema.Schema, name string) (*schema.Action, error) {
	var names []string
	for _, c := range s.Classes {
		for _, a := range c.Actions {
			full := c.Name + "." + a.Name
			switch {
			case full == name && a.Run:
				return a, nil
			case full == name:
				return nil, misuse("`%s` is declared without `run: go`, so the schema says all of it", name)
			case a.Run:
				names = append(names, full)
			}
		}
	}
	if len(names) == 0 {
		return nil, misuse("no action of the schema is declared with `run: go`")
	}
	return nil, misuse("there is no action `%s`%s", name, didYouMean(name, names))
}

// stub writes the file.
func stub(a *schema.Action) ([]byte, error) {
	full := a.Class.Name + "." + a.Name
	fn := schema.Pascal(a.Name)
	fn = strings.ToLower(fn[:1]) + fn[1:] + a.Class.TypeName
	in, out := "actions.None", "actions.None"
	var b bytes.Buffer
	times := false
	record := func(name, doc string, fields []*schema.Field) {
		fmt.Fprintf(&b, "// %s is %s of %s.\ntype %s struct {\n", name, doc, full, name)
		for _, f := range fields {
			t := goType(f)
			times = times || strings.Contains(t, "time.")
			fmt.Fprintf(&b, "%s %s `json:%q`", schema.Pascal(f.Name), t, f.Name)
			if f.Doc != "" {
				fmt.Fprintf(&b, " // %s", strings.Join(strings.Fields(f.Doc), " "))
			}
			b.WriteByte('\n')
		}
		b.WriteString("}\n\n")
	}
	if len(a.Input) > 0 {
		in = fn + "Input"
		record(in, "the input", a.Input)
	}
	switch {
	case a.Returns != nil:
		out = "actions.Row"
	case len(a.ReturnFields) > 0 && !a.Derived:
		out = fn + "Answer"
		record(out, "the answer", a.ReturnFields)
	}
	doc := strings.Join(strings.Fields(a.Doc), " ")
	if doc == "" {
		doc = "does what " + full + " stands for."
	} else {
		doc = "runs " + full + ": " + doc
	}
	fmt.Fprintf(&b, "// %s %s\n", fn, doc)
	if a.OnCollection {
		b.WriteString("// It is an action of the collection: target is the zero Row.\n")
	}
	if a.WhenText != "" {
		fmt.Fprintf(&b, "// It holds that %s.\n", a.WhenText)
	}
	zero := out + "{}"
	fmt.Fprintf(&b, "func %s(ctx *actions.Ctx, target actions.Row, in %s) (%s, error) {\n", fn, in, out)
	fmt.Fprintf(&b, "return %s, ctx.Conflict(\"%s is not written yet.\")\n}\n", zero, full)

	var head bytes.Buffer
	fmt.Fprintf(&head, "package main\n\n// In main: engine.Handle(app, %q, %s)\n\nimport (\n", full, fn)
	if times {
		head.WriteString("\"time\"\n\n")
	}
	head.WriteString("\"github.com/dowel-dev/dowel/actions\"\n)\n\n")
	return format.Source(append(head.Bytes(), b.Bytes()...))
}

// goType is the Go type that holds values of a field.
func goType(f *schema.Field) string {
	t := "string"
	switch name := f.Type.Name(); {
	case f.Ref != nil:
		t = "actions.Reference"
	case name == "datetime" || name == "date":
		t = "time.Time"
	case name == "duration":
		t = "time.Duration"
	case f.Type.Kind() == schema.Bool:
		t = "bool"
	case f.Type.Kind() == schema.Int:
		t = "int64"
	case f.Type.Kind() == schema.Float:
		t = "float64"
	case f.Type.Kind() == schema.JSON:
		t = jsonGoType(f.Type)
	}
	if f.Optional && f.Default == nil && f.Type.Kind() != schema.JSON {
		return "*" + t
	}
	return t
}

func jsonGoType(t schema.Type) string {
	switch shape := t.Shape(); shape.Type {
	case "object":
		return "map[string]any"
	case "array":
		if shape.Items == nil {
			return "[]any"
		}
		switch shape.Items.Type {
		case "string":
			return "[]string"
		case "integer":
			return "[]int64"
		case "number":
			return "[]float64"
		case "boolean":
			return "[]bool"
		}
		return "[]any"
	}
	return "any"
}
