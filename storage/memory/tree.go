package memory

import (
	"hash/maphash"
	"iter"
	"strings"
)

// tree is an immutable map in the order of its keys: with and without return a
// new tree that shares all but one path with the old. That makes a snapshot, a
// savepoint and a rollback the same thing: keeping the tree one had.
//
// It is a treap whose priorities are hashes of the keys. The zero tree is empty.
type tree[V any] struct{ root *node[V] }

var seed = maphash.MakeSeed()

type node[V any] struct {
	key         string
	value       V
	priority    uint64
	size        int
	left, right *node[V]
}

func (t tree[V]) len() int { return t.root.count() }

func (n *node[V]) count() int {
	if n == nil {
		return 0
	}
	return n.size
}

func (t tree[V]) get(key string) (value V, ok bool) {
	for n := t.root; n != nil; {
		switch c := strings.Compare(key, n.key); {
		case c == 0:
			return n.value, true
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return value, false
}

func (t tree[V]) with(key string, value V) tree[V] {
	less, more := split(t.root, key)
	n := &node[V]{key: key, value: value, priority: maphash.String(seed, key), size: 1}
	return tree[V]{join(join(less, n), more)}
}

func (t tree[V]) without(key string) tree[V] {
	less, more := split(t.root, key)
	return tree[V]{join(less, more)}
}

// all yields the entries in order.
func (t tree[V]) all() iter.Seq2[string, V] { return t.prefix("") }

// prefix yields, in order, the entries whose keys begin with p.
func (t tree[V]) prefix(p string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) { t.root.walk(p, yield) }
}

func (n *node[V]) walk(prefix string, yield func(string, V) bool) bool {
	if n == nil {
		return true
	}
	if n.key < prefix {
		return n.right.walk(prefix, yield)
	}
	if !strings.HasPrefix(n.key, prefix) {
		return n.left.walk(prefix, yield)
	}
	return n.left.walk(prefix, yield) && yield(n.key, n.value) && n.right.walk(prefix, yield)
}

// copyWith returns n with other children.
func (n *node[V]) copyWith(left, right *node[V]) *node[V] {
	c := *n
	c.left, c.right, c.size = left, right, left.count()+right.count()+1
	return &c
}

// split leaves the key itself out of both halves.
func split[V any](n *node[V], key string) (less, more *node[V]) {
	if n == nil {
		return nil, nil
	}
	switch c := strings.Compare(key, n.key); {
	case c == 0:
		return n.left, n.right
	case c < 0:
		less, more = split(n.left, key)
		return less, n.copyWith(more, n.right)
	default:
		less, more = split(n.right, key)
		return n.copyWith(n.left, less), more
	}
}

// join puts two trees together; every key of less is below every key of more.
func join[V any](less, more *node[V]) *node[V] {
	switch {
	case less == nil:
		return more
	case more == nil:
		return less
	case less.priority >= more.priority:
		return less.copyWith(less.left, join(less.right, more))
	default:
		return more.copyWith(join(less, more.left), more.right)
	}
}
