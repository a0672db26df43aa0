//go:build unix

package cli

import (
	"golang.org/x/sys/unix"
)

// freeSpace is what this user may still write below a folder, in bytes.
func freeSpace(folder string) (free uint64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(folder, &s) != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}

// openFiles is how many files this process may have open.
func openFiles() (most uint64, ok bool) {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0, false
	}
	return uint64(l.Cur), true
}
