package hostile_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// fill puts the same rows into a world each time, but for what agent 2 may not
// see: that follows the second source of chance alone.
func (w *world) fill(t testing.TB, seen, unseen *rand.Rand) {
	t.Helper()
	for i := 1; i <= 5; i++ {
		w.Make(t, "user", fmt.Sprintf(`{"email":"%s%d@x.io","name":"N%d","role":"%s"}`, canary(unseen), i, i, pick(seen, "agent", "manager", "admin")))
	}
	for i := range 5 {
		open := i%2 == 0
		name, size := words(seen), fmt.Sprint(seen.IntN(5))
		if !open {
			name, size = canary(unseen), fmt.Sprint(unseen.IntN(1000))
		}
		w.Make(t, "box", fmt.Sprintf(`{"code":"b%d","name":%q,"open":%t,"size":%s}`, i, name, open, size))
	}
	for i := range 6 {
		name := fmt.Sprintf("tag-%d", i)
		if i%3 == 2 {
			name = strings.ToLower(canary(unseen)) + fmt.Sprint(i)
		}
		w.Make(t, "tag", fmt.Sprintf(`{"name":%q,"public":%t}`, name, i%3 != 2))
	}
	for i := 1; i <= 12; i++ {
		w.Make(t, "thing", thingOf(i, seen, unseen))
	}
	for i := 1; i <= 16; i++ {
		mine := i%3 == 0 // author 2; else the owner of the thing decides
		thing, author := 1+seen.IntN(12), 3
		if mine {
			author = 2
		}
		r := seen
		if !mine && !owned(thing) {
			r = unseen
		}
		w.Make(t, "note", fmt.Sprintf(`{"thing":%d,"author":%d,"text":%q,"rank":%d}`, thing, author, words(r), r.IntN(9)))
	}
	for i := 1; i <= 8; i++ {
		value := fmt.Sprint(seen.IntN(100))
		by := fmt.Sprint(1 + seen.IntN(5))
		if i%2 == 0 {
			value, by = "null", fmt.Sprint(1+unseen.IntN(5))
		}
		w.Make(t, "vote", fmt.Sprintf(`{"thing":%d,"kind":"k-%d","value":%s,"by":%s}`, 1+i%4, i, value, by))
	}
	for i := range 5 {
		hidden := i%2 == 1
		sign, value := fmt.Sprintf("S%d", i), fmt.Sprint(seen.IntN(50))
		level := "open"
		if hidden {
			sign, value, level = canary(unseen), fmt.Sprint(unseen.IntN(5000)), "closed"
		}
		w.Make(t, "plate", fmt.Sprintf(`{"sign":%q,"level":%q,"value":%s}`, sign, level, value))
		title := words(seen)
		if hidden {
			title = canary(unseen)
		}
		w.Make(t, "page", fmt.Sprintf(`{"path":"p%d","title":%q,"draft":%t,"thing":%d}`, i, title, hidden, 1+i))
	}
	w.Make(t, "vault", fmt.Sprintf(`{"name":%q,"thing":3}`, canary(unseen)))
}

// owned tells which things are agent 2's, open which everybody's. Of the rest an agent sees nothing.
func owned(i int) bool  { return i%4 == 1 }
func isOpen(i int) bool { return i%4 != 3 }

func thingOf(i int, seen, unseen *rand.Rand) string {
	r := seen
	level, owner := "open", 3
	if owned(i) {
		owner = 2
	}
	if !isOpen(i) {
		r, level = unseen, "closed"
	}
	m := []string{
		fmt.Sprintf(`"name":%q`, words(r)), fmt.Sprintf(`"code":"c%d"`, i), fmt.Sprintf(`"level":%q`, level), fmt.Sprintf(`"owner":%d`, owner),
		fmt.Sprintf(`"amount":"%d.%02d"`, r.IntN(300), r.IntN(100)), fmt.Sprintf(`"count":%d`, r.IntN(9)), fmt.Sprintf(`"big":"%d"`, r.Int64()),
		fmt.Sprintf(`"ratio":%g`, float64(r.IntN(1000))/8), fmt.Sprintf(`"flag":%t`, r.IntN(2) == 0), fmt.Sprintf(`"day":"2026-01-%02d"`, 1+r.IntN(28)),
		fmt.Sprintf(`"note":%q`, words(r)), fmt.Sprintf(`"words":[%q,"b"]`, words(r)), fmt.Sprintf(`"spot":{"city":%q,"zip":"1234%d"}`, words(r), r.IntN(10)),
		fmt.Sprintf(`"free":{"a":[%d,null]}`, r.IntN(10)), fmt.Sprintf(`"moment":"2026-02-%02dT10:00:00Z"`, 1+r.IntN(28)), `"hour":"08:30:00"`, `"span":"PT1H"`,
		fmt.Sprintf(`"hint":%q`, words(r)),
		// What is never an agent's to see.
		fmt.Sprintf(`"secret":%q`, canary(unseen)), fmt.Sprintf(`"judge":%d`, 1+unseen.IntN(5)), fmt.Sprintf(`"pin":"%d"`, unseen.IntN(9999)),
		fmt.Sprintf(`"allies":[%d]`, 1+unseen.IntN(5)),
	}
	grade := unseen.IntN(99)
	if owned(i) {
		grade = seen.IntN(99)
	}
	m = append(m, fmt.Sprintf(`"grade":%d`, grade))
	if i > 1 && r.IntN(2) == 0 {
		m = append(m, fmt.Sprintf(`"parent":%d`, 1+r.IntN(i-1)), fmt.Sprintf(`"rivals":[%d]`, 1+r.IntN(i-1)))
	}
	m = append(m, fmt.Sprintf(`"box":"b%d"`, i%5), fmt.Sprintf(`"first":"b%d"`, (i+1)%5))
	// Tags 3 and 6 are hidden: whether a thing has them must not show.
	tags := []string{fmt.Sprintf(`{"id":%d}`, 1+r.IntN(2))}
	if unseen.IntN(2) == 0 {
		tags = append(tags, fmt.Sprintf(`{"id":%d}`, 3*(1+unseen.IntN(2))))
	}
	return "{" + strings.Join(append(m, `"tags":[`+strings.Join(tags, ",")+`]`), ",") + "}"
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func words(r *rand.Rand) string {
	return pick(r, "ann", "Bob", "carla", "an*n", `a\b`, "x y", "Änne", "o'neil", `say "hi"`) + fmt.Sprint(r.IntN(4))
}

// canary is text that must not reach whoever may not see it.
func canary(r *rand.Rand) string {
	return "Zq" + string(rune('a'+r.IntN(26))) + string(rune('a'+r.IntN(26)))
}
