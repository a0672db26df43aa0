package redistest

import (
	"os/exec"
	"syscall"
)

// dieWithUs has the system end the server when the process of the test is gone, however it went.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
