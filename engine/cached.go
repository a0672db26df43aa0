package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/authz"
	"github.com/dowel-dev/dowel/engine/cache"
	"github.com/dowel-dev/dowel/engine/format"
	"github.com/dowel-dev/dowel/engine/redis"
	"github.com/dowel-dev/dowel/storage"
)

// DefaultCache is how many bytes of answers are kept in memory where settings do not say.
const DefaultCache = 32 << 20

// shelf keeps answers of classes with `cache:`, in memory and in the Redis that nodes share.
type shelf struct {
	memory func() *cache.Cache // made when the first answer is to be kept
	redis  *redis.Client       // nil: none
	space  struct {
		sync.RWMutex
		of *redis.Space // once it is known which database this is
	}
}

// share connects the engine to the Redis that its settings name.
func (e *Engine) share() error {
	s := &e.cfg.Settings
	if s.Cache == 0 {
		s.Cache = DefaultCache
	}
	e.kept.memory = sync.OnceValue(func() *cache.Cache {
		return cache.New(cache.Config{Bytes: s.Cache, Within: s.Limits.Request, Count: e.lookedUp})
	})
	if s.Redis == "" {
		return nil
	}
	now := rate.Sometimes{Interval: 10 * time.Second}
	var err error
	e.kept.redis, err = redis.Open(s.Redis, func(err error) {
		e.lookedUp(cache.Redis, "error")
		now.Do(func() {
			e.cfg.Log.Warn("redis does not do as asked, so this node goes on without", slog.String("cause", err.Error()))
		})
	})
	return err
}

func (e *Engine) lookedUp(backend, outcome string) {
	if m := e.cfg.Metrics; m != nil {
		m.LookUp(backend, outcome)
	}
}

// shared is where nodes share answers, nil for nowhere. A database that only this process
// serves has nobody to share with, and nothing that tells it from another one of the same name.
func (e *Engine) shared(ctx context.Context) cache.Shared {
	k := &e.kept
	if k.redis == nil {
		return nil
	}
	k.space.RLock()
	space := k.space.of
	k.space.RUnlock()
	if space != nil {
		return space
	}
	named, ok := storage.As[storage.Named](e.cfg.Store)
	if !ok {
		return nil
	}
	name, err := named.Name(ctx)
	if err != nil {
		return nil // the database is away, which whoever asks it learns anyway
	}
	k.space.Lock()
	defer k.space.Unlock()
	if k.space.of == nil {
		k.space.of = k.redis.Space(name, []byte(e.cfg.Settings.Auth.Secret))
	}
	return k.space.of
}

// Answer is Invoke for who wants the content of the answer rather than its rows: that
// may be what was kept of an equal one (actions.Result.Encoded).
func (l *live) Answer(ctx context.Context, s *authz.Subject, a actions.Action) (*actions.Result, error) {
	res, err := l.invoke(ctx, s, a, true)
	if err != nil {
		return nil, l.refusal(ctx, err)
	}
	return res, nil
}

// read runs a plan that reads. encoded: its answer may be one that was kept.
func (l *live) read(ctx context.Context, x *actions.Exec, p actions.Reading, a actions.Action, encoded bool) (*actions.Result, error) {
	if k := l.keepable(x, p, a, encoded); k != nil {
		res, err := l.keptOrRead(ctx, k, &a.Common().Output)
		var e *actions.Error
		if errors.As(err, &e) { // others may have been told the same
			own := *e
			err = &own
		}
		return res, err
	}
	return p.Read(ctx, x, l.engine.cfg.Store)
}

// keepable says how an answer may be kept, nil for not at all.
func (l *live) keepable(x *actions.Exec, p actions.Reading, a actions.Action, encoded bool) *actions.Keep {
	if !encoded || l.engine.cfg.Settings.Cache < 0 {
		return nil
	}
	c := l.snapshot.Schema.Class(a.On())
	if c == nil || c.Cache <= 0 {
		return nil
	}
	if plan, ok := p.(actions.Keeping); ok {
		if k := plan.Keep(x); k != nil {
			return k
		}
	}
	l.engine.kept.memory().Bypass()
	return nil
}

// keptOrRead answers with what was kept, or keeps what it answers. The counters come first: they say which
// answer is right at this moment, and often that the client has it already.
func (l *live) keptOrRead(ctx context.Context, k *actions.Keep, o *actions.Output) (*actions.Result, error) {
	store := l.engine.cfg.Store
	if err := k.Enter(ctx, store); err != nil {
		return nil, err
	}
	counters, err := store.Counters(ctx, k.Watch)
	if err != nil {
		return nil, err
	}
	if res, err := k.Current(counters); res != nil || err != nil {
		return res, err
	}
	e := l.engine
	value, err := e.kept.memory().Get(ctx, keyOf(k, counters), k.For, e.shared(ctx), func(ctx context.Context) ([]byte, cache.Key, error) {
		kept, err := k.Read(ctx, store, func(r *actions.Result) []byte { return content(r, o) })
		if err != nil {
			return nil, cache.Key{}, err
		}
		return kept.Append(nil), keyOf(k, kept.Counters), nil
	})
	if err != nil {
		return nil, err
	}
	kept, ok := actions.ParseKept(value)
	if !ok {
		return nil, errors.New("an answer that was kept cannot be read")
	}
	return k.Answer(kept)
}

// content is what is kept of an answer: without the envelope, which has the time in it, and without spaces for people.
func content(r *actions.Result, o *actions.Output) []byte {
	return format.Find(o.Format).Append(nil, &format.Document{
		Class: r.Class, View: r.View, Rows: r.Rows, List: r.List, KeyByIDs: o.KeyByIDs, GroupedByClass: o.GroupedByClass,
	})
}

// keyOf is the key of an answer made under these counters.
func keyOf(k *actions.Keep, counters []int64) cache.Key {
	b := append(make([]byte, 0, len(build())+len(k.Key)+8*len(counters)), build()...)
	b = append(b, k.Key...)
	for _, n := range counters {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return sha256.Sum256(b)
}

// build names the program: another one may write the same rows differently.
var build = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "?"
	}
	text := info.Path + " " + info.Main.Path + " " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
			text += " " + s.Value
		}
	}
	return text + "\x00"
})
