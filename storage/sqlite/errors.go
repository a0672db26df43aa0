package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/dowel-dev/dowel/schema"
	"github.com/dowel-dev/dowel/storage"
	"github.com/dowel-dev/dowel/storage/sqlgen"
)

// unavailable wraps the reason why nothing could be done now.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", storage.ErrUnavailable, cause)
}

// readError gives a driver's error the meaning of the contract.
func readError(ctx context.Context, err error) error {
	if isContract(err) {
		return err
	}
	switch code := sqlite.ErrCode(err); code.ToPrimary() {
	case sqlite.ResultInterrupt:
		if cause := ctx.Err(); cause != nil {
			return cause
		}
		return unavailable(errSlow)
	case sqlite.ResultBusy, sqlite.ResultLocked, sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultNoMem,
		sqlite.ResultCantOpen, sqlite.ResultReadOnly, sqlite.ResultProtocol, sqlite.ResultSchema:
		return unavailable(err)
	}
	if strings.Contains(err.Error(), "integer overflow") {
		return storage.ErrTooLarge
	}
	return err
}

var errSlow = errors.New("statement took too long")

// isContract reports whether the error is one of package storage already.
func isContract(err error) bool {
	for _, known := range []error{storage.ErrNotFound, storage.ErrUnavailable, storage.ErrOutcomeUnknown, storage.ErrConcurrent, storage.ErrTooLarge, storage.ErrTooManyRows} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// uniqueError says which unique index a failed write met, nil when it failed otherwise.
func uniqueError(class *schema.Class, err error) error {
	switch sqlite.ErrCode(err) {
	case sqlite.ResultConstraintPrimaryKey, sqlite.ResultConstraintRowID:
		return &storage.UniqueError{Class: class, Fields: class.Key}
	case sqlite.ResultConstraintUnique:
	default:
		return nil
	}
	columns := failedColumns(err.Error(), class.Table)
	if sameColumns(class.Key, columns) {
		return &storage.UniqueError{Class: class, Fields: class.Key}
	}
	for _, x := range class.Uniques {
		if sameColumns(x.Fields, columns) {
			return &storage.UniqueError{Class: class, Fields: x.Fields}
		}
	}
	return &storage.UniqueError{Class: class, Fields: class.Key}
}

// failedColumns reads "…UNIQUE constraint failed: people.name, people.email".
func failedColumns(message, table string) []string {
	_, list, _ := strings.Cut(message, "constraint failed: UNIQUE constraint failed: ")
	var columns []string
	for part := range strings.SplitSeq(list, ", ") {
		columns = append(columns, strings.TrimPrefix(part, table+"."))
	}
	return columns
}

func sameColumns(fields []*schema.Field, columns []string) bool {
	if len(fields) != len(columns) {
		return false
	}
	for i, f := range fields {
		if sqlgen.ColumnName(f) != columns[i] {
			return false
		}
	}
	return true
}

func isForeignKey(err error) bool {
	return sqlite.ErrCode(err) == sqlite.ResultConstraintForeignKey
}
