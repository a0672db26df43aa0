// Package client writes clients of an application: one file that needs nothing but
// the standard library of its language, with a type for each class.
//
//	text, err := client.Go(app, "crm")
//	text, err := client.TypeScript(app)
//
// What they know comes from the plain OpenAPI document, so they agree with it in
// every name and type; the schema adds the order of things. Each file is a fixed part,
// which is an ordinary source file here (runtime.go.txt, runtime.ts.txt), and a part that is written
// for the application.
//
//	model.go       what clients know of an application
//	document.go    the parts of a document that they are made of
//	golang.go      the client in Go
//	typescript.go  the client in TypeScript
package client

import "github.com/dowel-dev/dowel/schema"

// App is an application to write a client of.
type App struct {
	Schema   *schema.Schema
	Document []byte // of the edition openapi.Plain
}
