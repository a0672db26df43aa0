package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type contextKey struct{}

func TestDeadline(t *testing.T) {
	parent := context.WithValue(context.Background(), contextKey{}, "value")
	for _, tc := range []struct {
		name string
		run  func(t *testing.T, d *deadline, ctx context.Context)
	}{
		{"is over in time, waited for or not", func(t *testing.T, d *deadline, ctx context.Context) {
			if ctx.Err() != nil {
				t.Fatal("over at once")
			}
			time.Sleep(time.Second)
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("not over: %v", ctx.Err())
			}
		}},
		{"wakes whoever waits", func(t *testing.T, d *deadline, ctx context.Context) {
			start := time.Now()
			<-ctx.Done()
			if time.Since(start) != time.Second || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
				t.Errorf("after %s: %v", time.Since(start), ctx.Err())
			}
		}},
		{"ends those derived from it", func(t *testing.T, d *deadline, ctx context.Context) {
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			<-child.Done()
			if !errors.Is(child.Err(), context.DeadlineExceeded) {
				t.Errorf("child: %v", child.Err())
			}
		}},
		{"can be ended early", func(t *testing.T, d *deadline, ctx context.Context) {
			done := ctx.Done()
			d.end()
			<-done
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("%v", ctx.Err())
			}
		}},
		{"stays ended for who comes late", func(t *testing.T, d *deadline, ctx context.Context) {
			d.end()
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("%v", ctx.Err())
			}
			<-ctx.Done()
		}},
		{"has the parent's values", func(t *testing.T, d *deadline, ctx context.Context) {
			before := ctx.Value(contextKey{})
			ctx.Done()
			if before != "value" || ctx.Value(contextKey{}) != "value" {
				t.Error("lost")
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d deadline
				ctx := d.start(parent, time.Second)
				defer d.end()
				if at, ok := ctx.Deadline(); !ok || at != time.Now().Add(time.Second) {
					t.Errorf("deadline %v", at)
				}
				tc.run(t, &d, ctx)
			})
		})
	}
}

func TestDeadlineOfTheParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithTimeout(context.Background(), time.Second)
		var d deadline
		ctx := d.start(parent, time.Minute)
		if at, _ := ctx.Deadline(); at != time.Now().Add(time.Second) {
			t.Errorf("deadline %v", at)
		}
		cancel()
		if !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("%v", ctx.Err())
		}
		if d := (&deadline{}); d.start(parent, 0) != parent {
			t.Error("no time is no end")
		}
	})
}
