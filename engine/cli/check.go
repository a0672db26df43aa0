package cli

import (
	"github.com/dowel-dev/dowel/schema/diag"
)

// checkCmd is `dowel check`.
type checkCmd struct {
	Format string `enum:"text,short,json,github,sarif" default:"text" help:"How findings are printed: ${enum}."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run prints every finding about schema, policy and settings. Warnings alone are no failure.
func (c *checkCmd) Run(r *run) error {
	folder, root, err := place(c.Folder)
	if err != nil {
		return err
	}
	s, _, found := r.inspect(folder, root)
	found = append(found, seenFrom(folder, configFindings(folder))...)
	if err := diag.Write(r.out, c.Format, found, r.sourceText, r.lively(r.out)); err != nil {
		return err
	}
	if found.HasErrors() {
		r.note("%s", found.Summary())
		return reported(exitFindings)
	}
	if len(found) > 0 {
		r.note("%s, %s", counted(len(classNames(s)), "class", "classes"), found.Summary())
		return nil
	}
	r.note("%s, nothing to complain about", counted(len(classNames(s)), "class", "classes"))
	return nil
}
