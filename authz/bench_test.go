package authz

import (
	"fmt"
	"testing"

	"github.com/dowel-dev/dowel/schema"
)

// policyOf makes a policy of n rules over 20 classes and 50 roles.
func policyOf(n int) (*fixture, *schema.Class) {
	var roles []string
	for i := range 50 {
		roles = append(roles, fmt.Sprintf("role%d", i))
	}
	f := schemaOf(roles...)
	for i := range 20 {
		f.class(fmt.Sprintf("class%d", i), "a", "b")
	}
	verbs := []string{"list", "get", "create", "update", "delete"}
	for i := range n {
		c := f.Classes[i%20]
		f.add(c, verbs[i/20%5], roles[i/100%50], is(c, "a", fmt.Sprint(i)), false)
	}
	return f, f.Classes[0]
}

func TestWarmDecideAllocatesNothing(t *testing.T) {
	f, c := policyOf(1000)
	r, _ := New(f.Schema, nil)
	for _, s := range []*Subject{{}, {ID: "1", Roles: []string{"role3"}}, {ID: "1", Roles: []string{"role3", "role4"}}, {System: true}} {
		r.Admit(s)
		r.Decide(s, c, "list")
		if n := testing.AllocsPerRun(100, func() { r.Decide(s, c, "list") }); n != 0 {
			t.Errorf("%+v: %v allocations", s, n)
		}
	}
}

func BenchmarkDecideWarm(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("%d rules", n), func(b *testing.B) {
			f, c := policyOf(n)
			r, _ := New(f.Schema, nil)
			s := &Subject{ID: "1", Roles: []string{"role0"}}
			b.ReportAllocs()
			for b.Loop() {
				r.Admit(s)
				r.Decide(s, c, "list")
			}
		})
	}
}

func BenchmarkDecideCold(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("%d rules", n), func(b *testing.B) {
			f, c := policyOf(n)
			r, _ := New(f.Schema, nil)
			s := &Subject{ID: "1", Roles: []string{"role0"}}
			r.Admit(s)
			r.Decide(s, c, "update")
			for b.Loop() {
				r.compile(r.setOf(s), c, "list")
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("%d rules", n), func(b *testing.B) {
			f, _ := policyOf(n)
			for b.Loop() {
				New(f.Schema, nil)
			}
		})
	}
}
