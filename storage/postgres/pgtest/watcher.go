package pgtest

import (
	"io"
	"os/exec"
	"strconv"
	"sync"
)

// watcher is a process that ends the server and deletes the folder when the
// test process is gone, however it went.
type watcher struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
	once sync.Once
}

// The process ids of servers come in as lines, an empty one when a server ended.
const watching = `trap '' HUP INT QUIT TERM
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
	kill -QUIT "$pid" 2>/dev/null
	n=0
	while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
	kill -9 "$pid" 2>/dev/null
fi
rm -rf -- "$1"
`

func watch(folder string) (*watcher, error) {
	w := &watcher{cmd: exec.Command("/bin/sh", "-c", watching, "sh", folder)}
	w.cmd.Dir = "/"
	w.cmd.SysProcAttr = processOf(nil)
	var err error
	if w.pipe, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return w, w.cmd.Start()
}

// server says which process to end; 0 is none.
func (w *watcher) server(pid int) {
	line := "\n"
	if pid != 0 {
		line = strconv.Itoa(pid) + "\n"
	}
	_, _ = io.WriteString(w.pipe, line) // a watcher that is gone is no reason to fail
}

// end lets the watcher do its work and waits for it.
func (w *watcher) end() {
	w.once.Do(func() {
		_ = w.pipe.Close()
		_ = w.cmd.Wait()
	})
}
