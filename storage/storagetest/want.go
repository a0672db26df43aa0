package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// want compares lines.
func (f *fixture) want(got []string, want ...string) {
	f.t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		f.t.Errorf("rows differ (-want +got):\n%s", d)
	}
}

// wantError compares errors by kind.
func (f *fixture) wantError(err, want error) {
	f.t.Helper()
	if got, want := kind(err), kind(want); got != want {
		f.t.Errorf("got error %s (%v), want %s", got, err, want)
	}
}

// kind reduces an error to what callers can tell apart.
func kind(err error) string {
	if err == nil {
		return "none"
	}
	if e := new(storage.StaleError); errors.As(err, &e) {
		return "stale"
	}
	if e := new(storage.UniqueError); errors.As(err, &e) {
		names := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			names[i] = f.Name
		}
		return fmt.Sprintf("unique %s %v", e.Class.Name, names)
	}
	if e := new(storage.ReferenceError); errors.As(err, &e) {
		return "reference " + e.Field.Class.Name + "." + e.Field.Name
	}
	if e := new(storage.ReferencedError); errors.As(err, &e) {
		return fmt.Sprintf("referenced by %d %s.%s", e.Count, e.By.Class.Name, e.By.Name)
	}
	if e := new(storage.CheckError); errors.As(err, &e) {
		return "check " + e.Check.Name
	}
	for _, known := range []error{storage.ErrNotFound, storage.ErrUnavailable, storage.ErrOutcomeUnknown,
		storage.ErrConcurrent, storage.ErrTooLarge, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	return err.Error()
}

// unique, reference, referenced and check are the errors tests expect.
func (f *fixture) unique(class string, fields ...string) error {
	e := &storage.UniqueError{Class: f.class(class)}
	for _, name := range fields {
		e.Fields = append(e.Fields, f.field(class, name))
	}
	return e
}

func (f *fixture) reference(class, field string) error {
	return &storage.ReferenceError{Field: f.field(class, field)}
}

func (f *fixture) referenced(count int64, class, field string) error {
	return &storage.ReferencedError{By: f.field(class, field), Count: count}
}

func (f *fixture) check(class, name string) error {
	for _, c := range f.class(class).Checks {
		if c.Name == name {
			return &storage.CheckError{Check: c}
		}
	}
	f.t.Fatalf("no check %s", name)
	return nil
}

// version returns the version of one row, soft-deleted or not.
func (f *fixture) version(class string, key any) int64 {
	f.t.Helper()
	parts, ok := key.([]any)
	if !ok {
		parts = []any{key}
	}
	q := &storage.Query{Class: f.class(class), Key: f.key(class, parts...), Limit: 1, Deleted: storage.WithDeleted}
	rows := f.page(q).Rows
	if len(rows) != 1 {
		f.t.Fatalf("%s %v: %d rows", class, key, len(rows))
	}
	return rows[0].Version
}

// moved returns which of the classes have another change counter after fn.
func (f *fixture) moved(fn func(), classes ...string) string {
	f.t.Helper()
	var cs []*schema.Class
	for _, name := range classes {
		cs = append(cs, f.class(name))
	}
	before := f.counters(cs)
	fn()
	after := f.counters(cs)
	var names []string
	for i, name := range classes {
		if after[i] < before[i] {
			f.t.Errorf("counter of %s went back from %d to %d", name, before[i], after[i])
		}
		if after[i] != before[i] {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func (f *fixture) counters(cs []*schema.Class) []int64 {
	f.t.Helper()
	ns, err := f.store.Counters(f.ctx, cs)
	if err != nil {
		f.t.Fatalf("counters: %v", err)
	}
	return ns
}
