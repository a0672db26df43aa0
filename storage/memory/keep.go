package memory

import (
	"context"
	"fmt"
	"time"
)

// kept is a value that a transaction left under a key.
type kept struct {
	value string
	until time.Time
}

// place is where a key stands among those that will be free again.
func (k kept) place(key string) string { return fmt.Sprintf("%020d %s", k.until.Unix(), key) }

// Claim takes a key, and throws away some values whose time is over.
func (t *tx) Claim(ctx context.Context, key string, now, until time.Time) (string, error) {
	if t.over {
		return "", errOver
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s := t.state
	old, taken := s.kept.get(key)
	if taken && now.Before(old.until) {
		return old.value, nil
	}
	left := 2
	for place, other := range s.due.all() {
		if k, _ := s.kept.get(other); left == 0 || now.Before(k.until) {
			break
		}
		s.due, s.kept = s.due.without(place), s.kept.without(other)
		left--
	}
	k := kept{until: until}
	s.kept, s.due = s.kept.with(key, k), s.due.without(old.place(key)).with(k.place(key), key)
	return "", nil
}

// Keep stores a value with a claimed key.
func (t *tx) Keep(ctx context.Context, key, value string) error {
	if t.over {
		return errOver
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	k, taken := t.state.kept.get(key)
	if !taken || k.value != "" {
		return fmt.Errorf("the key %s was not claimed", key)
	}
	k.value = value
	t.state.kept = t.state.kept.with(key, k)
	return nil
}
