package migrate

import "github.com/dowel-dev/dowel/schema"

// Literal is a value of a field as SQL.
func Literal(d Dialect, f *schema.Field, v schema.Value) string {
	return d.literal(v, kindWord(f.Type))
}

// Small makes steps that are for large tables out of those for small ones.
func (d *Database) Small() *Database {
	d.online, d.batch = 1, 2
	return d
}

// Medium does so in larger parts.
func (d *Database) Medium() *Database {
	d.online, d.batch = 1, 100
	return d
}

// Huge rewrites tables of any size under a lock.
func (d *Database) Huge() *Database {
	d.online = 1 << 40
	return d
}
