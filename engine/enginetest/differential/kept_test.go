package differential

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/redis/redistest"
	"github.com/dowel-dev/dowel/schema"
)

// TestKeptAnswersAgree holds what is said of kept answers and of tags, on drawn applications: three engines over one
// database of each kind, with a Redis that comes and goes, answer byte for byte as one that keeps nothing; and
// whatever changes an answer changes its tag. Every class keeps its answers, and after each write the last reads are
// asked anew, by whichever engine. DOWEL_KEPT is the number of sequences, DOWEL_KEPT_SEED
// where they begin: 1/37/12 is one of them alone.
func TestKeptAnswersAgree(t *testing.T) {
	server := redistest.Start(t)
	settings := engine.Settings{Redis: server.URL()}
	settings.Auth.Secret = strings.Repeat("0123456789abcdef", 2)
	shared := func(name string, open func(t testing.TB, s *schema.Schema) Store) Target {
		return Target{Name: name, Engines: 3, Settings: settings, Open: func(t testing.TB, s *schema.Schema) Store {
			return &named{Store: open(t, s)}
		}}
	}
	off := engine.Settings{Cache: -1}
	off.Auth.Secret = settings.Auth.Secret
	targets := []Target{
		{Name: "memory", Open: openMemory, Settings: off},
		shared("memory kept", openMemory), shared("sqlite kept", openSQLite), shared("postgres kept", openPostgres),
	}
	o := Options{Seed: Seed{Base: 7}, Sequences: 12, Each: 6, Length: 8, Again: 4, Workers: 2, Schema: func(s *schema.Schema) {
		for _, c := range s.Classes {
			c.Cache = time.Minute
		}
	}}
	if text := os.Getenv("DOWEL_KEPT"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("DOWEL_KEPT: %v", err)
		}
		o.Sequences, o.Each = n, 20
	}
	if text := os.Getenv("DOWEL_KEPT_SEED"); text != "" {
		s, given, err := ParseSeed(text)
		if err != nil {
			t.Fatalf("DOWEL_KEPT_SEED: %v", err)
		}
		o.Seed, o.Only = s, given == 3
	}
	flapping(t, server)
	diff, tally := Run(t, targets, o)
	t.Log(tally)
	if diff != nil {
		t.Fatal(diff)
	}
}

// named is a store that engines take for one that several processes serve. Emptied, it is another one.
type named struct {
	Store
	number atomic.Int64
}

var stores atomic.Int64

func (n *named) Name(context.Context) (string, error) { return fmt.Sprint(n.number.Load()), nil }

func (n *named) Empty(ctx context.Context) error {
	n.number.Store(stores.Add(1))
	return n.Store.Empty(ctx)
}

// flapping has the server come and go until the test ends.
func flapping(t *testing.T, server *redistest.Server) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			wait := time.Second // long enough to be found again
			if i%2 == 0 {
				wait = 200 * time.Millisecond
			}
			select {
			case <-stop:
				return
			case <-time.After(wait):
			}
			switch i % 4 {
			case 0:
				server.Kill()
			case 1:
				server.Start()
			case 2:
				server.Hang()
			case 3:
				server.Wake()
			}
		}
	}()
}
