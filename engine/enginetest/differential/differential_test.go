package differential

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestStoresAgree is the promise that clients cannot tell stores apart, kept on drawn applications.
// DOWEL_DIFFERENTIAL is the number of sequences, DOWEL_DIFFERENTIAL_SEED where they begin,
// DOWEL_DIFFERENTIAL_STORES which stores take part: memory,sqlite.
func TestStoresAgree(t *testing.T) {
	o := options(t)
	start := time.Now()
	said := start
	o.Progress = func(all *Tally) {
		if time.Since(said) > time.Minute {
			said = time.Now()
			t.Logf("%d sequences without a difference so far", all.Sequences)
		}
	}
	diff, tally := Run(t, chosen(t), o)
	took := time.Since(start)
	t.Logf("%s%.0f sequences a second", tally, float64(tally.Sequences)/took.Seconds())
	if diff != nil {
		t.Fatal(diff)
	}
}

// chosen are the targets that take part.
func chosen(t *testing.T) []Target {
	text := os.Getenv("DOWEL_DIFFERENTIAL_STORES")
	if text == "" {
		return targets
	}
	var some []Target
	for _, target := range targets {
		if slices.Contains(strings.Split(text, ","), target.Name) {
			some = append(some, target)
		}
	}
	if len(some) < 2 {
		t.Fatalf("DOWEL_DIFFERENTIAL_STORES: %q names no two of the stores", text)
	}
	return some
}

func options(t *testing.T) Options {
	o := Options{Seed: Seed{Base: 1}, Sequences: 60, Each: 10}
	if text := os.Getenv("DOWEL_DIFFERENTIAL"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("DOWEL_DIFFERENTIAL: %v", err)
		}
		o.Sequences, o.Each = n, 40
	}
	if text := os.Getenv("DOWEL_DIFFERENTIAL_SEED"); text != "" {
		s, given, err := ParseSeed(text)
		if err != nil {
			t.Fatalf("DOWEL_DIFFERENTIAL_SEED: %v", err)
		}
		o.Seed, o.Only = s, given == 3
		if given == 2 && os.Getenv("DOWEL_DIFFERENTIAL") == "" {
			o.Sequences = o.Each // of this application alone
		}
	}
	return o
}

// TestApplicationsLoad holds that what is drawn is an application, nearly always at the first try.
func TestApplicationsLoad(t *testing.T) {
	failed := 0
	for i := range uint64(60) {
		if _, _, err := drawApp(newDice(1, i)); err != nil {
			t.Errorf("application 1/%d: %v", i, err)
			failed++
		}
	}
}
