package sqlgen

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/dowel-dev/dowel/schema"
)

// maxName is the length of identifiers in bytes above which PostgreSQL cuts them off.
const maxName = 63

// ConstraintName names a constraint or index after what it is about:
// pk_TABLE, fk_TABLE_COLUMN, ux_TABLE_COLUMN_COLUMN, ix_TABLE_COLUMN. What is too long for
// PostgreSQL is cut and ends in a hash of all of it, so that it stays different from others.
func ConstraintName(prefix string, parts ...string) string {
	name := prefix + "_" + strings.Join(parts, "_")
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := "_" + hex.EncodeToString(sum[:4])
	cut := maxName - len(hash)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + hash
}

// PrimaryKeyName names the key of a class.
func PrimaryKeyName(c *schema.Class) string { return ConstraintName("pk", c.Table) }

// ReferenceName names the foreign key of a reference.
func ReferenceName(f *schema.Field) string { return ConstraintName("fk", f.Class.Table, ColumnName(f)) }

// UniqueName names the unique index over fields of a class.
func UniqueName(c *schema.Class, fields []*schema.Field) string {
	parts := []string{c.Table}
	for _, f := range fields {
		parts = append(parts, ColumnName(f))
	}
	return ConstraintName("ux", parts...)
}

// LinkNames name the foreign keys of the link table of a `many` field: to the
// row that owns the links, and to the row that a link leads to.
func LinkNames(f *schema.Field) (own, other string) {
	return ConstraintName("fk", f.Many.Table, f.Many.Own), ConstraintName("fk", f.Many.Table, f.Many.Other)
}
