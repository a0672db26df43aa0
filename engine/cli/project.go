package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/deploy"
	"github.com/dowel-dev/dowel/engine/mail"
	"github.com/dowel-dev/dowel/engine/metrics"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/schema/diag"
	"github.com/dowel-dev/dowel/schema/load"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/blob"
)

// project is an application on disk. load fills the upper part, which needs no
// database; open the lower one.
type project struct {
	folder string
	root   string // schema file below folder; "." is the folder itself
	schema *schema.Schema
	rules  *authz.Rules
	told   diag.List // what was found when it was loaded last

	cfg    *config
	store  storage.Store
	engine *engine.Engine
	signer *token.Signer // nil without a key
	mail   mail.Sender   // nil: as settings say
	log    *slog.Logger

	verb bool // of the shell: it goes through rows once, and leaves the machine's memory alone

	admin   net.Listener     // nil without one
	metrics *metrics.Metrics // of it
}

// place resolves the last argument of a verb: a folder, or a schema file in one.
func place(arg string) (folder, root string, err error) {
	info, err := os.Stat(arg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "", unavailable(fmt.Errorf("there is no folder or file %s", arg))
	case err != nil:
		return "", "", unavailable(err)
	case !info.IsDir():
		return filepath.Dir(arg), filepath.Base(arg), nil
	}
	return arg, ".", nil
}

// inspect loads schema and policy and returns them with everything found,
// places being relative to the working directory.
func (r *run) inspect(folder, root string) (*schema.Schema, *authz.Rules, diag.List) {
	s, rules, _, found := deploy.Load(r.files(folder, root), root, r.app.Program.Parts())
	if s != nil {
		found = append(found, r.app.Program.Check(s)...)
		if rules != nil {
			found = append(found, engine.CheckSchedules(s, rules)...)
		}
	}
	return s, rules, seenFrom(folder, found)
}

// files are those of the application: in its folder, or in the program where the folder has no schema.
func (r *run) files(folder, root string) fs.FS {
	disk := os.DirFS(folder)
	if inside := r.app.Program.Files(); inside != nil && folder == "." {
		if _, err := load.Find(disk, root); err != nil {
			return inside
		}
	}
	return disk
}

// seenFrom names the files of findings as the working directory sees them.
func seenFrom(folder string, found diag.List) diag.List {
	found = found.Sorted()
	for i := range found {
		d := &found[i]
		d.Pos.File = under(folder, d.Pos.File)
		d.Related = slices.Clone(d.Related)
		for j := range d.Related {
			d.Related[j].Pos.File = under(folder, d.Related[j].Pos.File)
		}
	}
	return found
}

// under names a file of the application as the working directory sees it.
func under(folder, file string) string {
	if file == "" || folder == "." || filepath.Ext(file) == ".go" || strings.HasPrefix(file, "@") {
		return file
	}
	return filepath.Join(folder, filepath.FromSlash(file))
}

// sourceText gives findings their source lines; their places name files as the working
// directory does, those of modules by themselves.
func (r *run) sourceText(file string) ([]byte, error) {
	if strings.HasPrefix(file, "@") {
		return fs.ReadFile(r.app.Program.Parts().Over(os.DirFS(".")), file)
	}
	return os.ReadFile(file)
}

// load reads schema and policy and refuses mistakes. Warnings are for verbs that
// start something or check; the others are not about them.
func (r *run) load(arg string, warn bool) (*project, error) {
	folder, root, err := place(arg)
	if err != nil {
		return nil, err
	}
	s, rules, found := r.inspect(folder, root)
	if warn || found.HasErrors() {
		if err := r.show(found); err != nil {
			return nil, err
		}
	}
	if found.HasErrors() {
		return nil, reported(exitFindings)
	}
	return &project{folder: folder, root: root, schema: s, rules: rules, told: found}, nil
}

// show prints findings for people.
func (r *run) show(found diag.List) error {
	if len(found) == 0 {
		return nil
	}
	if err := diag.Text(r.err, found, r.sourceText, r.live); err != nil {
		return err
	}
	r.note("%s", found.Summary())
	return nil
}

