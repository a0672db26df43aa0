package migrate

import (
	"strconv"
	"strings"

	"github.com/dowel-dev/dowel/schema"
)

// literal is a value of the schema as SQL.
func (sqlite) literal(v schema.Value, _ string) string {
	switch v.Kind() {
	case schema.Null:
		return "null"
	case schema.Text, schema.JSON:
		return literal(v.Text())
	case schema.Float:
		s := strconv.FormatFloat(v.Float(), 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s
	}
	return strconv.FormatInt(v.Int(), 10)
}

func (d postgres) literal(v schema.Value, kind string) string {
	if v.IsNull() {
		return "null"
	}
	s := literal(v.String()) + "::" + d.columnType(kind)
	if kind == "text" {
		return literal(v.Text()) + "::text"
	}
	return s
}

func (sqlite) null(string) string { return "null" }

func (postgres) null(columnType string) string { return "(null::" + columnType + ")" }

// now is the time of the migration as a value of a kind.
func (sqlite) now(kind string) string {
	switch kind {
	case "date":
		return "date('now')"
	case "time":
		return "strftime('%H:%M:%f000', 'now')"
	}
	return "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"
}

func (postgres) now(kind string) string {
	switch kind {
	case "date":
		return "(now() at time zone 'UTC')::date"
	case "time":
		return "(now() at time zone 'UTC')::time"
	}
	return "now()"
}

// uuid is a new UUID for every row.
func (sqlite) uuid(string) string {
	return "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
}

func (postgres) uuid(kind string) string {
	if kind == "text" {
		return `gen_random_uuid()::text`
	}
	return "gen_random_uuid()"
}

// fill is the value that rows get in a column that had none.
type fill struct {
	sql string
	// constant says that it is one value for all rows and that the database may keep it as the
	// default of the column: rows that nodes of the former schema write get it too.
	constant bool
	// each says that every row gets one of its own, which the database can go on giving out.
	each bool
	text string // for people
}

// fillOf is what the schema gives the rows that are there, nil for nothing.
func (d *differ) fillOf(c *Column) *fill {
	f := c.field
	if c.Kind == versionKind {
		return &fill{sql: d.d.versionDefault(), constant: !d.d.identity(), each: d.d.identity(), text: "a version"}
	}
	if f == nil {
		return nil
	}
	for _, def := range []*schema.Default{f.Backfill, f.Default} {
		switch {
		case def == nil || def.Me:
		case def.Now:
			return &fill{sql: d.d.now(c.Kind), constant: d.d.identity(), text: "the time of the change"}
		case !def.Value.IsNull():
			return &fill{sql: d.d.literal(def.Value, c.Kind), constant: true, text: "`" + shown(f.Type, def.Value) + "`"}
		}
	}
	switch f.Auto {
	case schema.AutoNow, schema.AutoUpdated:
		return &fill{sql: d.d.now(c.Kind), constant: d.d.identity(), text: "the time of the change"}
	case schema.AutoUUID:
		return &fill{sql: d.d.uuid(c.Kind), each: true, text: "UUIDs of their own"}
	case schema.AutoSequence:
		return &fill{sql: numbering, text: "numbers in the order of the key"}
	}
	return nil
}

// numbering stands for the number of a row in its group.
const numbering = "number"

// shown is a value as a person writes it, cut to one line's length.
func shown(t schema.Type, v schema.Value) string {
	s := t.Text(v)
	if r := []rune(s); len(r) > 40 {
		s = string(r[:39]) + "…"
	}
	return s
}
