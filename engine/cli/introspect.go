package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage/migrate"
)

// introspectCmd is `dowel introspect`.
type introspectCmd struct {
	DB  string `name:"db" required:"" placeholder:"URL" help:"The database."`
	Out string `short:"o" name:"out" placeholder:"FILE" help:"Write the schema to a file that is not there yet, such as dowel.yaml."`
}

// Run writes a schema that wants the tables as they are. Nothing is changed.
func (c *introspectCmd) Run(r *run) error {
	p := &project{folder: ".", cfg: &config{}}
	p.cfg.DB = c.DB
	switch {
	case storeOf(c.DB) == nil:
		return misuse("--db: %q is none of %s", masked(c.DB), storeForms())
	case p.inMemory():
		return misuse("--db: a database in memory has no tables before it is served")
	case p.databasePath() != "" && p.fresh():
		return unavailable(fmt.Errorf("there is no file %s", p.databasePath()))
	}
	if c.Out != "" {
		if _, err := os.Stat(c.Out); err == nil {
			return refuse(fmt.Errorf("%s is there already", c.Out), "remove it, or name another file with -o")
		}
	}
	var sketch *migrate.Sketch
	var plan *migrate.Plan
	err := p.looking(r.ctx, func(conn migrate.Conn) (err error) {
		if sketch, err = migrate.Introspect(r.ctx, conn); err != nil {
			return err
		}
		plan, err = c.proof(r.ctx, conn, sketch.Text)
		return err
	})
	if err != nil {
		return p.databaseError(err)
	}
	text := "# Made of the tables of " + masked(c.DB) + " by `dowel introspect`.\n" +
		"# Nobody may do anything yet: say who may with `allow`.\n" + sketch.Text
	if c.Out == "" {
		_, err = r.out.Write([]byte(text))
	} else {
		err = os.WriteFile(c.Out, []byte(text), 0o644)
	}
	if err != nil {
		return unavailable(err)
	}
	for _, l := range sketch.Left {
		r.note("no class: %s", l)
	}
	r.note("%s", counted(sketch.Classes, "class", "classes"))
	if !plan.Empty() {
		r.note("the schema wants more than the tables have:")
		return errors.Join(plan.Write(r.err, migrate.Text{}))
	}
	return nil
}

// proof compares the schema that was made with the tables it was made of.
func (c *introspectCmd) proof(ctx context.Context, conn migrate.Conn, text string) (*migrate.Plan, error) {
	folder, err := os.MkdirTemp("", "dowel-introspect-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	if err := os.WriteFile(filepath.Join(folder, "dowel.yaml"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	s, found := load.FS(os.DirFS(folder), ".", load.Options{})
	if found.HasErrors() {
		var lines []string
		for i := range found {
			lines = append(lines, found[i].Error())
		}
		return nil, fmt.Errorf("no schema could be made of these tables:\n%s", strings.Join(lines, "\n"))
	}
	return migrate.Make(ctx, conn, s)
}
