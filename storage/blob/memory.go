package blob

import (
	"bytes"
	"context"
	"io"
	"iter"
	"maps"
	"strings"
	"sync"
	"time"
)

// Memory keeps content in memory: all is gone with the process.
type Memory struct {
	mu   sync.Mutex
	kept map[string]kept
}

type kept struct {
	content  []byte
	modified time.Time
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{kept: map[string]kept{}} }

// Put implements Store.
func (m *Memory) Put(_ context.Context, key string, r io.Reader) error {
	if err := checkKey(key); err != nil {
		return err
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[key] = kept{content, time.Now()}
	return nil
}

// Open implements Store.
func (m *Memory) Open(_ context.Context, key string) (io.ReadSeekCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, there := m.kept[key]
	if !there {
		return nil, ErrNotFound
	}
	return unclosed{bytes.NewReader(k.content)}, nil
}

type unclosed struct{ io.ReadSeeker }

func (unclosed) Close() error { return nil }

// Delete implements Store.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, key)
	return nil
}

// List implements Store.
func (m *Memory) List(_ context.Context, prefix string) iter.Seq2[Info, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := maps.Clone(m.kept)
	return func(yield func(Info, error) bool) {
		for key, k := range all {
			if strings.HasPrefix(key, prefix) && !yield(Info{key, k.modified}, nil) {
				return
			}
		}
	}
}

// Close implements Store.
func (m *Memory) Close() error { return nil }
