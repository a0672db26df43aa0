package postgres

import (
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/migrate"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// Tables that somebody else has made keep the names of their constraints, and constraints that
// no class has. Migrate finds out about them; here their errors get a meaning.

// SQLSTATE codes of constraints that tables made here do not have.
const (
	codeNotNull = "23502"
	codeCheck   = "23514"
	codeLong    = "22001" // a text longer than its column
	codeRange   = "22003" // a number beyond its column
)

// know takes notice of tables that were made elsewhere.
func (s *Store) know(f *migrate.Foreign) {
	s.foreign.Store(f)
	if f != nil {
		s.models.Narrow(f.Narrow)
	}
}

// native gives the constraint that an error is about the name it would have had here.
func (s *Store) native(err error) error {
	f := s.foreign.Load()
	var e *pgconn.PgError
	if f == nil || !errors.As(err, &e) {
		return err
	}
	ours := f.Names[[2]string{e.TableName, e.ConstraintName}]
	if ours == "" {
		return err
	}
	named := *e
	named.ConstraintName = ours
	return &named
}

// oddUnique is the meaning of a unique index that the schema does not have, nil for other errors.
func oddUnique(class *schema.Class, err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != codeUnique || e.TableName != class.Table || e.ConstraintName == sqlgen.PrimaryKeyName(class) ||
		slices.ContainsFunc(class.Uniques, func(x *schema.Index) bool { return e.ConstraintName == sqlgen.UniqueName(class, x.Fields) }) {
		return nil
	}
	return &storage.CheckError{Check: &schema.Check{Name: e.ConstraintName, Text: "unique index " + e.ConstraintName}}
}

// checkError is the meaning of a constraint of the database that the schema does not have, nil for other errors.
func (s *Store) checkError(class *schema.Class, err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return nil
	}
	switch {
	case e.Code == codeCheck && (e.TableName == class.Table || e.TableName == ""): // of the table, or of a domain
		return &storage.CheckError{Check: &schema.Check{Name: e.ConstraintName, Text: "constraint " + e.ConstraintName}}
	case e.Code == codeForeignKey && e.TableName == class.Table: // of several columns, or of one that is no reference here
		return &storage.CheckError{Check: &schema.Check{Name: e.ConstraintName, Text: "reference " + e.ConstraintName}}
	case e.Code == codeNotNull && e.TableName == class.Table:
		return &storage.CheckError{Check: &schema.Check{Name: e.ColumnName, Text: e.ColumnName + " is not null"}}
	case e.Code == codeRange && s.foreign.Load() != nil:
		return &storage.CheckError{Check: &schema.Check{Name: "range", Text: e.Message}}
	case e.Code == codeLong:
		return &storage.CheckError{Check: &schema.Check{Name: "length", Text: strings.TrimPrefix(e.Message, "value too long for type ")}}
	}
	return nil
}
