package load

import "github.com/dowel-dev/dowel/schema"

// JobClass keeps actions that are to be run later, and what came of them.
const JobClass = "dowel_job"

// jobs decides whether actions can be queued: where there are users to come back
// for them, unless the application says otherwise. Schedules cannot do without.
func (l *loader) jobs() {
	l.s.App.Jobs = l.s.Login != nil || len(l.s.Schedules) > 0
	if l.hasJobs != nil {
		l.s.App.Jobs = *l.hasJobs
		if !*l.hasJobs && len(l.s.Schedules) > 0 {
			l.report("E068", l.s.Schedules[0].Pos, "needs jobs", "remove `jobs: false` from `app`", "the schedule `%s` cannot be run without jobs", l.s.Schedules[0].Name)
		}
	}
	if l.s.App.Jobs {
		appendJobs(l.s)
	}
}

// appendJobs adds the internal class of jobs.
func appendJobs(s *schema.Schema) {
	due, kept, once := ownOptional("due_at", "datetime"), ownOptional("kept_until", "datetime"), ownOptional("once", "text")
	due.Indexed, kept.Indexed, once.Unique = true, true, true
	appendInternal(s, JobClass, "DowelJob", "An action that is run later, or was: what it is, whose, and what came of it.",
		ownField("id", "uuid"), ownIndexed("state"), due, ownOptional("action", "text"), ownField("owner", "text"), ownField("standing", "text"),
		ownField("request", "text"), ownField("attempts", "int"), ownField("most", "int"), ownOptional("answer", "text"), once,
		ownOptional("schedule", "text"), ownField("created_at", "datetime"), ownOptional("ended_at", "datetime"), kept)
}
