package cli

import (
	"fmt"
)

// historyCmd is `dowel history`.
type historyCmd struct {
	Verify historyVerifyCmd `cmd:"" help:"Find out whether somebody has changed what is kept of changes."`
}

type historyVerifyCmd struct {
	DB     string `name:"db" placeholder:"URL" help:"Database [DOWEL_DB]."`
	Folder string `arg:"" optional:"" default:"." help:"The application."`
}

// Run reads all histories. It prints a digest of them: noted elsewhere, it shows later that nobody
// has made them anew.
func (c *historyVerifyCmd) Run(r *run) error {
	flags := map[string]string{}
	if c.DB != "" {
		flags["db"] = c.DB
	}
	p, err := r.open(c.Folder, flags)
	if err != nil {
		return err
	}
	defer p.close()
	v, err := p.engine.VerifyHistory(r.ctx)
	if err != nil {
		return unavailable(err)
	}
	for _, problem := range v.Problems {
		if _, err := fmt.Fprintln(r.out, problem); err != nil {
			return err
		}
	}
	r.note("%s of %s", counted(v.Entries, "entry", "entries"), counted(v.Rows, "record", "records"))
	if len(v.Problems) > 0 {
		return reported(exitFindings)
	}
	if v.Digest != "" {
		_, err = fmt.Fprintln(r.out, v.Digest)
	}
	return err
}
