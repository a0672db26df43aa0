package schema

import "time"

// Schedule is an action that is run again and again.
type Schedule struct {
	Name, Doc string
	Text      string // its cron text, or `every 1h`
	Times     Times
	Zone      string // of Times, "" is UTC
	Action    string // as canonical JSON has it, but for the order of members
	// Of these one says who it is run as: a global role, a user by login name or id, the engine itself.
	Role, User string
	System     bool
	Pos        Pos // of the name
	ActionPos  Pos
}

// Times tell when something is due.
type Times interface {
	// Next is the first time after another one.
	Next(after time.Time) time.Time
}
