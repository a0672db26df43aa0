package sqlite

import (
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
)

// oddReference is the meaning of a reference that the schema does not have: of several columns, or of a field that is plain here.
var oddReference = &storage.CheckError{Check: &schema.Check{Name: "reference", Text: "every reference of the table leads to a row"}}

// checkError is the meaning of a constraint that a table made elsewhere has and the schema does not, nil for other errors.
func checkError(err error) error {
	switch sqlite.ErrCode(err) {
	case sqlite.ResultConstraintCheck:
		_, what, _ := strings.Cut(err.Error(), "CHECK constraint failed: ")
		return &storage.CheckError{Check: &schema.Check{Name: what, Text: what}}
	case sqlite.ResultConstraintUnique: // of an index over expressions; others name their columns
		if _, what, odd := strings.Cut(err.Error(), "UNIQUE constraint failed: index "); odd {
			return &storage.CheckError{Check: &schema.Check{Name: strings.Trim(what, "'"), Text: "unique index " + strings.Trim(what, "'")}}
		}
	case sqlite.ResultConstraintNotNull:
		_, what, _ := strings.Cut(err.Error(), "NOT NULL constraint failed: ")
		_, column, _ := strings.Cut(what, ".")
		return &storage.CheckError{Check: &schema.Check{Name: column, Text: column + " is not null"}}
	}
	return nil
}
