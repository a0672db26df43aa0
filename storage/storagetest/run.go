// Package storagetest is the contract of package storage as a test suite.
//
// Run checks every promise of the contract, one sub-test each, against a store;
// Differential draws schemas, rows, changes and queries and compares two
// stores; Decorated runs the suite through a decorator. A new store is done when
//
//	func TestStore(t *testing.T) { storagetest.Run(t, open) }
//
// passes. Schemas are built in Go (Schema, Class, Field, …), so that nothing
// but the store is under test.
package storagetest

import (
	"context"
	"testing"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/observe"
)

// chapter is a part of the contract: promises about stores of one schema that
// hold the same rows at the start.
type chapter struct {
	name     string
	schema   func() *schema.Schema
	rows     func(f *fixture)
	promises []promise
}

// promise is one sentence of the contract and the proof.
type promise struct {
	text  string
	holds func(f *fixture)
}

func chapters() []chapter {
	return []chapter{
		reading(), ordering(), placing(), summing(), logic(), paths(), softDeletes(), sets(), computing(), expanding(),
		values(), inserting(), changing(), guarding(), constraining(), judgingNumbers(), deleting(), travelling(), linking(),
		numbering(), versioning(), transactions(), keeping(), racing(), evolving(), naming(), limits(),
	}
}

// Run checks that a store keeps every promise.
func Run(t *testing.T, open Open) {
	for _, c := range chapters() {
		t.Run(c.name, func(t *testing.T) {
			s := c.schema()
			for _, p := range c.promises {
				t.Run(p.text, func(t *testing.T) {
					f := open.with(t, s)
					if c.rows != nil {
						c.rows(f)
					}
					p.holds(f)
				})
			}
		})
	}
}

// Decorated runs the suite through the observing decorator: whatever wraps a
// store must keep its promises.
func Decorated(t *testing.T, open Open) {
	Run(t, func(t testing.TB, s *schema.Schema) storage.Store {
		return observe.Store(open(t, s), func(context.Context, observe.Call) {})
	})
}
