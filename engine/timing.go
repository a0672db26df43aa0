package engine

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"
)

// times are where the time of a request went, for whoever develops: the
// Server-Timing field of answers in dev (W3C Server Timing).
type times struct {
	parse, authorize time.Duration
	store            atomic.Int64 // nanoseconds; stores work in goroutines of their own
	encoding         time.Time    // when it began
}

type exchangeKey struct{}

// exchangeOf finds the request that a context belongs to, nil for none.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// timed finds the request whose time is taken, nil outside of dev.
func (l *live) timed(ctx context.Context) *exchange {
	if !l.engine.cfg.Settings.Dev {
		return nil
	}
	return exchangeOf(ctx)
}

// serverTiming says where the time went.
func (x *exchange) serverTiming() {
	b := make([]byte, 0, 128)
	add := func(name string, d time.Duration) {
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, name...), ";dur="...)
		b = strconv.AppendFloat(b, milliseconds(d), 'f', -1, 64)
	}
	t := &x.times
	add("parse", t.parse)
	add("authorize", t.authorize)
	add("store", time.Duration(t.store.Load()))
	encode := time.Duration(0)
	if !t.encoding.IsZero() {
		encode = time.Since(t.encoding)
	}
	add("encode", encode)
	add("total", x.h.clock().Sub(x.start))
	x.w.Header()["Server-Timing"] = []string{string(b)}
}
