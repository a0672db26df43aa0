//go:build !unix

package pgtest

import (
	"errors"
	"syscall"
)

type account struct{}

// serverAccount refuses: what starts and watches a server is written for Unix.
func serverAccount() (*account, error) {
	return nil, errors.New("tests cannot start PostgreSQL on this system: name a server in " + ServerEnv)
}

func processOf(*account) *syscall.SysProcAttr { return nil }

func makeFolder(*account) (string, error) { return "", errors.ErrUnsupported }
