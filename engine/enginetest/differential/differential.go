// Package differential compares stores by what clients see. It draws
// applications, the rows of them and sequences of requests, sends each request to one
// engine per store, and compares the answers byte for byte: the store an
// application runs on must not be seen in them.
//
// What a store numbers as it likes is compared as the contract has it. The
// version in an entity tag is named by when it was seen first, so that tags must be equal
// where they are equal on other stores, and different where they are different; every
// store is sent its own. Of several broken constraints of one kind any may be named.
//
//	DOWEL_DIFFERENTIAL=100000 go test ./engine/enginetest/differential -run TestStoresAgree -timeout 0
//	DOWEL_DIFFERENTIAL_SEED=1/37/12 go test ./engine/enginetest/differential -run TestStoresAgree
//
// The first runs so many sequences, the second the one that a failure names (1/37 is one
// application, 1 where to begin); DOWEL_DIFFERENTIAL_STORES=memory,sqlite leaves stores out. A
// sequence that shows a difference is shrunk, application and all, and printed as a conversation
// that enginetest.RunFiles holds: put it into a file below engine/testdata.
//
//	differential.go  targets, and the loop over applications and sequences
//	dice.go          seeds
//	app.go           an application as its parts; drawapp.go draws it, drawrules.go what speaks of its fields
//	draw*.go         requests: values, conditions, queries, content
//	world.go         an application on one store; answer.go what it says
//	sequence.go      the same steps on all of them
//	again.go         reads that are asked anew, and what their tags promise
//	shrink.go        the least that still shows a difference
//	story.go         sequences as text
//	tally.go         what the requests came to
package differential

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Target is a store to compare. The first of several is the reference.
type Target struct {
	Name string
	// Open returns an empty store that is ready to serve the schema. What it opened
	// is closed with t.Cleanup.
	Open func(t testing.TB, s *schema.Schema) Store
	// Engines is how many serve the store, in turn; 0 is one.
	Engines int
	// Settings are theirs.
	Settings engine.Settings
}

// Store is a store that can be emptied.
//
// Numbers of keys show in answers, so they must not depend on how a store comes by them: one
// that does not give a number back when a transaction fails is wrapped in one that does.
type Store interface {
	storage.Store
	// Empty removes all rows and starts the numbers of keys and sequences anew.
	// Change counters go on: nobody may take what is new for what was.
	Empty(ctx context.Context) error
}

// Options say how much is run.
type Options struct {
	Seed      Seed
	Sequences int // in all
	Each      int // sequences of one application; 0 is 40
	Length    int // drawn requests of a sequence, beside those that make and compare rows; 0 is 12
	Workers   int // applications at once; 0 is two a processor, because databases let one wait
	// Patience is how long a difference is worth being made smaller; 0 is half a
	// minute, negative not at all.
	Patience time.Duration
	// Progress, when not nil, is told after each application what all came to so far.
	Progress func(*Tally)
	// Only runs this one sequence: Sequences is not heeded.
	Only bool
	// Again is how many of the last reads are asked anew after each write; 0 is none.
	Again int
	// Schema changes what was drawn before it is served; nil changes nothing.
	Schema func(s *schema.Schema)
}

// Difference is what was found.
type Difference struct {
	Seed  Seed
	Story string // the sequence, shrunk
	What  string // the answers, one line a store
}

func (d *Difference) Error() string {
	return fmt.Sprintf("seed %s: stores differ\n%s\n%s", d.Seed, d.What, d.Story)
}

// Run sends sequences of requests to engines on all targets. It stops at the first difference,
// which is nil when there is none, and tells what the requests came to.
func Run(t testing.TB, targets []Target, o Options) (*Difference, *Tally) {
	if o.Each == 0 {
		o.Each = 40
	}
	if o.Length == 0 {
		o.Length = 12
	}
	if o.Patience == 0 {
		o.Patience = 30 * time.Second
	}
	if o.Workers == 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	if o.Only {
		return runApp(t, targets, o, o.Seed.App, o.Seed.Sequence, o.Seed.Sequence+1)
	}
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		next  int
		first *Difference
		all   = &Tally{}
	)
	work := func() {
		defer group.Done()
		for {
			mu.Lock()
			at := next
			next += o.Each
			stop := at >= o.Sequences || first != nil || t.Context().Err() != nil
			mu.Unlock()
			if stop {
				return
			}
			n := min(o.Each, o.Sequences-at)
			diff, tally := runApp(t, targets, o, o.Seed.App+uint64(at/o.Each), 0, uint64(n))
			mu.Lock()
			all.add(tally)
			if o.Progress != nil {
				o.Progress(all)
			}
			if diff != nil && (first == nil || diff.Seed.App < first.Seed.App) {
				first = diff
			}
			mu.Unlock()
		}
	}
	for range o.Workers {
		group.Add(1)
		go work()
	}
	group.Wait()
	return first, all
}

// runApp runs the sequences from..to of one application.
func runApp(t testing.TB, targets []Target, o Options, number, from, to uint64) (*Difference, *Tally) {
	tally := &Tally{}
	a, l, err := drawApp(newDice(o.Seed.Base, number))
	if err != nil {
		panic(fmt.Sprintf("application %d/%d: %v", o.Seed.Base, number, err))
	}
	if o.Schema != nil {
		o.Schema(l.schema)
	}
	tally.Apps++
	room := &scope{TB: t}
	defer room.end()
	worlds := open(room, targets, l)
	for n := from; n < to; n++ {
		s := &sequence{seed: Seed{o.Seed.Base, number, n}, worlds: worlds, loaded: l, again: o.Again}
		s.draw(o.Length, tally)
		tally.Sequences++
		if s.difference == "" {
			continue
		}
		r := &reduced{t: t, targets: targets, app: a, seed: s.seed, steps: s.steps, difference: s.difference, statuses: s.statuses}
		r.shrink(o.Patience)
		return &Difference{Seed: s.seed, Story: r.story(), What: r.difference}, tally
	}
	return nil, tally
}
