// Command modules is a shop that takes in a module: one line adds its classes, its
// members of other classes, its rules, its rows and its functions.
//
//	go run ./examples/modules dev examples/modules
package main

import (
	"github.com/dowel-dev/dowel/engine"
	"github.com/dowel-dev/dowel/engine/cli"
	"github.com/dowel-dev/dowel/examples/modules/points"
)

func main() { cli.Main(program()) }

// program is what Go adds to dowel.yaml.
func program() *engine.App {
	app := engine.New()
	app.Mount(points.Module)
	return app
}
