package engine

import "net/http"

// Behind puts a handler between the requests of a test and the engine.
func Behind(e *Engine, front func(http.Handler) http.Handler) { e.front = front(e.front) }

// AuthRoutes are the places below MOUNT/auth/, with their methods.
func AuthRoutes() map[string]string {
	routes := map[string]string{}
	for _, r := range authRoutes {
		routes[r.name] = r.method
	}
	return routes
}