// open prepares an application for work on its rows. A database that does
// not exist yet gets its tables; one that lags behind the schema is refused.
func (r *run) open(arg string, flags map[string]string) (*project, error) {
	p, err := r.load(arg, false)
	if err != nil {
		return nil, err
	}
	if p.cfg, err = r.readConfig(p.folder, flags); err != nil {
		return nil, err
	}
	fresh := p.fresh()
	p.verb = true
	p.cfg.Replicas = nil // a verb reads little
	p.cfg.Engine.Mail = engine.Mail{}
	if err := p.openStore(r); err != nil {
		return nil, err
	}
	if !fresh && p.databasePath() == "" {
		if fresh, err = p.bare(r); err != nil {
			p.close()
			return nil, p.databaseError(err)
		}
	}
	pending, err := p.store.Migrate(r.ctx, p.schema, fresh)
	switch {
	case err != nil:
		err = unavailable(fmt.Errorf("%s: %w", masked(p.cfg.DB), err))
	case len(pending) > 0:
		err = p.pendingRefusal(pending)
	default:
		err = p.startEngine(r)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// pendingRefusal says what the database lacks and what to do about it.
func (p *project) pendingRefusal(pending []storage.Step) error {
	lines := make([]string, 0, len(pending)+1)
	safe := true
	for _, step := range pending {
		mark := "  "
		if !step.Safe {
			mark, safe = "! ", false
		}
		lines = append(lines, mark+step.Text)
	}
	path := p.databasePath()
	switch {
	case safe:
		lines = append(lines, "`dowel plan` shows them, `dowel apply` or `dowel serve --apply` makes them")
	case p.cfg.Engine.Dev && path != "":
		lines = append(lines, "those marked ! lose something or cannot be made: `dowel plan` says why, `dowel apply --allow NAME` makes one that loses something;",
			"or stop, remove "+path+", and start again with the rows of seed/")
	default:
		lines = append(lines, "those marked ! lose something or cannot be made: `dowel plan` says why, `dowel apply --allow NAME` makes one that loses something")
	}
	return refuse(fmt.Errorf("the database lags behind the schema by %s", counted(len(pending), "change", "changes")), lines...)
}

// startEngine makes the engine. Tokens are possible when there is a key.
func (p *project) startEngine(r *run) error {
	if err := p.openSigner(); err != nil {
		return err
	}
	contents, err := blob.Open(p.filesAt(), "")
	if err != nil {
		return refuse(fmt.Errorf("files: %w", err))
	}
	p.engine, err = engine.Open(engine.Config{
		Files:  contents,
		Schema: p.schema, Authorizer: p.rules, Store: p.store, Settings: p.cfg.Engine,
		Signer: p.signer, Mail: p.mail, App: r.app.Program, Log: p.log, Metrics: p.metrics,
	})
	if err != nil {
		return refuse(err)
	}
	return nil
}

// logger is the one settings ask for. Somebody who watches dev gets short lines, unless they said otherwise.
func (r *run) logger(c *config) *slog.Logger {
	if c.Engine.Dev && c.find("log.format").source == "default" {
		h := &devLog{w: r.err, colour: r.live}
		if err := h.level.UnmarshalText([]byte(c.Engine.Log.Level)); err != nil {
			h.level = slog.LevelInfo // the setting's reader lets known words through only
		}
		return slog.New(h)
	}
	return engine.NewLogger(r.err, c.Engine.Log)
}

// invoke runs an action as the system: permission is the operator's, all else is checked.
func (p *project) invoke(ctx context.Context, a actions.Action) (*actions.Result, error) {
	return p.engine.Invoke(ctx, &authz.Subject{System: true}, a)
}

func (p *project) close() {
	if p.store == nil {
		return
	}
	if p.engine != nil {
		if err := p.engine.Release(); err != nil {
			p.log.Warn("closing redis", slog.Any("error", err))
		}
	}
	if err := p.store.Close(); err != nil {
		p.log.Warn("closing the database", slog.Any("error", err))
	}
}
