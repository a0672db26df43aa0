package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/authz/token"
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/openapi"
	"github.com/dowel-dev/dowel/engine/openapi/contract"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// contractReport is what the calls of `dowel test --contract` have shown.
type contractReport struct {
	*contract.Report
	MS float64 `json:"ms"`
}

// contract calls every operation of the application, on a copy in memory with the
// rows of its seed, and holds the answers against its OpenAPI document.
func (c *testCmd) contract(r *run) error {
	began := time.Now()
	p, err := r.load(c.Folder, false)
	if err != nil {
		return err
	}
	w, err := p.newWorld(r, p.rules, true)
	if err != nil {
		return err
	}
	defer w.close()
	report, err := w.promised(r)
	if err != nil {
		return err
	}
	report.MS = float64(time.Since(began).Microseconds()) / 1000
	if c.Output == "json" {
		err = printJSON(r, report)
	} else {
		err = report.text(r.out)
	}
	if err == nil && len(report.Findings) > 0 {
		return reported(exitFindings)
	}
	return err
}

// promised holds the world against its document.
func (w *world) promised(r *run) (*contractReport, error) {
	text, err := engine.OpenAPI(w.cfg.Engine, w.schema, w.heard, r.app.Program, openapi.Exact)
	if err != nil {
		return nil, err
	}
	document, err := contract.Read(text, w.schema)
	if err != nil {
		return nil, err
	}
	found, err := document.Run(contract.Subject{
		Handler: w.engine.Handler(),
		IDs:     func(class *schema.Class) []string { return w.some(r, class) },
		Token:   func(roles []string) (string, error) { return w.anybody(r, roles) },
	})
	if err != nil {
		return nil, err
	}
	return &contractReport{Report: found}, nil
}

// some are ids of a few records of a class.
func (w *world) some(r *run, class *schema.Class) (ids []string) {
	query := &storage.Query{Class: class, Limit: 2}
	for _, k := range class.Key {
		query.Columns = append(query.Columns, storage.Column{Field: k})
		query.Order = append(query.Order, storage.Order{By: &schema.Path{Field: k, Type: k.Type}})
	}
	page, err := w.store.Read(r.ctx, query)
	if err == nil { // without any the calls are about records that are not there
		for i := range page.Rows {
			ids = append(ids, schema.FormatKey(class, page.Rows[i].Key(class)))
		}
	}
	return ids
}

// anybody is the Authorization of somebody with the roles of the schema among some: the first
// account of the seed, if there is any, so that what hangs on rows may hold, too.
func (w *world) anybody(r *run, roles []string) (string, error) {
	id := engine.Nobody
	if login := w.schema.Login; login != nil {
		if all := w.some(r, login); len(all) > 0 {
			id = all[0]
		}
	}
	global := slices.DeleteFunc(slices.Clone(roles), func(name string) bool {
		return !slices.ContainsFunc(w.schema.Roles, func(known *schema.Role) bool { return known.Name == name })
	})
	raw, err := w.tokens.Issue(token.Claims{Subject: id, Roles: global, Expires: time.Now().Add(time.Hour)})
	return "Bearer " + raw, err
}

// text prints a report for people.
func (t *contractReport) text(w io.Writer) error {
	var b strings.Builder
	for _, f := range t.Findings {
		fmt.Fprintf(&b, "%s: %s\n    %s\n    as %s, to try %s: %d\n", f.Operation, printable(cut(f.Says)), printable(cut(f.Call)), f.As, printable(f.Try), f.Status)
	}
	fmt.Fprintf(&b, "%s (%d done at least once), %s, %s (%.0f ms)\n", counted(t.Operations, "operation", "operations"), t.Done, counted(t.Calls, "call", "calls"), counted(len(t.Findings), "finding", "findings"), t.MS)
	_, err := io.WriteString(w, b.String())
	return err
}

// cut is a text of a length that can be read.
func cut(text string) string {
	if runes := []rune(text); len(runes) > 400 {
		return string(runes[:400]) + "…"
	}
	return text
}
