package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/postgres"
)

// addresses tries where the server would listen.
func (d *doctor) addresses() {
	d.address("listen", d.p.cfg.Listen)
	if at := d.p.cfg.Listen; !loopback(at) {
		d.warn("proxy", "put a proxy that ends TLS in front, or listen on 127.0.0.1",
			"%s is reachable from other machines, and passwords and tokens go over plain HTTP", at)
	}
	at := d.p.cfg.AdminListen
	if at == "" {
		return
	}
	d.address("admin", at)
	if !loopback(at) {
		d.warn("admin", "listen on 127.0.0.1, or let a firewall keep others out", "%s asks for no credentials", at)
	}
}

func (d *doctor) address(check, at string) {
	l, err := net.Listen("tcp", at)
	if err == nil {
		d.ok(check, "%s is free", at)
		_ = l.Close() // it was for looking only
		return
	}
	ctx, cancel := d.soon()
	defer cancel()
	if d.ours(ctx, at) {
		d.ok(check, "a server answers on %s, and is ready", at)
		return
	}
	d.ail(check, "stop the other program, or choose another address", "%v", err)
}

// ours reports whether what listens on an address is a server of ours.
func (d *doctor) ours(ctx context.Context, at string) bool {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(at)+"/readyz?verbose", nil)
	if err != nil {
		return false
	}
	a, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(q)
	if err != nil {
		return false
	}
	defer a.Body.Close()
	return a.StatusCode == http.StatusOK && a.Header.Get("X-Request-Id") != ""
}

// What a machine should have.
const (
	diskLeft  = 1 << 30 // bytes; below it is told
	diskFew   = 64 << 20
	filesEach = 2 // descriptors of a request: its connection, and one of the database
)

// surroundings looks at the machine.
func (d *doctor) surroundings() {
	if most, ok := openFiles(); ok {
		need := uint64(d.p.cfg.Engine.Limits.InFlight)
		if need == 0 {
			need = 1024
		}
		if need *= filesEach; most < need {
			d.warn("files", fmt.Sprintf("ulimit -n %d, or a lower limits.in_flight", need), "%d files may be open, and %d requests at once may need %d", most, need/filesEach, need)
		} else {
			d.ok("files", "%d may be open", most)
		}
	}
	path := d.p.databasePath()
	if path == "" {
		return
	}
	folder := filepath.Dir(path)
	for {
		if _, err := os.Stat(folder); err == nil || folder == filepath.Dir(folder) {
			break
		}
		folder = filepath.Dir(folder)
	}
	free, ok := freeSpace(folder)
	switch {
	case !ok:
	case free < diskFew:
		d.ail("disk", "make room: without any, writes are refused", "%s has %d MiB left", folder, free>>20)
	case free < diskLeft:
		d.warn("disk", "make room: without any, writes are refused", "%s has %d MiB left", folder, free>>20)
	default:
		d.ok("disk", "%s has %d GiB left", folder, free>>30)
	}
}

// skewMost is how far clocks may be apart: tokens have a leeway of that much.
const skewMost = 2 * time.Second

// database asks the database what it is, and compares its tables with the schema.
func (d *doctor) database() {
	p := d.p
	kind := storeOf(p.cfg.DB)
	if len(p.cfg.Replicas) > 0 && !kind.copies {
		d.fail("replica", "replicas are for postgres://USER@HOST/DATABASE", "the database %s has none", masked(p.cfg.DB))
		return
	}
	if p.inMemory() {
		d.warn("database", "name a file or a server: --db sqlite:data/app.db", "in memory: all rows are gone when the server stops")
		return
	}
	if !d.file() {
		return
	}
	ctx, cancel := d.soon()
	defer cancel()
	var about migrate.About
	var plan *migrate.Plan
	began := time.Now()
	var half time.Duration
	err := p.looking(ctx, func(conn migrate.Conn) (err error) {
		asked := time.Now()
		if about, err = migrate.Ask(ctx, conn); err != nil {
			return err
		}
		half = time.Since(asked) / 2
		began = asked
		if p.schema != nil {
			plan, err = migrate.Make(ctx, conn, p.schema)
		}
		return err
	})
	if err != nil {
		d.ail("database", "is the server up, the address right, the user known to it?", "%s: %v", masked(p.cfg.DB), err)
		return
	}
	if about.Version != "" {
		d.ok("database", "%s %s, %s", about.Product, about.Version, masked(p.cfg.DB))
	}
	d.pending(plan)
	if p.databasePath() != "" {
		return
	}
	d.server(about, about.Clock.Sub(began.Add(half)))
	for i, address := range p.cfg.Replicas {
		d.replica(ctx, fmt.Sprintf("replica %d", i+1), address, about.Position)
	}
}

