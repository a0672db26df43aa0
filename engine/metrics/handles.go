package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// handles keeps what was once looked up. Finding it again takes no lock: the map
// is never changed but replaced by a larger one.
type handles[K comparable, V any] struct {
	make func(K) V

	mu  sync.Mutex
	all atomic.Pointer[map[K]V]
}

func (h *handles[K, V]) of(key K) V {
	if all := h.all.Load(); all != nil {
		if v, ok := (*all)[key]; ok {
			return v
		}
	}
	return h.add(key)
}

func (h *handles[K, V]) add(key K) V {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := map[K]V{}
	if all := h.all.Load(); all != nil {
		if v, ok := (*all)[key]; ok {
			return v
		}
		next = maps.Clone(*all)
	}
	v := h.make(key)
	next[key] = v
	h.all.Store(&next)
	return v
}
