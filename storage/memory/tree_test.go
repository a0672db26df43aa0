package memory

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dowel-dev/dowel/schema"
)

// A tree is a sorted map, and every former tree stays what it was.
func TestTreeIsASortedMapWithHistory(t *testing.T) {
	type version struct {
		tree tree[int]
		want map[string]int
	}
	rapid.Check(t, func(t *rapid.T) {
		history := []version{{want: map[string]int{}}}
		for i, key := range rapid.SliceOf(rapid.StringOfN(rapid.RuneFrom([]rune("ab\x00")), 0, 4, -1)).Draw(t, "keys") {
			from := history[rapid.IntRange(0, len(history)-1).Draw(t, "from")]
			to := version{want: maps.Clone(from.want)}
			if rapid.Bool().Draw(t, "remove") {
				to.tree = from.tree.without(key)
				delete(to.want, key)
			} else {
				to.tree = from.tree.with(key, i)
				to.want[key] = i
			}
			history = append(history, to)
		}
		for _, v := range history {
			checkTree(t, v.tree, v.want)
		}
	})
}

func checkTree(t *rapid.T, tree tree[int], want map[string]int) {
	if tree.len() != len(want) {
		t.Fatalf("len %d, want %d", tree.len(), len(want))
	}
	for _, prefix := range []string{"", "a", "ab", "b\x00", "c"} {
		var keys, wantKeys []string
		for k, v := range tree.prefix(prefix) {
			keys = append(keys, k)
			if v != want[k] {
				t.Fatalf("%q is %d, want %d", k, v, want[k])
			}
		}
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if strings.HasPrefix(k, prefix) {
				wantKeys = append(wantKeys, k)
			}
		}
		if d := cmp.Diff(wantKeys, keys); d != "" {
			t.Fatalf("prefix %q: %s", prefix, d)
		}
	}
	for _, k := range []string{"", "a", "ab", "zz"} {
		v, ok := tree.get(k)
		if w, wantOK := want[k]; v != w || ok != wantOK {
			t.Fatalf("get %q: %d %v, want %d %v", k, v, ok, w, wantOK)
		}
	}
}

func TestTreeStaysFlat(t *testing.T) {
	var tr tree[int]
	for i := range 10_000 {
		tr = tr.with(keyOf(schema.NewInt(int64(i))), i)
	}
	if d := depth(tr.root); d > 60 {
		t.Errorf("depth %d for 10,000 entries added in order", d)
	}
}

func depth(n *node[int]) int {
	if n == nil {
		return 0
	}
	return 1 + max(depth(n.left), depth(n.right))
}

// Keys sort like the values they are made of, and none is the beginning of another.
func TestKeysSortLikeTheirValues(t *testing.T) {
	text := rapid.StringOf(rapid.RuneFrom([]rune("abé\U0001F600\x01")))
	kinds := map[string]*rapid.Generator[schema.Value]{
		"int":     rapid.Map(rapid.Int64(), schema.NewInt),
		"float":   rapid.Map(rapid.Float64Range(-1e300, 1e300), schema.NewFloat),
		"decimal": rapid.Map(rapid.Int64(), func(n int64) schema.Value { return schema.NewDecimal(n, 2) }),
		"text":    rapid.Map(text, schema.NewText),
		"bool":    rapid.Map(rapid.Bool(), schema.NewBool),
	}
	for name, values := range kinds {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				a, b := values.Draw(t, "a"), values.Draw(t, "b")
				want, _ := schema.Order(a, b)
				if got := strings.Compare(keyOf(a), keyOf(b)); got != want {
					t.Fatalf("%v and %v compare %d, their keys %d", a, b, want, got)
				}
				if want != 0 && strings.HasPrefix(keyOf(a), keyOf(b)) {
					t.Fatalf("the key of %v begins with that of %v", a, b)
				}
			})
		})
	}
}
