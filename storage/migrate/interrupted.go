package migrate

import (
	"context"
	"encoding/json"
)

// ChangedError is ErrChanged with what differs.
type ChangedError struct{ Differences []Difference }

func (e *ChangedError) Error() string { return ErrChanged.Error() }

// Is reports whether target is ErrChanged.
func (e *ChangedError) Is(target error) bool { return target == ErrChanged }

// kept is the shape of the tables as a plan keeps it.
func (d *Database) kept(named map[string]bool) json.RawMessage {
	text, err := json.Marshal(d.shape(named))
	if err != nil {
		panic("migrate: " + err.Error()) // plain data always has a JSON form
	}
	return text
}

// changed says what has become of the tables that the plan was made for.
func (p *Plan) changed(have *Database, named map[string]bool) error {
	before := &Database{}
	if err := json.Unmarshal(p.Have, before); err != nil {
		return ErrChanged // a plan of a release that did not keep them
	}
	d := drift{since: "the plan was made"}
	have = have.shape(named)
	for _, t := range have.Tables {
		b := before.Table(t.Name)
		if b == nil {
			d.add("+", "table", "", t.Name, "came since %s", d.since)
			continue
		}
		d.columns(b, t)
		d.indexes(b, t)
		if b.Ours != t.Ours {
			d.add("~", "table", "", t.Name, "was taken over since %s", d.since)
		}
		if len(d.found) == 0 && digest(b) != digest(t) {
			d.add("~", "table", "", t.Name, "is otherwise noted since %s", d.since)
		}
	}
	for _, b := range before.Tables {
		if have.Table(b.Name) == nil {
			d.add("-", "table", "", b.Name, "is gone")
		}
	}
	return &ChangedError{d.found}
}

// lastPlan names the plan that was begun last in _dowel_state.
const lastPlan = "plan"

// keep notes the plan that is being begun.
func (a *applier) keep() error {
	text, err := json.Marshal(a.plan)
	if err != nil {
		return err
	}
	_, err = a.conn.Exec(a.ctx, "insert into _dowel_state (name, value) values ("+literal(lastPlan)+", "+literal(string(text))+") on conflict (name) do update set value = excluded.value")
	return err
}

// Interrupted returns the plan that was begun last if it did not come to its end, else nil, with
// the numbers of its steps that were and were not done. Apply goes on with it.
func Interrupted(ctx context.Context, c Conn) (plan *Plan, done, left int, err error) {
	have, err := Inspect(ctx, c)
	if err != nil || !have.ready {
		return nil, 0, 0, err
	}
	id := ""
	err = c.Query(ctx, "select plan, case when done is null then '' else 'x' end from _dowel_migrations where run = (select max(run) from _dowel_migrations)", func(cols []string) {
		id = cols[0]
		if cols[1] != "" {
			done++
		} else {
			left++
		}
	})
	if err != nil || left == 0 {
		return nil, 0, 0, err
	}
	kept := &Plan{}
	err = c.Query(ctx, "select value from _dowel_state where name = "+literal(lastPlan), func(cols []string) {
		if json.Unmarshal([]byte(cols[0]), kept) != nil || kept.ID() != id {
			kept = nil
		}
	})
	if err != nil || kept == nil || kept.Dialect == "" {
		return nil, 0, 0, err
	}
	return kept, done, left, nil
}

// WantedBy is the fingerprint of the database that a schema wants, as plans name it in Schema.
func WantedBy(want *Database) string { return want.fingerprint(nil) }
