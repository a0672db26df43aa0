package engine

import "net/http"

// Behind puts a handler between the requests of a test and the engine.
func Behind(e *Engine, front func(http.Handler) http.Handler) { e.front = front(e.front) }