// file judges the file of SQLite, and reports whether it is worth opening.
func (d *doctor) file() bool {
	path := d.p.databasePath()
	if path == "" {
		return true
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		folder := filepath.Dir(path)
		if f, err := os.Stat(folder); err == nil && !f.IsDir() {
			d.ail("database", "choose another place with --db", "%s is no folder", folder)
			return false
		}
		d.ok("database", "%s is made with the first start", path)
		return true
	case err != nil:
		d.ail("database", "", "%v", err)
		return false
	case info.IsDir():
		d.ail("database", "choose another place with --db", "%s is a folder", path)
		return false
	case info.Mode().Perm()&0o077 != 0:
		d.warn("database", "chmod 600 "+path, "%s has the permissions %04o: others get at the rows past all rules", path, info.Mode().Perm())
	}
	return true
}

func (d *doctor) pending(plan *migrate.Plan) {
	if plan == nil {
		return
	}
	switch n := len(plan.Steps); {
	case n == 0:
		d.ok("tables", "fit the schema")
	case d.p.fresh():
		d.warn("tables", "`dowel serve --apply` makes them", "there are none yet")
	case plan.Count(migrate.Blocked)+plan.Count(migrate.Destructive) > 0:
		d.fail("tables", "`dowel plan` says what they lose or lack", "lag behind the schema by %s, some of which lose something or cannot be made", counted(n, "change", "changes"))
	default:
		d.fail("tables", "`dowel plan` shows them, `dowel apply` or `dowel serve --apply` makes them", "lag behind the schema by %s", counted(n, "change", "changes"))
	}
}

// server judges the settings of a PostgreSQL server.
func (d *doctor) server(about migrate.About, skew time.Duration) {
	if about.Replica {
		d.ail("database", "name the primary with --db, and replicas with --replica", "the server only reads: it is a replica")
	}
	if about.Unsafe {
		d.warn("database", "synchronous_commit = on", "the server acknowledges writes before they are kept")
	}
	if !about.Encrypted && !d.p.local() {
		fix := "add sslmode=verify-full to the address"
		if u, err := url.Parse(d.p.cfg.DB); err == nil && u.Query().Get("sslmode") != "" {
			fix = "sslmode=verify-full in the address"
		}
		d.warn("database", fix, "rows travel to the server unencrypted")
	}
	conns := postgres.Connections(postgres.Options{})
	if about.Conns > 0 && conns > about.Conns/2 {
		d.warn("database", "raise max_connections, or serve from fewer nodes", "one node takes up to %d connections of the %d that the server lets in", conns, about.Conns)
	}
	if skew.Abs() > skewMost {
		d.ail("clock", "have both machines set their clocks by the network (NTP)", "the clock of the database is %s from ours", skew.Round(time.Millisecond))
	} else {
		d.ok("clock", "within %s of the database's", max(skew.Abs().Round(time.Millisecond), time.Millisecond))
	}
}

func (d *doctor) replica(ctx context.Context, name, address string, primary uint64) {
	var about migrate.About
	err := postgres.Inspecting(ctx, address, postgres.Options{}, func(conn migrate.Conn) (err error) {
		about, err = migrate.Ask(ctx, conn)
		return err
	})
	switch {
	case err != nil:
		d.warn(name, "the primary answers until it is back", "%s: %v", masked(address), err)
	case !about.Replica:
		d.ail(name, "take it out of --replica", "%s is no replica: it takes writes itself", masked(address))
	case about.Position < primary:
		d.warn(name, "the primary answers until it has caught up", "%d KiB of the log behind", (primary-about.Position)>>10)
	default:
		d.ok(name, "has everything")
	}
}
