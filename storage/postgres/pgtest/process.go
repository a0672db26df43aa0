package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// newFolder makes the place of a cluster: programs, account, folder, port, watcher.
func newFolder(o Options) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, bin: bin}
	if c.user, err = serverAccount(); err != nil {
		return nil, err
	}
	if c.folder, err = makeFolder(c.user); err != nil {
		return nil, err
	}
	if c.watch, err = watch(c.folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.folder))
	}
	return c, nil
}

func newCluster(o Options) (*Cluster, error) {
	c, err := newFolder(o)
	if err != nil {
		return nil, err
	}
	if err := c.init(); err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// init makes the data folder.
func (c *Cluster) init() error {
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} {
		err = c.run("initdb", "-D", c.dataFolder(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale="+locale, "--no-sync")
		if err == nil {
			return nil
		}
	}
	return err
}

func (c *Cluster) copy() (*Cluster, error) {
	r, err := newFolder(c.options)
	if err != nil {
		return nil, err
	}
	err = r.run("pg_basebackup", "-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-U", "postgres",
		"-D", r.dataFolder(), "-R", "-X", "stream", "-c", "fast", "--no-sync")
	if err != nil {
		r.remove()
		return nil, err
	}
	return r, nil
}

// run runs one of PostgreSQL's programs to its end.
func (c *Cluster) run(program string, args ...string) error {
	out, err := c.command(program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (c *Cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, program), args...)
	cmd.Dir = c.folder // ours may be closed to the account
	cmd.SysProcAttr = processOf(c.user)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// settings are those of every cluster and what the options add.
func (c *Cluster) settings() []string {
	set := map[string]string{
		"listen_addresses":          "127.0.0.1",
		"port":                      strconv.Itoa(c.port),
		"max_connections":           "200",
		"max_locks_per_transaction": "512", // dropping a schema locks all of it
		"timezone":                  "UTC",
		"wal_level":                 "replica",
		"wal_keep_size":             "64MB", // a replica may be away for a while
		"unix_socket_directories":   "",
	}
	if len(c.folder) < 80 { // the path of a socket is short by law
		set["unix_socket_directories"] = c.folder
	}
	if !c.options.Fsync {
		set["fsync"], set["full_page_writes"] = "off", "off"
	}
	for k, v := range c.options.Settings {
		set[k] = v
	}
	args := []string{"-D", c.dataFolder()}
	for k, v := range set {
		args = append(args, "-c", k+"="+v)
	}
	return args
}

// start starts the server on its port, or before its first start on any that is free.
func (c *Cluster) start() error {
	if c.runs() {
		return errors.New("the server runs already")
	}
	var err error
	first := c.port == 0
	for range 10 {
		if first {
			if c.port, err = freePort(); err != nil {
				return err
			}
		}
		before := len(c.Log())
		if err = c.launch(); err == nil {
			return nil
		}
		// Another process took the port meanwhile, or children of a server that
		// was killed are still about.
		tail := c.Log()
		tail = tail[min(before, len(tail)):]
		err = fmt.Errorf("%w; log: %s", err, tail[max(0, len(tail)-1000):])
		if !strings.Contains(tail, "could not create any TCP/IP sockets") && !strings.Contains(tail, "shared memory block") {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func (c *Cluster) launch() error {
	log, err := os.OpenFile(c.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := c.command("postgres", c.settings()...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	c.mu.Lock()
	c.server, c.exited = cmd, exited
	c.mu.Unlock()
	c.watch.server(cmd.Process.Pid)
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		c.watch.server(0)
		c.mu.Lock()
		if c.server == cmd {
			c.server = nil
		}
		c.mu.Unlock()
		close(exited)
	}()
	return c.ready(exited)
}

// ready waits until the server takes connections.
func (c *Cluster) ready(exited <-chan struct{}) error {
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := c.sql("")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not answer: %w", err)
		}
		select {
		case <-exited:
			return errors.New("the server did not start")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sql runs a statement on a connection of its own.
func (c *Cluster) sql(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	pg, err := pgconn.Connect(ctx, c.URL())
	if err != nil {
		return err
	}
	return errors.Join(pg.Exec(ctx, sql).Close(), pg.Close(ctx))
}

func (c *Cluster) runs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.server != nil
}

// stop signals the server and waits for its end.
func (c *Cluster) stop(sig syscall.Signal) error {
	c.mu.Lock()
	cmd, exited := c.server, c.exited
	c.mu.Unlock()
	if cmd == nil {
		return nil
	}
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-exited:
		return nil
	case <-time.After(60 * time.Second):
		return fmt.Errorf("the server did not stop within a minute of signal %v", sig)
	}
}

// remove ends the server and deletes its folder.
func (c *Cluster) remove() {
	if err := c.stop(syscall.Signal(Immediate)); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
	}
	c.watch.end()
}

// freePort finds a port below those that the system gives to outgoing
// connections, so that it is still free when the server comes back.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := 20000 + rand.IntN(12000)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}
