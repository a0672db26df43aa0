// Package format turns results into bytes.
//
// A Document is an answer without HTTP: rows and how they are shown, or counts,
// or one value. A Format writes it in one representation; Formats lists them all.
// To add one, write a file with its encoder and put it in the list.
//
// Rows go straight from storage.Row into JSON text along the members of an
// actions.Shown, whose names were escaped when the view was bound: no
// reflection, no maps, and nothing allocated but the buffer that is given.
package format

import (
	"time"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// Document is an answer to be written down.
type Document struct {
	Class    *schema.Class
	View     *actions.Shown
	Rows     []storage.Row
	List     bool
	Keyed    bool
	Property *actions.Member
	Counts   []actions.Count
	Raw      []byte // a JSON value that stands for everything above
	// Encoded, when not nil, is what the same format wrote of Count rows, without Envelope and Pretty.
	Encoded []byte
	Count   int
	Page    *actions.PageInfo
	Links   []Link // to other pages

	// Envelope wraps the answer in {"success", "data", "meta"}, which has Version and Now.
	Envelope       bool
	Version        string
	Now            time.Time
	Pretty         bool
	KeyByIDs       bool
	GroupedByClass bool
}

// Link is the address of another page, relative to that of the request.
type Link struct{ Rel, Href string }

// Format is one representation.
type Format struct {
	Name string // its word in format=
	Type string // Content-Type
	// Download: browsers should save it, never show it.
	Download bool
	Append   func(b []byte, d *Document) []byte
}

// Formats returns every representation. The first is the default.
func Formats() []Format { return formats[:] }

var formats = [...]Format{
	{Name: "json", Type: "application/json", Append: AppendJSON},
	{Name: "csv", Type: "text/csv; charset=utf-8", Download: true, Append: appendCSV},
	{Name: "ndjson", Type: "application/x-ndjson", Append: appendNDJSON},
}

// Names are the words of format=, in the order of Formats.
func Names() []string {
	names := make([]string, len(formats))
	for i := range formats {
		names[i] = formats[i].Name
	}
	return names
}

// Find returns the format of that name; "" is the default. Unknown names give
// the default too: what a client may ask for is decided before anything runs.
func Find(name string) *Format {
	for i := range formats {
		if formats[i].Name == name {
			return &formats[i]
		}
	}
	return &formats[0]
}
