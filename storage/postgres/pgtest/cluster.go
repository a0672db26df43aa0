package pgtest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// Options tune a cluster.
type Options struct {
	// Fsync makes commits wait for the disk. Without it they survive the death
	// of the server, though not that of the machine.
	Fsync bool
	// Settings are put into the configuration of the server: {"wal_level": "logical"}.
	Settings map[string]string
}

// Mode is how a server is asked to stop.
type Mode syscall.Signal

// The ways to stop.
const (
	Smart     = Mode(syscall.SIGTERM) // waits until clients have left
	Fast      = Mode(syscall.SIGINT)  // ends the sessions of clients
	Immediate = Mode(syscall.SIGQUIT) // without a checkpoint: the next start recovers
)

// Cluster is a PostgreSQL server of one test. Its methods fail the test when
// the server does not do as told; one goroutine at a time uses it.
type Cluster struct {
	t       testing.TB
	options Options
	bin     string
	folder  string // holds data, the log and the socket
	port    int
	user    *account // that the programs run as; nil is ours
	watch   *watcher

	mu     sync.Mutex
	server *exec.Cmd     // nil when it does not run
	exited chan struct{} // closed when it has ended
}

// NewCluster starts a server, which is removed when t ends.
func NewCluster(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := newCluster(o)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return c.of(t)
}

// of hands a cluster to a test and starts it.
func (c *Cluster) of(t testing.TB) *Cluster {
	t.Helper()
	c.t = t
	t.Cleanup(c.remove)
	c.Start()
	return c
}

// URL leads to the database postgres, as a superuser. It stays the same over restarts.
func (c *Cluster) URL() string {
	return "postgres://postgres@" + c.Addr() + "/postgres?sslmode=disable"
}

// Addr is where the server listens: 127.0.0.1:port.
func (c *Cluster) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// Folder holds the data folder, the socket of the server and its log.
func (c *Cluster) Folder() string { return c.folder }

// Bin is the folder of PostgreSQL's programs.
func (c *Cluster) Bin() string { return c.bin }

// Start starts the server and waits until it takes connections.
func (c *Cluster) Start() {
	c.t.Helper()
	if err := c.start(); err != nil {
		c.t.Fatalf("pgtest: %v", err)
	}
}

// Stop stops the server and waits until it has ended.
func (c *Cluster) Stop(m Mode) {
	c.t.Helper()
	if err := c.stop(syscall.Signal(m)); err != nil {
		c.t.Fatalf("pgtest: %v", err)
	}
}

// Kill ends the server as kill -9 does: no checkpoint, no word to clients.
func (c *Cluster) Kill() {
	c.t.Helper()
	if err := c.stop(syscall.SIGKILL); err != nil {
		c.t.Fatalf("pgtest: %v", err)
	}
}

// Restart stops the server and starts it again.
func (c *Cluster) Restart(m Mode) {
	c.t.Helper()
	c.Stop(m)
	c.Start()
}

// Replica makes a copy that follows the server by streaming and answers reads.
func (c *Cluster) Replica() *Cluster {
	c.t.Helper()
	r, err := c.copy()
	if err != nil {
		c.t.Fatalf("pgtest: %v", err)
	}
	return r.of(c.t)
}

// Promote makes a replica a server of its own and waits until it takes writes.
func (c *Cluster) Promote() {
	c.t.Helper()
	if err := c.sql("select pg_promote(true, 60)"); err != nil {
		c.t.Fatalf("pgtest: promote: %v", err)
	}
}

// Log returns what the server has logged.
func (c *Cluster) Log() string {
	b, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (c *Cluster) dataFolder() string { return filepath.Join(c.folder, "data") }
func (c *Cluster) logFile() string    { return filepath.Join(c.folder, "log") }
