//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is whom the programs run as when we are root, which PostgreSQL refuses.
type account struct{ uid, gid int }

// serverAccount returns nil when the programs may run as we do.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.Atoi(u.Gid)
		return &account{uid, gid}, err
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody: run the tests as another user")
}

// processOf keeps a process out of the reach of signals that the terminal sends to us.
func processOf(a *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// makeFolder makes a folder that the account owns and can get to.
func makeFolder(a *account) (string, error) {
	parent := os.TempDir()
	if a != nil && !open(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "dowel-pg-")
	if err != nil {
		return "", err
	}
	if a != nil {
		if err := os.Chown(dir, a.uid, a.gid); err != nil {
			return "", errors.Join(fmt.Errorf("folder of the server: %w", err), os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// open reports whether everybody may pass through a folder and those above it.
func open(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&1 == 0 {
			return false
		}
		up := filepath.Dir(dir)
		if up == dir {
			return true
		}
		dir = up
	}
}
