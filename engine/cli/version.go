package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCmd is `dowel version`.
type versionCmd struct{}

func (versionCmd) Run(r *run) error {
	_, err := fmt.Fprintf(r.out, "dowel %s %s %s/%s\n", r.app.version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version is what the binary was built as, else what the Go tool knows.
func (a *App) version() string {
	if a.Version != "" {
		return a.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "dev"
}
