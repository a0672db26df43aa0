package explain

import "github.com/dowel-dev/dowel/schema"

// Route is one method of one resource of a class.
type Route struct {
	Method, Path string        // below the mount
	Class        *schema.Class // whose rules decide
	Verb         string
}

// Routes lists the routes of a class, as OpenAPI documents them.
func Routes(c *schema.Class) []Route {
	if !c.Expose || c.Internal {
		return nil
	}
	all := c.Path()
	one := all + "/{" + idName(c) + "}"
	routes := []Route{
		{"GET", all, c, "list"},
		{"POST", all, c, "create"},
	}
	if c.Bulk {
		routes = append(routes, Route{"PATCH", all, c, "update"}, Route{"DELETE", all, c, "delete"})
		for _, b := range [][2]string{{"bulk-import", "create"}, {"bulk-update", "update"}, {"bulk-delete", "delete"}} {
			if a := c.Action(b[0]); a == nil || !a.OnCollection {
				routes = append(routes, Route{"POST", all + "/" + b[0], c, b[1]})
			}
		}
	}
	routes = append(routes,
		Route{"GET", one, c, "get"},
		Route{"PUT", one, c, "update"},
		Route{"PATCH", one, c, "update"},
		Route{"DELETE", one, c, "delete"},
	)
	if c.SoftDelete {
		routes = append(routes, Route{"POST", one + "/restore", c, "restore"}, Route{"POST", one + "/purge", c, "purge"})
	}
	if c.History {
		routes = append(routes, Route{"GET", one + "/history", c, "history"}, Route{"POST", one + "/undo", c, "history"})
	}
	for _, a := range c.Actions {
		path := one + "/" + a.Path
		if a.OnCollection {
			path = all + "/" + a.Path
		}
		routes = append(routes, Route{a.Method, path, c, a.Name})
	}
	for _, r := range c.Relations {
		routes = append(routes, nested(c, r, one)...)
	}
	return routes
}

func nested(c *schema.Class, r *schema.Relation, one string) []Route {
	mode := c.Nested[r.Name]
	if mode == "none" || !r.To.Expose || r.To.Internal || r.Inward() {
		return nil
	}
	path := one + "/" + r.JSON
	if r.Single() {
		return []Route{{"GET", path, r.To, "get"}}
	}
	routes := []Route{{"GET", path, r.To, "list"}}
	if mode != "read" && (r.To.Prefix == "" || c.Prefix != "") {
		routes = append(routes, Route{"POST", path, r.To, "create"})
	}
	return routes
}

func idName(c *schema.Class) string {
	if len(c.Key) == 1 {
		return c.Key[0].JSON
	}
	return "id"
}
