// Command dowel serves a YAML schema as a REST API; `dowel --help` lists what else it does.
//
// An application with actions in Go has a main like this one, with its
// handlers in cli.App.
package main

import (
	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/examples"
)

// version is set by the linker in released binaries.
var version string

func main() {
	cli.Main(cli.App{Version: version, Templates: examples.Templates()})
}
