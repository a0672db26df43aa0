package engine_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/dowel-dev/dowel/engine/enginetest"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/postgres"
	"github.com/dowel-dev/dowel/storage/postgres/pgtest"
)

// The same request is sent many times at once, and again until it was done: it is
// done once, and all are told the same.
func TestDuplicatesHappenOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, open func(s *schema.Schema) (storage.Store, error)) {
		if strings.HasSuffix(t.Name(), "postgres") {
			open = func(s *schema.Schema) (storage.Store, error) { // several write at once, so numbers are not given back
				store, err := postgres.Open(t.Context(), pgtest.Schema(t), s, postgres.Options{Conns: 8})
				if err == nil {
					_, err = store.Migrate(t.Context(), s, true)
				}
				return store, err
			}
		}
		app := openShop(t, open, enginetest.Options{}, nil)
		clerk := "Authorization: " + app.Bearer(t, "7", "clerk")
		bodies := make([]string, 40)
		var wg sync.WaitGroup
		for i := range bodies {
			wg.Go(func() {
				for {
					res := app.Do(t, "POST", "/api/orders", `{"number": "only"}`, clerk, "Idempotency-Key: once")
					switch {
					case res.Status == 201:
						bodies[i] = res.Header.Get("Location") + res.Header.Get("Etag") + res.Body
						return
					case res.Status == 409 && strings.Contains(res.Body, "idempotency-in-flight") && res.Header.Get("Retry-After") != "":
					default:
						t.Errorf("%d %s", res.Status, res.Body)
						return
					}
				}
			})
		}
		wg.Wait()
		for _, b := range bodies {
			if b != bodies[0] || b == "" {
				t.Errorf("told %q and %q", bodies[0], b)
			}
		}
		if res := app.Do(t, "GET", "/api/orders?number=only&count=exact", "", clerk); res.Header.Get("X-Total-Count") != "1" {
			t.Errorf("%s orders", res.Header.Get("X-Total-Count"))
		}
	})
}
