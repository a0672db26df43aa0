//go:build !unix

package cli

func freeSpace(string) (free uint64, ok bool) { return 0, false }

func openFiles() (most uint64, ok bool) { return 0, false }
