package differential

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Seed names a sequence: everything that is drawn for it follows from these three numbers.
type Seed struct{ Base, App, Sequence uint64 }

// String is what ParseSeed reads: 1/37/12.
func (s Seed) String() string { return fmt.Sprintf("%d/%d/%d", s.Base, s.App, s.Sequence) }

// ParseSeed reads 1/37/12, or what it begins with: 1 is everything drawn from 1,
// 1/37 one application with all of its sequences. given counts the numbers.
func ParseSeed(text string) (s Seed, given int, err error) {
	parts := strings.Split(text, "/")
	if len(parts) > 3 {
		return s, 0, fmt.Errorf("seed %q: expected one to three numbers like 1/37/12", text)
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 64)
		if err != nil {
			return s, 0, fmt.Errorf("seed %q: %w", text, err)
		}
		*[]*uint64{&s.Base, &s.App, &s.Sequence}[i] = n
	}
	return s, len(parts), nil
}

// dice draw. The same numbers give the same draws.
type dice struct{ *rand.Rand }

func newDice(a, b uint64) dice { return dice{rand.New(rand.NewPCG(a, b))} }

// once is true once in n times.
func (d dice) once(n int) bool { return d.IntN(n) == 0 }

// most is false once in n times.
func (d dice) most(n int) bool { return d.IntN(n) > 0 }

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }

// between draws a number of a range with its ends.
func (d dice) between(low, high int) int { return low + d.IntN(high-low+1) }

func pick[T any](d dice, of []T) T { return of[d.IntN(len(of))] }

// weighted draws an index by weight.
func (d dice) weighted(weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := d.IntN(sum)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return len(weights) - 1
}
