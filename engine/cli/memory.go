package cli

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap of a server grow to five times what is live before it
// is collected. What is live is small (a few MiB: schema, statements, sessions),
// so at the default of 100 the collector would run many times a second under load.
const gcPercent = 400

// settleMemory is called once, when everything is loaded: it gives back what
// starting took (compiling a schema, hashing passwords of seeds) and sets the
// collector for serving. GOGC in the environment wins.
func settleMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	debug.FreeOSMemory()
}
