package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/jobs"
)

// jobsCmd is `dowel jobs`.
type jobsCmd struct {
	List   jobsListCmd   `cmd:"" help:"List jobs, the newest first."`
	Retry  jobsRetryCmd  `cmd:"" help:"Have jobs that failed run again."`
	Cancel jobsCancelCmd `cmd:"" help:"Take away jobs that are queued."`
}

type jobsListCmd struct {
	State string `enum:"queued,running,done,failed," default:"" placeholder:"STATE" help:"Only those that are queued, running, done or failed."`
	Most  int    `default:"100" placeholder:"N" help:"At most so many."`
	accountFlags
	Folder string `arg:"" optional:"" default:"." help:"The application."`
	outputFlag
}

// Run lists jobs.
func (c *jobsListCmd) Run(r *run) error {
	p, q, err := c.queue(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	all, err := q.List(r.ctx, jobs.State(c.State), c.Most)
	if err != nil {
		return unavailable(err)
	}
	t := table{columns: []string{"id", "state", "what", "owner", "attempts", "created", "due", "why"}}
	for _, j := range all {
		t.add(j.ID, string(j.State), whatOf(j), j.Owner, j.Attempts, moment(j.Created), moment(j.Due), whyOf(j))
	}
	return t.print(r.out, c.Output)
}

// whatOf is what a job does, in a few words; what is done is forgotten.
func whatOf(j *jobs.Job) any {
	if j.Schedule != "" {
		return "schedule " + j.Schedule
	}
	a, err := actions.Decode([]byte(j.Action))
	if err != nil {
		return nil
	}
	return strings.TrimSpace(a.Verb() + " " + a.On())
}

// whyOf is the code of the problem that the last attempt met.
func whyOf(j *jobs.Job) any {
	if j.State == jobs.Done {
		return nil
	}
	_, rest, ok := strings.Cut(j.Answer, `"code":"`)
	if !ok {
		return nil
	}
	code, _, _ := strings.Cut(rest, `"`)
	return code
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

type jobsRetryCmd struct {
	Job []string `arg:"" help:"Their ids, or all."`
	accountFlags
	Folder string `default:"." placeholder:"DIR" help:"The application."`
}

// Run makes jobs due that failed.
func (c *jobsRetryCmd) Run(r *run) error {
	p, q, err := c.queue(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	ids := c.Job
	if len(ids) == 1 && ids[0] == "all" {
		failed, err := q.List(r.ctx, jobs.Failed, -1)
		if err != nil {
			return unavailable(err)
		}
		ids = nil
		for _, j := range failed {
			ids = append(ids, j.ID)
		}
	}
	for _, id := range ids {
		if err := changed(id, "failed", q.Retry(r.ctx, id, time.Now())); err != nil {
			return err
		}
	}
	r.note("%s run again", counted(len(ids), "job will", "jobs will"))
	return nil
}

type jobsCancelCmd struct {
	Job []string `arg:"" help:"Their ids."`
	accountFlags
	Folder string `default:"." placeholder:"DIR" help:"The application."`
}

// Run removes jobs that wait.
func (c *jobsCancelCmd) Run(r *run) error {
	p, q, err := c.queue(r, c.Folder)
	if err != nil {
		return err
	}
	defer p.close()
	for _, id := range c.Job {
		if err := changed(id, "queued", q.Cancel(r.ctx, id)); err != nil {
			return err
		}
	}
	r.note("%s cancelled", counted(len(c.Job), "job", "jobs"))
	return nil
}

func changed(id, state string, err error) error {
	switch {
	case errors.Is(err, jobs.ErrNone):
		return refuse(fmt.Errorf("no job %s", id), "`dowel jobs list` shows them")
	case errors.Is(err, jobs.ErrState):
		return refuse(fmt.Errorf("the job %s is not %s", id, state))
	case err != nil:
		return unavailable(err)
	}
	return nil
}

// queue opens the database for the jobs in it.
func (f *accountFlags) queue(r *run, folder string) (*project, jobs.Queue, error) {
	flags := map[string]string{}
	if f.DB != "" {
		flags["db"] = f.DB
	}
	p, err := r.open(folder, flags)
	if err != nil {
		return nil, nil, err
	}
	q := p.engine.Jobs()
	if q == nil {
		p.close()
		return nil, nil, refuse(errors.New("this application has no jobs"), "write `app: {jobs: true}` into the schema")
	}
	return p, q, nil
}
