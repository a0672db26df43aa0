// Command dowel serves a YAML schema as a REST API; `dowel --help` lists what else it does.
//
// An application with actions in Go has a main of its own, such as that of
// examples/crm/server.
package main

import (
	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/examples"
)

// version is set by the linker in released binaries.
var version string

func main() {
	cli.App{Version: version, Templates: examples.Templates()}.Main()
}
