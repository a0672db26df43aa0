// Package redistest gives tests a Redis of their own. Only tests import it.
//
//	server := redistest.Start(t)
//	open(server.URL())
//	server.Kill()
//	server.Start()
//
// The program redis-server is looked for in DOWEL_TEST_REDIS and PATH. Without it a
// test fails: a suite that skips what it cannot run proves nothing.
package redistest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ProgramEnv names the variable that holds the path of redis-server.
const ProgramEnv = "DOWEL_TEST_REDIS"

// Server is a Redis of one test, with nothing on disk. Its methods fail the
// test when the server does not do as told.
type Server struct {
	t      testing.TB
	port   int
	folder string

	mu     sync.Mutex
	cmd    *exec.Cmd // nil while it does not run
	exited chan struct{}
	halted bool
}

// Start starts a server, which is ended with t.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, folder: t.TempDir()}
	t.Cleanup(s.stop)
	s.Start()
	return s
}

// URL is the address of the server. It stays the same over restarts.
func (s *Server) URL() string { return "redis://" + s.Addr() + "/0" }

// Addr is HOST:PORT.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Start starts the server, empty, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	var err error
	for range 5 {
		if s.port == 0 {
			s.port = 32000 - rand.IntN(12000) // below those that the system gives to outgoing connections
			if err = s.launch(); err == nil {
				return
			}
			s.port = 0
			continue
		}
		if err = s.launch(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond) // its port may be held a moment longer
	}
	s.t.Fatalf("redistest: %v", err)
}

func program() (string, error) {
	if path := os.Getenv(ProgramEnv); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errors.New("these tests need Redis: install it (apt-get install redis-server), or name the program in " + ProgramEnv)
	}
	return path, nil
}

func (s *Server) launch() error {
	path, err := program()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", s.folder)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	dieWithUs(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(exited)
	}()
	s.mu.Lock()
	s.cmd, s.exited, s.halted = cmd, exited, false
	s.mu.Unlock()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		select {
		case <-exited:
			return fmt.Errorf("redis-server ended: %s", log.String())
		default:
		}
		if s.answers() {
			return nil
		}
	}
	s.stop()
	return errors.New("redis-server does not answer")
}

func (s *Server) answers() bool {
	c, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	b := make([]byte, 16)
	n, _ := c.Read(b)
	return strings.HasPrefix(string(b[:n]), "+PONG")
}

// Kill ends the server at once, with all it holds.
func (s *Server) Kill() { s.stop() }

// Hang lets the server stand still: connections are taken, and nothing is answered.
func (s *Server) Hang() { s.signal(syscall.SIGSTOP, true) }

// Wake ends Hang.
func (s *Server) Wake() { s.signal(syscall.SIGCONT, false) }

func (s *Server) signal(sig syscall.Signal, halted bool) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("redistest: %v", err)
	}
	s.halted = halted
}

func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.exited
	s.cmd = nil
}
