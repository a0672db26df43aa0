package actions

import (
	"context"
	"errors"
	"strconv"

	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Report says what became of the records of a BulkImport.
type Report struct {
	Created, Updated, Skipped, Failed int
	Rows                              []RowReport
}

// RowReport is what became of one record.
type RowReport struct {
	// Key is that of the row made, changed or met.
	Key []schema.Value
	// Err is why there is none. Pointers in it are relative to the record.
	Err *Error
}

// importPlan makes rows, each by the rules of a Create.
type importPlan struct {
	a       *BulkImport
	create  createPlan
	bulk    *authz.Decision
	partial bool
	wrong   [][]Problem // what does not fit the schema, by record; for the partial mode
}

func bindBulkImport(x *Exec, action Action) (Plan, error) {
	a := action.(*BulkImport)
	c, err := x.bulkClass(a.Class)
	if err != nil {
		return nil, err
	}
	var p problems
	switch a.OnConflict {
	case "", ConflictFail, ConflictSkip, ConflictUpdate:
	default:
		p.param("on_conflict", "enum", "`on_conflict` is fail, skip or update.", "")
	}
	switch a.Mode {
	case "", ModeAtomic, ModePartial:
	default:
		p.param("mode", "enum", "`mode` is atomic or partial.", "")
	}
	plan := &importPlan{
		a: a, bulk: x.Decide(c, authz.Bulk), partial: a.Mode == ModePartial,
		create: createPlan{a: &Create{Class: a.Class, Options: a.Options}, class: c, d: x.Decide(c, authz.Create), many: true},
	}
	plan.create.meeting(x, a.OnConflict)
	if kindOf(a.Content) != '[' {
		p.pointer("", "type", "An array of records is expected.", "")
		return nil, p.err()
	}
	els := elements(a.Content)
	if len(els) > x.Limits.Bulk {
		return nil, tooMany(x)
	}
	for i, el := range els {
		if !plan.partial {
			plan.create.item(x, el, "/"+strconv.Itoa(i), &p)
			continue
		}
		var own problems
		plan.create.item(x, el, "", &own)
		plan.wrong = append(plan.wrong, own.list)
	}
	for _, in := range plan.create.inputs {
		in.tests = append(in.tests, x.bulkTests(plan.bulk)...)
	}
	return plan, p.err()
}

func tooMany(x *Exec) error {
	return Invalid(Problem{Code: "too-many", Detail: "At most " + strconv.Itoa(x.Limits.Bulk) + " rows are allowed in one request."})
}

// Authorize needs the rights to bulk operations and to create. What each record
// sets is judged with the record where others may do without it.
func (p *importPlan) Authorize(x *Exec) error {
	if err := x.permitBulk(p.bulk, p.create.class); err != nil {
		return err
	}
	if p.partial {
		return p.create.permit(x)
	}
	return p.create.Authorize(x)
}

// Prepare hashes passwords.
func (p *importPlan) Prepare(ctx context.Context, x *Exec) error {
	for i, in := range p.create.inputs {
		if p.partial && (len(p.wrong[i]) > 0 || len(in.refused) > 0) {
			continue
		}
		if err := in.prepare(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// Write makes the rows. Each record has its own savepoint, so that everything
// that is wrong is told at once, and the others can stay.
func (p *importPlan) Write(ctx context.Context, x *Exec, tx storage.Tx) (*Result, error) {
	if err := p.a.If.ofCollection(); err != nil {
		return nil, err
	}
	r := &Report{Rows: make([]RowReport, len(p.create.inputs))}
	for i := range r.Rows {
		row, outcome, err := p.one(ctx, x, tx, i)
		if err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) {
				return nil, err // of the store, not of the record
			}
			r.Rows[i].Err = refusal
			if r.Failed++; !p.partial && r.Failed == mostProblems {
				break
			}
			continue
		}
		r.Rows[i].Key = row.Key(p.create.class)
		switch outcome {
		case Created:
			r.Created++
		case Updated:
			r.Updated++
		default:
			r.Skipped++
		}
	}
	if r.Failed > 0 && !p.partial {
		return nil, r.refusal()
	}
	return &Result{Outcome: Done, Class: p.create.class, Report: r, Raw: r.appendJSON(nil, p.create.class), DryRun: p.a.DryRun}, nil
}

func (p *importPlan) one(ctx context.Context, x *Exec, tx storage.Tx, i int) (row *storage.Row, outcome Outcome, err error) {
	if p.partial && len(p.wrong[i]) > 0 {
		return nil, 0, Invalid(p.wrong[i]...)
	}
	if err := x.permitInput(p.create.class, p.create.inputs[i]); err != nil {
		return nil, 0, err
	}
	err = tx.Savepoint(ctx, func() (err error) {
		row, _, outcome, err = p.create.one(ctx, x, tx, i)
		return err
	})
	return row, outcome, err
}

// refusal joins the errors of all records into one: nothing was done.
func (r *Report) refusal() *Error {
	var first *Error
	var all problems
	for i := range r.Rows {
		e := r.Rows[i].Err
		if e == nil {
			continue
		}
		if first == nil {
			first = e
		}
		for _, p := range e.Errors {
			all.add(p)
		}
		if len(e.Errors) == 0 {
			all.pointer("/"+strconv.Itoa(i), string(e.Code), e.Detail, e.Hint)
		}
	}
	joined := &Error{Code: first.Code, Detail: first.Detail, Hint: first.Hint, Errors: all.list}
	if r.Failed > 1 {
		joined.Detail, joined.Hint = "Several records were refused; nothing was done.", ""
	}
	return joined
}

// appendJSON writes {"created", "updated", "skipped", "failed", "rows": [{"index", "id"|"errors"}]}.
func (r *Report) appendJSON(b []byte, c *schema.Class) []byte {
	for i, n := range []Count{{`{"created":`, int64(r.Created)}, {`"updated":`, int64(r.Updated)}, {`"skipped":`, int64(r.Skipped)}, {`"failed":`, int64(r.Failed)}} {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, n.Name...), n.N, 10)
	}
	b = append(b, `,"rows":[`...)
	for i := range r.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"index":`...)
		b = strconv.AppendInt(b, int64(i), 10)
		if e := r.Rows[i].Err; e != nil {
			b = append(b, `,"errors":[`...)
			for j, p := range e.Problems() {
				if j > 0 {
					b = append(b, ',')
				}
				b = appendProblem(b, &p)
			}
			b = append(b, "]}"...)
			continue
		}
		b = append(b, `,"id":`...)
		b = append(appendKeyJSON(b, c, r.Rows[i].Key), '}')
	}
	return append(b, "]}"...)
}

// Problems are what is wrong, one at least.
func (e *Error) Problems() []Problem {
	if len(e.Errors) > 0 {
		return e.Errors
	}
	return []Problem{{Code: string(e.Code), Detail: e.Detail, Hint: e.Hint}}
}

// appendProblem writes a problem of a record, its place as a fragment (RFC 6901 §6).
func appendProblem(b []byte, p *Problem) []byte {
	b = schema.AppendQuoted(append(b, `{"code":`...), p.Code)
	b = schema.AppendQuoted(append(b, `,"detail":`...), p.Detail)
	b = schema.AppendQuoted(append(b, `,"pointer":`...), "#"+p.Pointer)
	if p.Hint != "" {
		b = schema.AppendQuoted(append(b, `,"hint":`...), p.Hint)
	}
	return append(b, '}')
}

// appendKeyJSON writes the id of a row as records show it: the value of the key, or the text of several.
func appendKeyJSON(b []byte, c *schema.Class, key []schema.Value) []byte {
	if len(key) == 1 {
		return keyType(c.Key[0]).AppendJSON(b, key[0])
	}
	return schema.AppendQuoted(b, schema.FormatKey(c, key))
}
