package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/breaking"
	"github.com/dowel-dev/dowel/engine/openapi"
	"github.com/dowel-dev/dowel/schema"
)

// breakingCmd is `dowel breaking`.
type breakingCmd struct {
	Against string `required:"" placeholder:"FILE|git:REF" help:"What clients were written for: a folder, a schema file, an OpenAPI document, or the folder at a revision of git."`
	Output  string `short:"o" name:"output" enum:"table,json" default:"table" help:"How findings are printed: ${enum}."`
	Folder  string `arg:"" optional:"" default:"." help:"The application, or an OpenAPI document."`
}

// Run compares what clients see of two versions of an application.
func (c *breakingCmd) Run(r *run) error {
	now, err := r.side(c.Folder)
	if err != nil {
		return err
	}
	was, err := r.sideAgainst(c.Against, c.Folder)
	if err != nil {
		return err
	}
	pairs, err := pair(was, now)
	if err != nil {
		return err
	}
	found, err := breaking.Compare(knowledge(was, now), pairs...)
	if err != nil {
		return unavailable(err)
	}
	if c.Output == "json" {
		err = writeJSON(r, found)
	} else if len(found) > 0 {
		t := &table{columns: []string{"severity", "code", "place", "change", "why, or what to do"}}
		for i := range found {
			f := &found[i]
			t.add(string(f.Severity), f.Code, f.Place(), f.Message, f.Help)
		}
		err = t.print(r.out, "table")
	}
	if err != nil {
		return err
	}
	bad := breaking.Count(found, breaking.Breaking)
	r.note("%d breaking, %d risky, %d harmless", bad, breaking.Count(found, breaking.Risky), breaking.Count(found, breaking.Harmless))
	if bad > 0 {
		return reported(exitFindings)
	}
	return nil
}

func writeJSON(r *run, found []breaking.Finding) error {
	if found == nil {
		found = []breaking.Finding{}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(found); err != nil {
		return fmt.Errorf("findings as JSON: %w", err)
	}
	_, err := r.out.Write(out.Bytes())
	return err
}

// side is one of two versions: an application, or a document that somebody kept.
type side struct {
	schema  *schema.Schema // nil for a document
	edition string         // of the document
	raw     map[string][]byte
}

// side reads an application or a document from disk.
func (r *run) side(arg string) (*side, error) {
	if info, err := os.Stat(arg); err == nil && !info.IsDir() && filepath.Ext(arg) == ".json" {
		raw, err := os.ReadFile(arg)
		if err != nil {
			return nil, unavailable(err)
		}
		edition, err := breaking.Edition(raw)
		if err != nil {
			return nil, unavailable(fmt.Errorf("%s: %w", arg, err))
		}
		return &side{edition: edition, raw: map[string][]byte{edition: raw}}, nil
	}
	p, err := r.load(arg, false)
	if err != nil {
		return nil, err
	}
	if p.cfg, err = r.readConfig(p.folder, nil); err != nil {
		return nil, err
	}
	s := &side{schema: p.schema, raw: map[string][]byte{}}
	for _, e := range []openapi.Edition{openapi.Exact, openapi.Plain} {
		if s.raw[string(e)], err = engine.OpenAPI(p.cfg.Engine, p.schema, p.rules, r.app.Program, e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// sideAgainst reads what to compare with; git:REF is the folder of the application at a revision.
func (r *run) sideAgainst(against, here string) (*side, error) {
	ref, git := strings.CutPrefix(against, "git:")
	if !git {
		return r.side(against)
	}
	if ref == "" {
		return nil, misuse("git: names no revision; git:main compares with main")
	}
	folder, root, err := place(here)
	if err != nil {
		return nil, err
	}
	was, err := r.checkout(ref, folder)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(was)
	s, err := r.side(filepath.Join(was, root))
	if err != nil {
		return nil, fmt.Errorf("%s as it was at %s: %w", here, ref, err)
	}
	return s, nil
}

// pair matches documents by the version of OpenAPI that they are written in.
func pair(was, now *side) ([]breaking.Pair, error) {
	var pairs []breaking.Pair
	for _, e := range []openapi.Edition{openapi.Exact, openapi.Plain} {
		if before, after := was.raw[string(e)], now.raw[string(e)]; before != nil && after != nil {
			pairs = append(pairs, breaking.Pair{Old: before, New: after})
		}
	}
	if pairs == nil && was.edition != "" && now.edition != "" {
		return nil, refuse(errors.New("the documents are of OpenAPI "+was.edition+" and "+now.edition), "compare two of the same version: `dowel openapi --version "+now.edition+"`")
	}
	if pairs == nil {
		return nil, refuse(errors.New("the document is of OpenAPI "+was.edition+now.edition), "documents of 3.0 and 3.1 can be compared")
	}
	return pairs, nil
}

// knowledge is what applications know beside their documents.
func knowledge(was, now *side) breaking.Knowledge {
	k := breaking.Knowledge{Includes: map[string][]string{}, Renamed: map[string]string{}}
	if now.schema == nil {
		return k
	}
	for _, s := range []*side{was, now} {
		if s.schema == nil {
			continue
		}
		for _, role := range s.schema.Roles {
			k.Includes[role.Name] = authz.Included(s.schema, role.Name)
		}
	}
	for _, c := range now.schema.Classes {
		before := c.Name
		if c.Was != "" {
			before = c.Was
			k.Renamed[schema.Pascal(before)] = c.TypeName
		}
		for _, f := range c.Fields {
			if f.Was != "" {
				k.Renamed[schema.Pascal(before)+"."+wireName(was.schema, before, f.Was)] = f.JSON
			}
		}
	}
	return k
}

// wireName is what clients called a field in the older version.
func wireName(s *schema.Schema, class, field string) string {
	if s == nil {
		return field
	}
	for _, c := range s.Classes {
		if c.Name != class {
			continue
		}
		if f := c.Field(field); f != nil {
			return f.JSON
		}
	}
	return field
}
