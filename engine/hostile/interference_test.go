package hostile_test

import (
	"fmt"
	"strings"
	"testing"
)

// What a subject may not see changes nothing of what it gets: two databases that
// differ in nothing else answer the same to the byte, whatever it asks or writes.
// Only the version part of entity tags may differ: it counts changes.
func TestHiddenChangesNothing(t *testing.T) {
	for _, seed := range seeds(*seedsFlag * 3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			onDisk := seed%3 == 0
			a, b := filled(t, onDisk, seed, 1000+seed), filled(t, onDisk, seed, 2000+seed)
			interfere(t, a, b, &drawer{r: chance(seed, 5), s: a.Schema(), odd: guesses(seed)}, 500)
		})
	}
}

// More hidden rows change no answer to a read either.
func TestHiddenRowsChangeNothing(t *testing.T) {
	for _, seed := range seeds(*seedsFlag * 2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			onDisk := seed%2 == 0
			a, b := filled(t, onDisk, seed, 1000+seed), filled(t, onDisk, seed, 1000+seed)
			b.Make(t, "box", `{"code":"zz","name":"Zqzz","open":false,"size":5,"up":"b0"}`)
			b.Make(t, "tag", `{"name":"zqzz","public":false}`)
			for i := range 6 {
				b.Make(t, "thing", fmt.Sprintf(`{"name":"Zqzz","level":"closed","owner":3,"amount":"999.99","box":"b0","first":"b2","parent":1,"rivals":[1,2],"tags":["tag-0"],"code":"zq%d"}`, i))
				b.Make(t, "note", fmt.Sprintf(`{"thing":2,"author":3,"text":"Zqzz","rank":%d}`, i))
				b.Make(t, "vote", fmt.Sprintf(`{"thing":1,"kind":"zq-%d","value":null,"by":2}`, i))
				b.Make(t, "page", fmt.Sprintf(`{"path":"zq%d","title":"Zqzz","draft":true,"thing":1}`, i))
			}
			d := &drawer{r: chance(seed, 6), s: a.Schema(), odd: append(guesses(seed), "zq1", "zq-1", "zz", "Zqzz")}
			for range 500 {
				r := d.request([]int{nobody, agent, agent}[d.r.IntN(3)])
				if r.method != "GET" {
					continue
				}
				alike(t, a, b, r)
			}
		})
	}
}

// guesses are values that only the hidden rows of filled have, and patterns of them.
func guesses(seed uint64) []string {
	out := []string{"Zq*", "*q*"}
	for _, hidden := range []uint64{1000 + seed, 2000 + seed} {
		r := chance(hidden, 2)
		for range 40 {
			s := canary(r)
			out = append(out, s, s+"*")
		}
	}
	return out
}

func interfere(t *testing.T, a, b *world, d *drawer, n int) {
	t.Helper()
	for range n {
		r := d.request([]int{nobody, agent, agent, agent}[d.r.IntN(4)])
		if r.method != "GET" && strings.ContainsAny(r.content, "Zz") {
			continue // a unique value that is taken tells that it is; nothing else does
		}
		if !alike(t, a, b, r) {
			return
		}
	}
}

func alike(t *testing.T, a, b *world, r request) bool {
	t.Helper()
	x, ok := a.send(t, r)
	if !ok {
		return true
	}
	y, _ := b.send(t, r)
	if shape(x) != shape(y) {
		t.Errorf("%s\none:   %s\nother: %s", r, shape(x), shape(y))
		return false
	}
	for _, word := range []string{"Zq", "zq"} {
		if i := strings.Index(x.Body, word); i >= 0 && !strings.Contains(strings.ToLower(r.target+r.content), "zq") {
			t.Errorf("%s\nshows what is hidden: …%s", r, x.Body[max(0, i-200):min(len(x.Body), i+20)])
			return false
		}
	}
	return true
}
