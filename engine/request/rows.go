package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/dowel-dev/dowel/actions"
	"github.com/dowel-dev/dowel/engine/rows"
	"github.com/dowel-dev/dowel/engine/strictjson"
	"github.com/dowel-dev/dowel/schema"
)

// list turns records in another format than JSON into the JSON array that they mean.
func list(text []byte, media string, c *schema.Class, limits strictjson.Limits) (json.RawMessage, error) {
	var in rows.Reader
	options := rows.Options{Class: c, Limits: limits}
	if media == typeCSV {
		in = rows.CSV(bytes.NewReader(text), options)
	} else {
		in = rows.Lines(bytes.NewReader(text), options)
	}
	b := make([]byte, 0, len(text)+2)
	b = append(b, '[')
	for {
		row, err := in.Next()
		if err == io.EOF {
			return append(b, ']'), nil
		}
		if err != nil {
			return nil, unread(err)
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, row.JSON...)
	}
}

// unread is the refusal of records that cannot be read.
func unread(err error) error {
	var bad *rows.Error
	if !errors.As(err, &bad) {
		return actions.Errorf(actions.BadContent, "The content could not be read to its end.")
	}
	e := actions.Errorf(actions.BadContent, bad.Detail)
	e.Hint = bad.Hint
	e.Errors = []actions.Problem{{Code: "syntax", Detail: bad.Detail, Pointer: bad.Pointer, Hint: bad.Hint, Line: bad.Line, Column: bad.Column}}
	return e
}
